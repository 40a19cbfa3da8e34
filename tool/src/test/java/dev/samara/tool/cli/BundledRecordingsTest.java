// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Explored;
import dev.samara.tool.Recordings;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Replays the recordings of a real kernel that are bundled with the tests. */
@Explored(3)
@Tag("comparison")
final class BundledRecordingsTest {
    private static final String ALL_TRACES = "31 passed, 0 failed";

    @ParameterizedTest
    @ValueSource(strings = {"", "--placement --readers=2", "--touch --cpus=4 --placement --readers=2"})
    @DisplayName("every trace passes, in both modes of placement, with and without readers")
    void tracesPass(String options) {
        List<Object> words = new ArrayList<>(List.of("replay"));
        words.addAll(options.isEmpty() ? List.of() : List.of(options.split(" ", -1)));
        words.add(Recordings.bundled("traces"));
        ToolRun run = ToolRun.of(words.toArray());
        assertEquals(List.of(), run.differences());
        assertEquals(List.of(), run.err());
        assertEquals(ALL_TRACES, run.lastLine());
        assertEquals(0, run.status());
        String rate = run.out().get(run.out().size() - 2);
        assertTrue(rate.matches("[0-9,]+ operations in [0-9.]+ s, [0-9,]+ operations per second"), rate);
    }

    @Test
    @DisplayName("with readers the number of lookups is told, and none of them was wrong")
    @Explored(1)
    void lookupsAreCounted() {
        ToolRun run = ToolRun.of("replay", "--readers", "2", Recordings.bundled("traces/gcc"));
        String counts = run.out().get(run.out().size() - 3);
        assertTrue(counts.matches("[0-9,]+ lookups, [0-9,]+ of them overlapped a write"), counts);
        long lookups = Long.parseLong(counts.substring(0, counts.indexOf(' ')).replace(",", ""));
        assertTrue(lookups >= 2 * 4 * 1_000, counts);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--cpus=4", "--cpus=40"})
    @DisplayName("random operations pass in every mode: layouts alone, with contents, with forks")
    void oracle(String cpus) {
        ToolRun run = ToolRun.of("oracle", cpus, Recordings.bundled("oracle"));
        assertEquals(List.of(), run.differences());
        assertEquals("18 passed, 0 failed", run.lastLine());
        assertEquals(0, run.status());
    }
}
