// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.interleave.planted.SyncScenariosTest.Bodies;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.TableBudget;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTable.TableReserve.Need;

/** Threads that link page tables up to the limit of a machine or a space. */
final class TableScenarios {
    private static final long AT = SpaceScenario.AT;
    private static final long LEAF = SpaceScenario.PAGE << 9;

    /** The number of tables on the path to an entry. */
    private static final int PATH = 3;

    private TableScenarios() {}

    private static PageTable table(TableBudget budget) {
        return new PageTable(SpaceScenario.LINUX, new TlbContext(), budget);
    }

    /** Two spaces on a machine that may have the tables of one path. */
    static final class TwoSpaces extends Bodies {
        private final TableBudget budget = new TableBudget(PATH * SpaceScenario.PAGE);
        private final PageTable one = table(budget);
        private final PageTable other = table(budget);
        private int linked;

        TwoSpaces() {
            thread("one", () -> linked += one.leafForInstall(AT) == null ? 0 : 1);
            thread("other", () -> linked += other.leafForInstall(AT) == null ? 0 : 1);
        }

        @Override
        public void end() {
            int tables = one.tables() + other.tables();
            assertTrue(tables <= PATH, () -> tables + " tables");
            assertTrue(linked <= 1, () -> linked + " paths");
            assertEquals(tables * SpaceScenario.PAGE, budget.used(), "bytes that are charged");
        }
    }

    /** Two threads that link one leaf each in a space that may have only one more leaf. */
    static final class TwoLeaves extends Bodies {
        private final PageTable table = new PageTable(SpaceScenario.LINUX);

        TwoLeaves() {
            table.leafForInstall(AT);
            table.limitTables((PATH + 2) * SpaceScenario.PAGE);
            thread("one", () -> table.leafForInstall(AT + LEAF));
            thread("other", () -> table.leafForInstall(AT + 2 * LEAF));
        }

        @Override
        public void end() {
            assertEquals(PATH + 1, table.tables(), "tables");
            table.unhookEmpty();
            assertEquals(0, table.tables(), "tables at the end");
        }
    }

    /**
     * A fault links a leaf, concurrently with a thread that links the same leaf from a reserve and then closes the
     * reserve.
     */
    static final class OneLeaf extends Bodies {
        private final TableBudget budget = new TableBudget(1 << 20);
        private final PageTable table = table(budget);

        OneLeaf() {
            Need need = new Need(table);
            need.add(AT);
            TableReserve reserve = need.reserve(() -> false);
            assertTrue(reserve != null && table.tables() == PATH);
            thread("fault", () -> table.leafForInstall(AT));
            thread("guard", () -> {
                table.leafFromReserve(AT, reserve);
                reserve.close();
            });
        }

        @Override
        public void end() {
            assertEquals(PATH, table.tables(), "tables");
            assertEquals(PATH * SpaceScenario.PAGE, budget.used(), "bytes that are charged");
            table.unhookEmpty();
            assertEquals(0, table.tables(), "tables at the end");
            assertEquals(0, budget.used(), "bytes at the end");
        }
    }
}
