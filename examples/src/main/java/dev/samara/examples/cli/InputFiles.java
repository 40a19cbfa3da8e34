// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import dev.samara.examples.record.InputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The files that a command line means. */
final class InputFiles {
    private InputFiles() {}

    /**
     * Files as they are, folders as the files in them.
     *
     * @param paths what was given
     * @param suffix how the names of wanted files in folders end
     * @return each file once, those of a folder sorted
     * @throws InputException if a folder cannot be read or holds no such file
     */
    static List<Path> expand(List<Path> paths, String suffix) throws InputException {
        List<Path> files = new ArrayList<>();
        for (Path path : paths) {
            if (!Files.isDirectory(path)) {
                files.add(path);
                continue;
            }
            try (Stream<Path> below = Files.walk(path)) {
                List<Path> found =
                        below.filter(file -> isWanted(file, suffix)).sorted().toList();
                if (found.isEmpty()) {
                    throw new InputException(path, 1, "there is no *" + suffix + " in this folder", null);
                }
                files.addAll(found);
            } catch (IOException | UncheckedIOException e) {
                throw new InputException(path, 1, "cannot be read: " + e.getMessage(), e);
            }
        }
        return files.stream().distinct().toList();
    }

    /**
     * The files beside a file.
     *
     * @param folder the folder, empty for the current one
     * @param suffix how the names of wanted files end
     * @return them, written as a file in that folder is, sorted; none if there is no such folder
     * @throws InputException if the folder cannot be read
     */
    static List<Path> list(Path folder, String suffix) throws InputException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> isWanted(file, suffix)).sorted().toList();
        } catch (IOException | UncheckedIOException e) {
            throw new InputException(folder, 1, "cannot be read: " + e.getMessage(), e);
        }
    }

    private static boolean isWanted(Path file, String suffix) {
        return file.getFileName().toString().endsWith(suffix) && Files.isRegularFile(file);
    }
}
