// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** Finds the classes of tests by their simple names, so that a search does not change when a test moves. */
final class TestClasses {
    private static final Map<String, String> NAMES = new HashMap<>();
    private static final Set<String> AMBIGUOUS = new HashSet<>();

    static {
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .map(Path::of)
                .filter(Files::isDirectory)
                .forEach(TestClasses::add);
    }

    private TestClasses() {}

    private static void add(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            files.filter(file -> file.toString().endsWith(".class")).forEach(file -> {
                String path = folder.relativize(file).toString();
                String name =
                        path.substring(0, path.length() - ".class".length()).replace(File.separatorChar, '.');
                String simple = name.substring(name.lastIndexOf('.') + 1).replace('$', '.');
                if (NAMES.put(simple, name) != null) {
                    AMBIGUOUS.add(simple);
                }
            });
        } catch (IOException unreadable) {
            throw new IllegalStateException(folder.toString(), unreadable);
        }
    }

    /** Returns the class with a simple name, which follows those of the classes around it after dots. */
    static Class<?> named(String simple) throws ClassNotFoundException {
        if (AMBIGUOUS.contains(simple)) {
            throw new ClassNotFoundException("several classes " + simple);
        }
        String name = NAMES.get(simple);
        if (name == null) {
            throw new ClassNotFoundException("no class " + simple);
        }
        return Class.forName(name, false, TestClasses.class.getClassLoader());
    }
}
