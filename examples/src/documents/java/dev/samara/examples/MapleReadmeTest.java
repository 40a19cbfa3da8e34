// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The README of the range tree")
final class MapleReadmeTest {
    private static DocumentedProgram page() throws IOException {
        return new DocumentedProgram("maple/README.md");
    }

    @Test
    @DisplayName("has a class that can be pasted as it is, and a program of all other blocks; both print what it shows")
    void runs(@TempDir Path output) throws IOException, InterruptedException {
        List<String> blocks = page().blocks("java");
        List<String> shown = page().blocks("text");
        assertEquals(2, shown.size(), "blocks of text: what each program prints");
        DocumentedProgram.compile("Owners", blocks.get(0), output);
        assertEquals(shown.get(0).substring(1), DocumentedProgram.run("Owners", output));
        DocumentedProgram.compileProgram("RangeMaps", blocks.subList(1, blocks.size()), output);
        assertEquals(shown.get(1).substring(1), DocumentedProgram.run("RangeMaps", output));
    }

    @Test
    @DisplayName("names the artifact for Maven and for Gradle with the group, the id and the version of its POM")
    void coordinates() throws IOException {
        String pom = Files.readString(Path.of(System.getProperty("basedir", ""), "..", "maple", "pom.xml"));
        String parent = ReadmeTest.element("parent", pom);
        List<String> expected = List.of(
                ReadmeTest.element("groupId", parent),
                ReadmeTest.element("artifactId", pom.replace(parent, "")),
                ReadmeTest.element("version", parent));
        String xml = page().blocks("xml").get(0);
        List<String> named = List.of(
                ReadmeTest.element("groupId", xml),
                ReadmeTest.element("artifactId", xml),
                ReadmeTest.element("version", xml));
        assertEquals(expected, named);
        String gradle = page().blocks("groovy").get(0);
        assertTrue(gradle.contains("'" + String.join(":", expected) + "'"), gradle);
    }
}
