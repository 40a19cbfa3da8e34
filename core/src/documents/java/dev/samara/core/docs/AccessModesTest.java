// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
 * Shared words are accessed in the modes that docs/concurrency.md names. Runs do not find a missing mode: x86 and
 * HotSpot order more than the program asks for. The class files have every access, so that no way to write one hides
 * it.
 */
class AccessModesTest {
    private static final Path BASE = Path.of(System.getProperty("basedir", ""));

    private static final Pattern WORD = Pattern.compile("""
        (?s)
        #### ([^
        ]+): ([^
        :]+)

        - \\*Written\\*: (.*?)
        - \\*Read\\*: (.*?)
        - \\*(?:Pairs|Invariant)\\*\
        """);
    private static final Pattern NAME = Pattern.compile("`(\\w+)`(?: \\(handle `(\\w+)`\\))?");
    private static final Pattern BRACKETS = Pattern.compile("(?s)\\(([^()]*)\\)");
    private static final Pattern WRITTEN = Pattern.compile("\\b(plain(, by its handle)?|opaque|release|volatile|adder|"
            + "(compare-and-set|compare-and-exchange|get-and-(set|add|or|and|xor|update))"
            + "(, (acquire|release|plain))?)\\b");
    private static final Pattern READ = Pattern.compile("\\b(plain(, by its handle)?|opaque|acquire|volatile|sum)\\b");

    private static final Set<String> PLAIN = Set.of("read plain", "written plain");

    /** The words of a page, each with its modes. A heading may name several words, and several classes. */
    private static Map<String, Set<String>> said(String page) {
        Map<String, Set<String>> said = new TreeMap<>();
        Matcher word = WORD.matcher(page);
        while (word.find()) {
            Set<String> modes = new TreeSet<>();
            addModes("written ", WRITTEN, word.group(3), modes);
            addModes("read ", READ, word.group(4), modes);
            for (String name : names(word.group(1))) {
                for (String type : names(word.group(2))) {
                    said.computeIfAbsent(name + " of " + type, any -> new TreeSet<>())
                            .addAll(modes);
                }
            }
        }
        return said;
    }

    private static List<String> names(String cell) {
        List<String> names = new ArrayList<>();
        Matcher name = NAME.matcher(cell);
        while (name.find()) {
            names.add(name.group(1) + (name.group(2) == null ? "" : " (" + name.group(2) + ")"));
        }
        return names;
    }

    /** Adds the modes in the brackets of an item. An exchange is a write, also where it stands under Read. */
    private static void addModes(String verb, Pattern pattern, String cell, Set<String> modes) {
        Matcher brackets = BRACKETS.matcher(cell.replaceAll("\\s+", " "));
        while (brackets.find()) {
            Matcher mode = pattern.matcher(brackets.group(1));
            while (mode.find()) {
                modes.add(verb + mode.group());
            }
        }
    }

    private static String core() throws IOException {
        String page = Files.readString(BASE.resolve("../docs/concurrency.md"));
        return page.substring(page.indexOf("\n## core\n"), page.indexOf("\n## emulator\n"));
    }

    private static SharedWords words() throws IOException {
        return SharedWords.in(Path.of(Machine.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .getPath()));
    }

    @Test
    @DisplayName("each volatile field, VarHandle and atomic is accessed in the modes that docs/concurrency.md says")
    void modes() throws IOException {
        Map<String, Set<String>> used = words().modes();
        assertTrue(used.containsKey("brk of LayoutState"), used::toString);
        assertTrue(used.containsKey("pool of CommittedMemory"), used::toString);
        Map<String, Set<String>> said = said(core());
        // Class files tell of an access to an array without a handle, but not which array it is.
        said.forEach((word, modes) -> modes.removeIf(mode -> PLAIN.contains(mode) && word.matches("[A-Z]\\w* of .*")));
        // Other words are accessed in plain mode, and belong to a thread or to a lock.
        said.entrySet().removeIf(word -> !used.containsKey(word.getKey()) && PLAIN.containsAll(word.getValue()));
        assertEquals(linesOf(said, used), linesOf(used, said), "said, and used");
    }

    /** The words that the other map does not have with these modes. */
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
    @DisplayName("the modes of a page are those in brackets")
    void pages() {
        assertEquals(
                Map.of(
                        "a (A) of X", Set.of("read acquire", "written compare-and-set", "written release"),
                        "b of X", Set.of("read acquire", "written compare-and-set", "written release"),
                        "c of Y", Set.of("read volatile", "written plain")),
                said("""

                    #### `a` (handle `A`), `b`: `X`

                    - *Written*: to release it (compare-and-set; at last
                      release)
                    - *Read*: anyone (acquire)
                    - *Pairs*: not read (opaque)
                    - *Invariant*: none

                    #### `c`: `Y`

                    - *Written*: (plain, lock)
                    - *Read*: (volatile)
                    - *Invariant*: none
                    """));
    }
}
