// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;
import java.util.stream.Stream;

/** All mutants in the lists of this package. */
public final class PlantedMutants {
    private PlantedMutants() {}

    static List<PlantedMutant> all() {
        return Stream.of(
                        InventedMutants.ALL,
                        MendedBugs.ALL,
                        MissedMutants.ALL,
                        StoreMutants.ALL,
                        LazyMutants.ALL,
                        BorrowMutants.ALL,
                        ElisionMutants.ALL,
                        TableMutants.ALL,
                        DropScenarios.ALL,
                        HostFileMutants.ALL,
                        ForkMutants.ALL,
                        SecondLookMutants.ALL,
                        RunMutants.ALL)
                .flatMap(List::stream)
                .toList();
    }

    /** Returns the mutant with a name. */
    static PlantedMutant of(String name) {
        return Stream.of(all(), PlantedBugsTest.MUTANTS, SyncScenariosTest.MUTANTS)
                .flatMap(List::stream)
                .filter(planted -> planted.name().equals(name))
                .findAny()
                .orElseThrow();
    }

    /** Returns the change of a source file that plants the mutant with a name. */
    public static SourceMutant sourceMutant(String name) {
        return (SourceMutant) of(name).planting();
    }

    /** Returns how many schedules a search ran to find the mutant with a name. */
    public static int schedules(String name) {
        return of(name).figures().schedules();
    }
}
