// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The README's code")
final class ReadmeTest {
    private static final String IMPORTS = """
            import static dev.samara.core.mman.MapFlags.*;
            import static dev.samara.core.mman.Protection.*;

            import dev.samara.core.*;
            import dev.samara.core.vma.*;
            import dev.samara.maple.*;
            """;

    /** A class with the README's blocks as bodies of methods. */
    private static String source() throws IOException {
        List<String> blocks = new DocumentedProgram("README.md").blocks("java");
        assertEquals(2, blocks.size());
        StringBuilder members = new StringBuilder();
        for (String block : blocks) {
            members.append("static void block" + members.length() + "() {" + block + "}\n");
        }
        return IMPORTS + "class Readme {\n" + members + "}\n";
    }

    @Test
    @DisplayName("compiles with the imports of all public packages that it needs")
    void compiles(@TempDir Path output) throws IOException {
        DocumentedProgram.compile("Readme", source(), output);
    }
}
