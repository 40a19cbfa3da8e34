// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("a tree built at once equals the tree of single stores")
class TreeBuilderTest {

    @Test
    void everySizeIsAValidTreeOfItsEntries() {
        for (int size = 0; size < 700; size++) {
            Random random = new Random(size);
            // The expected number of entries is exact, too low, or not given.
            TreeBuilder<Integer> builder =
                    size % 3 == 0 ? new TreeBuilder<>() : new TreeBuilder<>(size % 3 == 1 ? size : size / 2);
            List<RangeEntry<Integer>> expected = new ArrayList<>();
            long at = random.nextInt(2);
            for (int i = 0; i < size; i++) {
                long last = i == size - 1 && size % 3 == 0 ? -1L : at + random.nextInt(3);
                builder.add(at, last, i);
                expected.add(new RangeEntry<>(at, last, i));
                at = last + 1 + random.nextInt(3);
            }
            MapleTree<Integer> tree = builder.build();
            tree.validate();
            assertEquals(expected, tree.entries());
        }
    }

    @Test
    void itIsATreeLikeAnyOther() {
        ReentrantLock lock = new ReentrantLock();
        TreeBuilder<Integer> builder = new TreeBuilder<>();
        for (int i = 0; i < 1000; i++) {
            builder.add(10L * i, 10L * i + 5, i);
        }
        MapleTree<Integer> tree = builder.build(lock);
        assertSame(lock, tree.writerLock());
        Snapshot<Integer> before = tree.snapshot();
        for (int i = 0; i < 1000; i++) {
            tree.store(10L * i + 3, 10L * i + 8, -i);
            tree.validate();
        }
        GapSearch where = new GapSearch();
        assertTrue(tree.storeLowest(where, 1));
        assertEquals(9, where.first());
        assertEquals(1000, before.entries().size());
        assertEquals(2001, tree.entries().size());
        assertEquals(1000, builder.add(10_000, 10_000, 1).build().entries().size() - 1);
    }

    @Test
    void onlyAscendingRanges() {
        TreeBuilder<String> builder = new TreeBuilder<>();
        builder.add(0x10, 0x1f, "a");
        String message = assertThrows(IllegalArgumentException.class, () -> builder.add(0x1f, 0x20, "b"))
                .getMessage();
        assertEquals("first 31 must be above 31, the last so far", message);
        assertThrows(IllegalArgumentException.class, () -> builder.add(0x30, 0x2f, "b"));
        builder.add(0x20, -1L, "b");
        assertThrows(IllegalArgumentException.class, () -> builder.add(0, 0, "c"));
        MapleTree<String> tree = builder.build();
        tree.validate();
        assertEquals(2, tree.entries().size());
    }

    @Test
    void goesOnAfterABuild() {
        TreeBuilder<Integer> builder = new TreeBuilder<>(1);
        for (int i = 0; i < 200; i++) {
            MapleTree<Integer> tree = builder.build();
            tree.validate();
            assertEquals(i, tree.entries().size());
            builder.add(3L * i, 3L * i + 1, i);
        }
        assertThrows(IllegalArgumentException.class, () -> new TreeBuilder<String>(-1));
    }
}
