// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.memory.IndexBudget;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Magazine;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The cursor of evictions")
final class EvictionCursorTest {
    private static final int PAGES = 4 * 512;
    private static final int BATCH = 64;

    private final Frames frames = new Frames(new DirectFrames(12, 8, PAGES + 1), 12, 8, PAGES, false);
    private final Magazine magazine = frames.newMagazine();
    private final PageIndex index = new PageIndex(Long.MAX_VALUE, IndexBudget.unlimited());
    private final EvictionCursor cursor =
            new EvictionCursor(frames, index, new ReentrantLock(), IndexBudget.unlimited());
    private final long[] pages = new long[BATCH];
    private final int[] taken = new int[BATCH];

    /** The pages that cannot be evicted, as if they were locked. */
    private final Set<Long> locked = new HashSet<>();

    @BeforeEach
    void fill() {
        for (long page = 0; page < PAGES; page++) {
            index.put(page, frames.allocate(magazine));
            locked.add(page);
        }
    }

    private int batch() {
        int count = cursor.collect(pages, taken);
        judge(count);
        return count;
    }

    private void judge(int count) {
        for (int i = 0; i < count; i++) {
            cursor.judge(pages[i], taken[i], locked.contains(pages[i]));
        }
        if (count > 0) {
            cursor.endBatch();
        }
    }

    /** Completes the round, and returns the number of pages that it found. */
    private int round() {
        int found = 0;
        int count;
        do {
            count = batch();
            found += count;
        } while (count > 0 && !cursor.isAtStart());
        return found;
    }

    private void keepAll() {
        assertEquals(PAGES, round());
        assertEquals(0, round());
        assertTrue(cursor.isFutile());
    }

    private int frame(long page) {
        return index.get(page);
    }

    @Test
    @DisplayName("passes over blocks of pages that stay, until a page of theirs may not")
    void kept() {
        locked.remove(700L);
        assertEquals(PAGES, round());
        // Each round checks the page's block again.
        assertEquals(512, round());
        assertEquals(512, round());
        assertFalse(cursor.isFutile());
        locked.add(700L);
        assertEquals(512, round());
        assertEquals(0, round());
        assertTrue(cursor.isFutile());
        cursor.noteEvictable(1600);
        assertFalse(cursor.isFutile());
        assertEquals(512, round());
    }

    @Test
    @DisplayName("keeps no block of which a page has become evictable after the cursor had passed it")
    void changedMeanwhile() {
        int scanned = 0;
        while (scanned < 256) {
            scanned += batch();
        }
        locked.remove(5L);
        cursor.noteEvictable(5);
        round();
        assertEquals(512, round());
    }

    @Test
    @DisplayName("keeps no block of which a page has become evictable between the look at it and its judgement")
    void changedBeforeJudgement() {
        for (int i = 0; i < 7; i++) {
            batch();
        }
        int count = cursor.collect(pages, taken);
        cursor.noteEvictable(pages[3]);
        judge(count);
        round();
        assertEquals(512, round());
    }

    @Test
    @DisplayName("forgets all blocks when a VMA was unlocked, also the one in the middle of which it is")
    void unlocked() {
        keepAll();
        cursor.noteUnlocked();
        assertFalse(cursor.isFutile());
        batch();
        cursor.noteUnlocked();
        round();
        // The cursor was already in the first block.
        assertEquals(512, round());
        assertEquals(0, round());
    }

    @Test
    @DisplayName("forgets all blocks when a page was unpinned, if it has found a pinned one")
    void unpinned() {
        int other = frame(9);
        keepAll();
        assertTrue(frames.pin(other));
        frames.unpin(other);
        assertTrue(cursor.isFutile());
        cursor.noteUnlocked();
        locked.remove(30L);
        assertTrue(frames.pin(frame(30)));
        keepAll();
        frames.unpin(frame(30));
        assertFalse(cursor.isFutile());
        assertEquals(PAGES, round());
    }

    @Test
    @DisplayName("tells of dirty pages to write, but of none whose write has failed")
    void dirty() {
        locked.clear();
        index.forEach(0, PAGES, frames::setDirty);
        keepAll();
        assertFalse(cursor.dirty().isEmpty());
        EvictionCursor again = new EvictionCursor(frames, index, new ReentrantLock(), IndexBudget.unlimited());
        index.forEach(0, PAGES, frame -> frames.setWriteFailed(frame, true));
        assertEquals(BATCH, again.collect(pages, taken));
        again.judge(pages[0], taken[0], false);
        assertTrue(again.dirty().isEmpty());
        again.retry();
        assertFalse(again.dirty().isEmpty());
    }

    @Test
    @DisplayName("finds each page that may be freed within two rounds, beside random events")
    void random() {
        Random random = new Random(11);
        for (int round = 0; round < 3_000; round++) {
            long page = random.nextInt(PAGES);
            switch (random.nextInt(4)) {
                case 0 -> locked.add(page);
                case 1 -> {
                    locked.remove(page);
                    cursor.noteEvictable(page);
                }
                case 2 -> {
                    if (random.nextInt(20) == 0) {
                        locked.removeIf(any -> random.nextInt(100) == 0);
                        cursor.noteUnlocked();
                    }
                }
                default -> batch();
            }
            if (round % 100 == 99) {
                Set<Long> found = new HashSet<>();
                while (!cursor.isAtStart()) {
                    batch();
                }
                do {
                    int count = batch();
                    for (int i = 0; i < count; i++) {
                        found.add(pages[i]);
                    }
                } while (!cursor.isAtStart());
                for (long any = 0; any < PAGES; any++) {
                    assertTrue(locked.contains(any) || found.contains(any), "page " + any);
                }
            }
        }
    }

    @Test
    @DisplayName("has no place for blocks whose pages have left the file")
    void removed() {
        keepAll();
        cursor.removed(512, 1023);
        assertEquals(512, round());
        cursor.removed(0, Long.MAX_VALUE);
        assertEquals(PAGES, round());
    }
}
