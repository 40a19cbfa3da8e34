// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Scripts in files, with one step per line. Empty lines, and lines that start with {@code #}, are ignored. */
public final class ScriptFiles {
    private ScriptFiles() {}

    /**
     * Returns the names of the files in a directory, for a parameterized test.
     *
     * @param folder the directory
     * @return the sorted names, at least one
     * @throws IOException if the directory cannot be read
     */
    public static Stream<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            List<String> names =
                    files.map(path -> path.getFileName().toString()).sorted().toList();
            if (names.isEmpty()) {
                throw new IllegalStateException(folder + " has no scripts");
            }
            return names.stream();
        }
    }

    /**
     * Returns the lines of a script.
     *
     * @param file the file
     * @return the lines that are neither empty nor comments
     * @throws IOException if the file cannot be read
     */
    public static List<String> lines(Path file) throws IOException {
        return Files.readAllLines(file).stream()
                .filter(line -> !line.isBlank() && line.charAt(0) != '#')
                .toList();
    }
}
