// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Project;
import dev.samara.testing.WordComments;
import dev.samara.testing.WordComments.WordComment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Checks that the annotation {@code GuardedBy} is present. The static checks verify it at each access, but do not
 * detect that it is missing. docs/concurrency.md names the locks that they can follow.
 */
@DisplayName("A field that only a lock of its own class guards")
final class GuardedFieldsTest {
    /** A comment that repeats the annotation. */
    private static final Pattern SAID = Pattern.compile(
            "(?i)\\bguarded by (?:this(?! lock)|itself|its monitor|the lock\\b(?! of)|\\{@link #)[^\\n]*");

    private static final Pattern HOLDER = Pattern.compile("holder of \\{@code (\\w+)\\} \\(plain(?:, lock)?\\)");
    private static final Pattern MODES = Pattern.compile("\\(([^()]*)\\)");

    /** Returns whether all accesses that a tag names are in the monitor of the object or of the class. */
    private static boolean isInMonitor(String text, String type) {
        List<String> modes = MODES.matcher(text)
                .results()
                .map(mode -> mode.group(1).replace("{@code " + type + "}", "the class"))
                .distinct()
                .toList();
        return modes.equals(List.of("monitor")) || modes.equals(List.of("monitor of the class"));
    }

    /**
     * Returns the field with the lock that guards the words of a comment; "" for a monitor, null for any other lock.
     */
    private static @Nullable String lock(WordComment comment, String type, String source) {
        String written = comment.text("written");
        String read = comment.text("read");
        if (isInMonitor(written, type) && isInMonitor(read, type)) {
            return "";
        }
        Matcher holder = HOLDER.matcher(written);
        return holder.matches()
                        && HOLDER.matcher(read).matches()
                        && read.equals(written)
                        && source.contains(" ReentrantLock " + holder.group(1) + " = ")
                ? holder.group(1)
                : null;
    }

    /**
     * Returns the error in the annotation of a field; null if there is none, or if the field belongs to a nested class.
     */
    private static @Nullable String fault(String field, String lock, String source) {
        Matcher declared = Pattern.compile("(?m)(?:^ {4}@GuardedBy\\(\"([^\\n]+)\"\\)\\n)?(?:^ {4}@[^\\n]*\\n)*"
                        + "^ {4}(?! )[\\w.<>?@\\[\\], ]+ " + field + "(?: =[^\\n]*)?;$")
                .matcher(source);
        if (!declared.find()) {
            return null;
        }
        String annotated = declared.group(1);
        if (annotated == null) {
            return field + ": no annotation";
        }
        return lock.isEmpty() || annotated.equals(lock) ? null : field + ": " + annotated + ", and not " + lock;
    }

    private static List<String> faults(Path file, String source) {
        String type = file.getFileName().toString().replace(".java", "");
        List<String> faults = new ArrayList<>();
        SAID.matcher(source).results().forEach(said -> faults.add(type + ": " + said.group()));
        for (WordComment comment : WordComments.of(file, source)) {
            String lock = lock(comment, type, source);
            if (lock == null) {
                continue;
            }
            for (String word : comment.words()) {
                String fault = fault(word, lock, source);
                if (fault != null) {
                    faults.add(type + "." + fault);
                }
            }
        }
        return faults;
    }

    @Test
    @DisplayName("has the annotation, and no comment in its place")
    void annotated() {
        List<String> faults = new ArrayList<>();
        long annotations = 0;
        for (String module : List.of("core", "emulator", "tool")) {
            for (Path file : Project.files(Project.module(module).resolve("src/main/java"), ".java")) {
                String source = Project.read(file);
                faults.addAll(faults(file, source));
                annotations += source.lines()
                        .filter(line -> line.contains("@GuardedBy("))
                        .count();
            }
        }
        assertEquals(List.of(), faults);
        assertTrue(annotations > 80, "annotations: " + annotations);
    }

    @Test
    @DisplayName("is found without it, with another lock, and with a comment that says so")
    void faultsAreFound() {
        String source = """
                final class Words {
                    private final ReentrantLock lock = new CheckedLock();

                    /**
                     * @words {@code one}, {@code two}, {@code three}
                     * @written holder of {@code lock} (plain)
                     * @read holder of {@code lock} (plain)
                     * @invariant none
                     */
                    @GuardedBy("lock")
                    private int one;

                    @GuardedBy("lock")
                    private int[] two = {};

                    /**
                     * @written a thread that counts (monitor)
                     * @read any thread (monitor of {@code Words})
                     * @invariant none
                     */
                    @GuardedBy("this")
                    private static long four;

                    /** Guarded by the lock of the content. */
                    private int five;

                    private static final class Nested {
                        private int three;
                    }
                }
                """.replace("(monitor)", "(monitor of the class)");
        Path file = Path.of("Words.java");
        assertEquals(List.of(), faults(file, source));
        assertEquals(
                List.of("Words.one: no annotation", "Words.two: no annotation"),
                faults(file, source.replace("    @GuardedBy(\"lock\")\n", "")));
        assertEquals(
                List.of("Words.one: this, and not lock", "Words.two: this, and not lock"),
                faults(file, source.replace("\"lock\"", "\"this\"")));
        assertEquals(
                List.of("Words.four: no annotation"), faults(file, source.replace("    @GuardedBy(\"this\")\n", "")));
        assertEquals(
                List.of("Words: Guarded by the lock. */"), faults(file, source.replace("lock of the content", "lock")));
    }
}
