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
import java.util.regex.Pattern;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/** A Markdown page whose blocks of Java code are compiled. */
final class DocumentedProgram {
    private final String text;

    /** Reads a page, given its path in the project directory. */
    DocumentedProgram(String page) throws IOException {
        text = Files.readString(Path.of(System.getProperty("basedir", ""), "..", page));
    }

    /** Returns the fenced blocks in a language, in order. */
    List<String> blocks(String language) {
        return Pattern.compile("(?ms)^```" + language + "$(.*?)^```$")
                .matcher(text)
                .results()
                .map(block -> block.group(1))
                .toList();
    }

    /**
     * Compiles a class from blocks: the imports in the first block, and the members in all others.
     *
     * @param declared the name of the class, and optionally its superclass
     */
    static void compileProgram(String declared, List<String> blocks, Path output) {
        String members = String.join("", blocks.subList(1, blocks.size()));
        String name = declared.split(" ", 2)[0];
        compile(name, blocks.get(0) + "public class " + declared + " {" + members + "}\n", output);
    }

    /** Runs a compiled class in a separate JVM, and returns its output. */
    static String run(String name, Path classes) throws IOException, InterruptedException {
        String path = classes + System.getProperty("path.separator") + System.getProperty("java.class.path");
        ProcessBuilder program = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp", path, name)
                .redirectErrorStream(true);
        // With one of these variables, the JVM prints an additional line.
        program.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"));
        Process process = program.start();
        String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), printed);
        return printed;
    }

    /** Compiles a class, and fails if the compiler prints any message. */
    static void compile(String name, String source, Path output) {
        JavaFileObject file =
                new SimpleJavaFileObject(URI.create("string:///" + name + ".java"), JavaFileObject.Kind.SOURCE) {
                    @Override
                    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                        return source;
                    }
                };
        JavaCompiler compiler = Objects.requireNonNull(ToolProvider.getSystemJavaCompiler());
        DiagnosticCollector<JavaFileObject> found = new DiagnosticCollector<>();
        String classes = output + System.getProperty("path.separator") + System.getProperty("java.class.path");
        List<String> options = List.of("-proc:none", "-d", output.toString(), "-classpath", classes);
        boolean isDone = compiler.getTask(null, null, found, options, null, List.of(file))
                .call();
        assertEquals(List.of(), found.getDiagnostics(), source);
        assertTrue(isDone);
    }
}
