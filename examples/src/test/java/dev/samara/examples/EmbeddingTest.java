// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The program of docs/embedding.md")
final class EmbeddingTest {
    private static final Path PAGE = Path.of(System.getProperty("basedir", ""), "..", "docs", "embedding.md");

    private static List<String> blocks(String language) throws IOException {
        return Pattern.compile("(?ms)^```" + language + "$(.*?)^```$")
                .matcher(Files.readString(PAGE))
                .results()
                .map(block -> block.group(1))
                .toList();
    }

    /** The imports of the first block, and a class with all others. */
    private static String source() throws IOException {
        List<String> blocks = blocks("java");
        return blocks.get(0) + "public class Embedding {" + String.join("", blocks.subList(1, blocks.size())) + "}\n";
    }

    private static void compile(String source, Path output) {
        JavaFileObject file =
                new SimpleJavaFileObject(URI.create("string:///Embedding.java"), JavaFileObject.Kind.SOURCE) {
                    @Override
                    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                        return source;
                    }
                };
        JavaCompiler compiler = Objects.requireNonNull(ToolProvider.getSystemJavaCompiler());
        DiagnosticCollector<JavaFileObject> found = new DiagnosticCollector<>();
        List<String> options =
                List.of("-proc:none", "-d", output.toString(), "-classpath", System.getProperty("java.class.path"));
        boolean isDone = compiler.getTask(null, null, found, options, null, List.of(file))
                .call();
        assertEquals(List.of(), found.getDiagnostics(), source);
        assertTrue(isDone);
    }

    @Test
    @DisplayName("compiles, and prints in a JVM of its own the lines that the page shows, and nothing else")
    void runs(@TempDir Path output) throws IOException, InterruptedException {
        compile(source(), output);
        String classes = output + System.getProperty("path.separator") + System.getProperty("java.class.path");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp", classes, "Embedding")
                .redirectErrorStream(true)
                .start();
        String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), printed);
        Matcher shown = Pattern.compile("(?s)\\n(.*)").matcher(blocks("text").get(0));
        assertTrue(shown.matches());
        assertEquals(shown.group(1), printed);
    }
}
