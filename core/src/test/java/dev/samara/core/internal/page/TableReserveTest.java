// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Page tables that are charged, counted and reserved")
final class TableReserveTest {
    private static final long PAGE = 4096;
    private static final long LEAF = 512 * PAGE;
    private static final long UPPER = 512 * LEAF;

    private final TableBudget budget = new TableBudget(10 * PAGE);
    private final PageTable table = new PageTable(Geometry.LINUX_X86_64, new TlbContext(), budget);

    private TableNeed need(long... addresses) {
        TableNeed need = new TableNeed(table);
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
            TableNeed need = new TableNeed(one);
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
        assertFalse(table.charge().hasRoom());
        assertFalse(table.charge().isAtLimit());
        UnhookTables.unhookEmpty(table);
        assertEquals(0, budget.used());
        assertEquals(0, table.tables());
    }

    @Test
    @DisplayName(
            "A limit of the space, which counts the topmost table, charges the machine for nothing that is refused")
    void ownLimit() {
        table.charge().limitTo(4 * PAGE);
        assertNotNull(table.leafForInstall(0));
        assertTrue(table.charge().isAtLimit());
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
        table.charge().limitTo(4 * PAGE);
        for (int i = 0; i < 20; i++) {
            table.leafFromReserve(i * LEAF, reserve);
        }
        reserve.close();
        assertEquals(22, table.tables());
        assertEquals(22 * PAGE, budget.used());
        UnhookTables.unhookEmpty(table);
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
        assertTrue(table.charge().chargeRoot());
        assertEquals(PAGE, budget.used());
        table.free();
        table.free();
        assertEquals(0, budget.used());
        TableBudget none = new TableBudget(0);
        PageTable refused = new PageTable(Geometry.LINUX_X86_64, new TlbContext(), none);
        assertFalse(refused.charge().chargeRoot());
        refused.free();
        assertEquals(0, none.used());
    }

    @Test
    @DisplayName("Threads that link, reserve and unhook never exceed the limit, and leave nothing charged")
    void threads() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Future<Integer>> ends = new ArrayList<>();
            for (int thread = 0; thread < 4; thread++) {
                Random random = new Random(thread);
                ends.add(threads.submit((Callable<Integer>) () -> steps(random)));
            }
            int refusals = 0;
            for (Future<Integer> end : ends) {
                refusals += end.get();
            }
            assertTrue(refusals > 0, "the limit was met");
        } finally {
            threads.shutdown();
        }
        UnhookTables.unhookEmpty(table);
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
                case 1 -> UnhookTables.unhookIfEmpty(table, address);
                default -> {
                    TableReserve reserve = need(address).reserve(() -> false);
                    if (reserve == null) {
                        refusals++;
                    } else {
                        reserve.close();
                    }
                }
            }
            assertTrue(budget.used() <= budget.limit(), budget::toString);
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
