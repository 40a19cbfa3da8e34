// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks that the name of each class in the modules is unique, so that a name alone identifies the class. */
final class ClassNamesTest {
    /** Excluded, because no product depends on these modules, so their classes cannot be confused with others. */
    private static final Path SUPPORT = Project.root().resolve("support");

    /** Nested classes whose names are complete only with the name of the enclosing class. */
    private static final Set<String> INCOMPLETE = Set.of("Builder", "Kind", "Settings");

    /** The recorded calls, which have the same names as the calls themselves. */
    private static final Path RECORDED_CALLS = Path.of("MemoryCall.java");

    private static final Pattern DECLARATION = Pattern.compile("(?m)^( *)(?:(?:public|protected|private|static|final"
            + "|abstract|sealed|non-sealed) )*(?:class|interface|enum|record|@interface) (\\w+)");

    /** Returns the files that declare each class name, at the top level or also nested. */
    private static Map<String, List<Path>> declared(boolean withNested) throws IOException {
        Map<String, List<Path>> declared = new TreeMap<>();
        for (Path file : Project.mainSources()) {
            if (file.startsWith(SUPPORT)) {
                continue;
            }
            Matcher declaration = DECLARATION.matcher(Files.readString(file));
            while (declaration.find()) {
                if (withNested || declaration.group(1).isEmpty()) {
                    declared.merge(declaration.group(2), List.of(file), ClassNamesTest::both);
                }
            }
        }
        return declared;
    }

    private static List<Path> both(List<Path> one, List<Path> other) {
        return Stream.concat(one.stream(), other.stream()).toList();
    }

    @Test
    @DisplayName("no two classes of the modules have one name")
    void topLevelNamesAreUnique() throws IOException {
        Map<String, List<Path>> declared = declared(false);
        assertTrue(declared.containsKey("Machine") && declared.containsKey("MapleTree"));
        declared.values().removeIf(files -> files.size() == 1);
        assertEquals(Map.of(), declared);
    }

    @Test
    @DisplayName("no nested class has the name of another class")
    void nestedNamesAreUnique() throws IOException {
        Map<String, List<Path>> declared = declared(true);
        declared.keySet().removeAll(INCOMPLETE);
        declared.replaceAll((name, files) ->
                files.stream().filter(file -> !file.endsWith(RECORDED_CALLS)).toList());
        declared.values().removeIf(files -> files.size() <= 1);
        assertEquals(Map.of(), declared);
    }
}
