// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** Mutants of the code that charges page tables. */
final class TableMutants {
    private static final String PAGE = "dev.samara.core.internal.page.";

    private TableMutants() {}

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.of(
                    "tables are charged to the machine by a read and a store",
                    TableScenarios.TwoSpaces.class,
                    1,
                    PlantedMutant.found(3, "15"),
                    SourceMutant.of(
                            PAGE + "TableBudget",
                            "if (used.compareAndSet(now, now + bytes)) {",
                            "used.set(now + bytes); if (now >= 0) {")),
            PlantedMutant.of(
                    "tables are charged to the space by a read and a store",
                    TableScenarios.TwoLeaves.class,
                    1,
                    PlantedMutant.found(3, "7"),
                    SourceMutant.of(
                            PAGE + "TableCharge",
                            "} while (!tables.compareAndSet(now, now + more));",
                            "} while (now < 0); tables.set(now + more);")),
            PlantedMutant.of(
                    "a table that another thread has linked first stays charged",
                    TableScenarios.OneLeaf.class,
                    1,
                    PlantedMutant.found(3, "55"),
                    SourceMutant.of(
                            PAGE + "PageTable", "giveBack(fresh, reserve);", "if (reserve != null) reserve.close();")));
}
