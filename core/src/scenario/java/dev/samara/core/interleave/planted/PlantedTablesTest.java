// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.testing.MutantTable;
import dev.samara.testing.Project;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The numbers of schedules are those of long runs. */
@DisplayName("docs/interleavings.md has the table that is generated from the declarations of")
@Tag("interleave")
final class PlantedTablesTest {
    private static final Path PAGE = Project.root().resolve("docs/interleavings.md");

    /** The tables of other modules and packages. */
    private static final List<String> OTHERS = List.of("FailurePlantedTest", "SecondOpinions", "TreeScenariosTest");

    private static final Map<String, List<PlantedMutant>> LISTS = Map.ofEntries(
            Map.entry("InventedMutants", InventedMutants.ALL),
            Map.entry("MendedBugs", MendedBugs.ALL),
            Map.entry("MissedMutants", MissedMutants.ALL),
            Map.entry("TableMutants", TableMutants.ALL),
            Map.entry("StoreMutants", StoreMutants.ALL),
            Map.entry("LazyMutants", LazyMutants.ALL),
            Map.entry("BorrowMutants", BorrowMutants.ALL),
            Map.entry("ElisionMutants", ElisionMutants.ALL),
            Map.entry("DropScenarios", DropScenarios.ALL),
            Map.entry("HostFileMutants", HostFileMutants.ALL),
            Map.entry("SecondLookMutants", SecondLookMutants.ALL),
            Map.entry("ForkMutants", ForkMutants.ALL),
            Map.entry("RunMutants", RunMutants.ALL));

    /** Lists of few mutants, whose tables name the scenarios, too. */
    private static final Map<String, List<PlantedMutant>> WITH_SCENARIOS = Map.of(
            "DistrictLimitScenariosTest", DistrictLimitScenariosTest.MUTANTS,
            "DistrictScenariosTest",
                    Stream.concat(DistrictScenariosTest.MUTANTS.stream(), DistrictScenariosTest.RARE.stream())
                            .toList(),
            "BorderScenariosTest", BorderScenariosTest.MUTANTS);

    private static MutantTable table(String name, List<PlantedMutant> list) {
        List<List<String>> rows = list.stream()
                .map(planted -> List.of(
                        planted.name(),
                        planted.preemptions() + (planted.mode() == PlantedMutant.Mode.RANDOM ? " (random)" : ""),
                        "" + planted.figures().schedules(),
                        planted.figures().unchanged()))
                .toList();
        return new MutantTable(PAGE, name, List.of("planted", "preemptions", "schedules", "unchanged"), rows);
    }

    /** Returns a table with one row for each name, regardless of how many scenarios find the mutant. */
    private static MutantTable tableWithScenarios(String name, List<PlantedMutant> list) {
        Map<String, List<PlantedMutant>> byName = list.stream()
                .collect(Collectors.groupingBy(PlantedMutant::name, LinkedHashMap::new, Collectors.toList()));
        List<List<String>> rows = new ArrayList<>();
        byName.forEach((said, mutants) -> rows.add(List.of(
                said,
                each(mutants, planted -> '`' + planted.scenario().getSimpleName() + '`'),
                each(mutants, planted -> "" + planted.preemptions()),
                each(mutants, planted -> "" + planted.figures().schedules()),
                each(mutants, planted -> planted.figures().unchanged()))));
        return new MutantTable(
                PAGE, name, List.of("planted", "scenario", "preemptions", "schedules", "unchanged"), rows);
    }

    /** Returns a property of all mutants, only once if it is equal for all. */
    private static String each(List<PlantedMutant> mutants, Function<PlantedMutant, String> said) {
        List<String> all = mutants.stream().map(said).toList();
        return all.stream().distinct().count() == 1 ? all.get(0) : String.join(", ", all);
    }

    /** Returns a table of mutants whose unchanged schedules were not counted. */
    private static <B> MutantTable shortTable(
            String name, List<B> list, Function<B, String> said, ToIntFunction<B> preemptions, ToIntFunction<B> found) {
        List<List<String>> rows = list.stream()
                .map(planted -> List.of(
                        said.apply(planted), "" + preemptions.applyAsInt(planted), "" + found.applyAsInt(planted)))
                .toList();
        return new MutantTable(PAGE, name, List.of("planted", "preemptions", "schedules"), rows);
    }

    private static MutantTable shortTable(String name, List<PlantedMutant> list) {
        return shortTable(
                name,
                list,
                PlantedMutant::name,
                PlantedMutant::preemptions,
                of -> of.figures().schedules());
    }

    private static Stream<MutantTable> tables() {
        Stream<MutantTable> own = Stream.of(
                shortTable("PlantedBugsTest", PlantedBugsTest.MUTANTS),
                shortTable(
                        "GroundMutantsTest",
                        GroundMutantsTest.MUTANTS,
                        GroundMutantsTest.GroundMutant::name,
                        GroundMutantsTest.GroundMutant::preemptions,
                        GroundMutantsTest.GroundMutant::schedules),
                shortTable(
                        "ReapMutantsTest",
                        ReapMutantsTest.MUTANTS,
                        ReapMutantsTest.ReapMutant::name,
                        ReapMutantsTest.ReapMutant::preemptions,
                        ReapMutantsTest.ReapMutant::schedules),
                shortTable("SyncScenariosTest", SyncScenariosTest.MUTANTS));
        return Stream.of(
                        own,
                        LISTS.entrySet().stream().map(list -> table(list.getKey(), list.getValue())),
                        WITH_SCENARIOS.entrySet().stream()
                                .map(list -> tableWithScenarios(list.getKey(), list.getValue())))
                .flatMap(Function.identity());
    }

    @TestFactory
    @DisplayName("a list")
    Stream<DynamicTest> generated() {
        return tables().map(table -> DynamicTest.dynamicTest(
                table.name(), () -> assertEquals(table.generated(), table.written(), "see docs/testing.md")));
    }

    @Test
    @DisplayName("a list, and no other table")
    void complete() {
        assertEquals(
                Stream.concat(OTHERS.stream(), tables().map(MutantTable::name))
                        .sorted()
                        .toList(),
                MutantTable.names(PAGE).stream().sorted().toList());
    }
}
