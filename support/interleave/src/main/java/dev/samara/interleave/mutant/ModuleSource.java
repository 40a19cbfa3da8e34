// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.mutant;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.SourcePositions;
import com.sun.source.util.TreeScanner;
import com.sun.source.util.Trees;
import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntFunction;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/**
 * The production sources of one module, in which a {@link Mutant.Edit} looks for its place.
 *
 * <p>Code is compared token by token, so layout and comments do not count; {@code ...} stands for a part of a
 * statement. Of the places where the code of an edit occurs, the edit means the one in the member that it names: a
 * method, a constructor (by the name of its class), or a field. If several members of that name contain it, the class
 * that the edit names decides. If none does, because the code moved to a member with another name, the edit means the
 * only place in the module. Code also matches, unless other code matches exactly, if only the fields through which it
 * reaches an object differ, as in {@code state.frames} and {@code frames}: this is what changes when two classes become
 * one.
 */
final class ModuleSource {
    private static final Pattern TOKEN =
            Pattern.compile("(?s)\"\"\".*?\"\"\"|\"(?:\\\\.|[^\"\\\\])*\"|'(?:\\\\.|[^'\\\\])*'"
                    + "|//[^\\n]*|/\\*.*?\\*/|\\w+|\\.\\.\\.|[^\\s\\w]");
    private static final String ANY = "...";
    private static final Set<String> STATEMENT_ENDS = Set.of(";", "{", "}");
    private static final Pattern FIELD = Pattern.compile("[a-z]\\w*");
    private static final Map<String, ModuleSource> MODULES = new ConcurrentHashMap<>();

    private record Token(String text, int start, int end) {}

    /** A part of a file with a name; the last one in the list that contains a place is the innermost. */
    private record Member(String name, boolean isClass, long start, long end) {}

    private record SourceFile(Path path, String text, List<Token> tokens, List<Member> members) {
        /** Returns the name of the innermost method, constructor or field at a place, or else that of the class. */
        String memberAt(int at) {
            String found = "";
            for (Member member : members) {
                if (member.start <= at && at < member.end && !member.name.isEmpty()) {
                    found = member.name;
                }
            }
            return found;
        }

        boolean isIn(String className, int at) {
            return members.stream()
                    .anyMatch(member ->
                            member.isClass && member.name.equals(className) && member.start <= at && at < member.end);
        }
    }

    /**
     * A place in the sources, and what has to be written there.
     *
     * @param member the class and the member that contain it
     * @param isNamed whether that is the member that the edit names
     * @param start the first character, in the text of the file
     * @param end the character after the last one
     */
    record Place(Path file, String member, boolean isNamed, int start, int end, String replacement) {}

    /**
     * Edited sources.
     *
     * @param sources the sources by the name of the top-level class of the file
     * @param moved the members that were edited although the edits name others, each with its class
     */
    record Edited(Map<String, String> sources, List<String> moved) {}

    private final String module;
    private final Path folder;
    private final List<SourceFile> files;

    ModuleSource(String module, Path folder) {
        this.module = module;
        this.folder = folder;
        try {
            files = parse(Project.files(folder, ".java"));
        } catch (IOException unreadable) {
            throw new IllegalStateException("module " + module + " cannot be read", unreadable);
        }
    }

    static ModuleSource of(String module) {
        return MODULES.computeIfAbsent(
                module, any -> new ModuleSource(module, Project.module(module).resolve("src/main/java")));
    }

