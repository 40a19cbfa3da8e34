// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.page.UnhookTables;
import dev.samara.core.vma.Geometry;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The parts of a range that a walk visits. */
final class PageWalkTest {
    private static final long PAGE = 4096;
    private static final int ENTRIES = 512;
    private static final long LEAF = ENTRIES * PAGE;
    private static final long LIMIT = Geometry.LINUX_X86_64.limit();

    private final PageTable table = new PageTable(Geometry.LINUX_X86_64);
    private final PageWalk walk = new PageWalk(table);

    private void assertPart(long start, long end) {
        assertTrue(walk.next());
        assertEquals(start, walk.start());
        assertEquals(end, walk.end());
        assertSame(table.leaf(start), walk.leaf());
        assertEquals((start & LEAF - 1) / PAGE, walk.first());
        assertEquals(walk.first() + (end - start) / PAGE, walk.endIndex());
        assertEquals(start, walk.addressOf(walk.first()));
        assertEquals(end - PAGE, walk.addressOf(walk.endIndex() - 1));
        assertEquals(end - start == LEAF, walk.isWhole());
    }

    private void assertOver(long end) {
        for (int again = 0; again < 2; again++) {
            assertFalse(walk.next());
            assertEquals(end, walk.start());
            assertEquals(end, walk.end());
            assertEquals(0, walk.leaf().length);
        }
    }

    @Test
    @DisplayName("each leaf of the range is met once, cut off at both ends of the range")
    void parts() {
        for (long leaf : new long[] {1, 2, 5}) {
            table.leafFromReserve(leaf * LEAF, TableReserve.NONE);
        }
        walk.over(LEAF + 3 * PAGE, 5 * LEAF + 2 * PAGE);
        assertPart(LEAF + 3 * PAGE, 2 * LEAF);
        assertPart(2 * LEAF, 3 * LEAF);
        assertPart(5 * LEAF, 5 * LEAF + 2 * PAGE);
        assertOver(5 * LEAF + 2 * PAGE);
        walk.over(LEAF, 2 * LEAF);
        assertPart(LEAF, 2 * LEAF);
        assertOver(2 * LEAF);
        walk.over(2 * LEAF + 7 * PAGE, 2 * LEAF + 8 * PAGE);
        assertPart(2 * LEAF + 7 * PAGE, 2 * LEAF + 8 * PAGE);
        assertOver(2 * LEAF + 8 * PAGE);
    }

    @Test
    @DisplayName("a range without leaves and an empty range have no part")
    void nothing() {
        assertOver(0);
        walk.over(0, LIMIT);
        assertOver(LIMIT);
        table.leafFromReserve(LEAF, TableReserve.NONE);
        walk.over(LEAF, LEAF);
        assertOver(LEAF);
        walk.over(2 * LEAF, LIMIT);
        assertOver(LIMIT);
    }

    @Test
    @DisplayName("a range may end with the last page below the limit")
    void limit() {
        table.leafFromReserve(LIMIT - PAGE, TableReserve.NONE);
        long start = LIMIT - PAGE & -LEAF;
        walk.over(0, LIMIT);
        assertPart(start, LIMIT);
        assertOver(LIMIT);
        walk.over(LIMIT - PAGE, LIMIT);
        assertPart(LIMIT - PAGE, LIMIT);
        assertOver(LIMIT);
    }

    @Test
    @DisplayName("a leaf that is unhooked during the walk is passed over, and one that is linked ahead is met")
    void changes() {
        table.leafFromReserve(LEAF, TableReserve.NONE);
        table.leafFromReserve(2 * LEAF, TableReserve.NONE);
        walk.over(0, LIMIT);
        assertPart(LEAF, 2 * LEAF);
        UnhookTables.unhookIfEmpty(table, 2 * LEAF);
        table.leafFromReserve(9 * LEAF, TableReserve.NONE);
        assertPart(9 * LEAF, 10 * LEAF);
        assertOver(LIMIT);
    }

    @Test
    @DisplayName("the walk by spans meets every address once, whether or not there is a leaf")
    void spans() {
        table.leafFromReserve(2 * LEAF, TableReserve.NONE);
        long end = 4 * LEAF + PAGE;
        walk.over(LEAF - 2 * PAGE, end);
        long at = LEAF - 2 * PAGE;
        int count = 0;
        while (walk.nextSpan()) {
            assertEquals(at, walk.start());
            assertTrue(walk.end() <= (at & -LEAF) + LEAF);
            at = walk.end();
            count++;
        }
        assertEquals(end, at);
        assertEquals(5, count);
    }

    @Test
    @DisplayName("random ranges over random leaves")
    void random() {
        Random random = new Random(7);
        TreeSet<Long> leaves = new TreeSet<>();
        for (int round = 0; round < 300; round++) {
            long leaf = LEAF * (random.nextInt(4) == 0 ? random.nextInt(1 << 26) : random.nextInt(64));
            table.leafFromReserve(leaf, TableReserve.NONE);
            leaves.add(leaf);
            long start = PAGE * random.nextInt(40 * ENTRIES);
            long end = random.nextInt(8) == 0 ? LIMIT : start + PAGE * random.nextInt(40 * ENTRIES);
            walk.over(start, end);
            for (long expected : leaves.tailSet(start & -LEAF, true)) {
                if (expected < end) {
                    assertPart(Math.max(start, expected), Math.min(end, expected + LEAF));
                }
            }
            assertOver(end);
        }
    }
}
