// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/** The recordings that come with the tests, and new ones made from lines. */
public final class Recordings {
    private static final Path RESOURCES = Path.of(System.getProperty("basedir", ""), "src", "test", "resources");

    private Recordings() {}

    /** A bundled file or folder. */
    public static Path bundled(String name) {
        return RESOURCES.resolve(name);
    }

    /** The lines of a recording, to be changed. */
    public static List<String> lines(Path file) throws IOException {
        try (BufferedReader reader = new BufferedReader(
                new InputStreamReader(new GZIPInputStream(Files.newInputStream(file)), StandardCharsets.UTF_8))) {
            return new ArrayList<>(reader.lines().toList());
        }
    }

    /** Writes a recording; folders above it are made. */
    public static Path write(Path file, List<String> lines) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        try (GZIPOutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
            out.write((String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8));
        }
        return file;
    }

    /** The index of the first line from some index on that starts with a text. */
    public static int indexOf(List<String> lines, int from, String start) {
        for (int i = from; i < lines.size(); i++) {
            if (lines.get(i).startsWith(start)) {
                return i;
            }
        }
        throw new AssertionError("no line starts with '" + start + "'");
    }
}
