// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The words that threads share are found in the class files, so that no way to declare a field hides one. */
@DisplayName("docs/concurrency.md has a heading for each volatile field, each VarHandle and each atomic of core")
class ConcurrencyTableTest {
    private static final Path BASE = Path.of(System.getProperty("basedir", ""));
    private static final Pattern HEADING = Pattern.compile("(?m)^#### (.+): (.+)$");
    private static final Pattern NAME = Pattern.compile("`(\\w+)`");

    private static boolean isShared(JavaField field) {
        JavaClass type = field.getRawType().getBaseComponentType();
        return field.getModifiers().contains(JavaModifier.VOLATILE)
                || type.isEquivalentTo(VarHandle.class)
                || type.getPackageName().equals("java.util.concurrent.atomic");
    }

    private static JavaClass outermost(JavaClass type) {
        return type.getEnclosingClass().map(ConcurrencyTableTest::outermost).orElse(type);
    }

    /** The shared words of class files, as {@code word of Class}; a nested class belongs to the file's class. */
    private static Set<String> sharedWords(Iterable<JavaClass> classes) {
        Set<String> words = new TreeSet<>();
        for (JavaClass type : classes) {
            for (JavaField field : type.getFields()) {
                if (isShared(field)) {
                    words.add(field.getName() + " of " + outermost(type).getSimpleName());
                }
            }
        }
        return words;
    }

    /** The words that have a heading, likewise; a heading may name several words, and several classes. */
    private static Set<String> headings() throws IOException {
        String page = Files.readString(BASE.resolve("../docs/concurrency.md"));
        Matcher heading = HEADING.matcher(page.substring(page.indexOf("\n## core\n"), page.indexOf("\n## examples\n")));
        Set<String> words = new TreeSet<>();
        while (heading.find()) {
            for (String word : names(heading.group(1))) {
                for (String type : names(heading.group(2))) {
                    words.add(word + " of " + type);
                }
            }
        }
        return words;
    }

    private static List<String> names(String cell) {
        List<String> names = new ArrayList<>();
        Matcher name = NAME.matcher(cell);
        while (name.find()) {
            names.add(name.group(1));
        }
        return names;
    }

    @Test
    @DisplayName("and each of them is in a heading")
    void everySharedWordHasAHeading() throws IOException {
        Path classes = Path.of(Machine.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .getPath());
        Set<String> words = sharedWords(new ClassFileImporter().importPath(classes));
        assertTrue(words.contains("brk of Layout"), words::toString);
        assertTrue(words.contains("committed of MachineState"), words::toString);
        words.removeAll(headings());
        assertEquals(Set.of(), words, "without a heading in docs/concurrency.md");
    }

    /** Fields of all shapes: package-private, of an array, of a nested class, static. */
    @SuppressWarnings("unused") // read from the class file
    private static final class Shapes {
        volatile int open;
        static final AtomicBoolean FLAG = new AtomicBoolean();
        final AtomicInteger[] counts = {};
        int plain;

        private static final class Nested {
            volatile @org.jspecify.annotations.Nullable String annotated;
        }
    }

    @Test
    @DisplayName("a word is found whatever its access, its annotations and its place")
    void shapes() {
        assertEquals(
                Set.of(
                        "FLAG of ConcurrencyTableTest",
                        "annotated of ConcurrencyTableTest",
                        "counts of ConcurrencyTableTest",
                        "open of ConcurrencyTableTest"),
                sharedWords(new ClassFileImporter().importClasses(Shapes.class, Shapes.Nested.class)));
    }
}
