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

/** Each class of the modules has a name of its own, so a name alone identifies the class. */
final class ClassNamesTest {
    /** Modules that no product depends on, so that nobody confuses their classes. */
    private static final Path SUPPORT = Project.root().resolve("support");

    /** Nested classes whose names are complete only with the name of the class around them. */
    private static final Set<String> INCOMPLETE = Set.of("Builder", "Kind", "Settings");

    /** The calls of a recording, which have the names of the calls. */
    private static final Path RECORDED_CALLS = Path.of("MemoryCall.java");

    private static final Pattern DECLARATION = Pattern.compile("(?m)^( *)(?:(?:public|protected|private|static|final"
            + "|abstract|sealed|non-sealed) )*(?:class|interface|enum|record|@interface) (\\w+)");

    /** The files that declare a class of a name, of the top level or also nested ones. */
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
