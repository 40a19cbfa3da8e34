// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncFlags;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A first file fills the cache up to its limit with pages that cannot be freed, and a second file is read. */
@ExtendWith(OneThread.class)
@DisplayName("Evictions remember the pages that they cannot free")
final class KeptPagesTest extends HostFileFixture {
    private static final int LIMIT = 2048;
    private static final int MISSES = 200;

    private HostFile first;
    private HostFile second;
    private long at;
    private long other;
    private int missed;

    KeptPagesTest() {
        super(Machine.builder()
                .memory(2 * LIMIT * PAGE)
                .cacheLimit(LIMIT * PAGE)
                .dirtyRatio(1, 1)
                .writeBackEvery(Duration.ZERO)
                .reportWaitsLongerThan(Await.LONG)
                .reportShootdownsLongerThan(Await.LONG));
    }

    @BeforeEach
    void map() throws IOException {
        first = open(write("first", LIMIT * PAGE_BYTES), RW);
        second = open(write("second", LIMIT * PAGE_BYTES));
        at = fixture.map(0, LIMIT, READ | WRITE, MapFlags.SHARED, first, 0);
        other = fixture.map(0, LIMIT, READ, MapFlags.SHARED, second, 0);
    }

    /** Reads pages of the second file, each for the first time, and so far apart that nothing is read ahead. */
    private void miss(int count) {
        for (int i = 0; i < count; i++) {
            int page = missed++ * 37 % LIMIT;
            assertEquals(STAMP + page, fixture.load(other + page * PAGE));
        }
    }

    private static FilePages pages(HostFile file) {
        return (FilePages) file.pageCache();
    }

    private int inMemory(HostFile file) {
        int count = 0;
        for (int page = 0; page < LIMIT; page++) {
            count += pages(file).frameAt(page) >= 0 ? 1 : 0;
        }
        return count;
    }

