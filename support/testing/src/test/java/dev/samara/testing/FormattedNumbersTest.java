// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** In some languages, a number is formatted with other digits, or with a comma in place of the point. */
@DisplayName("A number is formatted, and the case of a text is changed, with a named locale, not with the machine's")
final class FormattedNumbersTest {
    /** A call with a format and without a locale, or the end of a text that is formatted. */
    private static final Pattern CALL =
            Pattern.compile("(?<format>String\\.format|printf)\\((?!\\s*Locale)|(?<text>\"\\s*\\.formatted\\()"
                    + "|to(?:Upper|Lower)Case\\(\\)");

    private static final Pattern NUMBER = Pattern.compile("%[-#+ 0,(]*\\d*(?:\\.\\d+)?[dfeg]");

    private static boolean dependsOnLocale(String source, Matcher call) {
        if (call.group("format") != null) {
            int end = source.indexOf(';', call.end());
            return NUMBER.matcher(source.substring(call.end(), end)).find();
        }
        if (call.group("text") != null) {
            int start = source.lastIndexOf(';', call.start());
            String statement = source.substring(start + 1, call.start());
            return !statement.contains("Locale.") && NUMBER.matcher(statement).find();
        }
        return true;
    }

    private static List<String> places(String source) {
        List<String> places = new ArrayList<>();
        Matcher call = CALL.matcher(source);
        while (call.find()) {
            if (dependsOnLocale(source, call)) {
                places.add("line "
                        + (1
                                + source.substring(0, call.start())
                                        .chars()
                                        .filter(c -> c == '\n')
                                        .count()));
            }
        }
        return places;
    }

    @Test
    void sources() {
        List<String> found = new ArrayList<>();
        int sources = 0;
        for (Path module : Project.modules()) {
            for (Path file : Project.files(module.resolve("src"), ".java")) {
                sources++;
                if (!file.endsWith("FormattedNumbersTest.java")) {
                    places(Project.read(file))
                            .forEach(place -> found.add(Project.root().relativize(file) + ", " + place));
                }
            }
        }
        assertTrue(sources > 1000, "sources: " + sources);
        assertEquals(List.of(), found);
    }

    @Test
    @DisplayName("and the check finds those that are not")
    void finds() {
        assertEquals(List.of("line 1", "line 3", "line 5", "line 6"), places("""
                        String.format("%d", 1);
                        String.format(Locale.ROOT, "%d", 1); String.format("%x", 1);
                        out.printf(
                            "%,.2f", 1.0);
                        x("%5d".formatted(1)); y("%s".formatted(2));
                        name.toUpperCase();
                        """));
    }
}
