// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The formatter wraps neither comments nor Markdown, so it does not shorten such lines. */
@DisplayName("Lines of Java and Markdown, also those of comments and tables, end at 120 columns")
class LineLengthTest {
    private static final Path TOP = Project.root();
    private static final int COLUMNS = 120;

    /** Also matches conflict markers in comments, which the formatter indents. */
    private static final Pattern MERGED = Pattern.compile("^[ *]*(<{7}|>{7}) ");

    private static List<String> badLines(Path file) throws IOException {
        List<String> found = new ArrayList<>();
        List<String> lines = Files.readAllLines(file);
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            int columns = line.codePointCount(0, line.length());
            String place = TOP.relativize(file) + ":" + (i + 1);
            if (columns > COLUMNS) {
                found.add(place + " has " + columns + " columns");
            }
            if (MERGED.matcher(line).find()) {
                found.add(place + " is left from a merge");
            }
        }
        return found;
    }

    @Test
    void linesAreShortAndMerged() throws IOException {
        List<Path> files = new ArrayList<>();
        for (Path module : Project.modules()) {
            int before = files.size();
            files.addAll(Project.files(module.resolve("src"), ".java"));
            assertTrue(files.size() > before, () -> "no sources of " + module);
        }
        int sources = files.size();
        List<Path> folders = new ArrayList<>(Project.modules());
        folders.add(TOP);
        for (Path folder : folders) {
            try (Stream<Path> found = Files.list(folder)) {
                found.filter(file -> file.toString().endsWith(".md")).forEach(files::add);
            }
        }
        files.addAll(Project.files(TOP.resolve("docs"), ".md"));
        assertTrue(files.contains(TOP.resolve("README.md")), "no Markdown");
        assertTrue(files.stream().anyMatch(file -> file.endsWith(Path.of("maple", "README.md"))), "none of modules");
        assertTrue(files.size() > sources + 1, "no docs");
        List<String> found = new ArrayList<>();
        for (Path file : files) {
            found.addAll(badLines(file));
        }
        assertEquals(List.of(), found);
    }
}
