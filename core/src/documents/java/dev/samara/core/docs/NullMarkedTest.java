// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class NullMarkedTest {
    private static final Pattern EXPORTED = Pattern.compile("(?m)^ *exports ([a-z.]+);");

    @ParameterizedTest
    @ValueSource(strings = {"maple", "core"})
    @DisplayName("each exported package is @NullMarked itself: Kotlin does not read that of a module")
    void packages(String module) throws IOException {
        Path sources = Path.of(System.getProperty("basedir", ""), "..", module, "src", "main", "java");
        List<String> exported = EXPORTED.matcher(Files.readString(sources.resolve("module-info.java")))
                .results()
                .map(found -> found.group(1))
                .toList();
        assertFalse(exported.isEmpty(), module);
        List<String> unmarked = exported.stream()
                .filter(name -> !isMarked(sources.resolve(Path.of(name.replace('.', '/'), "package-info.java"))))
                .toList();
        assertEquals(List.of(), unmarked);
    }

    private static boolean isMarked(Path file) {
        try {
            return Files.readString(file).contains("\n@NullMarked\npackage ");
        } catch (IOException e) {
            throw new AssertionError(file + " cannot be read", e);
        }
    }
}
