// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A table of mutants")
final class MutantTableTest {
    private static final List<String> COLUMNS = List.of("planted", "schedules");

    private static String block(String name, String content) {
        return "before\n\n<!-- mutants: " + name + " -->\n\n" + content + "\n<!-- end of mutants -->\n\nafter\n";
    }

    private static MutantTable table(Path page, List<String> row) {
        return new MutantTable(page, "Lists", COLUMNS, List.of(row));
    }

    @Test
    @DisplayName("is compared with its block, and replaces it and nothing else")
    void replaced(@TempDir Path folder) throws IOException {
        Path page = folder.resolve("page.md");
        String others = block("Others", "| planted |\n|---|\n| other |\n");
        Files.writeString(page, block("Lists", "| planted | schedules |\n|---|---|\n| a slip | 1 |\n") + others);
        MutantTable table = table(page, List.of("a slip", "2"));
        assertEquals(List.of("Lists", "Others"), MutantTable.names(page));
        assertNotEquals(table.generated(), table.written());
        table.write();
        assertEquals(table.generated(), table.written());
        assertEquals(
                block("Lists", "| planted | schedules |\n|---|---|\n| a slip | 2 |\n") + others,
                Files.readString(page));
    }

    @Test
    @DisplayName("has a cell in each column, also an empty one")
    void cells() {
        Path page = Path.of("page.md");
        assertEquals(
                "| planted | schedules |\n|---|---|\n| a slip | |\n",
                table(page, List.of("a slip", "")).generated());
        assertThrows(IllegalArgumentException.class, () -> table(page, List.of("a slip")));
    }

    @Test
    @DisplayName("needs one block of its name")
    void oneBlock(@TempDir Path folder) throws IOException {
        Path page = folder.resolve("page.md");
        String block = block("Lists", "| planted | schedules |\n|---|---|\n");
        for (String text : List.of("", block("Other", "\n"), block + block)) {
            Files.writeString(page, text);
            assertThrows(IllegalStateException.class, table(page, List.of("a slip", "1"))::written);
        }
    }
}
