// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The comments on words that threads share, for tests that compare the comments with the code. docs/concurrency.md
 * defines their tags.
 */
public final class WordComments {
    /** The tags, in the order in which they occur in a comment. */
    public static final List<String> TAGS = List.of("words", "written", "read", "pairs", "invariant");

    private static final Pattern JAVADOC = Pattern.compile("(?s)/\\*\\*(.*?)\\*/");
    private static final Pattern TAG = Pattern.compile("(?m)^@(\\w+) ?");
    private static final Pattern CODE = Pattern.compile("\\{@code (\\w+)\\}");
    private static final Pattern TYPES = Pattern.compile(" of ((?:\\{@code [A-Z]\\w*[a-z]\\w*\\}(?:, )?)+)$");
    private static final Pattern ALL = Pattern.compile("\\b(?:all|everything)\\b");
    private static final Pattern CONTENTS = Pattern.compile("\\bcontents\\b(?!\\})");
    private static final Pattern COMMENT = Pattern.compile("(?s)/\\*.*?\\*/|//[^\\n]*");

    /**
     * Matches a line that declares a field of a class or a nested class, with groups for its modifiers, type and name.
     */
    private static final Pattern FIELD = Pattern.compile("(?m)^(?: {4}| {8}(?=private|protected|public|static|final"
            + "|volatile))((?:(?:private|protected|public|static|final|volatile|transient|@Nullable) )*)"
            + "((?!return |throw |package |import |abstract )[\\w@][\\w.<>?@\\[\\], ]*?) (\\w+)(?: =.*)?[;,=]?$");

    private WordComments() {}

    /**
     * One comment.
     *
     * @param file the source
     * @param field the field to which the comment belongs
     * @param words the words that it describes: the field, or the words that {@code @words} names
     * @param types the simple names of these words' classes: the file's class, or the classes that {@code @words} names
     * @param isAll whether it describes all fields of the classes, except for fields with their own comments
     * @param hasContents whether it also describes all fields of the classes after the first one, whose objects the
     *     words refer to
     * @param tags the text of each tag
     */
    public record WordComment(
            Path file,
            String field,
            List<String> words,
            List<String> types,
            boolean isAll,
            boolean hasContents,
            Map<String, String> tags) {
        /**
         * {@return the text of a tag; empty if the comment does not contain it}
         *
         * @param name one of {@link WordComments#TAGS}
         */
        public String text(String name) {
            return tags.getOrDefault(name, "");
        }

        /**
         * {@return whether the comment describes a field}
         *
         * @param type the simple name of the class
         * @param name the field
         */
        public boolean isAbout(String type, String name) {
            int place = types.indexOf(type);
            return place >= 0 && (isAll || words.contains(name) || (hasContents && place > 0));
        }
    }

    /**
     * {@return the comments in a module's main sources}
     *
     * @param module the directory of the module
     * @throws java.io.UncheckedIOException if a source cannot be read
     */
    public static List<WordComment> in(Path module) {
        List<WordComment> all = new ArrayList<>();
        for (Path file : Project.files(module.resolve("src/main/java"), ".java")) {
            all.addAll(of(file, Project.read(file)));
        }
        return all;
    }

    /**
     * {@return the comments of a source, in order}
     *
     * @param file the path of the source
     * @param source its text
     */
    public static List<WordComment> of(Path file, String source) {
        List<WordComment> found = new ArrayList<>();
        Matcher javadoc = JAVADOC.matcher(source);
        while (javadoc.find()) {
            Map<String, String> tags = tags(javadoc.group(1));
            if (tags.keySet().stream().anyMatch(TAGS::contains)) {
                Matcher field = FIELD.matcher(source).region(javadoc.end(), source.length());
                String name = field.find() ? field.group(3) : "";
                found.add(comment(file, name, tags));
            }
        }
        return found;
    }

    private static WordComment comment(Path file, String field, Map<String, String> tags) {
        String own = file.getFileName().toString().replace(".java", "");
        String words = tags.getOrDefault("words", "");
        Matcher types = TYPES.matcher(words);
        boolean hasTypes = types.find();
        String named = hasTypes ? words.substring(0, types.start()) : words;
        return new WordComment(
                file,
                field,
                tags.containsKey("words") ? codes(named) : List.of(field),
                hasTypes ? codes(types.group(1)) : List.of(own),
                ALL.matcher(named).find(),
                CONTENTS.matcher(named).find(),
                tags);
    }

    private static List<String> codes(String text) {
        return CODE.matcher(text).results().map(code -> code.group(1)).toList();
    }

    /** Returns the block tags of a comment, each with its text on one line. */
    private static Map<String, String> tags(String javadoc) {
        String text = javadoc.replaceAll("(?m)^ *\\*? ?", "");
        Map<String, String> tags = new LinkedHashMap<>();
        Matcher tag = TAG.matcher(text);
        String name = "";
        int from = 0;
        while (tag.find()) {
            if (!name.isEmpty()) {
                tags.put(name, text.substring(from, tag.start()).strip().replaceAll("\\s+", " "));
            }
            name = tag.group(1);
            from = tag.end();
        }
        if (!name.isEmpty()) {
            tags.put(name, text.substring(from).strip().replaceAll("\\s+", " "));
        }
        return tags;
    }

    /**
     * {@return the fields of a source by their names, each with its modifiers and its type}
     *
     * @param source its text
     */
    public static Map<String, String> fields(String source) {
        Map<String, String> fields = new TreeMap<>();
        Matcher field = FIELD.matcher(COMMENT.matcher(source).replaceAll(""));
        while (field.find()) {
            fields.merge(field.group(3), field.group(1) + field.group(2), (one, other) -> one + "; " + other);
        }
        return fields;
    }
}
