// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
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

/** Every word of core that threads share has its line in docs/concurrency.md. */
class ConcurrencyTableTest {
    private static final Path BASE = Path.of(System.getProperty("basedir", ""));

    private static final Pattern SHARED = Pattern.compile(
            "(?m)^ +private (?:static )?(?:final )?(?:volatile \\S+|VarHandle|Atomic\\w+(?:<.*>)?) (\\w+)(?: =.*)?;$");

    private static Set<String> sharedWords() throws IOException {
        Set<String> words = new TreeSet<>();
        try (Stream<Path> files = Files.walk(BASE.resolve("src/main/java"))) {
            List<Path> sources =
                    files.filter(file -> file.toString().endsWith(".java")).toList();
            for (Path source : sources) {
                String type = source.getFileName().toString().replace(".java", "");
                Matcher field = SHARED.matcher(Files.readString(source));
                while (field.find()) {
                    words.add("| `" + field.group(1) + "` | `" + type + "` |");
                }
            }
        }
        return words;
    }

    @Test
    void everySharedWordHasALine() throws IOException {
        String page = Files.readString(BASE.resolve("../docs/concurrency.md"));
        String section = page.substring(page.indexOf("\n## core\n"), page.indexOf("\n## examples\n"));
        Set<String> words = sharedWords();
        assertTrue(words.contains("| `brk` | `Layout` |"), words::toString);
        assertTrue(words.contains("| `committed` | `Host` |"), words::toString);
        words.removeIf(section::contains);
        assertEquals(Set.of(), words, "without a line in docs/concurrency.md");
    }
}
