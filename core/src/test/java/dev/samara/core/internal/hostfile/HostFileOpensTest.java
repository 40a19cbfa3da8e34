// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.AllocatedBytes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("An open of a file of the host")
final class HostFileOpensTest {
    private static final OpenOption[] RW = {StandardOpenOption.READ, StandardOpenOption.WRITE};
    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
    private static final int FILES = 20;

    /** A list that is copied at each open, and has that many more files, would take several times these bytes. */
    private static final long ALLOWANCE = 4 << 10;

    private static final int FEW = 100;
    private static final int MANY = 10_000;
    private static final int ROUNDS = 20;

    @TempDir
    Path folder;

    private final Machine machine =
            Machine.builder().memory(1 << 20).writeBackEvery(Duration.ZERO).build();

    private final List<HostFile> opens = new ArrayList<>();

    @AfterEach
    void close() {
        opens.forEach(HostFile::close);
        machine.close();
    }

    /** Returns the number of descriptors of files in the folder. Other threads of the JVM may have any of others. */
    private int descriptors() throws IOException {
        assumeTrue(Files.isDirectory(DESCRIPTORS), "a Linux host");
        int count = 0;
        Path real = folder.toRealPath();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(DESCRIPTORS)) {
            for (Path one : all) {
                count += Files.isSymbolicLink(one) && isIn(real, one) ? 1 : 0;
            }
        }
        return count;
    }

    private static boolean isIn(Path real, Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).startsWith(real);
        } catch (IOException closed) {
            // That of the listing, or one of another thread.
            return false;
        }
    }

    private HostFile open(Path path, OpenOption... options) {
        HostFile opened = machine.openFile(path, GEOMETRY, options);
        opens.add(opened);
        return opened;
    }

    private static void readAndWrite(HostFile file) {
        assertEquals(1, file.pread(ByteBuffer.allocate(1), 0));
        if (file.writable()) {
            assertEquals(1, file.pwrite(ByteBuffer.allocate(1), 0));
            assertEquals(0, file.fsync());
        }
    }

    @Test
    @DisplayName("takes one descriptor for each file, however many opens and calls it has")
    void oneDescriptor() throws IOException {
        assertEquals(0, descriptors());
        for (int i = 0; i < FILES; i++) {
            Path path = Files.write(folder.resolve("f" + i), new byte[10]);
            readAndWrite(open(path, RW));
            readAndWrite(open(path, RW));
            readAndWrite(open(path));
        }
        assertEquals(FILES, descriptors());
        opens.forEach(HostFile::close);
        assertEquals(0, descriptors());
    }

    @Test
    @DisplayName("for writing takes a second descriptor if the file was open for reading only")
    void readOnlyFirst() throws IOException {
        Path path = Files.write(folder.resolve("f"), new byte[10]);
        readAndWrite(open(path));
        assertEquals(1, descriptors());
        for (int i = 0; i < FILES; i++) {
            readAndWrite(open(path, RW));
        }
        assertEquals(2, descriptors());
        opens.forEach(HostFile::close);
        assertEquals(0, descriptors());
    }

    /** Returns the fewest bytes that an open and a close have allocated, with that many files open. */
    private long allocated(int files) {
        while (opens.size() < files) {
            opens.add(machine.openFile("buffer " + opens.size(), GEOMETRY, ByteBuffer.allocate(1)));
        }
        long least = Long.MAX_VALUE;
        for (int round = 0; round < ROUNDS; round++) {
            long before = AllocatedBytes.now();
            machine.openFile("another", GEOMETRY, ByteBuffer.allocate(1)).close();
            least = Math.min(least, AllocatedBytes.now() - before);
        }
        return least;
    }

    @Test
    @DisplayName("allocates as much with many files open as with few, and so does its close")
    void noCopy() {
        long few = allocated(FEW);
        long many = allocated(MANY);
        assertTrue(many <= few + ALLOWANCE, () -> many + " bytes with many files, " + few + " with few");
    }
}
