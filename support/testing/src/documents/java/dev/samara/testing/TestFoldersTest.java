// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The folder of a test's source is that of its kind")
final class TestFoldersTest {
    private static final Path TOP = Project.root();
    private static final Pattern SOURCE = Pattern.compile("<source>([^<]+)</source>");

    /** What the source of a test that reads the project's documents contains. */
    private static final Pattern READS_DOCUMENTS =
            Pattern.compile("\"docs\"|\"(\\.\\./)?docs/[^\" ]*\"|\\bDocPage\\b|\\bDocumentedProgram\\b");

    /** The folder of the tests in a package and its subpackages, by the package's name in its module. */
    private static final Map<String, String> PACKAGES = Map.of(
            "docs", "documents",
            "exhaustion", "exhaustion",
            "fuzz", "fuzz",
            "history", "history",
            "interleave", "scenario",
            "lincheck", "lincheck",
            "live", "live",
            "model", "model",
            "stress", "jcstress",
            "torture", "torture");

    /** The folders of tests in other packages, by class name. */
    private static final Map<String, Pattern> NAMES = names();

    private static Map<String, Pattern> names() {
        Map<String, Pattern> names = new LinkedHashMap<>();
        names.put("documents", Pattern.compile("ArchitectureTest"));
        names.put("exhaustion", Pattern.compile("\\w+(Exhaustion|Sweep)Test"));
        names.put("fuzz", Pattern.compile("\\w+FuzzTest"));
        names.put("history", Pattern.compile("\\w+BugsTest"));
        names.put("lincheck", Pattern.compile("\\w+LincheckTest"));
        names.put("live", Pattern.compile("\\w+LiveTest"));
        names.put("model", Pattern.compile("\\w*ModelTest"));
        names.put("scenario", Pattern.compile("\\w+ScenariosTest"));
        names.put("torture", Pattern.compile("\\w+(Torture|Soak|Crash)Test|\\w*StormTest"));
        return names;
    }

    /**
     * Returns the folder in which a source must be; null for a helper whose package implies no kind, and which may be
     * in the folder of any test that uses it.
     *
     * @param isTool whether the module is in {@code support}, where packages and classes are named after the kinds of
     *     tests that they serve
     * @param inModule the name of the class, qualified with its package's name in the module
     */
    private static @Nullable String folder(boolean isTool, String inModule, String text) {
        String name = inModule.substring(inModule.lastIndexOf('/') + 1);
        boolean isTest = name.endsWith("Test");
        if (!isTool) {
            String first = inModule.replaceAll("/.*", "");
            if (first.equals("fixture")) {
                return isTest ? "test" : "fixture";
            }
            String ofPackage = first.equals(name) ? null : PACKAGES.get(first);
            if (ofPackage != null) {
                return ofPackage;
            }
            if (text.contains("@JCStressTest")) {
                return "jcstress";
            }
            for (Map.Entry<String, Pattern> kind : NAMES.entrySet()) {
                if (kind.getValue().matcher(name).matches()) {
                    return kind.getKey();
                }
            }
        }
        if (!isTest) {
            return null;
        }
        return READS_DOCUMENTS.matcher(text).find() ? "documents" : "test";
    }

    /**
     * Returns the name of the folder that is {@code levels} above {@code src/KIND/java}: 1 for the kind, 3 for the
     * module.
     */
    private static Path nameAbove(Path folder, int levels) {
        return folder.getName(folder.getNameCount() - 1 - levels);
    }

    /** Returns the name of a source in its module, without the packages that all sources of the module share. */
    private static String inModule(Path folder, Path source) {
        Path name = Path.of("dev", "samara").relativize(folder.relativize(source));
        Path rest = name.startsWith(nameAbove(folder, 3)) ? name.subpath(1, name.getNameCount()) : name;
        return rest.toString().replace('\\', '/').replaceAll("\\.java$", "");
    }

    @Test
    @DisplayName("as its package, its name or the documents that it reads say")
    void folders() {
        List<String> misplaced = new ArrayList<>();
        int judged = 0;
        for (Path folder : Project.testFolders()) {
            boolean isTool = folder.startsWith(TOP.resolve("support"));
            String actual = nameAbove(folder, 1).toString();
            for (Path source : Project.files(folder, ".java")) {
                String expected = folder(isTool, inModule(folder, source), Project.read(source));
                if (expected != null) {
                    judged++;
                    if (!expected.equals(actual)) {
                        misplaced.add(TOP.relativize(source) + " is not in src/" + expected + "/java");
                    }
                }
            }
        }
        assertEquals(List.of(), misplaced);
        assertTrue(judged > 800, "judged: " + judged);
    }

    @Test
    @DisplayName("which the build compiles and the static checks read")
    void compiled() {
        Set<String> compiled = sources(TOP.resolve("pom.xml"))
                .map(source -> source.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> kinds = new TreeSet<>();
        Set<Path> all = new TreeSet<>();
        for (Path folder : Project.testFolders()) {
            all.add(folder);
            kinds.add("src/" + nameAbove(folder, 1) + "/java");
        }
        // Maven's own folder, and the folder of the profile torture.
        kinds.removeAll(Set.of("src/test/java", "src/jcstress/java"));
        assertEquals(kinds, compiled);
        Path lint = Project.module("lint");
        for (Path module : Project.modules()) {
            Path main = module.resolve("src/main/java");
            if (!module.equals(lint) && Files.isDirectory(main)) {
                all.add(main);
            }
        }
        assertEquals(
                all,
                sources(lint.resolve("pom.xml"))
                        .map(source -> lint.resolve(source.group(1)).normalize())
                        .collect(Collectors.toCollection(TreeSet::new)));
    }

    private static Stream<MatchResult> sources(Path pom) {
        return SOURCE.matcher(Project.read(pom)).results();
    }
}
