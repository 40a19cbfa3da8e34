// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.examples.Recordings;
import dev.samara.examples.Xml;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands that write pictures. */
final class PicturesTest {
    @TempDir
    private Path folder;

    @Test
    @DisplayName("maps --svg draws every mapping of a recorded program, and two runs write equal files")
    void maps() throws IOException {
        Path trace = Recordings.bundled("traces/python/001-python3.trace.gz");
        Path first = folder.resolve("1.svg");
        Path second = folder.resolve("2.svg");
        ToolRun run = ToolRun.of("maps", trace, "--svg", first);
        assertEquals(0, run.status(), run.err()::toString);
        assertEquals(List.of(first + ": 136 mappings in 40 rows, 380 MiB mapped"), run.out());
        ToolRun.of("maps", trace, "--svg", second);
        assertArrayEquals(Files.readAllBytes(first), Files.readAllBytes(second));
        String drawn = String.join("\n", Xml.parse(Files.readString(first)).texts("svg"));
        for (String line : ToolRun.of("maps", trace).out()) {
            String[] fields = line.split(" +", 6);
            assertTrue(fields.length < 6 || drawn.contains(fields[5]), line);
        }
    }

    @Test
    @DisplayName("maps --svg does not take --json, an output that cannot be written, or its own input")
    void wrongOutput() throws IOException {
        Path trace = Recordings.bundled("traces/git/003-rm.trace.gz");
        assertEquals(
                2,
                ToolRun.of("maps", "--json", trace, "--svg", folder.resolve("1.svg"))
                        .status());
        assertFalse(Files.exists(folder.resolve("1.svg")));
        ToolRun nowhere = ToolRun.of("maps", trace, "--svg", folder.resolve("none/1.svg"));
        assertEquals(2, nowhere.status());
        assertEquals(List.of(folder.resolve("none/1.svg") + ": there is no such folder"), nowhere.err());
        Path copy = Files.copy(trace, folder.resolve("1.trace.gz"));
        ToolRun itself = ToolRun.of("maps", copy, "--svg", copy);
        assertEquals(2, itself.status());
        assertEquals(List.of(copy + ": is the input, and is not replaced by its picture"), itself.err());
        assertEquals(-1, Files.mismatch(trace, copy));
    }
}
