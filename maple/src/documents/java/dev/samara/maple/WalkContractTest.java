// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Project;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The contract of a walk concurrent with writers")
final class WalkContractTest {
    private static final List<String> CONTRACT = List.of(
            "A cursor reports each entry with the bounds that it had at some instant of the call.",
            "Each entry ends above the previous one; a walk backwards reports entries that start below it."
                    + " Two successive entries overlap only if a store changed bounds in between.",
            "A cursor misses no index that has a value throughout the walk.");

    private static final String SOURCES = "maple/src/main/java/dev/samara/maple/";

    @ParameterizedTest
    @ValueSource(strings = {SOURCES + "package-info.java", SOURCES + "Cursor.java", "docs/range-tree.md"})
    @DisplayName("is stated in the same sentences where it is promised, in the cursor and in the guide")
    void sameSentences(String file) {
        String text = Project.read(Project.root().resolve(file))
                .replaceAll("(?m)^ \\* *|<[a-z]+>|\\bB\\.[0-9] |^- ", "")
                .replaceAll("\\s+", " ");
        for (String sentence : CONTRACT) {
            assertTrue(text.contains(sentence), () -> file + " does not say: " + sentence);
        }
    }
}
