// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.interleave.rule.RuleMutant;
import dev.samara.interleave.rule.RuleTables;
import dev.samara.testing.MutantTable;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("docs/mutants.md has the table of rules that the running kernel shows to be broken, as it is generated,")
@Tag("interleave")
final class RuleMutantsTableTest {
    private static void check(String name, List<RuleMutant> rules) {
        MutantTable table = RuleTables.table(name, rules);
        assertEquals(table.generated(), table.written(), "see docs/testing.md");
    }

    @Test
    @DisplayName("of memory calls, of files, and of another module")
    void tables() {
        check("MemoryMutants", MemoryMutants.ALL);
        check("FileMutants", FileMutants.ALL);
        assertEquals(List.of("MemoryMutants", "FileMutants", "ProgramMutants"), RuleTables.names());
    }
}
