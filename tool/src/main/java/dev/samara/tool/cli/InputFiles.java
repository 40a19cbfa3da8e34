// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.record.InputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Finds the input files of a command line. */
final class InputFiles {
    private InputFiles() {}

    /**
     * Expands paths: a file stands for itself, a directory for the files below it.
     *
     * @param paths the arguments
     * @param suffix the suffix of the names of wanted files in directories
     * @return each file once; the files of a directory are sorted
     * @throws InputException if a path does not exist, or if a directory cannot be read or contains no wanted file
     */
    static List<Path> expand(List<Path> paths, String suffix) throws InputException {
        List<Path> files = new ArrayList<>();
        for (Path path : paths) {
            if (Files.notExists(path)) {
                throw new InputException(path, "there is no such file", null);
            }
            if (!Files.isDirectory(path)) {
                files.add(path);
                continue;
            }
            try (Stream<Path> below = Files.walk(path)) {
                List<Path> found =
                        below.filter(file -> isWanted(file, suffix)).sorted().toList();
                if (found.isEmpty()) {
                    throw new InputException(path, "there is no *" + suffix + " in this folder", null);
                }
                files.addAll(found);
            } catch (IOException | UncheckedIOException e) {
                throw new InputException(path, "cannot be read: " + e.getMessage(), e);
            }
        }
        return files.stream().distinct().toList();
    }

    /**
     * Lists the files in a directory.
     *
     * @param folder the directory; empty for the current directory
     * @param suffix the suffix of the names of wanted files
     * @return the files as paths that start with the directory, sorted; none if there is no such directory
     * @throws InputException if the directory cannot be read
     */
    static List<Path> list(Path folder, String suffix) throws InputException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> isWanted(file, suffix)).sorted().toList();
        } catch (IOException | UncheckedIOException e) {
            throw new InputException(folder, "cannot be read: " + e.getMessage(), e);
        }
    }

    private static boolean isWanted(Path file, String suffix) {
        return file.getFileName().toString().endsWith(suffix) && Files.isRegularFile(file);
    }
}
