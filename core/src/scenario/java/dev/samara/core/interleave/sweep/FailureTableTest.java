// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.testing.MutantTable;
import dev.samara.testing.Project;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The numbers of runs are those of long runs. */
@DisplayName("docs/interleavings.md has the table that is generated from the declarations")
@Tag("interleave")
final class FailureTableTest {
    private static final MutantTable TABLE = new MutantTable(
            Project.root().resolve("docs/interleavings.md"),
            "FailurePlantedTest",
            List.of("planted", "operation", "failure", "runs"),
            FailurePlantedTest.ALL.stream()
                    .filter(planted -> !planted.row().isEmpty())
                    .map(planted -> Stream.concat(Stream.of(planted.name()), planted.row().stream())
                            .toList())
                    .toList());

    @Test
    @DisplayName("of the mutants that failures find")
    void generated() {
        assertEquals(TABLE.generated(), TABLE.written(), "see docs/testing.md");
    }
}
