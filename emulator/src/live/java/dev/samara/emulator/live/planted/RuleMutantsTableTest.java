// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.interleave.rule.RuleTables;
import dev.samara.testing.MutantTable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("docs/mutants.md has the table of rules that the running kernel shows to be broken, as it is generated,")
@Tag("interleave")
final class RuleMutantsTableTest {
    @Test
    @DisplayName("of system calls")
    void table() {
        MutantTable table = RuleTables.table("ProgramMutants", ProgramMutants.ALL);
        assertEquals(table.generated(), table.written(), "see docs/testing.md");
    }
}
