// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.SourceBreak;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** All mutants in the lists of this package. */
public final class PlantedBreaks {
    private PlantedBreaks() {}

    static List<PlantedBreak> all() {
        return Stream.of(
                        InventedBreaks.ALL,
                        MendedBugs.ALL,
                        MissedBreaks.ALL,
                        StoreBreaks.ALL,
                        LazyBreaks.ALL,
                        BorrowBreaks.ALL,
                        ElisionBreaks.ALL,
                        TableBreaks.ALL,
                        DropScenarios.ALL,
                        HostFileBreaks.ALL,
                        SecondLookBreaks.ALL,
                        RunBreaks.ALL)
                .flatMap(List::stream)
                .toList();
    }

    /** Returns the mutant with a name. */
    static PlantedBreak of(String name) {
        return Stream.of(all(), PlantedBugsTest.BREAKS, SyncScenariosTest.BREAKS)
                .flatMap(List::stream)
                .filter(planted -> planted.name().equals(name))
                .findAny()
                .orElseThrow();
    }

    /** Returns the change of a source file that plants the mutant with a name. */
    public static SourceBreak sourceBreak(String name) {
        return (SourceBreak) of(name).planting();
    }

    /** Returns how many schedules a search ran to find the mutant with a name. */
    public static int schedules(String name) {
        return Objects.requireNonNull(of(name).figures()).schedules();
    }
}
