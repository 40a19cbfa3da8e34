// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.record.InputException;
import dev.samara.tool.trace.TraceFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The traces of a command line, parents first, each with the traces of the same directory. */
final class TraceFiles {
    private static final String SUFFIX = ".trace.gz";

    private final Map<Path, TraceFolder> families;

    private TraceFiles(Map<Path, TraceFolder> families) {
        this.families = families;
    }

    static TraceFiles of(List<Path> paths) throws InputException {
        Map<Path, List<Path>> byFolder = new TreeMap<>();
        for (Path file : expand(paths)) {
            byFolder.computeIfAbsent(folderOf(file), folder -> new ArrayList<>())
                    .add(file);
        }
        Map<Path, TraceFolder> families = new LinkedHashMap<>();
        for (Map.Entry<Path, List<Path>> group : byFolder.entrySet()) {
            List<Path> known = new ArrayList<>(group.getValue());
            // A file on the command line may have any suffix. Other traces of the same directory must have the usual
            // one.
            list(group.getKey()).stream().filter(file -> !known.contains(file)).forEach(known::add);
            TraceFolder family = TraceFolder.of(known);
            family.inOrder(group.getValue()).forEach(file -> families.put(file, family));
        }
        return new TraceFiles(families);
    }

    /** Returns the files in the order of their replay. */
    List<Path> files() {
        return List.copyOf(families.keySet());
    }

    TraceFolder family(Path file) {
        return Objects.requireNonNull(families.get(file), "the file must be one of files()");
    }

    private static Path folderOf(Path file) {
        Path parent = file.getParent();
        return parent == null ? Path.of("") : parent;
    }

    /** Expands paths: a file stands for itself, a directory for the traces below it, sorted. Returns each file once. */
    private static List<Path> expand(List<Path> paths) throws InputException {
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
                List<Path> found = below.filter(TraceFiles::isTrace).sorted().toList();
                if (found.isEmpty()) {
                    throw new InputException(path, "there is no *" + SUFFIX + " in this folder", null);
                }
                files.addAll(found);
            } catch (IOException | UncheckedIOException e) {
                throw new InputException(path, "cannot be read: " + e.getMessage(), e);
            }
        }
        return files.stream().distinct().toList();
    }

    /** Returns the traces in a directory, sorted; none if there is no such directory. */
    private static List<Path> list(Path folder) throws InputException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(TraceFiles::isTrace).sorted().toList();
        } catch (IOException | UncheckedIOException e) {
            throw new InputException(folder, "cannot be read: " + e.getMessage(), e);
        }
    }

    private static boolean isTrace(Path file) {
        return file.getFileName().toString().endsWith(SUFFIX) && Files.isRegularFile(file);
    }
}
