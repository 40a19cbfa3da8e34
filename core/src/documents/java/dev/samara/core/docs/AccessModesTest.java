// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.testing.Project;
import dev.samara.testing.WordComments;
import dev.samara.testing.WordComments.WordComment;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Checks that shared words are accessed in the modes that their comments name. No execution reveals a missing mode,
 * because x86 and HotSpot provide a stronger order than the modes require. The test reads class files, which contain
 * every access regardless of how the source expresses it.
 */
class AccessModesTest {
    /** The handle after a field's name, as in {@code brk (BRK) of LayoutState}. */
    private static final Pattern HANDLE = Pattern.compile(" \\(\\w+\\)");

    private static final Pattern BRACKETS = Pattern.compile("(?s)\\(([^()]*)\\)");
    private static final Pattern WRITTEN = Pattern.compile("\\b(plain(, by its handle)?|opaque|release|volatile|adder|"
            + "(compare-and-set|compare-and-exchange|get-and-(set|add|or|and|xor|update))"
            + "(, (acquire|release|plain))?)\\b");
    private static final Pattern READ = Pattern.compile("\\b(plain(, by its handle)?|opaque|acquire|volatile|sum)\\b");

    private static final Set<String> PLAIN = Set.of("read plain", "written plain");

    /**
     * Returns the words of some comments, each with its modes. A comment may name several words and several classes.
     */
    private static Map<String, Set<String>> said(List<WordComment> comments) {
        Map<String, Set<String>> said = new TreeMap<>();
        for (WordComment comment : comments) {
            Set<String> modes = new TreeSet<>();
            addModes("written ", WRITTEN, comment.text("written"), modes);
            addModes("read ", READ, comment.text("read"), modes);
            for (String name : comment.words()) {
                for (String type : comment.types()) {
                    said.computeIfAbsent(name + " of " + type, any -> new TreeSet<>())
                            .addAll(modes);
                }
            }
        }
        return said;
    }

    /** Adds the modes in the brackets of a tag. An exchange counts as a write, even in the tag {@code read}. */
    private static void addModes(String verb, Pattern pattern, String text, Set<String> modes) {
        Matcher brackets = BRACKETS.matcher(text.replaceAll("\\{@code ([^}]*)\\}", "$1"));
        while (brackets.find()) {
            Matcher mode = pattern.matcher(brackets.group(1));
            while (mode.find()) {
                modes.add(verb + mode.group());
            }
        }
    }

    private static SharedWords words() throws IOException {
        return SharedWords.in(Path.of(URI.create(Machine.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toString())));
    }

    @Test
    @DisplayName("each volatile field, VarHandle and atomic is accessed in the modes that its comment says")
    void modes() throws IOException {
        Map<String, Set<String>> used = new TreeMap<>();
        words().modes().forEach((word, modes) -> used.put(HANDLE.matcher(word).replaceAll(""), modes));
        assertTrue(used.containsKey("brk of LayoutState"), used::toString);
        assertTrue(used.containsKey("pool of CommittedMemory"), used::toString);
        Map<String, Set<String>> said = said(WordComments.in(Project.module("core")));
        // A class file shows an access to an array without a handle, but not which array it accesses.
        said.forEach((word, modes) -> modes.removeIf(mode -> PLAIN.contains(mode) && word.matches("[A-Z]\\w* of .*")));
        // All other words are accessed in plain mode, because a thread owns them or a lock guards them.
        said.entrySet().removeIf(word -> !used.containsKey(word.getKey()) && PLAIN.containsAll(word.getValue()));
        assertEquals(linesOf(said, used), linesOf(used, said), "said, and used");
    }

    /** Returns the words that the other map does not contain with the same modes. */
    private static String linesOf(Map<String, Set<String>> words, Map<String, Set<String>> other) {
        return words.entrySet().stream()
                .filter(word -> !word.getValue().equals(other.get(word.getKey())))
                .map(Object::toString)
                .collect(Collectors.joining("\n"));
    }

    @Test
    @DisplayName("the word of each access is known: no handle and no atomic is passed on")
    void untraced() throws IOException {
        assertEquals(Set.of(), words().untraced());
    }

    /** Fields of all shapes: package-private, of an array, of a nested class, static, inherited. */
    @SuppressWarnings({"unused", "UnusedVariable"}) // read from the class file
    private static class Shapes {
        static final VarHandle HANDLE;
        static final VarHandle ELEMENT = MethodHandles.arrayElementVarHandle(long[].class);
        static final AtomicBoolean FLAG = new AtomicBoolean();

        static {
            try {
                HANDLE = MethodHandles.lookup().findVarHandle(Shapes.class, "handled", int.class);
            } catch (ReflectiveOperationException impossible) {
                throw new ExceptionInInitializerError(impossible);
            }
        }

        volatile int open = 1;
        final AtomicInteger[] counts = {};
        final LongAdder adder = new LongAdder();
        int handled = 1;
        int plain;
        final long[] elements = {};

        int accesses(boolean which) {
            AtomicInteger count = counts[which ? 0 : 1];
            count.lazySet(count.get());
            HANDLE.setRelease(this, 1);
            adder.increment();
            return (int) HANDLE.getOpaque(this) + (int) (long) ELEMENT.get(elements, 1) + plain;
        }

        static int passedOn(AtomicInteger any) {
            return any.get();
        }

        private int notCalled() {
            return (int) HANDLE.getAcquire(this);
        }

        private static final class Nested extends Shapes {
            volatile @Nullable String annotated;

            void accesses() {
                handled++;
                open = 2;
                FLAG.compareAndSet(true, annotated == null);
            }
        }
    }

    @Test
    @DisplayName(
            "a word is found whatever its access, annotations and place; an accessor without callers accesses none")
    void shapes() {
        SharedWords words = SharedWords.of(Shapes.class, Shapes.Nested.class);
        Map<String, Set<String>> expected = new TreeMap<>();
        expected.put("ELEMENT", Set.of("read plain, by its handle"));
        expected.put("FLAG", Set.of("written compare-and-set"));
        expected.put("adder", Set.of("written adder"));
        expected.put("annotated", Set.of("read volatile"));
        expected.put("counts", Set.of("read volatile", "written release"));
        expected.put("handled (HANDLE)", Set.of("read opaque", "read plain", "written plain", "written release"));
        expected.put("open", Set.of("written volatile"));
        Map<String, Set<String>> found = new TreeMap<>();
        words.modes().forEach((word, modes) -> found.put(word.replace(" of AccessModesTest", ""), modes));
        assertEquals(expected, found);
        assertEquals(1, words.untraced().size(), words.untraced()::toString);
    }

    @Test
    @DisplayName("the modes of a comment are those in brackets")
    void comments() {
        String source = """
                class X {
                    /**
                     * A word.
                     *
                     * @written to release it (compare-and-set; at last
                     *     release)
                     * @read anyone, by {@code get()} (acquire)
                     * @pairs not read (opaque)
                     * @invariant none
                     */
                    private int a;

                    /**
                     * @words {@code b}, {@code c} of {@code Other}, {@code Third}
                     * @written one thread (plain, lock)
                     * @read that thread (volatile)
                     * @invariant none
                     */
                    private int b;
                }
                """;
        Set<String> modes = Set.of("read volatile", "written plain");
        assertEquals(
                Map.of(
                        "a of X",
                        Set.of("read acquire", "written compare-and-set", "written release"),
                        "b of Other",
                        modes,
                        "c of Other",
                        modes,
                        "b of Third",
                        modes,
                        "c of Third",
                        modes),
                said(WordComments.of(Path.of("X.java"), source)));
    }
}
