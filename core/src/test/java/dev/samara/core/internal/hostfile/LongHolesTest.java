// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A long hole in a file of the host")
final class LongHolesTest extends HostFileFixture {
    private static final long MIB = 1 << 20;
    private static final long LENGTH = 40 * MIB;

    /** A page near the start, and a page near the end. */
    private static final long FIRST = 3 * PAGE;

    private static final long LAST = LENGTH - 5 * PAGE;

    private final Path path;
    private final HostFile file;

    LongHolesTest() throws IOException {
        path = Files.createTempFile("holes", null);
        file = open(path, RW);
        assertEquals(0, file.grow(LENGTH + 100));
        assertEquals(8, file.pwrite(bytes(1), FIRST));
        assertEquals(8, file.pwrite(bytes(2), LAST));
        assertEquals(0, file.fsync());
        channels.calls.clear();
        channels.reads.set(0);
    }

    @AfterEach
    void delete() throws IOException {
        assertFalse(Thread.interrupted());
        file.close();
        Files.delete(path);
    }

    @Test
    @DisplayName(
            "at the end truncates and extends the file, reads nothing but the first page, and keeps private copies")
    void end() throws IOException {
        long shared = fixture.map(0, 2, READ | WRITE, MapFlags.SHARED, file, LAST / PAGE);
        long copied = fixture.map(0, 2, READ | WRITE, MapFlags.PRIVATE, file, LAST / PAGE);
        fixture.store(shared, 3);
        fixture.store(copied + PAGE, 4);
        channels.reads.set(0);
        assertEquals(0, file.punch(FIRST + 8, Long.MAX_VALUE - FIRST - 8));
        long from = FIRST + PAGE;
        assertEquals(List.of("truncate " + from, "write " + (LENGTH + 99) + "+1"), channels.calls);
        assertEquals(0, channels.reads.get(), "the first page is in memory");
        assertEquals(LENGTH + 100, file.size());
        assertEquals(1, file.getLong(FIRST));
        assertEquals(0, file.getLong(LAST));
        assertEquals(0, fixture.load(shared));
        assertEquals(4, fixture.load(copied + PAGE));
    }

    @Test
    @DisplayName("at the end, which MADV_REMOVE punches, may be stored to again")
    void advised() throws IOException {
        long at = fixture.map(0, LENGTH / PAGE + 1, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at + LAST, 5);
        assertEquals(0, space.madvise(at, LENGTH + PAGE, Advice.REMOVE));
        assertEquals(0, fixture.load(at + FIRST));
        assertEquals(0, fixture.load(at + LAST));
        fixture.store(at + LAST, 6);
        assertEquals(0, file.fsync());
        assertEquals(LENGTH + 100, file.size());
        assertEquals(6, file.getLong(LAST));
    }

    @Test
    @DisplayName("at the end of a file that cannot be truncated consists of zeros that are written")
    void uncut() throws IOException {
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.TRUNCATE) {
                throw new IOException("Operation not permitted");
            }
        };
        assertEquals(0, file.punch(0, LENGTH + 100));
        assertEquals(List.of("write " + FIRST + "+" + PAGE, "write " + LAST + "+" + PAGE), channels.calls);
        assertEquals(0, number(path, FIRST));
        assertEquals(0, number(path, LAST));
    }

    @Test
    @DisplayName("at the end of a file that cannot be extended again leaves the file smaller, and returns the error")
    void unextended() throws IOException {
        long at = fixture.map(0, 1, READ | WRITE, MapFlags.SHARED, file, FIRST / PAGE);
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.WRITE) {
                throw new IOException("No space left on device");
            }
        };
        assertResult(Errno.ENOSPC, file.punch(FIRST, LENGTH));
        channels.failure = (call, offset, length) -> {};
        assertEquals(FIRST, file.size());
        assertEquals(FIRST, Files.size(path));
        assertEquals(0, file.grow(LENGTH));
        assertEquals(0, fixture.load(at));
        assertEquals(0, file.getLong(LAST));
    }

    @Test
    @DisplayName("holds no lock while it reads a part of a hole: the file is written and grows in the meantime")
    void besideWrites() throws IOException {
        List<Long> results = new ArrayList<>();
        List<Long> punched = new ArrayList<>();
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.READ && offset >= 10 * MIB && results.isEmpty()) {
                results.add(CallBeside.start("pwrite", () -> file.pwrite(bytes(7), 4 * MIB))
                        .result());
                results.add(
                        CallBeside.start("append", () -> file.append(bytes(8))).result());
            }
        };
        punched.add(file.punch(FIRST, LENGTH - FIRST));
        assertEquals(List.of(8L, LENGTH + 100), results);
        assertEquals(List.of(0L), punched);
        assertEquals(7, file.getLong(4 * MIB), "written after this part was punched");
        assertEquals(8, file.getLong(LENGTH + 100));
        assertEquals(0, file.getLong(FIRST));
        assertEquals(0, file.getLong(LAST));
    }

    @Test
    @DisplayName("waits for an eviction that may put a page of its range back")
    void besideEviction() {
        FilePages pages = (FilePages) file.pageCache();
        CallBeside hole;
        pages.lock();
        try {
            hole = CallBeside.start("hole", () -> file.punch(2 * MIB, 4 * MIB));
            hole.awaitIn("file.SavedPages", "areAbsent");
            assertFalse(hole.isOver());
        } finally {
            pages.unlock();
        }
        assertEquals(0, hole.result());
    }

    @Test
    @DisplayName("ends after 16 MiB if its thread is interrupted, and leaves the flag; a shorter hole does not end")
    void interrupted() throws IOException {
        Thread.currentThread().interrupt();
        assertResult(Errno.EINTR, file.punch(0, LENGTH));
        assertTrue(Thread.currentThread().isInterrupted());
        assertEquals(0, file.punch(LENGTH - 16 * MIB, 16 * MIB));
        assertTrue(Thread.interrupted());
        assertEquals(0, file.getLong(FIRST));
        assertEquals(0, file.getLong(LAST));
    }
}
