// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lincheck;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.interleave.planted.PlantedMutants;
import dev.samara.testing.MutantTable;
import dev.samara.testing.Project;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("docs/interleavings.md has the table that is generated from the declarations")
@Tag("lincheck")
final class SecondOpinionTableTest {
    private static final MutantTable TABLE = new MutantTable(
            Project.root().resolve("docs/interleavings.md"),
            "SecondOpinions",
            List.of("planted", "calls", "scheduler: schedules", "Lincheck"),
            SecondOpinions.ALL.stream()
                    .map(opinion -> List.of(
                            opinion.name(), opinion.shown(), "" + PlantedMutants.schedules(opinion.name()), "found"))
                    .toList());

    @Test
    @DisplayName("of the mutants that Lincheck finds, too")
    void generated() {
        assertEquals(TABLE.generated(), TABLE.written(), "see docs/testing.md");
    }
}
