// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The directories of the project, for tests that read its sources, its class files or its documents. */
public final class Project {
    private static final Pattern MODULE = Pattern.compile("<module>([\\w/-]+)</module>");

    private Project() {}

    /**
     * {@return the root folder: the nearest one above the module under test that contains the settings of Maven}
     *
     * @throws IllegalStateException if no folder above contains them
     */
    public static Path root() {
        Path start = Path.of(System.getProperty("basedir", "")).toAbsolutePath().normalize();
        for (Path above = start; above != null; above = above.getParent()) {
            if (Files.isDirectory(above.resolve(".mvn"))) {
                return above;
            }
        }
        throw new IllegalStateException("basedir: no folder .mvn in or above " + start);
    }

    /** Returns the folders of all modules that contain sources, in the order in which the root's POM lists them. */
    private static List<Path> modules() {
        String pom = read(root().resolve("pom.xml"));
        return MODULE.matcher(pom)
                .results()
                .map(module -> root().resolve(module.group(1)))
                .filter(folder -> Files.isDirectory(folder.resolve("src")))
                .toList();
    }

    /**
     * {@return the folder of a module}
     *
     * @param name the last part of the folder's path
     * @throws IllegalArgumentException if no module with sources has that name
     */
    public static Path module(String name) {
        return modules().stream()
                .filter(folder -> folder.endsWith(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("name: no module " + name + " in " + modules()));
    }

    /**
     * {@return the files below a folder whose names end with a suffix}
     *
     * @param folder the folder, which is searched to any depth
     * @param suffix the end of the names
     * @throws UncheckedIOException if the folder cannot be read
     */
    public static List<Path> files(Path folder, String suffix) {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> file.toString().endsWith(suffix)).toList();
        } catch (IOException unreadable) {
            throw new UncheckedIOException(folder + " cannot be read", unreadable);
        }
    }

    /**
     * {@return the text of a file}
     *
     * @param file the file, in UTF-8
     * @throws UncheckedIOException if the file cannot be read
     */
    public static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(file + " cannot be read", unreadable);
        }
    }
}
