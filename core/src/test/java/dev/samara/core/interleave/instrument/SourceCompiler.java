// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.instrument;

import dev.samara.core.Machine;
import dev.samara.maple.MapleTree;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jctools.queues.MessagePassingQueue;
import org.jctools.queues.varhandle.MpscUnboundedVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;

/** Compiles changed source files as parts of their modules. */
final class SourceCompiler {
    private SourceCompiler() {}

    /**
     * Compiles breaks, no two of which are of one class.
     *
     * @throws IllegalStateException if one cannot be compiled, with the messages of the compiler
     */
    static void compileTogether(Collection<SourceBreak> breaks) {
        Map<String, Map<String, String>> sources = new LinkedHashMap<>();
        for (SourceBreak planted : breaks) {
            Map<String, String> ofModule = sources.computeIfAbsent(planted.module(), any -> new LinkedHashMap<>());
            if (ofModule.put(planted.className(), planted.text()) != null) {
                throw new IllegalArgumentException("two breaks of " + planted.className());
            }
        }
        sources.forEach(SourceCompiler::compile);
    }

    /**
     * Compiles source files of a module.
     *
     * @param module the directory of the module
     * @param sources the files, by their top-level classes
     * @return the class files, by the names of their classes
     */
    static Map<String, byte[]> compile(String module, Map<String, String> sources) {
        try {
            Path directory = Files.createTempDirectory("break");
            try {
                return compile(directory, module, sources);
            } finally {
                for (Path path : files(directory)) {
                    Files.delete(path);
                }
            }
        } catch (IOException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private static Map<String, byte[]> compile(Path directory, String module, Map<String, String> sources)
            throws IOException {
        Path root = directory.resolve("classes");
        List<String> arguments = new ArrayList<>(List.of(
                // A part of its module: sealed classes have subclasses in other packages.
                "--module-path",
                modulePath(),
                "--patch-module",
                "dev.samara." + module + '=' + directory.resolve("sources"),
                "-proc:none",
                "-nowarn",
                "-g",
                "--release",
                "17",
                "-d",
                root.toString()));
        for (Map.Entry<String, String> source : sources.entrySet()) {
            Path file = directory.resolve("sources").resolve(source.getKey().replace('.', '/') + ".java");
            Files.createDirectories(file.getParent());
            Files.writeString(file, source.getValue());
            arguments.add(file.toString());
        }
        StringWriter messages = new StringWriter();
        PrintWriter out = new PrintWriter(messages);
        ToolProvider compiler = ToolProvider.findFirst("javac").orElseThrow();
        if (compiler.run(out, out, arguments.toArray(String[]::new)) != 0) {
            throw new IllegalStateException(messages.toString());
        }
        Map<String, byte[]> made = new HashMap<>();
        for (Path path : files(root)) {
            if (path.toString().endsWith(".class")) {
                String relative = root.relativize(path).toString().replace(File.separatorChar, '.');
                made.put(relative.substring(0, relative.length() - ".class".length()), Files.readAllBytes(path));
            }
        }
        return made;
    }

    private static List<Path> files(Path root) throws IOException {
        try (Stream<Path> all = Files.walk(root)) {
            return all.sorted(Comparator.reverseOrder()).toList();
        }
    }

    /** The places of the modules and of their dependencies. */
    private static String modulePath() {
        return Stream.of(
                        Machine.class,
                        MapleTree.class,
                        Nullable.class,
                        MpscUnboundedVarHandleArrayQueue.class,
                        MessagePassingQueue.class)
                .map(type -> Path.of(URI.create(type.getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toString()))
                        .toString())
                .collect(Collectors.joining(File.pathSeparator));
    }
}
