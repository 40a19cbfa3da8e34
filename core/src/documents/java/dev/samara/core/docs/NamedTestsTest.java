// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Checks that documents name existing tests. Otherwise, nobody would notice that a document names a renamed test as its
 * evidence.
 */
final class NamedTestsTest {
    private static final Path ROOT = Project.root();

    /** The name of a test class, by its suffix or package, and optionally a member of it. */
    private static final Pattern NAMED = Pattern.compile("`(?:(?:stress|cpu|internal\\.cpu|torture)\\.([A-Z]\\w*)"
            + "|(\\w+(?:Test|Torture|Scenarios|Mutants)))(?:\\.(\\w+))?`");

    /** Names of members alone, after a member with its class, or after the class and a colon. */
    private static final Pattern MORE = Pattern.compile(
            "`(\\w+Test)(?:\\.\\w+`(?:,|,?\\s+and)|`:)\\s+" + "((?:`[a-z]\\w*`(?:,|,?\\s+and)\\s+)*`[a-z]\\w*`)");

    private static final Pattern MEMBER = Pattern.compile("`(\\w+)`");

    /** Returns the tests that a page names but the sources do not contain. */
    private static List<String> missing(String page, Map<String, String> sources) {
        List<String> missing = new ArrayList<>();
        Matcher named = NAMED.matcher(page);
        while (named.find()) {
            String source = sources.get(named.group(1) == null ? named.group(2) : named.group(1));
            if (source == null || !has(source, named.group(3))) {
                missing.add(named.group());
            }
        }
        Matcher more = MORE.matcher(page);
        while (more.find()) {
            String source = sources.get(more.group(1));
            Matcher member = MEMBER.matcher(more.group(2));
            while (source != null && member.find()) {
                if (!has(source, member.group(1))) {
                    missing.add(more.group(1) + " " + member.group());
                }
            }
        }
        return missing;
    }

    private static boolean has(String source, @Nullable String member) {
        return member == null
                || Pattern.compile("\\b" + member + "\\b").matcher(source).find();
    }

    /**
     * Returns the sources of tests by class name; if several modules contain the same name, their sources are
     * concatenated.
     */
    private static Map<String, String> sources() throws IOException {
        Map<String, String> sources = new HashMap<>();
        for (Path file : Project.testSources()) {
            String name = file.getFileName().toString().replace(".java", "");
            sources.merge(name, Files.readString(file), String::concat);
        }
        return sources;
    }

    @Test
    @DisplayName("each test that a document names exists, and so does its member")
    void exist() throws IOException {
        Map<String, String> sources = sources();
        List<Path> pages = new ArrayList<>(Project.files(ROOT.resolve("docs"), ".md"));
        pages.add(ROOT.resolve("README.md"));
        pages.add(ROOT.resolve("CONTRIBUTING.md"));
        pages.add(ROOT.resolve("maple/README.md"));
        List<String> missing = new ArrayList<>();
        int named = 0;
        for (Path page : pages) {
            String text = Files.readString(page);
            named += (int) NAMED.matcher(text).results().count();
            for (String test : missing(text, sources)) {
                missing.add(page.getFileName() + ": " + test);
            }
        }
        assertEquals(List.of(), missing);
        assertTrue(named > 100, "named: " + named);
    }

    @Test
    @DisplayName("a name is found by its ending or its package, with its member")
    void names() {
        Map<String, String> sources = Map.of("ATest", "void b() {}", "C", "class C {}", "DScenarios", "class E {}");
        assertEquals(
                List.of("`BTest`", "`ATest.c`", "`stress.D`", "`DScenarios.F`"),
                missing(
                        "`ATest`, `ATest.b`, `BTest`, `ATest.c`, `stress.C`, `stress.D`, `DScenarios.E`, "
                                + "`DScenarios.F`, `Other`, `Other.member`",
                        sources));
        assertEquals(
                List.of("ATest `d`", "ATest `e`", "ATest `f`"),
                missing("`ATest.b`, `b`, `d`\nand `e`; `c`. `ATest`: `f`, `b`. `ATest`, `c`", sources));
    }
}
