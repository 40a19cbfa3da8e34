// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("B.1: the version of a tree identifies its contents")
class VersionTest {
    private static final long LIMIT = 600;

    private final MapleTree<Integer> tree = new MapleTree<>();

    /** Changes the tree, which grows to several levels and is emptied occasionally. */
    private void change(Random random, int step) {
        long first = random.nextInt((int) LIMIT);
        long last = Math.min(LIMIT, first + random.nextInt(6));
        switch (step % 400 == 399 ? 5 : random.nextInt(5)) {
            case 0 -> tree.erase(first, last);
            case 1 -> tree.insert(first, last, step);
            case 2 ->
                tree.update(t -> {
                    t.store(first, last, -1);
                    t.erase(first, last);
                    if (step % 3 == 0) {
                        t.store(first, last, step);
                    }
                });
            case 5 ->
                tree.update(t -> {
                    t.erase(0, -1L);
                    if (step % 800 == 799) {
                        t.fill(new TreeBuilder<Integer>().add(first, last, step));
                    }
                });
            default -> tree.store(first, last, step);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    @DisplayName("a version never returns, even if the contents do")
    void neverReturns(long seed) {
        Random random = new Random(seed);
        Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        Object version = tree.version();
        seen.add(version);
        List<RangeEntry<Integer>> entries = tree.entries();
        for (int step = 0; step < 1600; step++) {
            change(random, step);
            List<RangeEntry<Integer>> now = tree.entries();
            if (tree.isStillVersion(version)) {
                assertEquals(entries, now);
                assertSame(version, tree.version());
            } else {
                version = tree.version();
                assertTrue(seen.add(version), "a version returns at step " + step);
            }
            entries = now;
        }
        assertTrue(seen.size() > 800, seen.size() + " versions");
    }

    @Test
    @DisplayName("an edit after a version is not made in its nodes")
    void frozen() {
        for (int i = 0; i < 100; i++) {
            tree.store(i, i, i);
        }
        Object version = tree.version();
        assertTrue(tree.isStillVersion(version));
        for (int i = 0; i < 100; i++) {
            tree.store(50, 50, -i);
            assertFalse(tree.isStillVersion(version));
            assertNotSame(version, tree.version());
            version = tree.version();
        }
    }

    @Test
    @DisplayName("a tree that is empty again is another one")
    void emptyAgain() {
        Object version = tree.version();
        Snapshot<Integer> empty = tree.snapshot();
        tree.store(1, 1, 1);
        tree.erase(1, 1);
        assertFalse(tree.isStillVersion(version));
        assertFalse(tree.isStill(empty));
        assertNotEquals(version, tree.version());
    }
}
