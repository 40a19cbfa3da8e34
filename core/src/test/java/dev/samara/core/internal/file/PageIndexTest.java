// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.memory.IndexBudget;
import dev.samara.core.internal.page.Frames;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Finds frames by page numbers. */
final class PageIndexTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    /** The last page of the largest file with the smallest pages. */
    private static final long LAST = Long.MAX_VALUE >>> 9;

    private final IndexBudget budget = IndexBudget.unlimited();
    private final PageIndex index = new PageIndex(Long.MAX_VALUE, budget);

    @Test
    @DisplayName("it has the pages that were put and not removed: at the start, at edges of levels and at the end")
    void againstAModel() {
        System.out.println("PageIndexTest: -Dsamara.seed=" + SEED);
        Random random = new Random(SEED);
        TreeMap<Long, Integer> model = new TreeMap<>();
        for (int step = 0; step < 5000; step++) {
            long page = place(random);
            if (random.nextInt(4) < 3) {
                index.put(page, step);
                model.put(page, step);
            } else {
                long last = random.nextInt(10) == 0 ? Long.MAX_VALUE : page + random.nextInt(2000);
                List<Integer> gone = new ArrayList<>();
                removeAll(page, last, gone::add);
                var range = model.subMap(page, true, last, true);
                assertEquals(new ArrayList<>(range.values()), gone, () -> "in order; -Dsamara.seed=" + SEED);
                range.clear();
            }
            assertEquals(index.bytes(), budget.used(), () -> "charged; -Dsamara.seed=" + SEED);
            long asked = random.nextBoolean() && !model.isEmpty() ? model.firstKey() : place(random);
            assertEquals(model.getOrDefault(asked, Frames.NONE), index.get(asked), () -> "-Dsamara.seed=" + SEED);
            int most = random.nextInt(2000);
            Long next = model.ceilingKey(asked);
            long absent = next == null ? most : Math.min(most, next - asked);
            assertEquals(absent, index.absent(asked, most), () -> "-Dsamara.seed=" + SEED);
        }
        model.forEach((page, frame) -> assertEquals(frame, index.get(page)));
        assertReadTogether(model, random);
        removeAll(0, Long.MAX_VALUE, frame -> assertTrue(model.containsValue(frame)));
        model.keySet().forEach(page -> assertEquals(Frames.NONE, index.get(page)));
        assertEquals(0, budget.used());
    }

    @Test
    @DisplayName("all nodes are charged if there are several; a cleared page keeps its nodes until they are pruned")
    void charged() {
        index.put(511, 1);
        assertEquals(0, budget.used(), "the first leaf");
        index.put(512, 2);
        long two = budget.used();
        assertEquals(2 * 512 * Integer.BYTES + 512 * Long.BYTES, two);
        index.clear(512);
        assertEquals(two, budget.used());
        index.prune(512, 512);
        assertEquals(0, budget.used());
        index.put(LAST, 3);
        assertEquals(index.bytes(), budget.used());
        index.removeIf(0, 511, frame -> true);
        assertEquals(index.bytes(), budget.used());
        index.removeIf(0, LAST, frame -> true);
        assertEquals(0, budget.used());
    }

    /** Looks up present and absent pages together, in ascending order, some of them twice. */
    private void assertReadTogether(Map<Long, Integer> model, Random random) {
        List<Long> asked = new ArrayList<>(model.keySet());
        for (int i = 0; i < 1000; i++) {
            asked.add(place(random));
        }
        long[] pages = asked.stream().mapToLong(Long::longValue).sorted().toArray();
        int[] frames = new int[pages.length];
        index.get(pages, pages.length, frames);
        for (int i = 0; i < pages.length; i++) {
            int frame = frames[i];
            long page = pages[i];
            assertEquals(model.getOrDefault(page, Frames.NONE), frame, () -> page + "; -Dsamara.seed=" + SEED);
        }
    }

    /** Removes a range as a removal does: lists the frames before it removes them. */
    private void removeAll(long first, long last, IntConsumer consumer) {
        List<Integer> listed = new ArrayList<>();
        index.forEach(first, last, listed::add);
        List<Integer> gone = new ArrayList<>();
        index.removeIf(first, last, gone::add);
        assertEquals(gone, listed);
        gone.forEach(consumer::accept);
    }

    private static long place(Random random) {
        int level = random.nextInt(7);
        long edge = level == 6 ? LAST - 600 : 1L << (9 * level);
        return Math.max(0, Math.min(LAST, edge + random.nextInt(1200) - 600));
    }

    @Test
    @DisplayName("pages that were never put are not found, whatever their number")
    void empty() {
        for (long page : new long[] {0, 1, 511, 512, 1L << 18, LAST, Long.MAX_VALUE}) {
            assertEquals(Frames.NONE, index.get(page));
        }
        index.put(0, 3);
        index.put(LAST, 4);
        assertEquals(3, index.get(0));
        assertEquals(4, index.get(LAST));
        assertEquals(Frames.NONE, index.get(LAST - 1));
        assertEquals(Frames.NONE, index.get(Long.MAX_VALUE));
    }

    @Test
    @DisplayName("a node goes with its last page, and so do the levels that no page needs any more")
    void givesNodesBack() {
        assertEquals(1, index.nodes());
        for (int leaf = 0; leaf < 600; leaf++) {
            index.put(leaf * 512L, leaf);
        }
        assertEquals(600 + 2 + 1, index.nodes(), "leaves, their parents, and the top");
        removeAll(512, 10 * 512, frame -> assertTrue(frame >= 1 && frame <= 10));
        assertEquals(590 + 2 + 1, index.nodes(), "a hole");
        removeAll(20 * 512 + 1, 21 * 512 - 1, frame -> assertEquals(Frames.NONE, frame));
        assertEquals(590 + 2 + 1, index.nodes(), "nothing was taken out");
        removeAll(512 * 512, Long.MAX_VALUE, frame -> assertTrue(frame >= 512));
        assertEquals(502 + 1, index.nodes(), "one level less");
        assertEquals(511, index.get(511 * 512));
        removeAll(1, Long.MAX_VALUE, frame -> assertTrue(frame > 0));
        assertEquals(1, index.nodes(), "one leaf");
        assertEquals(0, index.get(0));
        index.put(LAST, 9);
        assertEquals(0, index.get(0));
        removeAll(0, 0, frame -> assertEquals(0, frame));
        assertEquals(9, index.get(LAST));
        removeAll(0, Long.MAX_VALUE, frame -> assertEquals(9, frame));
        assertEquals(1, index.nodes(), "as new");
        assertEquals(Frames.NONE, index.get(LAST));
    }

    @Test
    @DisplayName("a page that is cleared leaves its node, which goes with the next pruning if it is empty")
    void clearedAndPruned() {
        index.put(0, 1);
        index.put(512, 2);
        index.put(1024, 3);
        int nodes = index.nodes();
        index.clear(512);
        index.clear(1024);
        index.clear(LAST);
        assertEquals(Frames.NONE, index.get(512));
        assertEquals(nodes, index.nodes());
        index.put(512, 2);
        index.prune(512, 1024);
        assertEquals(2, index.get(512));
        assertEquals(nodes - 1, index.nodes());
        index.clear(512);
        index.prune(512, 512);
        assertEquals(1, index.nodes());
        assertEquals(1, index.get(0));
    }

    @Test
    @DisplayName("collects pages in ascending order, from any page and as many as there is room for")
    void collected() {
        List<Long> in = List.of(0L, 3L, 511L, 512L, 600L, 1023L, 512L * 512, (1L << 36) + 5, LAST);
        for (int i = 0; i < in.size(); i++) {
            index.put(in.get(i), i);
        }
        for (long from : new long[] {0, 1, 3, 4, 512, 513, 1024, 1L << 27, (1L << 36) + 6, LAST, Long.MAX_VALUE}) {
            for (int room = 1; room <= in.size() + 1; room++) {
                long[] pages = new long[room];
                int[] frames = new int[room];
                int count = index.collect(from, pages, frames);
                List<Long> expected =
                        in.stream().filter(page -> page >= from).limit(room).toList();
                assertEquals(expected.size(), count);
                for (int i = 0; i < count; i++) {
                    assertEquals(expected.get(i), pages[i]);
                    assertEquals(in.indexOf(pages[i]), frames[i]);
                }
            }
        }
    }

    @Test
    @DisplayName("pages that a choice refuses stay, and so do their nodes")
    void chosen() {
        for (int page = 0; page < 3 * 512; page++) {
            index.put(page, page);
        }
        index.removeIf(1, 3 * 512 - 2, frame -> frame / 512 == 1 || frame % 2 == 1);
        for (int page = 0; page < 3 * 512; page++) {
            boolean stays = page == 3 * 512 - 1 || (page / 512 != 1 && page % 2 == 0);
            assertEquals(stays ? page : Frames.NONE, index.get(page));
        }
        assertEquals(3, index.nodes());
    }

    @Test
    @DisplayName("lookups beside nodes that come and go find each page that stays, and never the frame of another page")
    void besideNodesThatGo() throws InterruptedException {
        index.put(3, 3);
        AtomicBoolean stop = new AtomicBoolean();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        Thread reader = new Thread(() -> {
            try {
                int[] together = new int[4];
                while (!stop.get()) {
                    assertEquals(3, index.get(3));
                    index.get(0, 4, together);
                    assertEquals(3, together[3]);
                    for (long page : new long[] {600, 512 * 512, LAST}) {
                        int found = index.get(page);
                        assertTrue(found == Frames.NONE || found == (int) (page % 1000) + 1000);
                    }
                }
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        });
        reader.start();
        for (int round = 0; round < 3000; round++) {
            for (long page : new long[] {600, 512 * 512, LAST}) {
                index.put(page, (int) (page % 1000) + 1000);
                assertEquals((int) (page % 1000) + 1000, index.get(page));
            }
            removeAll(4 + 512L * 512 * (round % 2), Long.MAX_VALUE, frame -> assertTrue(frame >= 1000));
        }
        stop.set(true);
        reader.join();
        assertNull(failure.get());
    }

    @Test
    @DisplayName("lookups beside changes find each page that stays, also while the index becomes higher")
    void concurrent() throws InterruptedException {
        for (int page = 0; page < 64; page++) {
            index.put(page * 7L, page);
        }
        AtomicBoolean stop = new AtomicBoolean();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        Thread reader = new Thread(() -> {
            try {
                while (!stop.get()) {
                    for (int page = 0; page < 64; page++) {
                        assertEquals(page, index.get(page * 7L));
                        int other = index.get(page * 7L + 1L);
                        assertTrue(other == Frames.NONE || other == 1000 + page);
                    }
                }
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        });
        reader.start();
        for (int round = 0; round < 2000; round++) {
            int page = round % 64;
            index.put(page * 7L + 1L, 1000 + page);
            removeAll(page * 7L + 1L, page * 7L + 1L, frame -> assertEquals(1000 + page, frame));
            if (round % 300 == 0) {
                index.put(512L << (9 * Math.min(4, round / 300)), 5000);
            }
            if (round % 300 == 0 && round > 0) {
                removeAll(64 * 7, LAST, frame -> assertEquals(5000, frame));
            }
        }
        stop.set(true);
        reader.join();
        assertNull(failure.get());
    }

    @Test
    @DisplayName("a small file has a small leaf, which grows with the file and keeps its pages")
    void small() {
        PageIndex small = new PageIndex(3, IndexBudget.unlimited());
        int[] frames = new int[6];
        small.get(0, 6, frames);
        assertArrayEquals(new int[] {-1, -1, -1, -1, -1, -1}, frames);
        assertEquals(9, small.absent(0, 9));
        small.put(2, 12);
        assertEquals(2, small.absent(0, 9));
        assertEquals(600, small.absent(3, 600));
        assertEquals(Frames.NONE, small.get(0));
        assertEquals(12, small.get(2));
        assertEquals(Frames.NONE, small.get(3));
        small.get(1, 4, frames);
        assertArrayEquals(new int[] {-1, 12, -1, -1}, Arrays.copyOf(frames, 4));
        small.get(new long[] {1, 2, 3, 700}, 4, frames);
        assertArrayEquals(new int[] {-1, 12, -1, -1}, Arrays.copyOf(frames, 4));
        small.put(5, 15);
        assertEquals(12, small.get(2));
        assertEquals(15, small.get(5));
        small.put(512, 512);
        List<Integer> listed = new ArrayList<>();
        small.forEach(0, Long.MAX_VALUE, listed::add);
        assertEquals(List.of(12, 15, 512), listed);
        assertEquals(3, small.nodes());
        small.removeIf(0, Long.MAX_VALUE, frame -> true);
        assertEquals(1, small.nodes());
        small.put(0, 10);
        assertEquals(1, small.collect(0, new long[3], frames));
        assertEquals(10, frames[0]);
    }
}
