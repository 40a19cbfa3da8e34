// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The program of docs/embedding.md")
final class EmbeddingTest {
    /** The imports of the first block, and a class with all others. */
    private static String source(DocumentedProgram page) {
        List<String> blocks = page.blocks("java");
        return blocks.get(0) + "public class Embedding {" + String.join("", blocks.subList(1, blocks.size())) + "}\n";
    }

    @Test
    @DisplayName("compiles, and prints in a JVM of its own the lines that the page shows, and nothing else")
    void runs(@TempDir Path output) throws IOException, InterruptedException {
        DocumentedProgram page = new DocumentedProgram("docs/embedding.md");
        DocumentedProgram.compile("Embedding", source(page), output);
        String classes = output + System.getProperty("path.separator") + System.getProperty("java.class.path");
        ProcessBuilder program = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp", classes, "Embedding")
                .redirectErrorStream(true);
        // With one of these the JVM prints a line of its own.
        program.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"));
        Process process = program.start();
        String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), printed);
        Matcher shown =
                Pattern.compile("(?s)\\n(.*)").matcher(page.blocks("text").get(0));
        assertTrue(shown.matches());
        assertEquals(shown.group(1), printed);
    }
}