    private static List<SourceFile> parse(List<Path> paths) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        List<SourceFile> files = new ArrayList<>();
        try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
            JavacTask task = (JavacTask)
                    compiler.getTask(null, manager, null, null, null, manager.getJavaFileObjectsFromPaths(paths));
            SourcePositions positions = Trees.instance(task).getSourcePositions();
            for (CompilationUnitTree unit : task.parse()) {
                String text = unit.getSourceFile().getCharContent(true).toString();
                Path path = Path.of(unit.getSourceFile().toUri());
                files.add(new SourceFile(path, text, tokens(text), members(unit, positions)));
            }
        }
        return files;
    }

    private static List<Member> members(CompilationUnitTree unit, SourcePositions positions) {
        List<Member> found = new ArrayList<>();
        new TreeScanner<@Nullable Void, String>() {
            private void add(Tree tree, String name, boolean isClass) {
                long start = positions.getStartPosition(unit, tree);
                found.add(new Member(name, isClass, start, positions.getEndPosition(unit, tree)));
            }

            @Override
            public @Nullable Void visitClass(ClassTree tree, String owner) {
                String name = tree.getSimpleName().toString();
                add(tree, name, true);
                for (Tree member : tree.getMembers()) {
                    if (member instanceof VariableTree field) {
                        add(field, field.getName().toString(), false);
                    }
                }
                return super.visitClass(tree, name);
            }

            @Override
            public @Nullable Void visitMethod(MethodTree tree, String owner) {
                String name = tree.getName().toString();
                add(tree, name.equals("<init>") ? owner : name, false);
                return super.visitMethod(tree, owner);
            }
        }.scan(unit, "");
        return found;
    }

    private static List<Token> tokens(String text) {
        return TOKEN.matcher(text)
                .results()
                .filter(token ->
                        !token.group().startsWith("//") && !token.group().startsWith("/*"))
                .map(token -> new Token(token.group(), token.start(), token.end()))
                .toList();
    }

    /**
     * Finds the place of an edit.
     *
     * @throws IllegalStateException if it is not the only one
     */
    Place find(Mutant.Edit edit) {
        List<String> code = tokens(edit.removed()).stream().map(Token::text).toList();
        List<Found> exact = matches(code, false);
        List<Found> all = matches(code, true);
        Predicate<Found> isNamed = found -> found.member().equals(edit.member());
        Predicate<Found> isInClass =
                found -> edit.className() != null && found.file.isIn(edit.className(), found.start());
        for (Predicate<Found> by : List.of(isNamed.and(isInClass), isNamed, isInClass, any -> true)) {
            for (List<Found> some : List.of(exact, all)) {
                List<Found> found = some.stream().filter(by).toList();
                if (found.size() == 1) {
                    return found.get(0).place(edit);
                }
            }
        }
        throw new IllegalStateException(
                all.isEmpty()
                        ? "nowhere in " + module + ": " + edit.removed()
                        : all.size() + " times in " + module + ", and not once in a member " + edit.member() + ": "
                                + edit.removed());
    }

    private List<Found> matches(List<String> code, boolean ignoresFields) {
        List<Found> all = new ArrayList<>();
        for (SourceFile file : files) {
            for (int at = 0; at < file.tokens.size(); at++) {
                Match match = new Match(file, code, ignoresFields);
                int end = match.end(at, 0);
                if (end >= 0) {
                    all.add(new Found(file, at, end - 1, match));
                }
            }
        }
        return all;
    }

    /** The tokens of a file that match the code of an edit. */
    private record Found(SourceFile file, int first, int last, Match match) {
        int start() {
            return file.tokens.get(first).start;
        }

        String member() {
            return file.memberAt(start());
        }

        Place place(Mutant.Edit edit) {
            String type = file.path.getFileName().toString().replace(".java", "");
            boolean isNamed = member().equals(edit.member());
            int end = file.tokens.get(last).end;
            return new Place(file.path, type + '.' + member(), isNamed, start(), end, match.adapted(edit.added()));
        }
    }

    /** The comparison of code with the tokens of a file, and what differs. */
    private static final class Match {
        /** The maximum number of tokens for which {@code ...} stands. */
        private static final int MOST = 40;

        private final SourceFile file;
        private final List<String> code;
        private final boolean ignoresFields;
        private final List<String> omitted = new ArrayList<>();
        /** Fields by the identifier that follows them. */
        private final Map<String, String> added = new HashMap<>();
        /** What each {@code ...} stands for. */
        private final List<String> any = new ArrayList<>();

        Match(SourceFile file, List<String> code, boolean ignoresFields) {
            this.file = file;
            this.code = code;
            this.ignoresFields = ignoresFields;
        }

        /** Returns the index after the last token that matches code from its {@code i}-th token on, or -1. */
        int end(int first, int from) {
            int at = first;
            for (int i = from; i < code.size(); ) {
                if (code.get(i).equals(ANY)) {
                    return endOfAny(at, i);
                } else if (at < file.tokens.size() && text(at).equals(code.get(i))) {
                    at++;
                    i++;
                } else if (ignoresFields && isField(code::get, code.size(), i)) {
                    omitted.add(code.get(i));
                    i += 2;
                } else if (ignoresFields && i > 0 && isField(this::text, file.tokens.size(), at)) {
                    added.put(text(at + 2), text(at));
                    at += 2;
                } else {
                    return -1;
                }
            }
            return at;
        }

        private String text(int at) {
            return file.tokens.get(at).text;
        }

        private int endOfAny(int at, int i) {
            for (int next = at; next <= at + MOST && next < file.tokens.size(); next++) {
                any.add(
                        next == at
                                ? ""
                                : file.text.substring(file.tokens.get(at).start, file.tokens.get(next - 1).end));
                int end = end(next, i + 1);
                if (end >= 0) {
                    return end;
                }
                any.remove(any.size() - 1);
                if (STATEMENT_ENDS.contains(text(next))) {
                    break;
                }
            }
            return -1;
        }

        private static boolean isField(IntFunction<String> tokens, int size, int i) {
            return i + 2 < size
                    && FIELD.matcher(tokens.apply(i)).matches()
                    && tokens.apply(i + 1).equals(".")
                    && (i == 0 || !tokens.apply(i - 1).equals("."));
        }

        /** Returns a replacement for this match. */
        String adapted(String replacement) {
            String text = replacement;
            for (String field : omitted) {
                text = text.replaceAll("(?<![\\w.])" + field + "\\s*\\.\\s*(?=\\w)", "");
            }
            for (Map.Entry<String, String> field : added.entrySet()) {
                text = text.replaceAll("(?<![\\w.])" + field.getKey() + "\\b", field.getValue() + '.' + field.getKey());
            }
            for (String part : any) {
                text = text.replaceFirst(Pattern.quote(ANY), Matcher.quoteReplacement(part));
            }
            return text;
        }
    }

    /**
     * Returns the sources with several edits.
     *
     * @throws IllegalStateException if the place of an edit is not the only one, or overlaps that of another edit
     */
    Edited edited(List<Mutant.Edit> edits) {
        Map<Path, List<Place>> places = new LinkedHashMap<>();
        List<String> moved = new ArrayList<>();
        for (Mutant.Edit edit : edits) {
            Place place = find(edit);
            places.computeIfAbsent(place.file, any -> new ArrayList<>()).add(place);
            if (!place.isNamed) {
                moved.add(place.member);
            }
        }
        Map<String, String> sources = new LinkedHashMap<>();
        places.forEach((path, ofFile) -> {
            ofFile.sort((one, other) -> Integer.compare(other.start, one.start));
            StringBuilder text = new StringBuilder(Project.read(path));
            int before = text.length();
            for (Place place : ofFile) {
                if (place.end > before) {
                    throw new IllegalStateException("two edits of one place in " + path);
                }
                text.replace(place.start, place.end, place.replacement);
                before = place.start;
            }
            String name = folder.relativize(path).toString();
            sources.put(name.replaceAll("\\.java$", "").replaceAll("[/\\\\]", "."), text.toString());
        });
        return new Edited(sources, moved);
    }
}