    /** Makes all pages of the first file dirty, while no page can be written. Returns the count of attempted writes. */
    private AtomicInteger dirty() {
        AtomicInteger writes = new AtomicInteger();
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE) {
                writes.incrementAndGet();
                throw new IOException("No space left on device");
            }
        };
        for (int page = 0; page < LIMIT; page++) {
            fixture.store(at + page * PAGE, page);
        }
        return writes;
    }

    private void close() {
        channels.failure = (call, offset, length) -> {};
        first.fsync();
        first.close();
        second.close();
    }

    @Test
    @DisplayName("locked: a miss asks for no grace period but that of the page that it frees")
    void locked() {
        assertEquals(0, space.mlock(at, LIMIT * PAGE));
        long before = fixture.machine.statistics().gracePeriods();
        miss(1);
        // Both rounds of the first miss scan all pages.
        assertEquals(before, fixture.machine.statistics().gracePeriods());
        miss(MISSES);
        long periods = fixture.machine.statistics().gracePeriods() - before;
        assertTrue(periods <= MISSES, () -> "grace periods: " + periods);
        assertEquals(LIMIT, inMemory(first));
        assertTrue(inMemory(second) <= 33, () -> "pages: " + inMemory(second));
        close();
    }

    @Test
    @DisplayName("unwritable: a miss writes none of them again, until there were as many misses as there are pages")
    void unwritable() {
        AtomicInteger writes = dirty();
        miss(2);
        int before = writes.get();
        miss(MISSES);
        assertEquals(before, writes.get());
        assertEquals(LIMIT, inMemory(first));
        assertTrue(inMemory(second) <= 33, () -> "pages: " + inMemory(second));
        // The host now has room, but does not report this.
        channels.failure = (call, offset, length) -> {};
        for (int misses = 0; inMemory(first) == LIMIT; misses++) {
            miss(1);
            assertTrue(misses <= 2 * LIMIT, "nothing was written");
        }
        close();
    }

    @Test
    @DisplayName("unwritable pages among clean ones are not written again for each clean page that is freed")
    void unwritableAmongClean() {
        AtomicInteger writes = dirty();
        // A few pages will be clean, so each eviction checks their blocks.
        channels.failure = (call, offset, length) -> {};
        // The first fsync reports the earlier failures.
        first.fsync();
        assertEquals(0, first.fsync());
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE) {
                writes.incrementAndGet();
                throw new IOException("No space left on device");
            }
        };
        for (int page = 0; page < LIMIT; page++) {
            if (page % 128 != 0) {
                fixture.store(at + page * PAGE, page);
            }
        }
        miss(3 * 16);
        int before = writes.get();
        for (int i = 0; i < MISSES; i++) {
            int page = i * 128 % LIMIT;
            assertEquals(page, fixture.load(at + page * PAGE));
        }
        assertEquals(before, writes.get());
        close();
    }

    @Test
    @DisplayName("locked: pages that are unlocked are freed by the next misses")
    void unlocked() {
        assertEquals(0, space.mlock(at, LIMIT * PAGE));
        miss(MISSES);
        assertEquals(0, space.munlock(at + 100 * PAGE, PAGE));
        miss(3);
        assertEquals(LIMIT - 1, inMemory(first));
        assertEquals(0, space.munmap(at + 1500 * PAGE, PAGE));
        miss(3);
        assertEquals(LIMIT - 2, inMemory(first));
        close();
    }

    @Test
    @DisplayName("pinned: a page that is unpinned is freed by the next misses")
    void unpinned() {
        List<PinnedFrame> pins = new ArrayList<>();
        for (int page = 0; page < LIMIT; page++) {
            pins.add(fixture.pin(at + page * PAGE, READ));
        }
        miss(MISSES);
        assertEquals(LIMIT, inMemory(first));
        pins.remove(700).close();
        miss(3);
        assertEquals(LIMIT - 1, inMemory(first));
        pins.forEach(PinnedFrame::close);
        close();
    }

    @Test
    @DisplayName("unwritable: pages that a save has written are freed by the next misses")
    void saved() {
        dirty();
        miss(MISSES);
        assertEquals(LIMIT, inMemory(first));
        channels.failure = (call, offset, length) -> {};
        // Reports the earlier failures, and writes only these pages.
        assertEquals(Errno.ENOSPC.result(), space.msync(at + 600 * PAGE, 10 * PAGE, SyncFlags.SYNC));
        miss(20);
        assertEquals(LIMIT - 10, inMemory(first));
        close();
    }

    @Test
    @DisplayName("a turn ends beside pages that become dirty all the time")
    void dirtiedMeanwhile() {
        dirty();
        AtomicInteger writes = new AtomicInteger();
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE) {
                writes.incrementAndGet();
                HostFilePages.saved(first).setDirty(0, LIMIT - 1);
            }
        };
        miss(3);
        assertEquals(LIMIT, inMemory(first));
        int tried = writes.get();
        assertTrue(tried > 0 && tried <= 3 * 2 * LIMIT / 256 * 2, () -> "writes: " + tried);
        close();
    }

    @Test
    @DisplayName("locked: an access finds the page that was unlocked where no frame is free")
    void shortMemory() {
        assertEquals(0, space.mlock(at, LIMIT * PAGE));
        long anonymous = fixture.anonymous(2 * LIMIT);
        int page = 0;
        while (fixture.cpu.memory().store(anonymous + page * PAGE, 8, 1) == Fault.NONE) {
            page++;
        }
        assertEquals(0, space.munlock(at + 100 * PAGE, PAGE));
        fixture.store(anonymous + page * PAGE, 1);
        assertEquals(LIMIT - 1, inMemory(first));
        assertEquals(0, space.munmap(anonymous, 2 * LIMIT * PAGE));
        close();
    }

    @Test
    @DisplayName("unwritable: an access finds a frame as soon as the host has room, of which nothing tells")
    void shortMemoryOfUnwritable() {
        dirty();
        long anonymous = fixture.anonymous(2 * LIMIT);
        int page = 0;
        while (fixture.cpu.memory().store(anonymous + page * PAGE, 8, 1) == Fault.NONE) {
            page++;
        }
        channels.failure = (call, offset, length) -> {};
        fixture.store(anonymous + page * PAGE, 1);
        assertEquals(0, space.munmap(anonymous, 2 * LIMIT * PAGE));
        close();
    }
}
