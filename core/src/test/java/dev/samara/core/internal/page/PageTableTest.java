// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The radix table alone. */
final class PageTableTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());
    private static final long PTE = Pte.present(1, Pte.READ);

    static {
        System.out.println("PageTableTest: -Dsamara.seed=" + SEED);
    }

    static Stream<Geometry> geometries() {
        return Stream.of(
                Geometry.LINUX_X86_64,
                Geometry.LINUX_X86_64_LA57,
                of(12, 3, 1L << 39),
                of(14, 3, 1L << 47),
                of(14, 4, 1L << 55),
                of(16, 3, 1L << 48),
                of(16, 5, 1L << 62),
                of(12, 6, 1L << 62),
                of(9, 6, 1L << 45),
                of(18, 3, 1L << 62),
                of(12, 1, 1L << 21),
                of(12, 4, 1L << 13),
                of(9, 3, 77 << 9),
                of(12, 5, (1L << 33) + 4096));
    }

    private static Geometry of(int pageShift, int levels, long limit) {
        return new Geometry(pageShift, levels, pageShift + 9, 0, limit, limit);
    }

    private static long leafSpan(PageTable table) {
        return (long) table.entries() << table.pageShift();
    }

    private static boolean install(PageTable table, long address, long pte) {
        for (; ; ) {
            long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
            Leaf.lock(leaf);
            try {
                if (!Leaf.isDead(leaf)) {
                    return Leaf.fill(leaf, table.indexOf(address), pte);
                }
            } finally {
                Leaf.unlock(leaf);
            }
        }
    }

    /**
     * Returns an address near an edge of a level, or near either end, so that its neighbours are likely to be chosen,
     * too.
     */
    private static long place(Random random, Geometry geometry) {
        long limit = geometry.limit();
        int bits = 63 - Long.numberOfLeadingZeros(limit);
        long edge = switch (random.nextInt(4)) {
            case 0 -> 0;
            case 1 -> limit;
            case 2 -> 1L << random.nextInt(bits + 1);
            default -> limit / 3;
        };
        long at = edge + (random.nextInt(41) - 20) * geometry.pageSize() + random.nextInt((int) geometry.pageSize());
        return Math.max(0, Math.min(limit - 1, at));
    }

    @ParameterizedTest
    @MethodSource("geometries")
    @DisplayName("it has the entries that were installed and not removed, beside unhooking; no table is left")
    void againstAModel(Geometry geometry) {
        Random random = new Random(SEED);
        PageTable table = new PageTable(geometry);
        TreeMap<Long, Long> model = new TreeMap<>();
        for (int step = 0; step < 2000; step++) {
            long address = place(random, geometry);
            long page = address & -geometry.pageSize();
            switch (random.nextInt(5)) {
                case 0, 1 -> {
                    long pte = Pte.present(1 + step, Pte.READ | Pte.OWN);
                    assertEquals(model.putIfAbsent(page, pte) == null, install(table, address, pte));
                }
                case 2 -> {
                    long[] leaf = table.leaf(address);
                    Long known = model.remove(page);
                    if (leaf != null) {
                        long was = Leaf.getAndSet(leaf, table.indexOf(address), Pte.NONE);
                        assertEquals(known == null ? Pte.NONE : known, was);
                    } else {
                        assertNull(known);
                    }
                }
                case 3 -> {
                    UnhookTables.unhookIfEmpty(table, address);
                    long leafStart = address & -leafSpan(table);
                    boolean empty =
                            model.subMap(leafStart, leafStart + leafSpan(table)).isEmpty();
                    assertEquals(empty, table.leaf(address) == null);
                }
                default -> assertEquals(model.getOrDefault(page, Pte.NONE), table.get(address));
            }
            nextLeaf(random, geometry, table, model);
        }
        for (long page : model.keySet()) {
            long[] leaf = table.leaf(page);
            assertTrue(leaf != null);
            Leaf.getAndSet(leaf, table.indexOf(page), Pte.NONE);
        }
        long at = table.nextLeaf(0, geometry.limit());
        while (at < geometry.limit()) {
            UnhookTables.unhookIfEmpty(table, at);
            at = table.nextLeaf(at, geometry.limit());
        }
        assertEquals(0, table.tables());
        assertEquals(geometry.pageSize(), table.bytes());
    }

    /** Checks that a walk skips only empty addresses, and stops at leaves. */
    private static void nextLeaf(Random random, Geometry geometry, PageTable table, NavigableMap<Long, Long> model) {
        long one = place(random, geometry) & -geometry.pageSize();
        long other = place(random, geometry) & -geometry.pageSize();
        long start = Math.min(one, other);
        long end = Math.max(one, other);
        long at = table.nextLeaf(start, end);
        assertTrue(at >= start && at <= end);
        assertTrue(model.subMap(start, at).isEmpty());
        if (at < end) {
            assertTrue(table.leaf(at) != null);
            assertTrue(at == start || at % leafSpan(table) == 0);
            long behind = table.leafEnd(at);
            assertTrue(behind > at && behind - at <= leafSpan(table));
            assertEquals(0, behind % leafSpan(table));
            assertSame(table.leaf(at), table.leaf(Math.min(behind, geometry.limit()) - 1));
        }
        assertEquals(start, table.nextLeaf(start, start));
    }

    @ParameterizedTest
    @MethodSource("geometries")
    @DisplayName("the first page and the last one are there; addresses at and above the limit have nothing")
    void ends(Geometry geometry) {
        PageTable table = new PageTable(geometry);
        long last = geometry.limit() - 1;
        assertTrue(install(table, 0, PTE));
        assertTrue(install(table, last, PTE + 1));
        assertEquals(PTE, table.get(geometry.pageSize() - 1));
        assertEquals(PTE + 1, table.get(last));
        long limit = geometry.limit();
        for (long address : new long[] {limit, limit + 1, 2 * limit, 1L << 62, Long.MAX_VALUE, Long.MIN_VALUE, -1}) {
            assertEquals(Pte.NONE, table.get(address), Long.toHexString(address));
        }
        assertEquals(0, table.nextLeaf(0, limit));
        if (last >= leafSpan(table)) {
            assertEquals(last & -leafSpan(table), table.nextLeaf(table.leafEnd(0), limit));
        }
        UnhookTables.unhookIfEmpty(table, 0);
        assertEquals(PTE, table.get(0), "not empty, so it stays");
    }

    @Test
    @DisplayName("too few levels for the limit are refused")
    void tooFewLevels() {
        assertThrows(IllegalArgumentException.class, () -> new PageTable(of(12, 2, 1L << 56)));
    }

    @ParameterizedTest
    @MethodSource("geometries")
    @DisplayName("P14: dead tables of every level are marked, and a thread that holds one walks again")
    void deadMarks(Geometry geometry) {
        PageTable table = new PageTable(geometry);
        long[] dead = table.leafFromReserve(0, TableReserve.NONE);
        UnhookTables.unhookIfEmpty(table, 0);
        assertTrue(Leaf.isDead(dead));
        assertNull(table.leaf(0));
        assertEquals(0, table.tables(), "the upper ones too");
        long[] next = table.leafFromReserve(0, TableReserve.NONE);
        assertNotSame(dead, next);
        assertFalse(Leaf.isDead(next));
        assertTrue(install(table, 0, PTE));
        UnhookTables.unhookIfEmpty(table, 0);
        assertFalse(Leaf.isDead(next));
        assertSame(next, table.leaf(0));
        assertEquals(Pte.NONE, Leaf.get(dead, 0));
    }

    @ParameterizedTest
    @MethodSource("geometries")
    @DisplayName("P14: linking beside unhooking by four threads loses no entry, and leaves no table")
    void linkingBesideUnhooking(Geometry geometry) throws InterruptedException {
        PageTable table = new PageTable(geometry);
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        List<Thread> threads = new ArrayList<>();
        int steps = Math.min(3000, 400_000 / table.entries());
        for (int i = 0; i < 4 && i * geometry.pageSize() < geometry.limit(); i++) {
            long own = i * geometry.pageSize();
            Random random = new Random(SEED + i);
            Thread thread = new Thread(() -> {
                try {
                    for (int step = 0; step < steps; step++) {
                        // Pages of the same leaf, of the next one, and far away: distinct for each thread.
                        long places = Math.max(1, geometry.limit() / leafSpan(table));
                        long leaf = random.nextBoolean() ? 0 : random.nextInt(3) == 0 ? places - 1 : places / 2;
                        long address = leaf * leafSpan(table) + own;
                        if (address >= geometry.limit()) {
                            continue;
                        }
                        assertTrue(install(table, address, PTE));
                        UnhookTables.unhookIfEmpty(table, address);
                        assertEquals(PTE, table.get(address), "lost");
                        long[] hooked = table.leaf(address);
                        assertTrue(hooked != null);
                        Leaf.getAndSet(hooked, table.indexOf(address), Pte.NONE);
                        UnhookTables.unhookIfEmpty(table, address);
                    }
                } catch (Throwable thrown) {
                    failure.compareAndSet(null, thrown);
                }
            });
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertNull(failure.get(), () -> "-Dsamara.seed=" + SEED);
        assertEquals(0, table.tables());
        assertEquals(geometry.limit(), table.nextLeaf(0, geometry.limit()));
    }

    @Test
    @DisplayName("a leaf's lock excludes, also where more threads want it than there are processors")
    void lock() throws InterruptedException {
        PageTable table = new PageTable(Geometry.LINUX_X86_64);
        long[] leaf = table.leafFromReserve(0, TableReserve.NONE);
        int[] count = {0};
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            Thread thread = new Thread(() -> {
                for (int step = 0; step < 10_000; step++) {
                    Leaf.lock(leaf);
                    count[0]++;
                    Leaf.unlock(leaf);
                }
            });
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertEquals(80_000, count[0]);
    }

    @Test
    @DisplayName("the CPUs that may have a translation are noted for an eighth of a leaf, at every page size")
    void holders() {
        for (int shift = 12; shift <= 16; shift += 2) {
            PageTable table = new PageTable(of(shift, 3, 1L << 40));
            long[] leaf = table.leafFromReserve(0, TableReserve.NONE);
            int eighth = table.entries() / 8;
            Leaf.addToCpumask(leaf, 0, 1, false);
            Leaf.addToCpumask(leaf, eighth - 1, 2, false);
            Leaf.addToCpumask(leaf, eighth, 4, true);
            Leaf.addToCpumask(leaf, table.entries() - 1, 8, true);
            Leaf.addToCpumask(leaf, table.entries() - 1, 8, true);
            assertEquals(3, Leaf.cpumask(leaf, 0, eighth - 1));
            assertEquals(7, Leaf.cpumask(leaf, 5, eighth));
            assertEquals(4, Leaf.cpumask(leaf, eighth, 2 * eighth - 1));
            assertEquals(0, Leaf.cpumask(leaf, 2 * eighth, 7 * eighth - 1));
            assertEquals(8, Leaf.cpumask(leaf, 7 * eighth, 8 * eighth - 1));
            assertEquals(15, Leaf.cpumask(leaf, 0, table.entries() - 1));
            Leaf.lock(leaf);
            Leaf.deferFlush(leaf);
            Leaf.unlock(leaf);
            UnhookTables.unhookIfEmpty(table, 0);
            assertSame(leaf, table.leaf(0), "a flush is pending");
            Leaf.lock(leaf);
            Leaf.deferFlush(leaf);
            Leaf.unlock(leaf);
            assertFalse(Leaf.flushed(leaf), "another one is pending");
            assertTrue(Leaf.flushed(leaf));
            UnhookTables.unhookIfEmpty(table, 0);
            assertNull(table.leaf(0));
            assertEquals(0, table.tables());
        }
    }

    @ParameterizedTest
    @MethodSource("geometries")
    @DisplayName("I3: a leaf with a pending flush stays, with the tables above it, until the last one is counted off")
    void pendingFlush(Geometry geometry) {
        PageTable table = new PageTable(geometry);
        long last = geometry.limit() - 1;
        long[] leaf = table.leafFromReserve(last, TableReserve.NONE);
        int path = table.tables();
        Leaf.lock(leaf);
        Leaf.deferFlush(leaf);
        Leaf.deferFlush(leaf);
        Leaf.unlock(leaf);
        table.leafFromReserve(0, TableReserve.NONE);
        UnhookTables.unhookEmpty(table);
        assertTrue(table.leaf(last) == leaf);
        assertEquals(path, table.tables(), "a leaf without a pending flush has gone");
        assertFalse(Leaf.flushed(leaf), "another one is pending");
        UnhookTables.unhookEmpty(table);
        assertTrue(table.leaf(last) == leaf);
        assertTrue(Leaf.flushed(leaf));
        UnhookTables.unhookIfEmpty(table, last);
        assertEquals(0, table.tables());
    }

    @Test
    @DisplayName("the last flush unhooks the leaf only if it is empty and not dead")
    void countedOff() {
        PageTable table = new PageTable(Geometry.LINUX_X86_64);
        long[] leaf = table.leafFromReserve(0, TableReserve.NONE);
        assertTrue(install(table, 0, PTE));
        Leaf.lock(leaf);
        Leaf.deferFlush(leaf);
        Leaf.unlock(leaf);
        assertFalse(Leaf.flushed(leaf), "it has an entry");
        Leaf.getAndSet(leaf, 0, Pte.NONE);
        UnhookTables.unhookEmpty(table);
        assertNull(table.leaf(0));
        Leaf.deferFlush(leaf);
        assertFalse(Leaf.flushed(leaf), "it is dead");
        assertFalse(Leaf.hasPendingFlush(leaf));
    }
}
