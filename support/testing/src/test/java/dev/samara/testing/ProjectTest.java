// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The project's folders")
final class ProjectTest {
    @Test
    @DisplayName("start at the root, which contains the README, and a module is found by its name")
    void folders() {
        Path root = Project.root();
        assertTrue(Files.exists(root.resolve("README.md")), root::toString);
        assertEquals(root.resolve("core"), Project.module("core"));
        assertEquals(root.resolve("support/testing"), Project.module("testing"));
        IllegalArgumentException refused =
                assertThrows(IllegalArgumentException.class, () -> Project.module("nothing"));
        String message = String.valueOf(refused.getMessage());
        assertTrue(message.startsWith("name: no module nothing in "), message);
    }

    @Test
    @DisplayName("contain the sources of each module, tests apart from production code")
    void sources() {
        Path main = Project.root().resolve("support/testing/src/main/java/dev/samara/testing/Project.java");
        Path test = Project.root().resolve("support/testing/src/test/java/dev/samara/testing/ProjectTest.java");
        assertTrue(Project.mainSources().contains(main));
        assertTrue(Project.testSources().contains(test));
        assertTrue(
                !Project.mainSources().contains(test) && !Project.testSources().contains(main));
    }
}
