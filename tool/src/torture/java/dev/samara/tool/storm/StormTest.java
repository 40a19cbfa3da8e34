// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class StormTest {
    private final StringWriter out = new StringWriter();

    private int run(String line) {
        return StormProgram.commandLine()
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(out))
                .execute(line.split(" ", -1));
    }

    @Test
    @DisplayName("a storm prints its plan with the seed, its counts, each rule and the totals")
    void oneGroup() {
        assertEquals(0, run("--seconds 1 --cpus 2 --seed 5 --only chains"), out::toString);
        List<String> lines = out.toString().lines().toList();
        assertTrue(lines.get(0).contains("seed=5"), lines::toString);
        assertTrue(lines.get(1).endsWith(" CPUs"), lines::toString);
        assertTrue(lines.get(2).startsWith("passed "), lines::toString);
        assertEquals("4 passed, 0 failed", lines.get(lines.size() - 1));
    }

    @Test
    @DisplayName("--all runs as many kinds of storm as there is time for, from one that the seed selects")
    void some() {
        assertEquals(0, run("--all --seconds 50 --percent 12 --seed 3 --keep-going=false"), out::toString);
        List<String> storms = out.toString()
                .lines()
                .filter(line -> line.startsWith("storm of "))
                .toList();
        assertEquals(1, storms.size());
        assertTrue(storms.get(0).contains("seconds=5, "), storms::toString);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--cpus 0", "--seconds many", "--only weather"})
    @DisplayName("a wrong command line ends with 2, and runs no storm")
    void wrongCommandLine(String line) {
        assertEquals(2, run(line), out::toString);
    }
}
