// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.bench.report.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TablesTest {
    private static final Path PAGE = Path.of("page.md");

    @TempDir
    private Path folder;

    private static String block(String name, String content) {
        return "before\n\n<!-- figures: " + name + " -->\n" + content + "<!-- end of figures -->\n\nafter\n";
    }

    @Test
    @DisplayName("a table has a row for each structure of its file, and replaces what stands between the marks")
    void table() throws IOException {
        Files.writeString(folder.resolve("footprint.json"), """
                {"rows": [
                {"index": "guava-rwlock", "ranges": 1000, "bytes_per_range": 151.96},
                {"index": "samara", "ranges": 1000, "bytes_per_range": 35.8},
                {"index": "samara", "ranges": 100000, "bytes_per_range": 1234.5},
                {"index": "samara-reader", "ranges": 1000, "bytes_per_range": 7}]}""");
        String expected = """

                Raw: [footprint.json](measurements/footprint.json).

                ![Bytes of a range, by structure and number of ranges](charts/compared-footprint.svg)

                | bytes per range, by number of ranges | 1,000 | 100,000 |
                |---|---|---|
                | Samara | 35.8 | 1,234 |
                | Guava `TreeRangeMap`, lock | 152 | - |

                """;
        String filled = TableProgram.filled(PAGE, block("compared-footprint", "old\n"), folder);
        assertEquals(block("compared-footprint", expected), filled);
        assertEquals(filled, TableProgram.filled(PAGE, filled, folder));
    }

    @Test
    @DisplayName("a table whose file does not exist is refused with the name of the file")
    void absent() {
        String text = block("compared-lookups", "| 17.6 |\n");
        String message =
                String.valueOf(assertThrows(UsageException.class, () -> TableProgram.filled(PAGE, text, folder))
                        .getMessage());
        assertTrue(message.contains("compared-lookups.json"), message);
    }

    @Test
    @DisplayName("unknown figures and marks without an end are refused with the name of the page")
    void badMarks() {
        for (String text : new String[] {block("speed", ""), "<!-- figures: compared-uses -->\nand no end\n"}) {
            String message =
                    String.valueOf(assertThrows(UsageException.class, () -> TableProgram.filled(PAGE, text, folder))
                            .getMessage());
            assertTrue(message.startsWith("page.md has a block of "), message);
        }
    }
}
