// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks the names in documents and comments, which would go stale unnoticed when a class or member is renamed. */
@DisplayName("Each name in code")
final class NamesInTextTest {
    private static final Path ROOT = Project.root();

    /** The names from the JDK, the JVM, systems and formats. */
    private static final Set<String> FOREIGN = Set.of(
            "CompletionHandler",
            "File",
            "FileLock",
            "FileSystemProvider",
            "FlushFileBuffers",
            "FreqInlineSize",
            "G1GC",
            "InlineSmallCode",
            "IntBuffer",
            "Invoker",
            "LongBuffer",
            "MinInlineFrequencyRatio",
            "RangeMap",
            "RangeSet",
            "OptoScheduling",
            "ParallelGC",
            "SerialGC",
            "UseFPUForSpilling",
            "loadLoadFence",
            "pPID",
            "storeStoreFence");

    /** Strings and comments; comments are in a group. */
    private static final Pattern TEXT = Pattern.compile("\"\"\"[\\s\\S]*?\"\"\"|\"(?:\\\\.|[^\"\\\\\\n])*+\""
            + "|'(?:\\\\.|[^'\\\\\\n])++'|(//[^\\n]*|/\\*[\\s\\S]*?\\*/)");

    private static final Pattern WORD = Pattern.compile("\\w+");
    private static final Pattern DECLARATION =
            Pattern.compile("\\b(?:class|interface|enum|record) (\\w+)[^{;]*?(?:\\{|;)");
    private static final Pattern FENCED = Pattern.compile("(?s)```.*?```");
    private static final Pattern QUOTED =
            Pattern.compile("`(?:[a-z]\\w*\\.)*([A-Z]\\w*)(?:[.#]([A-Za-z]\\w*))?" + "(?:\\([^`]*\\))?`");
    private static final Pattern OF_CLASS = Pattern.compile("\\b([A-Z]\\w*[a-z]\\w*)\\.([a-z]\\w*)\\b");
    private static final Pattern CAMEL = Pattern.compile("(?<![\\w.#@/-])[a-z]+[A-Z]\\w*");
    private static final Pattern LINK = Pattern.compile("https?://\\S+");

    /** Names after the numbers of rules, as in {@code (P1, P2; Gate, Leaf.lock)}. */
    private static final Pattern LISTED = Pattern.compile("\\([A-Z][0-9][^();]*; ([^()]*)\\)");

    /** The words in the code that declares a class, by the name of the class. */
    private static final Map<String, Set<String>> DECLARED = new HashMap<>();

    /** The names that the declaration of a class mentions, e.g. its supertypes. */
    private static final Map<String, Set<String>> ABOVE = new HashMap<>();

    private static final Set<String> WORDS = new HashSet<>();

    /** The comments in main sources, by file. */
    private static final Map<String, List<String>> COMMENTS = new HashMap<>();

    @BeforeAll
    static void read() throws IOException {
        for (Path module : Project.modules()) {
            for (Path file : Project.files(module.resolve("src"), ".java")) {
                List<String> comments = new ArrayList<>();
                // The strings of this file contain names that do not exist.
                add(Files.readString(file), !file.endsWith("NamesInTextTest.java"), comments);
                if (file.toString().contains("/src/main/")) {
                    COMMENTS.put(file.getFileName().toString(), comments);
                }
            }
        }
    }

    private static Set<String> words(String text) {
        Set<String> words = new HashSet<>();
        WORD.matcher(text).results().forEach(word -> words.add(word.group()));
        return words;
    }

    /** Adds the declarations and the words of a source. */
    private static void add(String source, boolean hasStrings, List<String> comments) {
        TEXT.matcher(source)
                .results()
                .filter(text -> text.group(1) != null)
                .forEach(text -> comments.add(LINK.matcher(text.group()).replaceAll("")));
        String code = TEXT.matcher(source).replaceAll(text -> hasStrings && text.group(1) == null ? "$0" : " ");
        Set<String> words = words(code);
        WORDS.addAll(words);
        Matcher declaration = DECLARATION.matcher(code);
        while (declaration.find()) {
            String name = declaration.group(1);
            DECLARED.computeIfAbsent(name, any -> new HashSet<>()).addAll(words);
            ABOVE.computeIfAbsent(name, any -> new HashSet<>()).addAll(words(declaration.group()));
        }
    }

    /** Returns whether a class or one of its supertypes declares a member. */
    private static boolean has(String type, String member) {
        Set<String> seen = new HashSet<>();
        Deque<String> left = new ArrayDeque<>(List.of(type));
        while (!left.isEmpty()) {
            String next = left.remove();
            if (seen.add(next) && DECLARED.containsKey(next)) {
                if (DECLARED.getOrDefault(next, Set.of()).contains(member)) {
                    return true;
                }
                left.addAll(ABOVE.getOrDefault(next, Set.of()));
            }
        }
        return false;
    }

