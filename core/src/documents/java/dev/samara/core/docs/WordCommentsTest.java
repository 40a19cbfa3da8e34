// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Project;
import dev.samara.testing.WordComments;
import dev.samara.testing.WordComments.WordComment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares the comments on shared words with the fields in the sources. docs/concurrency.md defines these comments. */
@DisplayName("Comments of shared words")
final class WordCommentsTest {
    /**
     * A comment or annotation; a field; or a method or class, which ends the group of fields to which a comment
     * applies.
     */
    private static final Pattern MEMBER = Pattern.compile("(?m)(/\\*[\\s\\S]*?\\*/|^ +@GuardedBy\\(.*$)|^(?: {4}"
            + "| {8}(?=private|protected|public|static|final|volatile))((?:(?:private|protected|public|static|final"
            + "|volatile|transient|@Nullable) )*)((?!return |throw |package |import |abstract )[\\w@]"
            + "[\\w.<>?@\\[\\], ]*?) (\\w+)(?: =.*)?[;,=]?$|^ +\\S.*\\{$");

    private static final Pattern GUARDED = Pattern.compile("(?i)\\bguarded by\\b|@GuardedBy\\(");

    private static final Pattern SHARED =
            Pattern.compile("Atomic(?:Boolean|Integer|Long|Reference)\\w*\\b.*|LongAdder|LongAccumulator|VarHandle");

    private static final List<String> MODULES = List.of("maple", "core", "emulator", "tool", "examples");

    /** Returns the sources of a module by the names of their classes. */
    private static Map<String, String> sources(String module) {
        Map<String, String> sources = new TreeMap<>();
        for (Path file : Project.files(Project.module(module).resolve("src/main/java"), ".java")) {
            sources.put(file.getFileName().toString().replace(".java", ""), Project.read(file));
        }
        return sources;
    }

    /**
     * Returns the non-final fields that are guarded according to their annotation, or to the comment on the field, its
     * group or its class.
     */
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
                if (comment.startsWith("/*") && !comment.startsWith("/**")) {
                    isGroup = isOne;
                }
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

    /** Returns the errors in a comment. */
    private static List<String> faults(WordComment comment, Map<String, String> sources) {
        List<String> faults = new ArrayList<>();
        List<String> tags = List.copyOf(comment.tags().keySet());
        if (!tags.stream()
                        .sorted(Comparator.comparing(WordComments.TAGS::indexOf))
                        .toList()
                        .equals(tags)
                || !WordComments.TAGS.containsAll(tags)) {
            faults.add("tags " + tags);
        }
        for (String name : List.of("written", "read", "invariant")) {
            if (comment.text(name).isEmpty()) {
                faults.add("no @" + name);
            }
        }
        for (String type : comment.types()) {
            if (!sources.containsKey(type)) {
                faults.add("no class " + type);
            }
        }
        for (String word : comment.words()) {
            if (comment.types().stream()
                    .noneMatch(type ->
                            WordComments.fields(sources.getOrDefault(type, "")).containsKey(word))) {
                faults.add("no field " + word + " in " + comment.types());
            }
        }
        return faults.stream()
                .map(fault -> comment.file().getFileName() + ", " + comment.field() + ": " + fault)
                .toList();
    }

    /** Returns the names of the fields without a comment, as {@code Class.field}. */
    private static List<String> withoutComment(String type, List<String> fields, List<WordComment> comments) {
        return fields.stream()
                .filter(field -> comments.stream().noneMatch(comment -> comment.isAbout(type, field)))
                .map(field -> type + "." + field)
                .toList();
    }

    /** Returns the field that a handle accesses, or the handle itself if it accesses array elements. */
    private static String word(String handle, String source) {
        Matcher made = Pattern.compile("\\b" + handle + "\\s*=[^;]*findVarHandle\\([^;]*\"(\\w+)\"")
                .matcher(source);
        return made.find() ? made.group(1) : handle;
    }

    /** Returns the volatile fields, the words of handles, and the atomics in a source. */
    private static List<String> shared(String source) {
        return WordComments.fields(source).entrySet().stream()
                .filter(field -> field.getValue().contains("volatile ")
                        || SHARED.matcher(field.getValue().replaceAll(".* (?=[A-Z]\\w*(?:<.*)?$)", ""))
                                .matches())
                .map(field -> word(field.getKey(), source))
                .toList();
    }

