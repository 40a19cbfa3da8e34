// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.zip.CRC32;

/** The files that a script has left, as a text. */
final class FolderText {
    private static final long MOST_READ = 1 << 20;

    private FolderText() {}

    static String of(Path folder) throws IOException {
        Map<String, String> found = new TreeMap<>();
        if (Files.exists(folder)) {
            Files.walkFileTree(folder, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult preVisitDirectory(Path each, BasicFileAttributes attributes) throws IOException {
                    found.put(folder.relativize(each).toString(), line(each));
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFile(Path each, BasicFileAttributes attributes) throws IOException {
                    found.put(folder.relativize(each).toString(), line(each));
                    return FileVisitResult.CONTINUE;
                }
            });
        }
        StringBuilder text = new StringBuilder();
        found.forEach(
                (name, line) -> text.append(name).append(": ").append(line).append("; "));
        return text.toString();
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
            // A named pipe is an empty file in the emulator's folder.
            return isFile || (mode & 0170000) == 0010000 ? text.substring(text.length() - 5) : text;
        }
        CRC32 sum = new CRC32();
        if (size <= MOST_READ) {
            sum.update(Files.readAllBytes(file));
        }
        return text + " " + size + " " + Long.toHexString(sum.getValue());
    }

    static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path each, BasicFileAttributes attributes) throws IOException {
                Files.delete(each);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path each, IOException failed) throws IOException {
                Files.delete(each);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
