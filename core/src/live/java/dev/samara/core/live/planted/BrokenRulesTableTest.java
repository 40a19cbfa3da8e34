// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.interleave.rule.BrokenRule;
import dev.samara.interleave.rule.RuleTables;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("docs/breaks.md has a row for each rule that the running kernel shows to be broken,")
@Tag("interleave")
final class BrokenRulesTableTest {
    private static List<String> names(List<BrokenRule> rules) {
        return rules.stream().map(BrokenRule::name).toList();
    }

    @Test
    @DisplayName("in the order of the lists")
    void tables() {
        assertEquals(names(MemoryBreaks.ALL), RuleTables.names("Memory calls:"));
        assertEquals(names(FileBreaks.ALL), RuleTables.names("Files of the host:"));
    }
}
