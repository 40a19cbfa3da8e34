// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.AllocatedBytes;
import dev.samara.core.fixture.ReachableObjects;
import dev.samara.core.internal.file.SavedPages;
import dev.samara.core.internal.file.SpareWalk;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("An open of a file of the host")
final class HostFileOpensTest {
    private static final OpenOption[] RW = {StandardOpenOption.READ, StandardOpenOption.WRITE};
    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
    private static final int FILES = 20;

    /** If each open copied the list of files, the additional files would take several times this number of bytes. */
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

    /**
     * Returns the number of descriptors of files in the folder. Other threads of the JVM may own descriptors of other
     * files.
     */
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
            // The descriptor of the listing, or one of another thread.
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

    /** Returns the minimum number of bytes that an open and its close allocated while a number of files were open. */
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

    private void assertRefused(Errno expected, Path path, OpenOption... options) {
        MmException refused = assertThrows(MmException.class, () -> open(path, options));
        assertEquals(expected, refused.errno());
    }

    @ParameterizedTest
    @ValueSource(strings = {"/proc/self/maps", "/proc/version", "/proc/self/mem", "/sys/devices/system/cpu/online"})
    @DisplayName("is refused if the size is not the number of bytes, as that of a file which the kernel makes")
    void madeByKernel(Path path) {
        assumeTrue(Files.isReadable(path), "a Linux host");
        assertRefused(Errno.ENODEV, path);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4096, 5000, 100_000})
    @DisplayName("of a file in the host's memory has its bytes, however many they are")
    void inMemory(int size) throws IOException {
        Path memory = Path.of("/dev/shm");
        assumeTrue(Files.isWritable(memory), "a Linux host");
        Path path = Files.createTempFile(memory, "samara", "");
        try {
            Files.write(path, new byte[size]);
            HostFile file = open(path, RW);
            assertEquals(size, file.size());
            assertEquals(size, file.pread(ByteBuffer.allocate(size + 1), 0));
            file.close();
        } finally {
            Files.delete(path);
        }
    }

    /** A file to which another program appends a byte after its size is first read. */
    private static final class GrowingChannel implements HostChannel {
        private int looks;

        @Override
        public int read(ByteBuffer target, long offset) {
            target.put((byte) 1);
            return 1;
        }

        @Override
        public int write(ByteBuffer source, long offset) {
            return 0;
        }

        @Override
        public void force() {
            // Has nothing to save.
        }

        @Override
        public long size() {
            return looks++ == 0 ? 0 : 1;
        }

        @Override
        public void truncate(long bytes) {
            // Does not change.
        }

        @Override
        public void close() {
            // Has nothing to close.
        }
    }

    @Test
    @DisplayName("is not refused if another program writes the first byte between the look at the size and the read")
    void grownMeanwhile() throws IOException {
        GrowingChannel channel = new GrowingChannel();
        assertTrue(StoredSize.isRight(channel));
        assertEquals(2, channel.looks);
    }

    @Test
    @DisplayName("of a channel needs the right to read, and that to write if it is to be written")
    void rightsOfChannel() throws IOException {
        Path path = Files.write(folder.resolve("f"), new byte[10]);
        try (FileChannel writes = FileChannel.open(path, StandardOpenOption.WRITE);
                FileChannel reads = FileChannel.open(path)) {
            for (boolean isWritable : new boolean[] {true, false}) {
                MmException refused =
                        assertThrows(MmException.class, () -> machine.openFile("writes", GEOMETRY, writes, isWritable));
                assertEquals(Errno.EACCES, refused.errno());
            }
            MmException refused =
                    assertThrows(MmException.class, () -> machine.openFile("reads", GEOMETRY, reads, true));
            assertEquals(Errno.EACCES, refused.errno());
            HostFile file = machine.openFile("reads", GEOMETRY, reads, false);
            opens.add(file);
            readAndWrite(file);
        }
        opens.forEach(HostFile::close);
    }

    @Test
    @DisplayName("for writing only needs the right to read: a page is read before a part of it is overwritten")
    void mayOnlyBeWritten() throws IOException {
        Path path = Files.write(folder.resolve("f"), new byte[10]);
        // Fails as a host does for mode 0200, unless the process is root's.
        MachineInternals.hostFiles(machine).openBy((opened, options) -> {
            if (options.contains(StandardOpenOption.READ)) {
                throw new AccessDeniedException(opened.toString());
            }
            return PathChannel.open(opened, options);
        });
        assertRefused(Errno.EACCES, path, StandardOpenOption.WRITE);
        assertEquals(0, descriptors());
    }

    @Test
    @DisplayName("takes no array of more than 16 numbers before a page is read")
    void heap() throws Exception {
        HostFile file = machine.openFile(Files.write(folder.resolve("large"), new byte[1 << 20]), GEOMETRY);
        SavedPages pages = ((OpenHostFile) file).saved();
        // The shared parts of the machine are left out.
        Set<Object> own = ReachableObjects.from(List.of(MachineMemory.class, Frames.class, SpareWalk.class), pages);
        List<Integer> lengths = own.stream()
                .filter(object -> object instanceof int[] || object instanceof long[] || object instanceof boolean[])
                .map(Array::getLength)
                .filter(length -> length > 16)
                .toList();
        assertTrue(own.size() > 20, own::toString);
        assertEquals(List.of(), lengths);
        file.close();
    }
}
