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
    @ValueSource(strings = {"", "--placement", "--touch --cpus=4 --placement"})
    @DisplayName("every trace passes, in both modes of placement, and with readers, of whose lookups none is wrong")
    void tracesPass(String options) {
        List<Object> words = new ArrayList<>(options.isEmpty() ? List.of() : List.of(options.split(" ", -1)));
        words.add(Recordings.bundled("traces"));
        ToolRun run = options.isEmpty()
                ? ToolRun.of("replay", Recordings.bundled("traces"))
                : ToolRun.besideReaders(words.toArray());
        assertEquals(List.of(), run.differences());
        assertEquals(List.of(), run.err());
        assertTrue(run.out().contains(ALL_TRACES), run.out()::toString);
        assertEquals(0, run.status());
    }

    @Test
    @DisplayName("the rate is printed, and with readers the number of lookups")
    @Explored(1)
    void lookupsAreCounted() {
        ToolRun run = ToolRun.besideReaders("--readers", "2", Recordings.bundled("traces/gcc"));
        String rate = run.out().get(run.out().size() - 3);
        assertTrue(rate.matches("[0-9,]+ operations in [0-9.]+ s, [0-9,]+ operations per second"), rate);
        String counts = run.lastLine();
        assertTrue(counts.matches("[0-9,]+ lookups, [0-9,]+ of them overlapped a write"), counts);
        long lookups = Long.parseLong(counts.substring(0, counts.indexOf(' ')).replace(",", ""));
        assertTrue(lookups >= 2 * 4 * 1_000, counts);
    }
}
