// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A run over a file with two opens, under a limit of four pages, in which the n-th call of the host fails or transfers
 * fewer bytes, for each n. Afterwards the file contains all changes that were reported to the run as successful, and
 * nothing is in use.
 */
@ExtendWith(OneThread.class)
@Timeout(300)
@DisplayName("A run over a file of the host with a limit of pages in memory, of which the n-th call of the host")
final class HostFileFaultsTest extends HostFileFixture {
    private static final int PAGES = 12;

    /** The first of two pages that the run fills with zeros and does not change afterwards. */
    private static final int HOLE = 8;

    /** Fails the n-th call, or shortens it. */
    @FunctionalInterface
    private interface NthCall {
        void before(int n, ChannelCall call) throws IOException;
    }

    private final List<Long> told = new ArrayList<>();
    private byte[] expected = {};
    private boolean isPunched;
    private int calls;

    HostFileFaultsTest() {
        super(Machine.builder()
                .memory(512 * PAGE)
                .poisonFrames(true)
                .writeBackEvery(Duration.ZERO)
                .cacheLimit(4 * PAGE));
    }

    private long noted(long result) {
        if (Errno.isError(result)) {
            told.add(result);
        }
        return result;
    }

    private void store(long at, int page, long number) {
        int fault = fixture.memory.store(at + page * PAGE, 8, number);
        if (fault == Fault.NONE) {
            System.arraycopy(bytes(number).array(), 0, expected, page * PAGE_BYTES, 8);
        } else {
            told.add((long) -fault);
        }
    }

    private void punch(HostFile file) {
        isPunched |= noted(file.punch(HOLE * PAGE, 2 * PAGE)) == 0;
        Arrays.fill(expected, HOLE * PAGE_BYTES, (HOLE + 2) * PAGE_BYTES, (byte) 0);
    }

    private void run(HostFile one, HostFile two, long at) {
        for (int page = 0; page < PAGES; page++) {
            store(at, page, 1000 + page);
        }
        noted(space.msync(at, 3 * PAGE, SyncFlags.SYNC));
        punch(one);
        for (int page = 0; page < HOLE; page += 2) {
            store(at, page, 2000 + page);
        }
        ByteBuffer added = ByteBuffer.allocate(2 * PAGE_BYTES);
        Arrays.fill(added.array(), (byte) 9);
        long written = noted(two.pwrite(added, PAGES * PAGE - 100));
        if (written > 0) {
            if (added.hasRemaining()) {
                // A short write: the next write would report the failure.
                told.add(written);
            }
            int end = PAGES * PAGE_BYTES - 100 + (int) written;
            expected = Arrays.copyOf(expected, Math.max(expected.length, end));
            Arrays.fill(expected, PAGES * PAGE_BYTES - 100, end, (byte) 9);
        }
        noted(one.fsync());
        long size = (PAGES - 1) * PAGE + 10;
        if (noted(two.truncate(size)) == 0) {
            expected = Arrays.copyOf(expected, (int) size);
        }
        store(at, 1, 3001);
        noted(two.fsync());
    }

    /** Makes a run, and returns the number of its calls of the host. */
    private int run(String name, NthCall nth) throws Exception {
        Path path = write(name, PAGES * PAGE_BYTES);
        expected = Files.readAllBytes(path);
        told.clear();
        calls = 0;
        isPunched = false;
        long framesBefore = fixture.machine.statistics().framesInUse();
        HostFile one = open(path, RW);
        HostFile two = open(path, RW);
        channels.failure = (call, offset, length) -> nth.before(calls++, call);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, one, 0);
        run(one, two, at);
        channels.mend();
        channels.mostBytes = Integer.MAX_VALUE;
        if (!isPunched) {
            assertEquals(0, one.punch(HOLE * PAGE, 2 * PAGE));
        }
        // Each open may have failures that were not reported to it yet.
        one.fsync();
        two.fsync();
        assertEquals(0, one.fsync(), name);
        assertEquals(0, two.fsync(), name);
        assertEquals(expected.length, one.size(), name);
        assertArrayEquals(expected, Files.readAllBytes(path), name);
        ByteBuffer read = ByteBuffer.allocate(expected.length);
        assertEquals(expected.length, two.pread(read, 0), name);
        assertArrayEquals(expected, read.array(), name);
        assertEquals(0, fixture.machine.statistics().pins(), name);
        assertEquals(0, space.munmap(at, PAGES * PAGE));
        one.close();
        two.close();
        fixture.machine.awaitQuiescence();
        assertEquals(0, channels.open.get(), name);
        assertEquals(framesBefore, fixture.machine.statistics().framesInUse(), name);
        return calls;
    }

    @ParameterizedTest(name = "fails once: {0}")
    @ValueSource(strings = {"Input/output error", "No space left on device", "Disk quota exceeded"})
    void failsOnce(String text) throws Exception {
        int most = run("sound", (n, call) -> {});
        assertEquals(List.of(), told);
        assertTrue(most > 20, "only " + most + " calls");
        for (int n = 0; n < most; n++) {
            int failing = n;
            boolean[] isRead = {false};
            run("once" + n, (number, call) -> {
                if (number == failing) {
                    isRead[0] = call == ChannelCall.READ;
                    throw new IOException(text);
                }
            });
            // A failed read-ahead does not fail an access.
            assertTrue(isRead[0] || !told.isEmpty(), "call " + n);
        }
    }

    @Test
    @DisplayName("and each one after it fails")
    void failsFrom() throws Exception {
        int most = run("sound", (n, call) -> {});
        for (int n = 0; n < most; n++) {
            int first = n;
            run("from" + n, (number, call) -> {
                if (number >= first) {
                    throw new IOException("No space left on device");
                }
            });
        }
    }

    @ParameterizedTest(name = "transfers {0} bytes at most")
    @ValueSource(ints = {1, 100, 4096, 5000})
    void isShort(int most) throws Exception {
        int all = run("sound", (n, call) -> {});
        for (int n = 0; n < all; n++) {
            int which = n;
            run("short" + n, (number, call) -> channels.mostBytes = number == which ? most : Integer.MAX_VALUE);
            assertEquals(List.of(), told, "call " + n);
        }
        if (most >= 100) {
            run("all short", (number, call) -> channels.mostBytes = most);
            assertEquals(List.of(), told);
        }
    }
}
