// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The headings of docs/concurrency.md and the fields of the sources. Where the word is plain, nothing else would notice
 * a heading of a removed field, or a guarded field without a heading.
 */
@DisplayName("docs/concurrency.md")
final class WordHeadingsTest {
    private static final Path ROOT = Path.of(System.getProperty("basedir", ""), "..");

    /** A section of words, or a heading: the words, and the classes. */
    private static final Pattern HEADING =
            Pattern.compile("(?m)^(?:### Words of `([\\w.]+)`|#### ([^\\n]+): ([^\\n:]+))$");

    private static final Pattern NAME = Pattern.compile("`(\\w+)`");

    private static final Pattern COMMENT = Pattern.compile("(?s)/\\*.*?\\*/|//[^\\n]*");

    /** A line that declares a field of a class or a nested class, with its modifiers, its type and its name. */
    private static final Pattern FIELD = Pattern.compile("(?m)^(?: {4}| {8}(?=private|protected|public|static|final"
            + "|volatile))((?:(?:private|protected|public|static|final|volatile|transient|@Nullable) )*)"
            + "((?!return |throw |package |import |abstract )[\\w@][\\w.<>?@\\[\\], ]*?) (\\w+)(?: =.*)?[;,=]?$");

    /** A comment, a field, or a method or class, which ends the group of fields that a comment applies to. */
    private static final Pattern MEMBER =
            Pattern.compile("(?m)(/\\*[\\s\\S]*?\\*/)|" + FIELD.pattern() + "|^ +\\S.*\\{$");

    private static final Pattern GUARDED = Pattern.compile("(?i)\\bguarded by\\b");

    private static final Pattern SHARED =
            Pattern.compile("Atomic(?:Boolean|Integer|Long|Reference)\\w*\\b.*|LongAdder|LongAccumulator|VarHandle");

    /** One heading with the classes that it names. */
    private record Heading(String section, String text, List<String> words, List<String> classes) {
        /** Returns whether the heading is about all fields of a class. */
        boolean hasAll(String declaring, String source) {
            return classes.contains(declaring)
                    && (Pattern.compile("\\b(?:all|everything)\\b")
                                    .matcher(text)
                                    .find()
                            || (text.contains("contents")
                                    && words.stream()
                                            .noneMatch(word -> fields(source).containsKey(word))));
        }
    }

    private static List<String> names(String text) {
        return NAME.matcher(text).results().map(name -> name.group(1)).toList();
    }

    private static List<Heading> headings(String part) {
        List<Heading> headings = new ArrayList<>();
        String section = "";
        Matcher heading = HEADING.matcher(part);
        while (heading.find()) {
            if (heading.group(1) != null) {
                section = heading.group(1);
            } else {
                String text = heading.group(2);
                headings.add(new Heading(section, text, names(text), names(heading.group(3))));
            }
        }
        return headings;
    }

    /** Returns the part of the page about a module. */
    private static String part(String module) throws IOException {
        String page = Files.readString(ROOT.resolve("docs/concurrency.md"));
        int from = page.indexOf("\n## " + module + "\n");
        int to = page.indexOf("\n## ", from + 1);
        return page.substring(from, to < 0 ? page.length() : to);
    }

    /** Returns the sources of a module by the names of their classes. */
    private static Map<String, String> sources(String module) throws IOException {
        Map<String, String> sources = new TreeMap<>();
        try (Stream<Path> files = Files.walk(ROOT.resolve(module).resolve("src/main/java"))) {
            for (Path file :
                    files.filter(path -> path.toString().endsWith(".java")).toList()) {
                sources.put(file.getFileName().toString().replace(".java", ""), Files.readString(file));
            }
        }
        return sources;
    }

    /** Returns the fields of a source, each with its modifiers and its type. */
    private static Map<String, String> fields(String source) {
        Map<String, String> fields = new TreeMap<>();
        Matcher field = FIELD.matcher(COMMENT.matcher(source).replaceAll(""));
        while (field.find()) {
            fields.put(field.group(3), field.group(1) + field.group(2));
        }
        return fields;
    }

    /** Returns the non-final fields that are guarded according to the comment of the field, its group or its class. */
    private static List<String> guarded(String type, String source) {
        Matcher declaration = Pattern.compile("(?m)^(?:\\w+ )*(?:class|record|interface|enum) " + type + "\\b")
                .matcher(source);
        int begin = declaration.find() ? declaration.end() : 0;
        boolean isClass = GUARDED.matcher(source.substring(0, begin)).find();
        List<String> guarded = new ArrayList<>();
        boolean isGroup = false;
        boolean isOne = false;
        Matcher member = MEMBER.matcher(source);
        member.region(begin, source.length());
        while (member.find()) {
            String comment = member.group(1);
            if (comment != null) {
                isOne = GUARDED.matcher(comment).find();
                isGroup = comment.startsWith("/**") ? isGroup : isOne;
            } else if (member.group(4) == null) {
                isGroup = false;
                isOne = false;
            } else {
                if ((isClass || isGroup || isOne) && !member.group(2).contains("final")) {
                    guarded.add(member.group(4));
                }
                isOne = false;
            }
        }
        return guarded;
    }

