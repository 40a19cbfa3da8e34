// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.RepeatedStep;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("Dirty pages of files of the host, by their share of the limit,")
final class DirtyLimitTest extends DirtyLimitFixture {
    private static final int PAGES = 400;

    /** The number of pages that are in memory together. */
    private static final int IN_MEMORY = 100;

    DirtyLimitTest() {
        super(new HeldTasks());
    }

    private void pwrite(HostFile file, long page, long number) {
        assertEquals(8, file.pwrite(bytes(number), page * PAGE));
    }

    private void assertSaved(Path path, int pages, long first) throws IOException {
        for (int page = 0; page < pages; page++) {
            assertEquals(first + page, number(path, page * PAGE));
        }
    }

    private HostFile failing(Path path) {
        HostFile file = open(path, RW);
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE) {
                throw new IOException("No space left on device");
            }
        };
        return file;
    }

    @Test
    @DisplayName("are written in the background from the first share on")
    void background() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        tasks.hold();
        for (int page = 0; page < BACKGROUND; page++) {
            pwrite(file, page, page);
        }
        assertEquals(0, tasks.count());
        pwrite(file, BACKGROUND, BACKGROUND);
        pwrite(file, BACKGROUND + 1, BACKGROUND + 1);
        Await.until("a task", () -> tasks.count() == 1);
        assertEquals(0, channels.calls.size());
        tasks.release();
        fixture.machine.awaitQuiescence();
        assertEquals(0, dirty(file, 0));
        assertSaved(path, BACKGROUND + 2, 0);
        int calls = channels.calls.size();
        pwrite(file, 0, 0);
        pwrite(file, 0, 1);
        fixture.machine.awaitQuiescence();
        assertEquals(calls, channels.calls.size());
        file.close();
    }

    @Test
    @DisplayName("count for the next pass if they become dirty during one")
    void duringAPass() throws Exception {
        HostFile file = open(write("f", PAGES * PAGE_BYTES), RW);
        Frames frames = ((FilePages) file.pageCache()).memory().frames();
        AtomicBoolean isFirst = new AtomicBoolean(true);
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE && isFirst.getAndSet(false)) {
                for (int page = 0; page < BACKGROUND; page++) {
                    pwrite(file, PAGES / 2 + page, page);
                }
            }
        };
        for (int page = 0; page <= BACKGROUND; page++) {
            pwrite(file, page, page);
        }
        Await.until("a pass has begun", () -> !isFirst.get());
        fixture.machine.awaitQuiescence();
        assertTrue(frames.isBalanceDue());
        file.close();
    }

    @Test
    @DisplayName("are not more than the second share after writes by calls, if the task in the background hangs")
    void pwrites() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        tasks.hold();
        for (int page = 0; page < PAGES; page++) {
            pwrite(file, page, page);
            assertTrue(dirty(file, 0) <= MOST);
        }
        tasks.release();
        file.close();
        assertSaved(path, PAGES, 0);
    }

    @Test
    @DisplayName("are not more than the second share after stores to pages that are read for them")
    void stores() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        tasks.hold();
        int seen = 0;
        for (int page = 0; page < PAGES; page++) {
            fixture.store(at + page * PAGE, page);
            seen = Math.max(seen, dirty(file, at));
        }
        assertTrue(seen <= MOST, "dirty: " + seen);
        tasks.release();
        assertEquals(0, file.fsync());
        file.close();
        assertSaved(path, PAGES, 0);
    }

    @Test
    @DisplayName("are not more than the second share after stores to pages that are in memory, mapped or not")
    void storesInMemory() throws Exception {
        Path path = write("f", IN_MEMORY * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, IN_MEMORY, READ | WRITE, MapFlags.SHARED, file, 0);
        for (int page = 0; page < IN_MEMORY; page++) {
            fixture.load(at + page * PAGE);
        }
        tasks.hold();
        assertTrue(mostDirty(file, at, 0) <= MOST);
        // The stores now fault, and find their pages in the cache.
        assertEquals(0, space.madvise(at, IN_MEMORY * PAGE, Advice.DONTNEED));
        assertTrue(mostDirty(file, at, 1) <= MOST);
        tasks.release();
        assertEquals(0, file.fsync());
        file.close();
        assertSaved(path, IN_MEMORY, 1);
    }

    /** An open of a backing that must permit the first write to each page. */
    private static final class NoticingOpen extends NamedBacking {
        private final HostFile file;

        NoticingOpen(HostFile file) {
            super("noticing", 1);
            this.file = file;
        }

        @Override
        public PageCache pageCache() {
            return file.pageCache();
        }

        @Override
        public Backing underlying() {
            return file;
        }

        @Override
        public boolean noticesWrites() {
            return true;
        }

        @Override
        public int fault(PageRequest request) {
            return file.fault(request);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName(
            "are not more than the second share after stores of which a backing is notified, to mapped pages or not")
    void noticedStores(boolean isMapped) throws Exception {
        Path path = write("f", IN_MEMORY * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, IN_MEMORY, READ | WRITE, MapFlags.SHARED, new NoticingOpen(file), 0);
        for (int page = 0; isMapped && page < IN_MEMORY; page++) {
            fixture.load(at + page * PAGE);
        }
        tasks.hold();
        assertTrue(mostDirty(file, at, 0) <= MOST);
        tasks.release();
        assertEquals(0, file.fsync());
        assertEquals(0, dirty(file, at));
        assertEquals(0, space.munmap(at, IN_MEMORY * PAGE));
        file.close();
        assertSaved(path, IN_MEMORY, 0);
    }

    private int mostDirty(HostFile file, long at, int first) {
        int most = 0;
        for (int page = 0; page < IN_MEMORY; page++) {
            fixture.store(at + page * PAGE, first + page);
            most = Math.max(most, dirty(file, at));
        }
        return most;
    }

    @Test
    @DisplayName("are written by a task from the first share on if stores to pages in memory make them dirty")
    void storesInBackground() throws Exception {
        HostFile file = open(write("f", IN_MEMORY * PAGE_BYTES), RW);
        long at = fixture.map(0, IN_MEMORY, READ | WRITE, MapFlags.SHARED, file, 0);
        for (int page = 0; page < IN_MEMORY; page++) {
            fixture.load(at + page * PAGE);
        }
        tasks.hold();
        for (int page = 0; page < BACKGROUND; page++) {
            fixture.store(at + page * PAGE, page);
        }
        fixture.machine.awaitQuiescence();
        assertEquals(0, tasks.count());
        fixture.store(at + BACKGROUND * PAGE, 1);
        fixture.store(at + (BACKGROUND + 1) * PAGE, 1);
        Await.until("a task", () -> tasks.count() == 1);
        assertEquals(0, channels.calls.size());
        tasks.release();
        fixture.machine.awaitQuiescence();
        assertEquals(0, dirty(file, at));
        file.close();
    }

    @Test
    @DisplayName("do not stop a store whose thread has another CPU in GUEST, for which a write would wait")
    void mayNotWait() throws Exception {
        HostFile file = open(write("f", IN_MEMORY * PAGE_BYTES), RW);
        long at = fixture.map(0, IN_MEMORY, READ | WRITE, MapFlags.SHARED, file, 0);
        for (int page = 0; page < IN_MEMORY; page++) {
            fixture.load(at + page * PAGE);
        }
        tasks.hold();
        try (Cpu second = fixture.machine.claimCpu()) {
            second.switchTo(space);
            fixture.cpu.enterGuest();
            for (int page = 0; page < IN_MEMORY; page++) {
                assertFault(Fault.NONE, second.memory().store(at + page * PAGE, 8, page));
            }
            fixture.cpu.leaveGuest();
        }
        assertEquals(0, channels.calls.size());
        assertEquals(IN_MEMORY, dirty(file, at));
        tasks.release();
        file.close();
    }

    @Test
    @DisplayName("are known though no page is read for the stores; a read does not wait for them, but a write does")
    void silentStores() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        long other = fixture.map(0, PAGES, READ, MapFlags.SHARED, file, 0);
        for (int page = 0; page < MOST; page++) {
            fixture.load(at + page * PAGE);
        }
        tasks.hold();
        for (int round = 0; round < 2; round++) {
            // In the second round one page is dirty already.
            int stores = MOST - round;
            for (int page = 0; page < stores; page++) {
                fixture.store(at + page * PAGE, round + page);
            }
            int calls = channels.calls.size();
            assertEquals(STAMP + 200 + round, fixture.load(other + (200 + round) * PAGE));
            assertEquals(8, file.pread(bytes(0), (300 + round) * PAGE));
            assertEquals(calls, channels.calls.size());
            pwrite(file, 399, 1);
            assertTrue(calls < channels.calls.size());
            assertEquals(1, dirty(file, at));
            assertSaved(path, stores, round);
        }
        tasks.release();
        file.close();
    }

    @Test
    @DisplayName("that cannot be written stop no thread before the memory is full, and are written later")
    void failure() throws Exception {
        Path path = write("f", 600 * PAGE_BYTES);
        HostFile file = failing(path);
        for (int page = 0; page < PAGES; page++) {
            pwrite(file, page, page);
        }
        // A background round clears the dirty marks of the pages that it tries to write.
        Await.until("all pages have their marks", () -> dirty(file, 0) == PAGES);
        long result = 8;
        for (int page = PAGES; page < 600 && result == 8; page++) {
            result = file.pwrite(bytes(page), page * PAGE);
        }
        assertResult(Errno.ENOMEM, result);
        assertResult(Errno.ENOSPC, file.fsync());
        channels.failure = (call, offset, length) -> {};
        assertEquals(0, file.fsync());
        assertSaved(path, PAGES, 0);
        file.close();
    }

    @Test
    @DisplayName("that cannot be written are left out by later passes, and are retried by the periodic writes")
    void leftOut() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        AtomicLong tried = new AtomicLong();
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE) {
                tried.addAndGet(length / PAGE_BYTES);
                throw new IOException("No space left on device");
            }
        };
        // Below the limit of the cache, so no eviction writes a page.
        int pages = 6 * BACKGROUND;
        for (int page = 0; page < pages; page++) {
            pwrite(file, page, page);
            fixture.machine.awaitQuiescence();
        }
        assertTrue(tried.get() > pages - 2 * BACKGROUND, tried::toString);
        assertTrue(tried.get() <= pages, tried::toString);
        channels.failure = (call, offset, length) -> {};
        assertEquals(pages, dirty(file, 0));
        PeriodicRounds.writeAll(MachineInternals.hostFiles(fixture.machine));
        assertEquals(0, dirty(file, 0));
        assertSaved(path, pages, 0);
        assertResult(Errno.ENOSPC, file.fsync());
        file.close();
    }

    @Test
    @DisplayName("are written by a later task if the executor rejects the first one")
    void rejected() {
        AtomicLong passes = new AtomicLong();
        AtomicBoolean rejects = new AtomicBoolean(true);
        DirtyLimit limit = new DirtyLimit(
                task -> {
                    if (rejects.get()) {
                        throw new RejectedExecutionException("planted");
                    }
                    task.run();
                },
                passes::incrementAndGet);
        limit.bound(10, 1000);
        limit.add(20);
        assertThrows(RejectedExecutionException.class, limit::balance);
        rejects.set(false);
        assertTrue(limit.isBalanceDue());
        limit.balance();
        assertEquals(1, passes.get());
    }

    @Test
    @DisplayName("are written beside writes, stores, saves and truncations of several files, and none is lost")
    void storm() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        HostFile other = open(write("g", PAGES * PAGE_BYTES), RW);
        HostFile third = open(write("h", PAGES * PAGE_BYTES), RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        AtomicLong next = new AtomicLong();
        try (RepeatedStep writes = new RepeatedStep("writes", () -> {
                    long page = next.getAndIncrement() % PAGES;
                    assertEquals(8, other.pwrite(bytes(page), page * PAGE));
                });
                RepeatedStep truncations = new RepeatedStep("truncations", () -> {
                    assertEquals(0, third.truncate(PAGE));
                    assertEquals(8, third.pwrite(bytes(1), 50 * PAGE));
                    assertEquals(0, third.punch(PAGE, 30 * PAGE));
                    assertEquals(0, third.fsync());
                })) {
            for (int i = 0; i < 10 * PAGES && writes.goesOn() && truncations.goesOn(); i++) {
                fixture.store(at + i % PAGES * PAGE, i);
            }
        }
        assertEquals(0, file.fsync());
        assertSaved(path, PAGES, 9 * PAGES);
        file.close();
        other.close();
        third.close();
    }
}
