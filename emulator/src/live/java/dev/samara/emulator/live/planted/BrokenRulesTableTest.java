// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.interleave.rule.BrokenRule;
import dev.samara.interleave.rule.RuleTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("docs/breaks.md has a row for each rule of system calls that the running kernel shows to be broken,")
@Tag("interleave")
final class BrokenRulesTableTest {
    @Test
    @DisplayName("in the order of the list")
    void table() {
        assertEquals(ProgramBreaks.ALL.stream().map(BrokenRule::name).toList(), RuleTables.names("System calls:"));
    }
}
