// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every word that is shared by more than a lock has its line in the table of docs/concurrency.md. */
class ConcurrencyTableTest {

    private static final Path BASE = Path.of(System.getProperty("basedir", ""));

    private static final Pattern SHARED =
            Pattern.compile("(?m)^.*\\b(?:VarHandle|volatile)\\b[^;(]*?(\\w+)(?: =.*)?;$");
    private static final Pattern HANDLE = Pattern.compile("findVarHandle\\((\\w+)\\.class, \"(\\w+)\"");
    private static final Pattern ROW = Pattern.compile("(?m)^#### (`.*): (`.*)$");

    /** Class and word, or class and handle, of every heading of a section. */
    private static Set<String> rows(String page) {
        int from = page.indexOf("\n## maple\n");
        int to = page.indexOf("\n## ", from + 1);
        Set<String> rows = new TreeSet<>();
        Matcher row = ROW.matcher(page.substring(from, to));
        while (row.find()) {
            for (String type : names(row.group(2))) {
                names(row.group(1)).forEach(word -> rows.add(type + "." + word));
            }
        }
        return rows;
    }

    private static List<String> names(String cell) {
        return Pattern.compile("`(\\w+)`")
                .matcher(cell)
                .results()
                .map(m -> m.group(1))
                .toList();
    }

    private static Set<String> sharedWords(String type, String source) {
        Set<String> words = new TreeSet<>();
        Matcher field = SHARED.matcher(source);
        while (field.find()) {
            if (!field.group().startsWith("import")) {
                words.add(type + "." + field.group(1));
            }
        }
        Matcher handle = HANDLE.matcher(source);
        while (handle.find()) {
            words.add(handle.group(1) + "." + handle.group(2));
        }
        return words;
    }

    @Test
    void everySharedWordIsInTheTable() throws IOException {
        Set<String> rows = rows(Files.readString(BASE.resolve("../docs/concurrency.md")));
        Set<String> shared = new TreeSet<>();
        try (Stream<Path> files = Files.walk(BASE.resolve("src/main/java"))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
                String name = file.getFileName().toString();
                shared.addAll(sharedWords(name.substring(0, name.length() - 5), Files.readString(file)));
            }
        }
        assertTrue(shared.contains("PublishedRoot.root"), shared.toString());
        assertTrue(shared.contains("PublishedRoot.ROOT"), shared.toString());
        shared.removeAll(rows);
        assertEquals(Set.of(), shared, "not in docs/concurrency.md");
    }

    @Test
    void wordsAreFoundInSources() {
        String source = """
                    private static final VarHandle A;
                    volatile int b = 3;
                    int c;
                import java.lang.invoke.VarHandle;
                    l.findVarHandle(X.class, "d", int.class);
                """;
        assertEquals(Set.of("X.A", "X.b", "X.d"), sharedWords("X", source));
        assertFalse(rows("\n## maple\n#### `a`, `b`: `X`\n\nz\n## core\n#### `c`: `X`\n")
                .contains("X.c"));
        assertEquals(Set.of("X.a", "X.b"), rows("\n## maple\n#### `a`, `b`: `X`\n\nz\n## core\n#### `c`: `X`\n"));
    }
}
