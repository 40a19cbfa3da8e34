// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.record.InputException;
import dev.samara.tool.trace.TraceFolder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** The traces of a command line, parents first, each with the traces of the same directory. */
final class TraceFiles {
    private static final String SUFFIX = ".trace.gz";

    private final Map<Path, TraceFolder> families;

    private TraceFiles(Map<Path, TraceFolder> families) {
        this.families = families;
    }

    static TraceFiles of(List<Path> paths) throws InputException {
        Map<Path, List<Path>> byFolder = new TreeMap<>();
        for (Path file : InputFiles.expand(paths, SUFFIX)) {
            byFolder.computeIfAbsent(folderOf(file), folder -> new ArrayList<>())
                    .add(file);
        }
        Map<Path, TraceFolder> families = new LinkedHashMap<>();
        for (Map.Entry<Path, List<Path>> group : byFolder.entrySet()) {
            List<Path> known = new ArrayList<>(group.getValue());
            // A file on the command line may have any suffix. Other traces of the same directory must have the usual
            // one.
            InputFiles.list(group.getKey(), SUFFIX).stream()
                    .filter(file -> !known.contains(file))
                    .forEach(known::add);
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
}
