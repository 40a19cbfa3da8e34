// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The README's code")
final class ReadmeTest {
    /** A class of the README's imports, its methods, and its other blocks as bodies of methods. */
    private static String source() throws IOException {
        List<String> blocks = new DocumentedProgram("README.md").blocks("java");
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
        DocumentedProgram.compile("Readme", source(), output);
    }
}