    /** Returns whether a class exists, and, if its source exists, whether it declares a member. */
    private static boolean exists(String type, String member) {
        if (DECLARED.containsKey(type)) {
            return member.isEmpty() || has(type, member);
        }
        boolean isOneWord = member.isEmpty() && !type.matches("[A-Z][a-z0-9]+[A-Z].*");
        return isOneWord || WORDS.contains(type) || WORDS.contains("get" + type) || FOREIGN.contains(type);
    }

    /** Returns the names in a page that do not exist. */
    private static Set<String> wrong(String page) {
        Set<String> wrong = new TreeSet<>();
        Matcher quoted = QUOTED.matcher(FENCED.matcher(page).replaceAll(""));
        while (quoted.find()) {
            if (!exists(quoted.group(1), quoted.group(2) == null ? "" : quoted.group(2))) {
                wrong.add(quoted.group());
            }
        }
        return wrong;
    }

    /** Returns the names in a comment that do not exist. */
    private static Set<String> wrongInComment(String comment) {
        Set<String> wrong = new TreeSet<>();
        Matcher member = OF_CLASS.matcher(comment);
        while (member.find()) {
            String type = member.group(1);
            if (DECLARED.containsKey(type) && !FOREIGN.contains(type) && !has(type, member.group(2))) {
                wrong.add(member.group());
            }
        }
        Matcher camel = CAMEL.matcher(comment);
        while (camel.find()) {
            if (!WORDS.contains(camel.group()) && !FOREIGN.contains(camel.group())) {
                wrong.add(camel.group());
            }
        }
        return wrong;
    }

    @Test
    @DisplayName("that a document quotes is that of a class, and of a member of it")
    void documents() throws IOException {
        List<Path> pages = new ArrayList<>(Project.files(ROOT.resolve("docs"), ".md"));
        pages.addAll(
                List.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md"), ROOT.resolve("maple/README.md")));
        Set<String> wrong = new TreeSet<>();
        long quoted = 0;
        for (Path page : pages) {
            String text = Files.readString(page);
            quoted += QUOTED.matcher(text).results().count();
            wrong(text).forEach(name -> wrong.add(page.getFileName() + ": " + name));
        }
        assertEquals(Set.of(), wrong);
        assertTrue(quoted > 1000, "quoted: " + quoted);
    }

    @Test
    @DisplayName("that a comment writes like a member is that of one")
    void comments() {
        Set<String> wrong = new TreeSet<>();
        COMMENTS.forEach((file, comments) ->
                comments.forEach(comment -> wrongInComment(comment).forEach(name -> wrong.add(file + ": " + name))));
        assertEquals(Set.of(), wrong);
        assertTrue(COMMENTS.size() > 500, "files: " + COMMENTS.size());
    }

    @Test
    @DisplayName("that a model lists after the rules is that of a class or a member")
    void models() throws IOException {
        Set<String> wrong = new TreeSet<>();
        int listed = 0;
        for (Path model : Project.files(ROOT.resolve("docs/models"), ".pml")) {
            Matcher list = LISTED.matcher(Files.readString(model).replaceAll("\\s+\\*?\\s*", " "));
            while (list.find()) {
                for (String name : list.group(1).split(", ", -1)) {
                    String[] parts = name.split("\\.", -1);
                    listed++;
                    if (!DECLARED.containsKey(parts[0]) || (parts.length > 1 && !has(parts[0], parts[1]))) {
                        wrong.add(model.getFileName() + ": " + name);
                    }
                }
            }
        }
        assertEquals(Set.of(), wrong);
        assertTrue(listed > 10, "listed: " + listed);
    }

    @Test
    @DisplayName("is found in a page and in a comment")
    void shapes() {
        assertEquals(
                Set.of("`Leaf.lookFor`", "`NoClassIsSo`", "`NoClass.get`"),
                wrong("`Leaf.lock`, `Leaf.lookFor`, `internal.page.Leaf`, `Machine`, `NoClassIsSo`, `NoClass.get`,"
                        + " `Thread.isAlive`, `ENOMEM`, `HousekeepingAgent.doWork()`, `FlatMemory.poll`"));
        assertEquals(
                Set.of("Leaf.lookFor", "noSuchMember"),
                wrongInComment("// See Leaf.lock and Leaf.lookFor, noSuchMember, getAndAdd. Leaf. Then."));
    }
}
