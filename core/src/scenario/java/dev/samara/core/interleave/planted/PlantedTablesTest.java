// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/** The numbers of schedules are those of long runs. */
@DisplayName("docs/interleavings.md has a row for each break of")
@Tag("interleave")
final class PlantedTablesTest {
    private static final Path PAGE = Path.of(System.getProperty("basedir", ""), "..", "docs", "interleavings.md");

    private static final Map<String, List<PlantedBreak>> LISTS = Map.of(
            "InventedBreaks", InventedBreaks.ALL,
            "MendedBugs", MendedBugs.ALL,
            "MissedBreaks", MissedBreaks.ALL,
            "TableBreaks", TableBreaks.ALL,
            "StoreBreaks", StoreBreaks.ALL,
            "BorrowBreaks", BorrowBreaks.ALL,
            "DropScenarios", DropScenarios.ALL,
            "HostFileBreaks", HostFileBreaks.ALL,
            "SecondLookBreaks", SecondLookBreaks.ALL,
            "RunBreaks", RunBreaks.ALL);

    /** Returns the names and bounds of the table whose introduction starts a parenthesis with the list's name. */
    private static List<String> rows(List<String> lines, String list) {
        int at = 0;
        while (at < lines.size() && !lines.get(at).contains("(`" + list + "`")) {
            at++;
        }
        while (at < lines.size() && !lines.get(at).startsWith("|---")) {
            at++;
        }
        assertTrue(at < lines.size(), () -> "no table of " + list);
        List<String> rows = new ArrayList<>();
        for (String line : lines.subList(at + 1, lines.size())) {
            if (!line.startsWith("|")) {
                return rows;
            }
            String[] cells = line.split(" \\| ", -1);
            rows.add(cells[0].substring("| ".length()) + ", " + cells[1]);
        }
        return rows;
    }

    private static String row(PlantedBreak planted) {
        String mode = planted.mode() == PlantedBreak.Mode.RANDOM ? " (random)" : "";
        return planted.name() + ", " + planted.preemptions() + mode;
    }

    @TestFactory
    @DisplayName("a list, in its order, with the bound of its preemptions")
    List<DynamicTest> tables() throws IOException {
        List<String> lines = Files.readAllLines(PAGE);
        return LISTS.entrySet().stream()
                .map(list -> DynamicTest.dynamicTest(
                        list.getKey(),
                        () -> assertEquals(
                                list.getValue().stream()
                                        .map(PlantedTablesTest::row)
                                        .toList(),
                                rows(lines, list.getKey()))))
                .toList();
    }
}
