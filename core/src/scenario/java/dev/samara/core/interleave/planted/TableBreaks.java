// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.SourceBreak;
import java.util.List;

/** Mutants of the code that charges page tables. */
final class TableBreaks {
    private static final String PAGE = "dev.samara.core.internal.page.";

    private TableBreaks() {}

    static final List<PlantedBreak> ALL = List.of(
            PlantedBreak.of(
                    "tables are charged to the machine by a read and a store",
                    TableScenarios.TwoSpaces.class,
                    1,
                    PlantedBreak.found(3, "15"),
                    SourceBreak.of(
                            PAGE + "TableBudget",
                            "if (used.compareAndSet(now, now + bytes)) {",
                            "used.set(now + bytes); if (now >= 0) {")),
            PlantedBreak.of(
                    "tables are charged to the space by a read and a store",
                    TableScenarios.TwoLeaves.class,
                    1,
                    PlantedBreak.found(3, "7"),
                    SourceBreak.of(
                            PAGE + "TableCharge",
                            "} while (!tables.compareAndSet(now, now + more));",
                            "} while (now < 0); tables.set(now + more);")),
            PlantedBreak.of(
                    "a table that another thread has linked first stays charged",
                    TableScenarios.OneLeaf.class,
                    1,
                    PlantedBreak.found(3, "55"),
                    SourceBreak.of(
                            PAGE + "PageTable", "giveBack(fresh, reserve);", "if (reserve != null) reserve.close();")));
}
