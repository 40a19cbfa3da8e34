// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Magazine;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The batch of an eviction")
final class EvictionBatchTest extends ReclaimFixture {
    private static final int PAGES = 6;

    private final MachineMemory memory = fixture.layout().memory();
    private final Frames frames = memory.frames();
    private final Magazine magazine = frames.newMagazine();
    private final long pageBytes = frames.pageSize();
    private final FilePages file = new FilePages(memory, PAGES * pageBytes);
    private final CachedPages cached = file.present().cached;
    private final AtomicLong bytes = new AtomicLong();
    private final EvictionCursor cursor = cached.evictBy(bytes);
    private final RecentReads recent = new RecentReads(8, 8);
    private final PagesUnderEviction out = new PagesUnderEviction();
    private final EvictionBatch batch = new EvictionBatch(frames, cached, cursor, recent, out);
    private final int[] taken = new int[PAGES];

    /** Inserts all pages, and marks their second chance as used. */
    @BeforeEach
    void insert() {
        cached.content().lock();
        try {
            for (int page = 0; page < PAGES; page++) {
                taken[page] = frames.allocate(magazine);
                frames.assign(taken[page], cached.number(), page);
                frames.setInactive(taken[page], true);
                cached.put(page, taken[page]);
            }
        } finally {
            cached.content().unlock();
        }
    }

    @AfterEach
    void dropAll() {
        cached.leaveCaches();
        for (int frame : taken) {
            frames.setDirty(frame);
            frames.clearDirty(frame);
            frames.drop(frame, magazine);
        }
        frames.discard(magazine);
    }

    private void takeOut(boolean isLastChance) {
        assertEquals(PAGES, batch.collect(false));
        batch.takeOut(isLastChance);
    }

    private boolean isBack(int page) {
        boolean isInIndex = cached.index().get(page) == taken[page];
        assertEquals(isInIndex, frames.isCached(taken[page], cached.number(), page), "page " + page);
        return isInIndex;
    }

    /** Returns the indexed pages whose frames are not marked as removed. */
    private int[] back() {
        return IntStream.range(0, PAGES).filter(this::isBack).toArray();
    }

    private int[] handedOver() {
        int[] freed = new int[EvictionBatch.most()];
        return Arrays.copyOf(freed, batch.handOver(freed));
    }

    @Test
    @DisplayName("puts all pages back after a failure, as used ones, and nothing is known of them")
    void failure() {
        takeOut(true);
        assertArrayEquals(new int[0], back());
        assertTrue(batch.areSomeOut());
        assertTrue(out.contains(3));
        for (int page = 0; page < PAGES; page++) {
            batch.keep(page, false);
        }
        batch.putBack(true, true);
        assertArrayEquals(IntStream.range(0, PAGES).toArray(), back());
        assertFalse(out.contains(3));
        for (int frame : taken) {
            assertFalse(frames.isInactive(frame));
        }
        assertFalse(batch.areSomeOut());
        assertArrayEquals(new int[0], handedOver());
        assertEquals(PAGES * pageBytes, bytes.get());
        // No block was kept: the next round collects the pages again.
        assertEquals(PAGES, batch.collect(false));
        assertFalse(cursor.isFutile());
    }

    @Test
    @DisplayName("puts all pages back after a failure, though none of them has become a used one")
    void failureOfUnused() {
        takeOut(true);
        batch.putBack(true, true);
        assertArrayEquals(IntStream.range(0, PAGES).toArray(), back());
        assertArrayEquals(new int[0], handedOver());
    }

    /** Before the second check, pins page 0, makes page 1 dirty, locks page 2 and maps page 3. */
    private void changeFour() {
        assertTrue(frames.pin(taken[0]));
        frames.setDirty(taken[1]);
        batch.keep(2, false);
        batch.setMapped(3);
    }

    @Test
    @DisplayName("puts back pages that are pinned, dirty, locked or mapped by then, and hands the others over")
    void secondLook() {
        takeOut(false);
        changeFour();
        batch.putBack(false, false);
        frames.unpin(taken[0]);
        assertArrayEquals(new int[] {0, 1, 2, 3}, back());
        assertFalse(out.contains(4));
        assertFalse(frames.isInactive(taken[3]));
        int[] others = {taken[4], taken[5]};
        Arrays.sort(others);
        assertArrayEquals(others, handedOver());
        assertEquals(4 * pageBytes, bytes.get());
        frames.clearDirty(taken[1]);
    }

    @Test
    @DisplayName("frees a page that is mapped by then where memory is short, but none that is in use or locked")
    void lastChance() {
        takeOut(true);
        changeFour();
        batch.putBack(true, false);
        frames.unpin(taken[0]);
        assertArrayEquals(new int[] {0, 1, 2}, back());
        frames.clearDirty(taken[1]);
    }

    @Test
    @DisplayName("leaves pages in the index that have their second chance still, and notes that it is used")
    void firstChance() {
        for (int page = 0; page < 3; page++) {
            frames.setInactive(taken[page], false);
        }
        takeOut(false);
        assertArrayEquals(new int[] {0, 1, 2}, back());
        batch.putBack(false, false);
        assertArrayEquals(new int[] {0, 1, 2}, back());
        assertTrue(frames.isInactive(taken[0]));
        assertEquals(3, handedOver().length);
    }

    @Test
    @DisplayName("of recent reads tells the cursor nothing: it has not scanned these pages")
    void recentReads() {
        cached.content().lock();
        try {
            for (int page = 0; page < PAGES; page++) {
                recent.add(page, 1, PAGES);
            }
        } finally {
            cached.content().unlock();
        }
        // The cursor marked the block, but judged none of its pages.
        assertEquals(PAGES, batch.collect(false));
        int count = batch.collect(true);
        assertTrue(count > 0);
        batch.takeOut(true);
        for (int i = 0; i < count; i++) {
            batch.keep(i, false);
        }
        batch.putBack(true, false);
        assertEquals(PAGES, batch.collect(false));
    }
}
