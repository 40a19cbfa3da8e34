// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The program of a guide in docs")
final class GuidesTest {
    @ParameterizedTest
    @DisplayName("compiles, and prints in a JVM of its own the lines that the page shows, and nothing else")
    @CsvSource({
        "docs/embedding.md, Embedding",
        "docs/range-tree.md, RangeTree",
        "docs/device.md, Device",
        "docs/fuzzing.md, Fuzzing",
        "docs/states.md, States",
        "docs/webassembly.md, WebAssembly"
    })
    void runs(String path, String name, @TempDir Path output) throws IOException, InterruptedException {
        DocumentedProgram page = new DocumentedProgram(path);
        DocumentedProgram.compileProgram(name, page.blocks("java"), output);
        assertPrintsWhatIsShown(page, name, output);
    }

    @Test
    @DisplayName("of WebAssembly for Endive is one for Chicory with other names, as its page says")
    void webAssemblyOfChicory(@TempDir Path output) throws IOException, InterruptedException {
        DocumentedProgram page = new DocumentedProgram("docs/webassembly.md");
        List<String> blocks = page.blocks("java").stream()
                .map(block -> block.replace("run.endive.", "com.dylibso.chicory.")
                        .replace("wasm.endive.", "wasm.chicory.")
                        .replace("Endive", "Chicory"))
                .toList();
        DocumentedProgram.compileProgram("WebAssembly", blocks, output);
        assertPrintsWhatIsShown(page, "WebAssembly", output);
    }

    @ParameterizedTest
    @DisplayName("that continues the one of embedding.md extends its class, and prints what the page shows")
    @CsvSource({
        "docs/translators.md, Translators",
        "docs/architectures.md, Architectures",
        "docs/files.md, HostFiles",
        "docs/tuning.md, Tuning"
    })
    void continues(String path, String name, @TempDir Path output) throws IOException, InterruptedException {
        List<String> base = new DocumentedProgram("docs/embedding.md").blocks("java");
        DocumentedProgram.compileProgram("Embedding", base, output);
        DocumentedProgram page = new DocumentedProgram(path);
        DocumentedProgram.compileProgram(name + " extends Embedding", page.blocks("java"), output);
        assertPrintsWhatIsShown(page, name, output);
    }

    private static void assertPrintsWhatIsShown(DocumentedProgram page, String name, Path output)
            throws IOException, InterruptedException {
        String printed = DocumentedProgram.run(name, output);
        List<String> shown = page.blocks("text");
        assertEquals(1, shown.size(), "blocks of text: what the program prints");
        assertEquals(shown.get(0).substring(1), printed);
    }

    @Test
    @DisplayName(
            "of the range tree is a class that can be pasted, and one of all other blocks; both print what it shows")
    void mapleReadme(@TempDir Path output) throws IOException, InterruptedException {
        DocumentedProgram page = new DocumentedProgram("maple/README.md");
        List<String> blocks = page.blocks("java");
        List<String> shown = page.blocks("text");
        assertEquals(2, shown.size(), "blocks of text: what each program prints");
        DocumentedProgram.compile("Owners", blocks.get(0), output);
        assertEquals(shown.get(0).substring(1), DocumentedProgram.run("Owners", output));
        DocumentedProgram.compileProgram("RangeMaps", blocks.subList(1, blocks.size()), output);
        assertEquals(shown.get(1).substring(1), DocumentedProgram.run("RangeMaps", output));
    }
}
