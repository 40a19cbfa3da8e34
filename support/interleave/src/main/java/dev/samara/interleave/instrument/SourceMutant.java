// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A mutant that changes the code in one source file of a product. Comments do not count as code. */
public final class SourceMutant implements Planting {
    private final String className;
    private final List<String> texts;
    private @Nullable Map<String, byte[]> classes;

    private SourceMutant(String className, String... texts) {
        this.className = className;
        this.texts = List.of(texts);
        for (String text : texts) {
            if (!SourceComments.without(text).equals(text)) {
                throw new IllegalArgumentException("texts: a comment in " + text);
            }
        }
    }

    /** Creates a mutant like {@link #of}, but {@link Plantings#made} does not return it. */
    public static SourceMutant unlisted(String className, String... texts) {
        return new SourceMutant(className, texts);
    }

    /**
     * Creates a mutant by replacing strings in the code. The source is compiled when the mutant is first applied. Two
     * mutants of the same class cannot be combined: only one of them takes effect.
     *
     * @param className the top-level class of the file
     * @param texts alternately a string that occurs exactly once in the code (without its comments), and its
     *     replacement
     * @throws IllegalArgumentException if a string contains a comment
     */
    public static SourceMutant of(String className, String... texts) {
        SourceMutant made = new SourceMutant(className, texts);
        Plantings.add(made);
        return made;
    }

    /** Returns the top-level class of the file. */
    public String className() {
        return className;
    }

    /** Returns the module of the class, which is the name of the package below {@code dev.samara}. */
    String module() {
        return className.split("\\.", 4)[2];
    }

    /**
     * Returns the mutated source.
     *
     * @throws IllegalStateException if the file does not exist, or does not contain each string exactly once
     */
    String text() {
        String broken;
        try {
            broken = SourceComments.without(Files.readString(file()));
        } catch (IOException gone) {
            throw new IllegalStateException(gone);
        }
        for (int i = 0; i < texts.size(); i += 2) {
            String text = texts.get(i);
            int at = broken.indexOf(text);
            if (at < 0 || broken.indexOf(text, at + 1) >= 0) {
                throw new IllegalStateException("not once in " + className + ": " + text);
            }
            broken = broken.substring(0, at) + texts.get(i + 1) + broken.substring(at + text.length());
        }
        return broken;
    }

    private Path file() {
        return Project.module(module()).resolve("src/main/java/" + className.replace('.', '/') + ".java");
    }

    @Override
    public void check() {
        try {
            if (!Files.exists(file())) {
                throw new IllegalStateException("no file " + file());
            }
        } catch (IllegalStateException | IllegalArgumentException absent) {
            throw new IllegalStateException(
                    "a mutant of " + className + " is made from its source: " + absent.getMessage(), absent);
        }
    }

    private synchronized Map<String, byte[]> classes() {
        Map<String, byte[]> made = classes;
        if (made == null) {
            made = SourceCompiler.compile(module(), Map.of(className, text()));
            classes = made;
        }
        return made;
    }

    /** Writes the mutated class files below a directory, which must precede the modules on a class path. */
    public void writeTo(Path directory) throws IOException {
        for (Map.Entry<String, byte[]> made : classes().entrySet()) {
            Path file = directory.resolve(made.getKey().replace('.', '/') + ".class");
            Files.createDirectories(file.getParent());
            Files.write(file, made.getValue());
        }
    }

    @Override
    public byte[] apply(String name, byte[] classFile) {
        boolean isOfFile = name.equals(className) || name.startsWith(className + '$');
        return isOfFile ? classes().getOrDefault(name, classFile) : classFile;
    }

    @Override
    public String toString() {
        return className + ": " + texts.get(0).strip();
    }
}
