// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The README's code")
final class ReadmeTest {
    private static final Path README = Path.of(System.getProperty("basedir", ""), "..", "README.md");
    private static final Pattern BLOCK = Pattern.compile("(?ms)^```java$(.*?)^```$");

    /** A class of the README's imports, its methods, and its other blocks as bodies of methods. */
    private static String source() throws IOException {
        List<String> blocks = BLOCK.matcher(Files.readString(README))
                .results()
                .map((MatchResult block) -> block.group(1))
                .toList();
        assertTrue(blocks.size() >= 4, () -> blocks.size() + " blocks");
        StringBuilder members = new StringBuilder();
        for (String block : blocks.subList(1, blocks.size())) {
            boolean isMethod = block.stripLeading().startsWith("static ");
            members.append(isMethod ? block : "static void block" + members.length() + "() {" + block + "}\n");
        }
        return blocks.get(0) + "class Readme {\n" + members + "}\n";
    }

    @Test
    @DisplayName("compiles with the imports that it shows")
    void compiles(@TempDir Path output) throws IOException {
        String source = source();
        JavaFileObject file =
                new SimpleJavaFileObject(URI.create("string:///Readme.java"), JavaFileObject.Kind.SOURCE) {
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
}
