// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.mutant;

import dev.samara.testing.Project;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Compiles changed source files as parts of their modules. */
final class SourceCompiler {
    /**
     * One class from each module and from each dependency of the modules. A class that is not on the class path of the
     * tests is ignored.
     */
    private static final List<String> OF_MODULES = List.of(
            "dev.samara.core.Machine",
            "dev.samara.maple.MapleTree",
            "dev.samara.emulator.linux.Emulation",
            "dev.samara.wasm.LinearMemory",
            "dev.samara.wasm.endive.EndiveMemory",
            "run.endive.runtime.Instance",
            "run.endive.wasm.WasmModule",
            "run.endive.log.Logger",
            "dev.samara.wasm.chicory.ChicoryMemory",
            "com.dylibso.chicory.runtime.Instance",
            "com.dylibso.chicory.wasm.WasmModule",
            "com.dylibso.chicory.log.Logger",
            "org.objectweb.asm.ClassWriter",
            "org.jspecify.annotations.Nullable",
            "com.google.errorprone.annotations.concurrent.GuardedBy",
            "org.jctools.queues.varhandle.MpscUnboundedVarHandleArrayQueue",
            "org.jctools.queues.MessagePassingQueue");

    private SourceCompiler() {}

    /**
     * Compiles source files of a module.
     *
     * @param module the directory of the module
     * @param sources the source files by top-level class
     * @return the class files by class name
     */
    static Map<String, byte[]> compile(String module, Map<String, String> sources) {
        try {
            Path directory = Files.createTempDirectory("mutant");
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
        List<String> arguments =
                new ArrayList<>(List.of("-proc:none", "-nowarn", "-g", "--release", "17", "-d", root.toString()));
        if (Files.exists(Project.module(module).resolve("src/main/java/module-info.java"))) {
            // Compiled as a part of its module, because sealed classes permit subclasses in other packages only within
            // a module.
            String name =
                    Project.root().relativize(Project.module(module)).toString().replace(File.separatorChar, '.');
            String patch = "dev.samara." + name + '=' + directory.resolve("sources");
            arguments.addAll(List.of("--module-path", places(), "--patch-module", patch));
        } else {
            arguments.addAll(List.of("-classpath", places()));
        }
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

    /** Returns the locations of the modules and of their dependencies, as a path. */
    private static String places() {
        return OF_MODULES.stream()
                .flatMap(SourceCompiler::place)
                .map(Path::toString)
                .distinct()
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static Stream<Path> place(String className) {
        try {
            Class<?> type = Class.forName(className, false, SourceCompiler.class.getClassLoader());
            return Stream.of(Path.of(
                    type.getProtectionDomain().getCodeSource().getLocation().toURI()));
        } catch (ClassNotFoundException absent) {
            return Stream.empty();
        } catch (URISyntaxException impossible) {
            throw new IllegalStateException(className, impossible);
        }
    }
}
