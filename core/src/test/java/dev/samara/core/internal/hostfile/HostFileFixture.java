// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A machine whose host files are in a temporary folder, accessed through channels that a test can make fail. */
abstract class HostFileFixture {
    static final int PAGE_BYTES = (int) PAGE;
    static final OpenOption[] RW = {StandardOpenOption.READ, StandardOpenOption.WRITE};
    static final long STAMP = 0x700;

    @TempDir
    Path folder;

    /** A file of the folder that does not exist before {@link #write}. */
    Path path;

    final FaultyChannels channels = new FaultyChannels();
    final List<HostFile> opens = new CopyOnWriteArrayList<>();
    final SpaceFixture fixture;
    final AddressSpace space;

    HostFileFixture() {
        this(Machine.builder().memory(512 * PAGE).poisonFrames(true).writeBackEvery(Duration.ZERO));
    }

    HostFileFixture(MachineBuilder builder) {
        this(new SpaceFixture(builder));
    }

    private HostFileFixture(SpaceFixture fixture) {
        this.fixture = fixture;
        space = fixture.space;
        MachineInternals.hostFiles(fixture.machine).openBy(channels);
    }

    @BeforeEach
    void name() {
        path = folder.resolve("f");
    }

    @AfterEach
    void everythingComesBack() {
        channels.mend();
        opens.forEach(HostFile::close);
        fixture.closeEmpty();
        assertEquals(0, channels.open.get(), "open channels");
        fixture.machine.close();
        assertEquals(List.of(), fixture.reports);
    }

    /** Writes a file whose pages start with a number. */
    Path write(String name, int bytes) throws IOException {
        ByteBuffer content = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at + 8 <= bytes; at += PAGE_BYTES) {
            content.putLong(at, STAMP + at / PAGE_BYTES);
        }
        return Files.write(folder.resolve(name), content.array());
    }

    /** Opens a file, which is closed at the end of the test if the test does not close it. */
    HostFile open(Path of, OpenOption... options) {
        HostFile opened = fixture.machine.openFile(of, GEOMETRY, options);
        opens.add(opened);
        return opened;
    }

    /** Writes {@link #path} with a number of pages, and opens it. */
    HostFile openNew(int pages) throws IOException {
        return open(write("f", pages * PAGE_BYTES), RW);
    }

    void assertRefused(Errno expected, Path of, OpenOption... options) {
        MmException refused = assertThrows(MmException.class, () -> open(of, options));
        assertEquals(expected, refused.errno());
    }

    static long number(Path of, long offset) throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(of))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong((int) offset);
    }

    /** Reads the number at the start of a page. */
    static long read(HostFile file, long page) {
        ByteBuffer target = bytes(0);
        assertEquals(8, file.pread(target, page * PAGE));
        return target.getLong(0);
    }

    /** Returns whole pages, whose write reads nothing, and each of which starts with a number. */
    static ByteBuffer page(long number, int pages) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(pages * PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int page = 0; page < pages; page++) {
            bytes.putLong(page * PAGE_BYTES, number);
        }
        return bytes;
    }

    static boolean isPresent(HostFile file, long page) {
        return file.pageCache().frameAt(page) >= 0;
    }

    /** Returns how many of the first pages of a file are in memory. */
    static int inMemory(HostFile file, int pages) {
        return (int)
                LongStream.range(0, pages).filter(page -> isPresent(file, page)).count();
    }

    static ByteBuffer bytes(long number) {
        return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, number);
    }
}
