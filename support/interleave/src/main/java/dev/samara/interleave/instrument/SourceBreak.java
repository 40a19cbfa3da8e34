// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A break that is a change of the text of one source file of a product. Comments are no part of that text. */
public final class SourceBreak implements Planting {
    private final String className;
    private final List<String> texts;
    private @Nullable Map<String, byte[]> classes;

    private SourceBreak(String className, String... texts) {
        this.className = className;
        this.texts = List.of(texts);
        for (String text : texts) {
            if (!SourceComments.without(text).equals(text)) {
                throw new IllegalArgumentException("texts: a comment in " + text);
            }
        }
    }

    /** Makes a break as {@link #of} does, which {@link Plantings#made} does not return. */
    public static SourceBreak unlisted(String className, String... texts) {
        return new SourceBreak(className, texts);
    }

    /**
     * Makes a break in which texts are replaced. It is compiled when it is first applied. Another break of the class
     * has no effect beside this one.
     *
     * @param className the top-level class of the file
     * @param texts texts that occur once in the code without its comments, each before the text in its place
     * @throws IllegalArgumentException if a text has a comment
     */
    public static SourceBreak of(String className, String... texts) {
        SourceBreak made = new SourceBreak(className, texts);
        Plantings.add(made);
        return made;
    }

    /** Returns the top-level class of the file. */
    public String className() {
        return className;
    }

    /** Returns the module of the class, by the package below {@code dev.samara}. */
    String module() {
        return className.split("\\.", 4)[2];
    }

    /**
     * Returns the source with the break.
     *
     * @throws IllegalStateException if the file is gone, or does not have a text once
     */
    String text() {
        Path file = Project.module(module()).resolve("src/main/java/" + className.replace('.', '/') + ".java");
        String broken;
        try {
            broken = SourceComments.without(Files.readString(file));
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

    private synchronized Map<String, byte[]> classes() {
        Map<String, byte[]> made = classes;
        if (made == null) {
            made = SourceCompiler.compile(module(), Map.of(className, text()));
            classes = made;
        }
        return made;
    }

    /** Writes the broken class files below a directory, which is put before the modules on a class path. */
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
