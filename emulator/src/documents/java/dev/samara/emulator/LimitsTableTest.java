// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.limit.GuestLimits;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks the table of limits in {@code docs/emulator.md}. */
final class LimitsTableTest {
    private static final Path BASE = Path.of(System.getProperty("basedir", ""));
    private static final String HEADER = "| what | limit | constant | beyond it | reached by |";

    /** A row of the table, with one component per column. */
    private record LimitRow(String what, String limit, String constant, String beyond, String test) {}

    private static List<LimitRow> rows() throws IOException {
        List<LimitRow> rows = new ArrayList<>();
        boolean isInside = false;
        for (String line : Files.readAllLines(BASE.resolve("../docs/emulator.md"))) {
            if (line.equals(HEADER)) {
                isInside = true;
            } else if (isInside && !line.startsWith("|")) {
                break;
            } else if (isInside && !line.startsWith("|---")) {
                String[] cells = line.split("\\s*\\|\\s*", -1);
                rows.add(new LimitRow(cells[1], cells[2], cells[3].replace("`", ""), cells[4], cells[5]));
            }
        }
        return rows;
    }

    private static Map<String, Long> constants() throws IllegalAccessException {
        Map<String, Long> constants = new TreeMap<>();
        for (Field each : GuestLimits.class.getFields()) {
            assertTrue(Modifier.isStatic(each.getModifiers()), each.getName());
            constants.put(each.getName(), each.getLong(null));
        }
        return constants;
    }

    @Test
    @DisplayName("each constant has a row, with its number")
    void numbers() throws Exception {
        Map<String, Long> documented = new TreeMap<>();
        for (LimitRow row : rows()) {
            if (!row.constant.isEmpty()) {
                String number = row.limit.split(" ", 2)[0].replace(",", "");
                documented.put(row.constant, Long.parseLong(number));
            }
        }
        assertEquals(constants(), documented);
    }

    @Test
    @DisplayName("each row says what is beyond the limit, and each test that it names exists")
    void tests() throws Exception {
        String parts = Files.readString(BASE.resolve("src/test/riscv/limits.c"));
        List<LimitRow> rows = rows();
        assertFalse(rows.isEmpty());
        for (LimitRow row : rows) {
            assertFalse(row.beyond.isEmpty(), row.what);
            for (String test : row.test.isEmpty()
                    ? new String[0]
                    : row.test.replace("`", "").split(", ", -1)) {
                boolean isPart = test.startsWith("limits ") && parts.contains("{\"" + test.substring(7) + "\",");
                assertTrue(isPart || isTestClass(test), row.what + ": there is no test " + test);
            }
            assertTrue(row.constant.isEmpty() || !row.test.isEmpty(), row.what + " has a limit and no test");
        }
    }

    private static boolean isTestClass(String name) throws IOException {
        try (Stream<Path> files = Files.walk(BASE.resolve("src"))) {
            return files.anyMatch(file -> file.endsWith(name + ".java"));
        }
    }
}
