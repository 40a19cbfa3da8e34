// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.CRC32;

/** The files that a script left behind, as text. */
final class FolderText {
    private static final long MOST_READ = 1 << 20;

    private FolderText() {}

    static String of(Path folder) throws IOException {
        Map<String, String> found = new TreeMap<>();
        if (Files.exists(folder)) {
            add(folder, folder, found);
        }
        StringBuilder text = new StringBuilder();
        found.forEach(
                (name, line) -> text.append(name).append(": ").append(line).append("; "));
        return text.toString();
    }

    private static void add(Path folder, Path each, Map<String, String> found) throws IOException {
        found.put(folder.relativize(each).toString(), line(each));
        for (Path below : entries(each)) {
            add(folder, below, found);
        }
    }

    /** Returns the files in a folder, even if a script denied access to its owner; an empty list for other files. */
    private static List<Path> entries(Path each) throws IOException {
        if (!Files.isDirectory(each, LinkOption.NOFOLLOW_LINKS)) {
            return List.of();
        }
        open(each);
        try (Stream<Path> all = Files.list(each)) {
            return all.sorted().toList();
        }
    }

    private static void open(Path each) throws IOException {
        Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static String line(Path file) throws IOException {
        Map<String, Object> all = Files.readAttributes(file, "unix:mode,nlink,size", LinkOption.NOFOLLOW_LINKS);
        int mode = (int) Objects.requireNonNull(all.get("mode"));
        String text = String.format(Locale.ROOT, "%o %s", mode, all.get("nlink"));
        if (Files.isSymbolicLink(file)) {
            return text + " to " + Files.readSymbolicLink(file);
        }
        long size = (long) Objects.requireNonNull(all.get("size"));
        boolean isFile = (mode & 0170000) == 0100000;
        if (!isFile || size == 0) {
            return text;
        }
        CRC32 sum = new CRC32();
        if (size <= MOST_READ) {
            open(file);
            sum.update(Files.readAllBytes(file));
        }
        return text + " " + size + " " + Long.toHexString(sum.getValue());
    }

    static void delete(Path folder) throws IOException {
        if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        for (Path below : entries(folder)) {
            delete(below);
        }
        Files.delete(folder);
    }
}
