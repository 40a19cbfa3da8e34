// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The README")
final class ReadmeTest {
    private static final String IMPORTS = """
            import static dev.samara.core.mman.Mman.*;
            import static dev.samara.core.mman.Mman.*;

            import dev.samara.core.*;
            import dev.samara.core.vma.*;
            import dev.samara.maple.*;
            import dev.samara.wasm.endive.*;
            import run.endive.runtime.Instance;
            import run.endive.wasm.*;
            """;

    /** The code before each block, which declares what the block uses. */
    private static final List<String> GIVEN =
            List.of("", "byte[] program = dev.samara.examples.WasmOfGuide.bytes();", "");

    /** The code after each block, which returns what the block's comments promise. */
    private static final List<String> RESULTS = List.of("""
            String shown = middle.start() - data + " " + space.find(data);
            space.close();
            machine.close();
            return shown;
            """, """
            String numbers = sum + " " + still;
            mine.close();
            memory.close();
            machine.close();
            return numbers;
            """, """
            return isFree + " " + owner + " " + owners.get(0x0a01002aL) + " " + before;
            """);

    /** Returns a class whose methods contain the README's blocks. */
    private static String source() throws IOException {
        List<String> blocks = new DocumentedProgram("README.md").blocks("java");
        assertEquals(RESULTS.size(), blocks.size());
        StringBuilder members = new StringBuilder();
        for (int i = 0; i < blocks.size(); i++) {
            members.append("public static String block" + i + "() throws Exception {" + GIVEN.get(i) + blocks.get(i)
                    + RESULTS.get(i) + "}\n");
        }
        return IMPORTS + "public class Readme {\n" + members + "}\n";
    }

    @Test
    @DisplayName(
            "has code that compiles with the imports of the public packages that it needs, and does what comments say")
    void runs(@TempDir Path output) throws Exception {
        DocumentedProgram.compile("Readme", source(), output);
        try (URLClassLoader loader =
                new URLClassLoader(new URL[] {output.toUri().toURL()})) {
            Class<?> readme = loader.loadClass("Readme");
            assertEquals("4096 null", readme.getMethod("block0").invoke(null));
            assertEquals("43 42", readme.getMethod("block1").invoke(null));
            assertEquals(
                    "false 10.1.0.0/16 null 10.1.0.0/16",
                    readme.getMethod("block2").invoke(null));
        }
    }
}
