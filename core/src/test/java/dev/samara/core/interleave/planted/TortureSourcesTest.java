// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The profile torture runs them: the tests of JCStress, and their forms that are broken on purpose. */
@DisplayName("The tests of JCStress name methods that exist")
@Tag("interleave")
final class TortureSourcesTest {
    private static final Path TOP =
            Path.of(System.getProperty("basedir", "")).toAbsolutePath().resolveSibling("");

    @ParameterizedTest
    @ValueSource(strings = {"maple", "core"})
    @DisplayName("they can be compiled")
    void compiles(String module, @TempDir Path classes) throws Exception {
        List<String> arguments = new ArrayList<>(List.of(
                "-classpath",
                TOP.resolve("maple/target/test-classes") + File.pathSeparator + System.getProperty("java.class.path"),
                "-proc:none",
                "-nowarn",
                "--release",
                "17",
                "-d",
                classes.toString()));
        int before = arguments.size();
        try (Stream<Path> files = Files.walk(TOP.resolve(module).resolve("src/torture/java"))) {
            files.map(Path::toString).filter(file -> file.endsWith(".java")).forEach(arguments::add);
        }
        assertTrue(arguments.size() > before, "no sources");
        StringWriter messages = new StringWriter();
        PrintWriter out = new PrintWriter(messages);
        ToolProvider compiler = ToolProvider.findFirst("javac").orElseThrow();
        int status = compiler.run(out, out, arguments.toArray(String[]::new));
        assertEquals(0, status, messages::toString);
    }
}
