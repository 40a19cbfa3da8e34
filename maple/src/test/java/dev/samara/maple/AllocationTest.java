// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.util.Iterator;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class AllocationTest {

    private static final int CALLS = 300_000;

    /** An allowance for the measurement itself and for the JIT compiler. */
    private static final long ALLOWANCE = 64_000;

    private final MapleTree<String> tree = new MapleTree<>();

    @BeforeEach
    void fill() {
        for (int i = 0; i < 3000; i++) {
            tree.store(8L * i, 8L * i + 4, "x");
        }
    }

    /** Uses reflection, because the module under test does not require {@code java.management}. */
    private static long allocatedBytes() {
        try {
            Object bean = Class.forName("java.lang.management.ManagementFactory")
                    .getMethod("getThreadMXBean")
                    .invoke(null);
            Method method =
                    Class.forName("com.sun.management.ThreadMXBean").getMethod("getThreadAllocatedBytes", long.class);
            return (long) method.invoke(bean, Thread.currentThread().getId());
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(e.getMessage(), e);
        }
    }

    private static void assertAllocatesNothing(Runnable calls) {
        calls.run();
        allocatedBytes();
        long before = allocatedBytes();
        calls.run();
        long bytes = allocatedBytes() - before;
        assertTrue(bytes < ALLOWANCE, bytes + " bytes in " + CALLS + " calls");
    }

    private int hits;

    @Test
    @DisplayName("A.3 get does not allocate")
    void getDoesNotAllocate() {
        assertAllocatesNothing(() -> {
            for (int i = 0; i < CALLS; i++) {
                if (tree.get(i % 24_000) != null) {
                    hits++;
                }
            }
        });
        assertTrue(hits > CALLS);
    }

    @Test
    @DisplayName("a reader that has been made does not allocate, nor does a batch")
    void readersAndBatchesDoNotAllocate() {
        Reader<String> reader = tree.reader();
        long[] indexes = LongStream.range(0, 20).map(i -> 1000 * i).toArray();
        @Nullable String[] values = new @Nullable String[indexes.length];
        assertAllocatesNothing(() -> {
            for (int i = 0; i < CALLS; i++) {
                if (reader.get(i % 24_000) != null) {
                    hits++;
                }
                if (i % 10 == 0) {
                    tree.getAll(indexes, values);
                }
            }
        });
        assertTrue(hits > CALLS);
    }

    @Test
    @DisplayName("a cursor that has been used does not allocate")
    void cursorStepsDoNotAllocate() {
        Cursor<String> c = tree.cursor();
        assertAllocatesNothing(() -> {
            for (int i = 0; i < CALLS; i++) {
                if (i % 100 == 0) {
                    c.find(i % 24_000);
                }
                if ((i % 200 < 100 ? c.next() : c.previous()) != null) {
                    hits++;
                }
            }
        });
        assertTrue(hits > CALLS);
    }

    @Test
    @DisplayName("a range that grows and shrinks at one end, and keeps its value, does not allocate")
    void growthDoesNotAllocate() {
        // A tree with lanes, and one with halves.
        for (int entries : new int[] {3000, 100}) {
            MapleTree<String> grown = new MapleTree<>();
            for (int i = 0; i < entries; i++) {
                grown.store(16L * i, 16L * i + 7, "x");
            }
            long first = 16L * (entries - 50);
            grown.store(first, first + 7, "y");
            // The first growth allocates a leaf.
            grown.store(first, first + 9, "y");
            assertAllocatesNothing(() -> {
                for (int i = 0; i < CALLS; i += 2) {
                    grown.store(first, first + 13, "y");
                    grown.erase(first + 10, first + 13);
                }
            });
            assertEquals("y", grown.get(first + 9));
            grown.validate();
        }
    }

    @Test
    @DisplayName("the first steps of a cursor over a tree of four levels do not allocate")
    void firstStepsDoNotAllocate() {
        assertEquals(4, tree.rootAcquire().level + 1);
        int cursors = 20_000;
        Iterator<Cursor<String>> unused =
                Stream.generate(tree::cursor).limit(2L * cursors).toList().iterator();
        assertAllocatesNothing(() -> {
            for (int i = 0; i < cursors; i++) {
                if (unused.next().find(i) != null) {
                    hits++;
                }
            }
        });
        assertEquals(2 * cursors, hits);
    }

    @Test
    @DisplayName("searches for a next entry, and versions, do not allocate where all edits are transactions")
    void nearestAndVersionsDoNotAllocate() {
        MapleTree<String> edited = new MapleTree<>();
        Object owner = new Object();
        for (long i = 0; i < 100; i++) {
            long first = 8 * i;
            edited.update(transaction -> transaction.reserve(first, first + 4, owner));
        }
        edited.update(transaction -> transaction.store(800, 804, "x"));
        int calls = 20_000;
        assertAllocatesNothing(() -> {
            for (int i = 0; i < calls; i++) {
                // The search crosses several leaves of reservations.
                if (edited.atOrAfter(i % 100) != null && edited.isStillVersion(edited.version())) {
                    hits++;
                }
                if (edited.atOrBefore(700 + i % 100) != null || edited.isEmpty()) {
                    hits--;
                }
            }
        });
        assertEquals(2 * calls, hits);
    }
}
