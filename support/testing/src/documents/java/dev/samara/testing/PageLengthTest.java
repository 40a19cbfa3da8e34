// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A page of Markdown that is meant to be read")
class PageLengthTest {
    private static final int MOST_LINES = 500;

    /** Reference pages: tables, lists of evidence, and records of experiments. */
    private static final Set<String> EVIDENCE =
            Set.of("mutants.md", "experiments.md", "interleavings.md", "performance.md");

    @Test
    @DisplayName("has at most 500 lines")
    void pagesAreShort() throws IOException {
        Set<String> tooLong = new TreeSet<>();
        int pages = 0;
        for (Path folder : new Path[] {Project.root(), Project.root().resolve("docs")}) {
            try (Stream<Path> files = Files.list(folder)) {
                for (Path file :
                        files.filter(path -> path.toString().endsWith(".md")).toList()) {
                    pages++;
                    String name = file.getFileName().toString();
                    long lines = Files.readString(file).lines().count();
                    if (lines > MOST_LINES && !EVIDENCE.contains(name)) {
                        tooLong.add(name + " has " + lines + " lines");
                    }
                }
            }
        }
        assertEquals(Set.of(), tooLong);
        assertTrue(pages > 25, "pages: " + pages);
    }
}
