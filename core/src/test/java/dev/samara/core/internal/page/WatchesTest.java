// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.page.Watches.Tree;
import dev.samara.core.internal.page.Watches.WatchedRange;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The watched ranges of a space")
final class WatchesTest {
    private static final int MANY = 16_000;

    private final Watches watches = new Watches();
    private final List<Integer> told = new ArrayList<>();

    private WatchedRange watch(int name, long first, long last) {
        return new WatchedRange(first, last, (address, length) -> told.add(name), thrown -> {
            throw new AssertionError(thrown);
        });
    }

    @Test
    @DisplayName("I9: have a bound; a removal makes room once, also if it is repeated")
    void bound() {
        WatchedRange first = watch(1, 10, 20);
        WatchedRange refused = watch(3, 10, 20);
        assertTrue(watches.add(first, 2));
        assertTrue(watches.add(watch(2, 10, 20), 2));
        assertFalse(watches.add(refused, 2));
        watches.remove(refused);
        assertFalse(watches.add(watch(4, 10, 20), 2));
        watches.tell(Mman.WRITE, 10, 1, 0);
        assertEquals(List.of(1, 2), told);
        watches.remove(first);
        watches.remove(first);
        assertTrue(watches.add(watch(5, 10, 20), 2));
        assertFalse(watches.add(watch(6, 10, 20), 2));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, Long.MAX_VALUE - 150, -300})
    @DisplayName("agree with a list in the order of first bytes and age, below and above 2^63")
    void againstAList(long base) {
        record Range(int name, long first, long last, WatchedRange watch) {}
        Random random = new Random(7);
        List<Range> ranges = new ArrayList<>();
        for (int round = 0; round < 20_000; round++) {
            if (ranges.size() < 40 && random.nextInt(3) == 0) {
                long first = random.nextInt(250);
                long last = first + random.nextInt(random.nextBoolean() ? 4 : 49);
                WatchedRange added = watch(round, base + first, base + last);
                assertTrue(watches.add(added, MANY));
                ranges.add(new Range(round, first, last, added));
            } else if (!ranges.isEmpty() && random.nextInt(3) == 0) {
                WatchedRange removed =
                        ranges.remove(random.nextInt(ranges.size())).watch();
                watches.remove(removed);
                watches.remove(removed);
            }
            long first = random.nextInt(290);
            long last = first + random.nextInt(9);
            List<Integer> expected = ranges.stream()
                    .filter(range -> range.first() <= last && first <= range.last())
                    .sorted((one, other) -> Long.compare(one.first(), other.first()))
                    .map(Range::name)
                    .toList();
            assertEquals(!expected.isEmpty(), watches.touches(base + first, base + last));
            watches.tell(Mman.WRITE, base + first, last - first + 1, 0);
            assertEquals(expected, told);
            told.clear();
        }
        ranges.forEach(range -> watches.remove(range.watch()));
        assertNull(watches.all);
    }

    @Test
    @DisplayName("that were never added are not removed, nor any other in their place")
    void neverAdded() {
        assertTrue(watches.add(watch(1, 10, 20), MANY));
        watches.remove(watch(2, 10, 20));
        watches.tell(Mman.WRITE, 10, 1, 0);
        assertEquals(List.of(1), told);
    }

    @Test
    @DisplayName("are set and closed by copying one path, however many there are and in whatever order")
    void onePath() {
        List<WatchedRange> all = new ArrayList<>();
        for (int i = 0; i < MANY; i++) {
            all.add(watch(i, i * 4096L, i * 4096L + 4095));
        }
        for (int i = 0; i < MANY; i++) {
            int former = i % 1000 == 0 ? 0 : -1;
            Set<Tree> before = former == 0 ? nodes() : Set.of();
            assertTrue(watches.add(all.get(i), MANY));
            assertTrue(former < 0 || copied(before) <= mostCopied(i + 1), "at " + i);
            assertTrue(Tree.height(watches.all) <= mostHeight(i + 1), "at " + i);
        }
        Collections.shuffle(all, new Random(3));
        for (int left = MANY; left > 0; left--) {
            Set<Tree> before = left % 1000 == 0 ? nodes() : Set.of();
            watches.remove(all.get(left - 1));
            assertTrue(before.isEmpty() || copied(before) <= mostCopied(left), "at " + left);
            assertTrue(Tree.height(watches.all) <= mostHeight(left - 1), "at " + left);
        }
        assertNull(watches.all);
    }

    /** Returns the maximum height of an AVL tree with a number of nodes. */
    private static double mostHeight(int nodes) {
        return 1.4405 * Math.log(nodes + 2) / Math.log(2);
    }

    /** Returns the maximum number of copied nodes: a path, plus two nodes for each rotation on it. */
    private static double mostCopied(int nodes) {
        return 3 * mostHeight(nodes) + 3;
    }

    private Set<Tree> nodes() {
        Set<Tree> nodes = Collections.newSetFromMap(new IdentityHashMap<>());
        Tree root = watches.all;
        if (root != null) {
            root.forEach(nodes::add);
        }
        return nodes;
    }

    private int copied(Set<Tree> before) {
        Set<Tree> now = nodes();
        now.removeAll(before);
        return now.size();
    }

    @Test
    @DisplayName("that stay are found at every instant, whatever two others set and close beside them")
    void besideChanges() throws Exception {
        int staying = 64;
        for (int i = 0; i < staying; i++) {
            assertTrue(
                    watches.add(new WatchedRange(i * 1000L, i * 1000L, (address, length) -> {}, thrown -> {}), MANY));
        }
        AtomicBoolean ends = new AtomicBoolean();
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            List<Future<?>> changers = new ArrayList<>();
            for (int seed = 1; seed <= 2; seed++) {
                Random random = new Random(seed);
                changers.add(threads.submit(() -> {
                    List<WatchedRange> own = new ArrayList<>();
                    while (!ends.get()) {
                        if (own.size() < 50 && random.nextBoolean()) {
                            long first = random.nextInt(staying) * 1000L + 1 + random.nextInt(900);
                            WatchedRange added =
                                    new WatchedRange(first, first + random.nextInt(90), (at, size) -> {}, thrown -> {});
                            assertTrue(watches.add(added, MANY));
                            own.add(added);
                        } else if (!own.isEmpty()) {
                            watches.remove(own.remove(random.nextInt(own.size())));
                        }
                    }
                    own.forEach(watches::remove);
                }));
            }
            Random random = new Random(5);
            for (int round = 0; round < 200_000; round++) {
                long at = random.nextInt(staying) * 1000L;
                assertTrue(watches.touches(at, at));
                assertFalse(watches.touches(at + 991, at + 999));
            }
            ends.set(true);
            for (Future<?> changer : changers) {
                changer.get();
            }
        } finally {
            ends.set(true);
            threads.shutdown();
        }
        int[] left = {0};
        Objects.requireNonNull(watches.all).forEach(node -> left[0]++);
        assertEquals(staying, left[0]);
    }
}
