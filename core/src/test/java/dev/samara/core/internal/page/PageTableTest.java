// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.OwnedCpu;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableBudget;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTable.TableReserve.Need;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Page tables:")
final class PageTableTest {
    /** The radix table alone. */
    @Nested
    final class Tables {
        private static final long SEED = Long.getLong("samara.seed", System.nanoTime());
        private static final long PTE = Pte.present(1, Pte.READ);

        static {
            System.out.println("Tables: -Dsamara.seed=" + SEED);
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
            return (long) table.entries << table.pageShift;
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
         * Returns an address near an edge of a level, or near either end, so that its neighbours are likely to be
         * chosen, too.
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
            long at =
                    edge + (random.nextInt(41) - 20) * geometry.pageSize() + random.nextInt((int) geometry.pageSize());
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
                        table.unhookIfEmpty(address);
                        long leafStart = address & -leafSpan(table);
                        boolean empty = model.subMap(leafStart, leafStart + leafSpan(table))
                                .isEmpty();
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
                table.unhookIfEmpty(at);
                at = table.nextLeaf(at, geometry.limit());
            }
            assertEquals(0, table.tables());
            assertEquals(geometry.pageSize(), table.bytes());
        }

        /** Checks that a walk skips only empty addresses, and stops at leaves. */
        private static void nextLeaf(
                Random random, Geometry geometry, PageTable table, NavigableMap<Long, Long> model) {
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
                long behind = table.leafEnd(at, Long.MAX_VALUE);
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
            for (long address :
                    new long[] {limit, limit + 1, 2 * limit, 1L << 62, Long.MAX_VALUE, Long.MIN_VALUE, -1}) {
                assertEquals(Pte.NONE, table.get(address), Long.toHexString(address));
            }
            assertEquals(0, table.nextLeaf(0, limit));
            if (last >= leafSpan(table)) {
                assertEquals(last & -leafSpan(table), table.nextLeaf(table.leafEnd(0, limit), limit));
            }
            table.unhookIfEmpty(0);
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
            table.unhookIfEmpty(0);
            assertTrue(Leaf.isDead(dead));
            assertNull(table.leaf(0));
            assertEquals(0, table.tables(), "the upper ones too");
            long[] next = table.leafFromReserve(0, TableReserve.NONE);
            assertNotSame(dead, next);
            assertFalse(Leaf.isDead(next));
            assertTrue(install(table, 0, PTE));
            table.unhookIfEmpty(0);
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
            int steps = Math.min(3000, 400_000 / table.entries);
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
                            table.unhookIfEmpty(address);
                            assertEquals(PTE, table.get(address), "lost");
                            long[] hooked = table.leaf(address);
                            assertTrue(hooked != null);
                            Leaf.getAndSet(hooked, table.indexOf(address), Pte.NONE);
                            table.unhookIfEmpty(address);
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
                int eighth = table.entries / 8;
                Leaf.addToCpumask(leaf, 0, 1, false);
                Leaf.addToCpumask(leaf, eighth - 1, 2, false);
                Leaf.addToCpumask(leaf, eighth, 4, true);
                Leaf.addToCpumask(leaf, table.entries - 1, 8, true);
                Leaf.addToCpumask(leaf, table.entries - 1, 8, true);
                assertEquals(3, Leaf.cpumask(leaf, 0, eighth - 1));
                assertEquals(7, Leaf.cpumask(leaf, 5, eighth));
                assertEquals(4, Leaf.cpumask(leaf, eighth, 2 * eighth - 1));
                assertEquals(0, Leaf.cpumask(leaf, 2 * eighth, 7 * eighth - 1));
                assertEquals(8, Leaf.cpumask(leaf, 7 * eighth, 8 * eighth - 1));
                assertEquals(15, Leaf.cpumask(leaf, 0, table.entries - 1));
            }
        }

        @ParameterizedTest
        @MethodSource("geometries")
        @DisplayName(
                "I3: a leaf with a pending flush stays, with the tables above it, until the last one is counted off")
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
            table.unhookEmpty();
            assertTrue(table.leaf(last) == leaf);
            assertEquals(path, table.tables(), "a leaf without a pending flush has gone");
            assertFalse(Leaf.flushed(leaf), "another one is pending");
            table.unhookEmpty();
            assertTrue(table.leaf(last) == leaf);
            assertTrue(Leaf.flushed(leaf));
            table.unhookIfEmpty(last);
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
            table.unhookEmpty();
            assertNull(table.leaf(0));
            Leaf.deferFlush(leaf);
            assertFalse(Leaf.flushed(leaf), "it is dead");
            assertEquals(0, Leaf.pendingFlushes(leaf));
        }
    }

    @DisplayName("Page tables that are charged, counted and reserved")
    @Nested
    final class Reserves {
        private static final long PAGE = 4096;
        private static final long LEAF = 512 * PAGE;
        private static final long UPPER = 512 * LEAF;

        private final TableBudget budget = new TableBudget(10 * PAGE);
        private final PageTable table = new PageTable(Geometry.LINUX_X86_64, new TlbContext(), budget);

        private Need need(long... addresses) {
            Need need = new Need(table);
            for (long address : addresses) {
                need.add(address);
            }
            return need;
        }

        private TableReserve reserve(long... addresses) {
            return Objects.requireNonNull(need(addresses).reserve(() -> false));
        }

        @Test
        @DisplayName("A path is counted once, as far as it is missing")
        void counts() {
            assertEquals(3, need(0, 0, PAGE, LEAF - 1).tables());
            assertEquals(4, need(0, LEAF).tables());
            assertEquals(5, need(0, UPPER).tables());
            assertEquals(6, need(0, 512 * UPPER).tables());
            assertNotNull(table.leafForInstall(0));
            assertEquals(0, need(0, PAGE).tables());
            assertEquals(1, need(0, LEAF).tables());
            assertEquals(2, need(0, LEAF, LEAF, 2 * LEAF).tables());
        }

        @Test
        @DisplayName("The count of random ascending addresses agrees with the tables that they then need")
        void countsAgree() {
            Random random = new Random(11);
            for (int round = 0; round < 200; round++) {
                PageTable one = new PageTable(Geometry.LINUX_X86_64);
                int before = random.nextInt(8);
                for (int i = 0; i < before; i++) {
                    assertNotNull(one.leafForInstall(place(random)));
                }
                Set<Long> addresses = new TreeSet<>();
                for (int i = 0; i < 20; i++) {
                    addresses.add(place(random));
                }
                Need need = new Need(one);
                addresses.forEach(need::add);
                int tables = one.tables();
                addresses.forEach(one::leafForInstall);
                assertEquals(one.tables() - tables, need.tables());
            }
        }

        private static long place(Random random) {
            return (random.nextInt(3) << 9 | random.nextInt(3)) * UPPER
                    + random.nextInt(4) * LEAF
                    + random.nextInt(9) * PAGE;
        }

        @Test
        @DisplayName("A table beyond the limit is refused, and nothing is charged for it")
        void refused() {
            for (int i = 0; i < 8; i++) {
                assertNotNull(table.leafForInstall(i * LEAF));
            }
            assertEquals(10 * PAGE, budget.used());
            assertNull(table.leafForInstall(8 * LEAF));
            assertNull(need(8 * LEAF).reserve(() -> false));
            assertEquals(10 * PAGE, budget.used());
            assertEquals(10, table.tables());
            assertFalse(table.hasTableRoom());
            assertFalse(table.isAtTableLimit());
            table.unhookEmpty();
            assertEquals(0, budget.used());
            assertEquals(0, table.tables());
        }

        @Test
        @DisplayName(
                "A limit of the space, which counts the topmost table, charges the machine for nothing that is refused")
        void ownLimit() {
            table.limitTables(4 * PAGE);
            assertNotNull(table.leafForInstall(0));
            assertTrue(table.isAtTableLimit());
            assertNull(table.leafForInstall(LEAF));
            assertEquals(3 * PAGE, budget.used());
        }

        @Test
        @DisplayName("Reserved tables are charged once, linked where they are missing, and given back")
        void reserved() {
            TableReserve reserve = reserve(0, LEAF, 2 * LEAF);
            assertEquals(5, table.tables());
            assertEquals(5 * PAGE, budget.used());
            long[] first = table.leafFromReserve(0, reserve);
            assertSame(first, table.leafForInstall(0));
            table.leafFromReserve(LEAF, reserve);
            assertEquals(5, table.tables());
            reserve.close();
            reserve.close();
            assertEquals(4, table.tables());
            assertEquals(4 * PAGE, budget.used());
            assertSame(first, table.leafFromReserve(0, TableReserve.NONE));
        }

        @Test
        @DisplayName("A table that was not counted is made beyond the limit")
        void beyond() {
            TableReserve reserve = reserve(0, LEAF);
            table.limitTables(4 * PAGE);
            for (int i = 0; i < 20; i++) {
                table.leafFromReserve(i * LEAF, reserve);
            }
            reserve.close();
            assertEquals(22, table.tables());
            assertEquals(22 * PAGE, budget.used());
            table.unhookEmpty();
            assertEquals(0, budget.used());
        }

        @Test
        @DisplayName("A reservation that is stopped charges nothing")
        void stopped() {
            int[] asked = new int[1];
            assertNull(need(0, LEAF, 2 * LEAF).reserve(() -> ++asked[0] == 2));
            assertEquals(2, asked[0]);
            assertEquals(0, budget.used());
            assertEquals(0, table.tables());
        }

        @Test
        @DisplayName("The topmost table is charged to the machine only, until it is freed")
        void root() {
            assertTrue(table.chargeRoot());
            assertEquals(PAGE, budget.used());
            table.free();
            table.free();
            assertEquals(0, budget.used());
            TableBudget none = new TableBudget(0);
            PageTable refused = new PageTable(Geometry.LINUX_X86_64, new TlbContext(), none);
            assertFalse(refused.chargeRoot());
            refused.free();
            assertEquals(0, none.used());
        }

        @Test
        @DisplayName("Threads that link, reserve and unhook never exceed the limit, and leave nothing charged")
        void threads() {
            int refusals = IntStream.range(0, 4)
                    .parallel()
                    .map(seed -> steps(new Random(seed)))
                    .sum();
            assertTrue(refusals > 0, "the limit was met");
            table.unhookEmpty();
            assertEquals(0, table.tables());
            assertEquals(0, budget.used());
        }

        /** Returns how often a table was refused. */
        private int steps(Random random) {
            int refusals = 0;
            for (int step = 0; step < 20_000; step++) {
                long address = place(random);
                switch (random.nextInt(3)) {
                    case 0 -> refusals += table.leafForInstall(address) == null ? 1 : 0;
                    case 1 -> table.unhookIfEmpty(address);
                    default -> {
                        TableReserve reserve = need(address).reserve(() -> false);
                        if (reserve == null) {
                            refusals++;
                        } else {
                            reserve.close();
                        }
                    }
                }
                assertTrue(budget.used() <= budget.limit, budget::toString);
                assertTrue(table.tables() >= 0);
            }
            return refusals;
        }

        @Test
        @DisplayName("of nothing has no table, and takes none back")
        void nothing() {
            assertNull(TableReserve.NONE.take(true));
            assertNull(TableReserve.NONE.take(false));
            assertFalse(TableReserve.NONE.giveBack(new long[1]));
        }
    }

    /** The numbers of pages that leaves keep, and their sum. */
    @Nested
    final class LeafCountsTest {
        private static final long OWN = Pte.present(7, Pte.OWN | Pte.READ);
        private static final long OF_FILE = Pte.present(8, Pte.READ);
        private static final long OF_SHMEM = Pte.present(9, Pte.READ | Pte.SHMEM);
        private static final long ZERO = Pte.present(Frames.ZERO, Pte.ZERO | Pte.READ);
        private static final long LEAF = 1L << 21;

        private final PageTable table = new PageTable(Geometry.LINUX_X86_64);

        private long[] fill(long address, long pte) {
            long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
            Leaf.lock(leaf);
            try {
                assertTrue(Leaf.fill(leaf, table.indexOf(address), pte));
            } finally {
                Leaf.unlock(leaf);
            }
            return leaf;
        }

        private long[] leaf(long address) {
            return Objects.requireNonNull(table.leaf(address));
        }

        private void checkCounts(long own, long file, long shmem) {
            assertEquals(own, table.residentPages(Pte.ANONYMOUS_PAGE), "private");
            assertEquals(file, table.residentPages(Pte.FILE_PAGE), "of files");
            assertEquals(shmem, table.residentPages(Pte.SHMEM_PAGE), "of shared memory");
            assertEquals(own + file + shmem, table.residentPages());
        }

        @Test
        @DisplayName("each kind of entry, and a busy one like its page; guards and the zero page count nowhere")
        void kinds() {
            long[] leaf = fill(0, OWN);
            fill(4096, OF_FILE);
            fill(2 * 4096, OF_SHMEM);
            fill(3 * 4096, ZERO);
            fill(4 * 4096, Pte.GUARD);
            checkCounts(1, 1, 1);
            for (int i = 0; i < 5; i++) {
                long pte = Leaf.get(leaf, i);
                if (pte != Pte.GUARD) {
                    long busy = Pte.busy(pte, PageTableContexts.MOST - 1, i % 2 == 0);
                    assertEquals(PageTableContexts.MOST - 1, Pte.owner(busy));
                    assertEquals(Pte.kindOf(pte), Pte.kindOf(busy));
                    assertTrue(Leaf.claim(leaf, i, pte, busy));
                }
            }
            checkCounts(1, 1, 1);
            assertTrue(Leaf.settle(leaf, 1, Leaf.get(leaf, 1), OWN));
            checkCounts(2, 0, 1);
            Leaf.getAndSet(leaf, 2, Pte.NONE);
            assertTrue(Leaf.empty(leaf, 0, Leaf.get(leaf, 0), Pte.GUARD));
            checkCounts(1, 0, 0);
        }

        @Test
        @DisplayName("a thread with the lock and one without it count side by side, and none is lost")
        void sideBySide() throws InterruptedException {
            long[] leaf = fill(0, OWN);
            long[] kinds = {OWN, OF_FILE, OF_SHMEM};
            Thread other = new Thread(() -> {
                for (int i = 0; i < 6_000_000; i++) {
                    assertTrue(Leaf.settle(leaf, 0, kinds[i % 3], kinds[(i + 1) % 3]));
                }
            });
            other.start();
            for (int i = 0; other.isAlive() || i < 6_000_000; i++) {
                Leaf.lock(leaf);
                Leaf.fill(leaf, 1, kinds[i % 3]);
                Leaf.unlock(leaf);
                Leaf.lock(leaf);
                Leaf.getAndSet(leaf, 1, Pte.NONE);
                Leaf.unlock(leaf);
            }
            other.join();
            checkCounts(1, 0, 0);
        }

        @Test
        @DisplayName("the sum is that of all leaves, and an unhooked table takes nothing with it")
        void sum() {
            long far = 1L << 46;
            for (int i = 0; i < 70; i++) {
                fill(i * LEAF, OWN);
                fill(far + i * LEAF * 600, OF_SHMEM);
            }
            checkCounts(70, 0, 70);
            for (int i = 0; i < 70; i += 2) {
                long[] leaf = leaf(i * LEAF);
                Leaf.lock(leaf);
                Leaf.getAndSet(leaf, 0, Pte.NONE);
                Leaf.unlock(leaf);
                table.unhookIfEmpty(i * LEAF);
            }
            checkCounts(35, 0, 70);
            fill(0, OF_FILE);
            checkCounts(35, 1, 70);
        }

        @Test
        @DisplayName(
                "the highest number is exact with few tables; with many, small removals miss 4 pages per table at most")
        void peak() {
            long[] leaf = fill(0, OWN);
            fill(4096, OWN);
            table.beforeRemoval(1);
            Leaf.getAndSet(leaf, 0, Pte.NONE);
            assertEquals(2, table.peakPages(), "few tables");
            for (int i = 1; i < 100; i++) {
                fill(i * LEAF, OWN);
            }
            assertEquals(100, table.peakPages(), "at a read");
            long due = 4L * table.tables();
            table.beforeRemoval(due);
            for (int i = 1; i < 100; i++) {
                fill(i * LEAF + 4096, OWN);
                table.beforeRemoval(1);
                Leaf.getAndSet(leaf(i * LEAF), 0, Pte.NONE);
            }
            for (int i = 1; i < 100; i++) {
                fill(i * LEAF, OWN);
            }
            long highest = table.residentPages();
            table.beforeRemoval(due);
            for (int i = 1; i < 100; i++) {
                Leaf.getAndSet(leaf(i * LEAF), 0, Pte.NONE);
            }
            assertEquals(199, highest);
            assertEquals(highest, table.peakPages(), "a large removal");
        }

        @Test
        @DisplayName("in parts the first removal notes the highest number, whatever it removes; a division does not")
        void peakInParts() {
            for (int i = 0; i < 100; i++) {
                fill(i * LEAF, OWN);
            }
            table.setInParts(true);
            Leaf.getAndSet(leaf(0), 0, Pte.NONE);
            assertEquals(99, table.peakPages(), "at the division");
            table.beforeRemoval(1);
            Leaf.getAndSet(leaf(LEAF), 0, Pte.NONE);
            assertEquals(99, table.peakPages(), "at the first removal");
            for (int i = 0; i < 100; i++) {
                fill(i * LEAF + 4096, OWN);
            }
            table.beforeRemoval(1000);
            for (int i = 0; i < 100; i++) {
                Leaf.getAndSet(leaf(i * LEAF), 1, Pte.NONE);
            }
            assertEquals(99, table.peakPages(), "at a later removal");
            table.setInParts(false);
            fill(0, OWN);
            fill(4096, OWN);
            table.beforeRemoval(1000);
            Leaf.getAndSet(leaf(0), 0, Pte.NONE);
            assertEquals(100, table.peakPages(), "in the whole");
        }
    }

    /** The page table contexts of a machine: owned by threads, and lent. */
    @Nested
    final class Contexts {
        private final MachineMemory memory = SmallMemory.of(100);

        @Test
        @DisplayName("the reader of a context has the name of the thread that owns it now, if there is one")
        void readerNames() {
            PageTableContext context = memory.contexts.newContext("cpu 1", OwnedCpu.owner());
            assertEquals("cpu 1 of thread " + Thread.currentThread().getName(), context.reader.name());
            context.reader.ownedBy(null);
            assertEquals("cpu 1", context.reader.name());
            Thread next = new Thread(() -> {}, "next");
            context.reader.ownedBy(next);
            assertEquals("cpu 1 of thread next", context.reader.name());
            memory.contexts.discard(context);
        }

        @Test
        @DisplayName("a context that is given up again does not give up the number of another one")
        void discardedTwice() {
            PageTableContext first = memory.contexts.newContext("first");
            int number = first.owner;
            memory.contexts.discard(first);
            memory.contexts.discard(first);
            PageTableContext second = memory.contexts.newContext("second");
            assertEquals(number, second.owner);
            memory.contexts.discard(first);
            PageTableContext third = memory.contexts.newContext("third");
            assertNotEquals(second.owner, third.owner);
            memory.contexts.discard(second);
            memory.contexts.discard(third);
        }

        @Test
        @DisplayName("the number that is free for the longest time comes next, also if there are many")
        void numbers() {
            List<PageTableContext> contexts = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                contexts.add(memory.contexts.newContext("context " + i));
            }
            for (int i = 0; i < 40; i += 3) {
                memory.contexts.discard(contexts.get(i));
            }
            for (int i = 0; i < 40; i += 3) {
                assertEquals(contexts.get(i).owner, memory.contexts.register());
            }
            assertEquals(40, memory.contexts.register());
        }

        @Test
        @DisplayName("the context of a thread that has ended is given back once, when the next thread needs a context")
        void contextsOfTheDead() throws InterruptedException {
            PageTableContext living = memory.contexts.newContext("living", OwnedCpu.owner());
            List<PageTableContext> left = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                Thread dead = new Thread(() -> {
                    synchronized (left) {
                        PageTableContext context = memory.contexts.newContext("dead", OwnedCpu.owner());
                        memory.frames.drop(memory.frames.allocate(context.magazine), context.magazine);
                        left.add(context);
                    }
                });
                dead.start();
                dead.join();
            }
            assertEquals(left.get(0).owner, left.get(1).owner, "the second has the context that the first has left");
            assertEquals(left.get(0).owner, left.get(2).owner);
            PageTableContext next = memory.contexts.newContext("next", OwnedCpu.owner());
            assertEquals(left.get(0).owner, next.owner);
            assertNotEquals(living.owner, next.owner);
            PageTableContext other = memory.contexts.newContext("other", OwnedCpu.owner());
            assertNotEquals(next.owner, other.owner, "nothing was given back twice");
            assertNotEquals(living.owner, other.owner);
            memory.contexts.discard(next);
            memory.contexts.discard(other);
            memory.contexts.discard(living);
            assertEquals(0, memory.frames.inUse());
            memory.rcu.synchronize();
        }

        @Test
        @DisplayName("a context whose owner cannot be noted for want of memory is lent to others, and no CPU ends it")
        void withoutOwner() {
            Map<PageTableContext, CpuOwner> noted = new ConcurrentHashMap<>() {
                private static final long serialVersionUID = 1;

                @Override
                public CpuOwner put(PageTableContext context, CpuOwner owner) {
                    super.put(context, owner);
                    throw new OutOfMemoryError("after the context has come into the map");
                }
            };
            memory.contexts.keepOwnersIn(noted);
            CpuOwner refused = OwnedCpu.owner();
            assertThrows(OutOfMemoryError.class, () -> memory.contexts.newContext("refused", refused));
            PageTableContext lent = memory.contexts.borrow();
            assertEquals(0, lent.owner);
            OwnedCpu.lose(refused);
            assertThrows(OutOfMemoryError.class, () -> memory.contexts.newContext("next", OwnedCpu.owner()));
            assertEquals(2, memory.contexts.register(), "the number of the context that is lent was given to the next");
            assertEquals(Map.of(), noted);
            memory.contexts.giveBack(lent);
        }

        @Test
        @DisplayName("I9: contexts that a burst has left idle are given up, and grace periods look at them no more")
        void idleContexts() {
            int burst = 2000;
            List<PageTableContext> lent = new ArrayList<>();
            for (int i = 0; i < burst; i++) {
                lent.add(memory.contexts.borrow());
            }
            lent.forEach(memory.contexts::giveBack);
            for (int i = 0; i < burst; i++) {
                memory.contexts.giveBack(memory.contexts.borrow());
            }
            assertTrue(memory.contexts.idleCount() <= 16, () -> memory.contexts.idleCount() + " are idle");
            PageTableContext again = memory.contexts.borrow();
            assertTrue(again.owner < burst, "numbers are used again");
            memory.contexts.giveBack(again);
            assertEquals(0, memory.frames.inUse());
        }

        @Test
        @DisplayName("where no owner number is left, the resources taken for one are released")
        void noneLeft() {
            int most = 5;
            MachineMemory few = SmallMemory.withContexts(100, most);
            List<PageTableContext> lent = new ArrayList<>();
            for (PageTableContext context = few.contexts.borrowOrNull();
                    context != null;
                    context = few.contexts.borrowOrNull()) {
                lent.add(context);
            }
            assertEquals(most, lent.size());
            assertThrows(IllegalStateException.class, few.contexts::borrow);
            PageTableContext last = lent.remove(lent.size() - 1);
            few.contexts.giveBack(last);
            assertSame(last, few.contexts.borrow());
        }
    }
}