    /** Returns the names without a heading, as {@code Class.field}. */
    private static List<String> unnamed(
            String type, String source, List<String> fields, List<Heading> headings, boolean withAll) {
        return fields.stream()
                .filter(field -> headings.stream()
                        .noneMatch(heading -> (heading.classes().contains(type)
                                        && heading.words().contains(field))
                                || (withAll && heading.hasAll(type, source))))
                .map(field -> type + "." + field)
                .toList();
    }

    @Test
    @DisplayName("names a class of the module and fields of it in each heading")
    void headingsExist() throws IOException {
        List<String> wrong = new ArrayList<>();
        for (String module : List.of("maple", "core", "emulator", "tool", "examples")) {
            Map<String, String> sources = sources(module);
            for (Heading heading : headings(part(module))) {
                List<Map<String, String>> declared = new ArrayList<>();
                for (String type : heading.classes()) {
                    String source = sources.get(type);
                    if (source == null) {
                        wrong.add(module + ": no class " + type);
                        continue;
                    }
                    declared.add(fields(source));
                    if (!Pattern.compile("(?m)^package [\\w.]*\\b" + Pattern.quote(heading.section()) + ";$")
                                    .matcher(source)
                                    .find()
                            && !heading.section().isEmpty()) {
                        wrong.add(type + " is not of " + heading.section());
                    }
                }
                for (String word : heading.words()) {
                    if (declared.stream().noneMatch(fields -> fields.containsKey(word))) {
                        wrong.add("no field " + word + " in " + heading.classes());
                    }
                }
            }
        }
        assertEquals(List.of(), wrong);
    }

    @Test
    @DisplayName("has a heading for each field of maple and core that a comment calls guarded")
    void guardedFields() throws IOException {
        List<String> missing = new ArrayList<>();
        int found = 0;
        for (String module : List.of("maple", "core")) {
            List<Heading> headings = headings(part(module));
            for (Map.Entry<String, String> source : sources(module).entrySet()) {
                List<String> guarded = guarded(source.getKey(), source.getValue());
                found += guarded.size();
                missing.addAll(unnamed(source.getKey(), source.getValue(), guarded, headings, true));
            }
        }
        assertEquals(List.of(), missing);
        assertTrue(found > 50, "guarded: " + found);
    }

    @ParameterizedTest
    @ValueSource(strings = {"emulator", "tool", "examples"})
    @DisplayName("has a heading for each volatile field, handle and atomic of")
    void sharedFields(String module) throws IOException {
        List<Heading> headings = headings(part(module));
        List<String> missing = new ArrayList<>();
        for (Map.Entry<String, String> source : sources(module).entrySet()) {
            List<String> shared = fields(source.getValue()).entrySet().stream()
                    .filter(field -> field.getValue().contains("volatile ")
                            || SHARED.matcher(field.getValue().replaceAll(".* (?=[A-Z]\\w*(?:<.*)?$)", ""))
                                    .matches())
                    .map(Map.Entry::getKey)
                    .toList();
            missing.addAll(unnamed(source.getKey(), source.getValue(), shared, headings, false));
        }
        assertEquals(List.of(), missing);
    }

    @Test
    @DisplayName("is compared with fields as they are written: after a comment, in a group, in a guarded class")
    void shapes() {
        String source = """
                /** Words. */
                final class Words {
                    /** One. Guarded by this. */
                    private int one;

                    int open;

                    /* Guarded by the lock. */
                    private final int made = 1;
                    private long two = 2;

                    /** Of two. */
                    private @Nullable Object three;

                    void call() {
                        int local = 1;
                    }

                    private volatile int four;
                }
                """;
        assertEquals(List.of("one", "two", "three"), guarded("Words", source));
        assertEquals(
                List.of("four", "made", "one", "open", "three", "two"),
                List.copyOf(fields(source).keySet()));
        assertEquals(
                List.of("one", "two", "three", "four"),
                guarded("Words", source.replace("Words.", "Words, guarded by a lock.")).stream()
                        .filter(field -> !field.equals("open"))
                        .toList());
        List<Heading> headings = headings("#### `one`, and all others: `Words`, `More`\n\n#### `two`: `Words`\n");
        assertEquals(List.of("Words.three"), unnamed("Words", source, List.of("two", "three"), headings, false));
        assertEquals(List.of(), unnamed("Words", source, List.of("two", "three"), headings, true));
    }
}