    @Test
    @DisplayName("name fields and classes of the module, and say who writes, who reads, and what holds")
    void commentsAreComplete() {
        List<String> wrong = new ArrayList<>();
        int found = 0;
        for (String module : MODULES) {
            Map<String, String> sources = sources(module);
            List<WordComment> comments = WordComments.in(Project.module(module));
            found += comments.size();
            comments.forEach(comment -> wrong.addAll(faults(comment, sources)));
        }
        assertEquals(List.of(), wrong);
        assertTrue(found > 300, "comments: " + found);
    }

    @Test
    @DisplayName("are at each field of maple and core that a comment or an annotation calls guarded")
    void guardedFields() {
        List<String> missing = new ArrayList<>();
        int found = 0;
        for (String module : List.of("maple", "core")) {
            List<WordComment> comments = WordComments.in(Project.module(module));
            for (Map.Entry<String, String> source : sources(module).entrySet()) {
                List<String> guarded = guarded(source.getKey(), source.getValue());
                found += guarded.size();
                missing.addAll(withoutComment(source.getKey(), guarded, comments));
            }
        }
        assertEquals(List.of(), missing);
        assertTrue(found > 50, "guarded: " + found);
    }

    @ParameterizedTest
    @ValueSource(strings = {"maple", "core", "emulator", "tool", "examples"})
    @DisplayName("are at each volatile field, each word of a handle and each atomic of")
    void sharedFields(String module) {
        List<WordComment> comments = WordComments.in(Project.module(module));
        List<String> missing = new ArrayList<>();
        sources(module).forEach((type, source) -> missing.addAll(withoutComment(type, shared(source), comments)));
        assertEquals(List.of(), missing);
    }

    @Test
    @DisplayName("are compared with fields as they are written: after a comment, in a group, in a class, annotated")
    void shapes() {
        String source = """
                /** Words. */
                final class Words {
                    private static final VarHandle FOUR;
                    private static final VarHandle ELEMENT = MethodHandles.arrayElementVarHandle(int[].class);

                    static {
                        FOUR = MethodHandles.lookup().findVarHandle(Words.class, "four", int.class);
                    }

                    /** One. Guarded by this. */
                    private int one;

                    int open;

                    @GuardedBy("this")
                    private long sum;

                    private long other;

                    /* Guarded by the lock. */
                    private final int made = 1;
                    private long two = 2;

                    /** Of two. */
                    private @Nullable Object three;

                    void call() {
                        int local = 1;
                    }

                    private int four;
                    private volatile int five;
                }
                """;
        assertEquals(List.of("one", "sum", "two", "three"), guarded("Words", source));
        assertEquals(
                List.of("one", "sum", "two", "three", "four", "five"),
                guarded("Words", source.replace("Words.", "Words, guarded by a lock.")).stream()
                        .filter(field -> !field.equals("open") && !field.equals("other"))
                        .toList());
        assertEquals(
                List.of("ELEMENT", "five", "four"),
                shared(source).stream().sorted().toList());
    }

    @Test
    @DisplayName("are found whole: a removed tag, a wrong order and an unknown name are faults")
    void faultsAreFound() {
        String source = """
                final class Words {
                    /**
                     * @words {@code one}, and all others of {@code Words}, {@code More}
                     * @written a thread
                     *     with a lock (plain)
                     * @read any thread (plain)
                     * @invariant none
                     */
                    private int one;
                }
                """;
        Map<String, String> sources = Map.of("Words", source, "More", "");
        WordComment comment = WordComments.of(Path.of("Words.java"), source).get(0);
        assertEquals(List.of(), faults(comment, sources));
        assertEquals("a thread with a lock (plain)", comment.text("written"));
        assertEquals(List.of(), withoutComment("More", List.of("other"), List.of(comment)));
        assertEquals(List.of("Less.other"), withoutComment("Less", List.of("other"), List.of(comment)));
        assertEquals(List.of("Words.java, one: no class More"), faults(comment, Map.of("Words", source)));
        for (String broken : List.of(
                source.replace("     * @read any thread (plain)\n", ""),
                source.replace("@read", "@pairs").replace("@written", "@read").replace("@pairs", "@written"),
                source.replace("code one", "code two"),
                source.replace("@read", "@reads"))) {
            assertNotEquals(source, broken);
            List<WordComment> comments = WordComments.of(Path.of("Words.java"), broken);
            assertFalse(faults(comments.get(0), sources).isEmpty(), broken);
        }
    }
}
