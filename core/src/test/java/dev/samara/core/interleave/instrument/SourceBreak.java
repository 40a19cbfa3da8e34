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
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.agrona.concurrent.Agent;
import org.jctools.queues.MessagePassingQueue;
import org.jctools.queues.varhandle.MpscUnboundedVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;

/** A break that is a change of the text of one source file of {@code core} or {@code maple}. */
public final class SourceBreak implements Planting {
    private static final Path BASE = Path.of(System.getProperty("basedir", "")).toAbsolutePath();

    private final Map<String, byte[]> classes;

    private SourceBreak(Map<String, byte[]> classes) {
        this.classes = classes;
    }

    /**
     * Compiles a source file in which texts are replaced. Another break of the class has no effect beside this one.
     *
     * @param className the top-level class of the file
     * @param texts texts that occur once, each before the text in its place
     */
    public static SourceBreak of(String className, String... texts) {
        try {
            String module = className.startsWith("dev.samara.maple.") ? "maple" : "core";
            Path file = BASE.resolveSibling(module).resolve("src/main/java/" + className.replace('.', '/') + ".java");
            String broken = Files.readString(file);
            for (int i = 0; i < texts.length; i += 2) {
                int at = broken.indexOf(texts[i]);
                if (at < 0 || broken.indexOf(texts[i], at + 1) >= 0) {
                    throw new IllegalStateException("not once in " + file + ": " + texts[i]);
                }
                broken = broken.substring(0, at) + texts[i + 1] + broken.substring(at + texts[i].length());
            }
            Path directory = Files.createTempDirectory("break");
            try {
                return new SourceBreak(compiled(directory, className, broken));
            } finally {
                delete(directory);
            }
        } catch (IOException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private static Map<String, byte[]> compiled(Path directory, String className, String source) throws IOException {
        Path sources = directory.resolve("sources");
        Path file = sources.resolve(className.replace('.', '/') + ".java");
        Files.createDirectories(file.getParent());
        Files.writeString(file, source);
        String module = className.startsWith("dev.samara.maple.") ? "dev.samara.maple" : "dev.samara.core";
        ToolProvider compiler = ToolProvider.findFirst("javac").orElseThrow();
        StringWriter messages = new StringWriter();
        PrintWriter out = new PrintWriter(messages);
        String classes = directory.resolve("classes").toString();
        int status = compiler.run(
                out,
                out,
                // A part of its module: sealed classes have subclasses in other packages.
                "--module-path",
                modulePath(),
                "--patch-module",
                module + '=' + sources,
                "-proc:none",
                "-nowarn",
                "-g",
                "--release",
                "17",
                "-d",
                classes,
                file.toString());
        if (status != 0) {
            throw new IllegalStateException(messages.toString());
        }
        Map<String, byte[]> made = new HashMap<>();
        Path root = Path.of(classes);
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

    private static void delete(Path directory) throws IOException {
        for (Path path : files(directory)) {
            Files.delete(path);
        }
    }

    /** The places of the modules and of their dependencies. */
    private static String modulePath() {
        return Stream.of(
                        Machine.class,
                        MapleTree.class,
                        Nullable.class,
                        Agent.class,
                        MpscUnboundedVarHandleArrayQueue.class,
                        MessagePassingQueue.class)
                .map(type -> Path.of(URI.create(type.getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toString()))
                        .toString())
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** Writes the broken class files below a directory, which is put before the modules on a class path. */
    public void writeTo(Path directory) throws IOException {
        for (Map.Entry<String, byte[]> made : classes.entrySet()) {
            Path file = directory.resolve(made.getKey().replace('.', '/') + ".class");
            Files.createDirectories(file.getParent());
            Files.write(file, made.getValue());
        }
    }

    @Override
    public byte[] apply(String className, byte[] classFile) {
        return classes.getOrDefault(className, classFile);
    }
}
