// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class StormTest {
    /** The rules of a storm on a checked machine, in printed form. */
    private static final List<String> RULES = List.of(
            "I1, I2 and I3 of each access, judged by the machine",
            "I1 one translation: no addition is lost",
            "I2 no access after return",
            "I2 no content from before a return",
            "I3 no access to a freed frame",
            "I2 a CPU tells of its flush before the call returns",
            "no content of another page or space",
            "a permitted access succeeds",
            "a child keeps the contents of its fork",
            "every thread ends, and none by an exception",
            "nothing is left after close",
            "the run met enough");

    private static final Pattern PASSED = Pattern.compile("passed (.+): ([\\d,]+) checks");

    @Test
    @DisplayName("in two seconds of storm every invariant is checked, and holds")
    void twoSeconds() {
        ToolRun run = ToolRun.of("storm", "--seconds", 2, "--cpus", 3, "--seed", 1, "--check");
        assertEquals(0, run.status(), () -> String.join("\n", run.out()));
        Map<String, String> checks = run.out().stream()
                .map(PASSED::matcher)
                .filter(Matcher::matches)
                .collect(Collectors.toMap(line -> line.group(1), line -> line.group(2)));
        assertTrue(checks.keySet().containsAll(RULES), () -> "not printed: " + missing(checks.keySet()));
        assertFalse(checks.containsValue("0"), checks::toString);
        assertEquals(checks.size() + " passed, 0 failed", run.lastLine());
    }

    @Test
    @DisplayName("--json writes one document, with each invariant, its checks, and what repeats the storm")
    void json() {
        ToolRun run = ToolRun.of("storm", "--seconds", 1, "--cpus", 2, "--seed", 5, "--only", "chains", "--json");
        assertEquals(0, run.status(), run.out()::toString);
        JsonObject document = run.json();
        assertEquals(5, document.get("seed").getAsLong());
        assertEquals(0, document.get("failed").getAsInt());
        JsonArray rules = document.getAsJsonArray("rules");
        assertEquals(document.get("passed").getAsInt(), rules.size());
        rules.forEach(rule -> {
            assertEquals("passed", rule.getAsJsonObject().get("status").getAsString(), rule::toString);
            assertTrue(rule.getAsJsonObject().get("checks").getAsLong() > 0, rule::toString);
        });
    }

    private static List<String> missing(Set<String> printed) {
        return RULES.stream().filter(rule -> !printed.contains(rule)).toList();
    }
}
