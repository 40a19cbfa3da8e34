// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The script {@code docs/models/check}, which needs {@code spin}, removes each rule that the head of a model lists.
 * This test checks these lists.
 */
@DisplayName("Each rule that a model lists can be removed from it")
@Tag("interleave")
final class ModelRulesTest {
    private static final Path MODELS =
            Path.of(System.getProperty("basedir", "")).toAbsolutePath().resolveSibling("docs/models");

    private static final Pattern LISTED = Pattern.compile("^ \\*   ([A-Z][A-Z_]*) ", Pattern.MULTILINE);
    private static final Pattern ASKED = Pattern.compile("^ *#if(?:def|ndef) (\\w+)", Pattern.MULTILINE);

    /** A size with a default value. */
    private static final Pattern DEFINED = Pattern.compile("^ *#define (\\w+)", Pattern.MULTILINE);

    static List<Path> models() throws IOException {
        try (Stream<Path> files = Files.list(MODELS)) {
            return files.filter(file -> file.toString().endsWith(".pml")).toList();
        }
    }

    private static Set<String> found(Pattern pattern, String text) {
        return pattern.matcher(text)
                .results()
                .map(result -> result.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @ParameterizedTest
    @MethodSource("models")
    @DisplayName("and no other")
    void rules(Path model) throws IOException {
        String text = Files.readString(model);
        Set<String> listed = found(LISTED, text);
        assertNotEquals(Set.of(), listed);
        Set<String> rules = found(ASKED, text);
        rules.removeAll(found(DEFINED, text));
        assertEquals(listed, rules);
    }

    @Test
    @DisplayName("the script checks each model")
    void all() throws IOException {
        String script = Files.readString(MODELS.resolve("check"));
        Set<String> named = found(Pattern.compile("\\b([\\w-]+\\.pml)\\b"), script);
        assertEquals(
                models().stream().map(model -> model.getFileName().toString()).collect(Collectors.toSet()), named);
    }
}
