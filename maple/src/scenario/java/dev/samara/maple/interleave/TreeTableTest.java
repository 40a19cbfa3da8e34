// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.interleave;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.testing.MutantTable;
import dev.samara.testing.Project;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Checks a table whose numbers of schedules come from long runs. */
@DisplayName("docs/interleavings.md has the table that is generated from the declarations")
@Tag("interleave")
final class TreeTableTest {
    private static final MutantTable TABLE = new MutantTable(
            Project.root().resolve("docs/interleavings.md"),
            "TreeScenariosTest",
            List.of("planted", "scenario", "schedules", "unchanged"),
            TreeScenariosTest.MUTANTS.stream()
                    .map(of -> List.of(
                            of.name(),
                            '`' + of.scenario().getSimpleName() + '`',
                            "" + of.schedules(),
                            "" + of.unchanged()))
                    .toList());

    @Test
    @DisplayName("of the mutants of the tree")
    void generated() {
        assertEquals(TABLE.generated(), TABLE.written(), "see docs/testing.md");
    }
}
