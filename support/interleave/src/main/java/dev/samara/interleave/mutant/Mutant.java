// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.mutant;

import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A deliberate fault in production code, which a test must find, or a setting: another change that a test needs. All of
 * them are in the files of the folder {@code mutants} of the project, whose README describes their form.
 *
 * <p>The sources are edited and compiled when the mutant is first applied. Two mutants of the same file cannot be
 * applied together: only the first one takes effect.
 */
public final class Mutant {
    private static final Pattern EDIT = Pattern.compile("edit (\\w+) (\\w+)(?: in (\\w+))?");

    /** The modules that the profile runs mutants of. A mutant is one of the module of its first edit. */
    private static final List<String> MODULES = List.of("maple", "core", "emulator", "wasm", "endive", "chicory");

    /** All mutants, by name. */
    private static final Map<String, Mutant> ALL = read(Project.root().resolve("mutants"));

    /**
     * A change of one place.
     *
     * @param module the module of the place
     * @param member the name of its method, constructor or field; that of its class if it is in none
     * @param className the simple name of a class around it, which is needed if other members of the same name contain
     *     the same code
     * @param removed the code of the place
     * @param added the code that replaces it
     */
    record Edit(String module, String member, @Nullable String className, String removed, String added) {}

    private final String name;
    private final boolean isSetting;
    private final List<Edit> edits = new ArrayList<>();
    private final List<String> settings = new ArrayList<>();
    private final List<String> searches = new ArrayList<>();
    private final List<String> moved = new ArrayList<>();
    private @Nullable Map<String, byte[]> classes;

    private Mutant(String name, boolean isSetting) {
        this.name = name;
        this.isSetting = isSetting;
    }

    /** Creates a mutant of class files. */
    Mutant(String name, Map<String, byte[]> classes) {
        this(name, false);
        this.classes = Map.copyOf(classes);
    }

    /** Returns the mutant or the setting with a name. */
    public static Mutant named(String name) {
        Mutant found = ALL.get(name);
        if (found == null) {
            throw new IllegalArgumentException("name: no mutant or setting \"" + name + "\"");
        }
        return found;
    }

    /** Returns the names of all mutants. */
    public static List<String> names() {
        return ALL.values().stream()
                .filter(mutant -> !mutant.isSetting)
                .map(Mutant::name)
                .toList();
    }

    /** Returns all mutants of a module, in the order of their names. */
    public static List<Mutant> of(String module) {
        return ALL.values().stream()
                .filter(mutant -> mutant.edits.get(0).module().equals(module))
                .sorted((one, other) -> one.name.compareTo(other.name))
                .toList();
    }

    /** Returns what the mutated code does. */
    public String name() {
        return name;
    }

    /** Returns the settings under which it is searched for; without it, nothing is found under them. */
    public List<Mutant> settings() {
        return settings.stream().map(Mutant::named).toList();
    }

    /** Returns the searches that must find it: the kind of each, and its arguments; empty for a setting. */
    public List<String> searches() {
        return List.copyOf(searches);
    }

    /**
     * Returns the mutated class file, or the given class file if the mutant does not change it.
     *
     * @param className the name of the class, as {@link Class#getName} returns it
     * @param classFile null if the unchanged code has no such class: the mutant may add one, and so may its compiler,
     *     e.g. that of JDK 17 a class for a {@code switch} that the compiler of JDK 25 does without
     * @throws IllegalStateException if the place of an edit is gone, or the edited source does not compile
     */
    public byte @Nullable [] apply(String className, byte @Nullable [] classFile) {
        byte[] made = classes().get(className);
        return made != null ? made : classFile;
    }

    /** Compiles the mutant, unless it is compiled already; throws what {@link #apply} throws. */
    public synchronized Map<String, byte[]> classes() {
        Map<String, byte[]> made = classes;
        if (made == null) {
            made = new HashMap<>();
            Map<String, List<Edit>> byModule = Stream.concat(Stream.of(this), settings().stream())
                    .flatMap(mutant -> mutant.edits.stream())
                    .collect(Collectors.groupingBy(Edit::module, LinkedHashMap::new, Collectors.toList()));
            for (Map.Entry<String, List<Edit>> ofModule : byModule.entrySet()) {
                String module = ofModule.getKey();
                ModuleSource.Edited edited = ModuleSource.of(module).edited(ofModule.getValue());
                made.putAll(SourceCompiler.compile(module, edited.sources()));
                moved.addAll(edited.moved());
            }
            classes = made;
        }
        return made;
    }

    /**
     * Returns the members, each with its class, that are edited because they alone contain the code of an edit,
     * although the edit names another one. Empty before the mutant is compiled.
     */
    public synchronized List<String> moved() {
        return List.copyOf(moved);
    }

    /** Writes the mutated class files below a directory, which must precede the modules on a class path. */
    public void writeTo(Path directory) throws IOException {
        for (Map.Entry<String, byte[]> made : classes().entrySet()) {
            Path file = directory.resolve(made.getKey().replace('.', '/') + ".class");
            Files.createDirectories(file.getParent());
            Files.write(file, made.getValue());
        }
    }

    @Override
    public String toString() {
        return name;
    }

    private static Map<String, Mutant> read(Path folder) {
        Map<String, Mutant> all = new LinkedHashMap<>();
        for (Path file : Project.files(folder, ".txt")) {
            for (Mutant mutant : parse(file.toString(), Project.read(file).lines())) {
                if (all.put(mutant.name, mutant) != null) {
                    throw new IllegalStateException(file + ": a second mutant \"" + mutant.name + '"');
                }
            }
        }
        return all;
    }

    /** Returns the mutants in the lines of a file. */
    static List<Mutant> parse(String file, Stream<String> lines) {
        List<Mutant> all = new ArrayList<>();
        Mutant mutant = new Mutant("", true);
        for (String line : (Iterable<String>) lines::iterator) {
            String text = line.strip();
            if (text.startsWith("mutant ") || text.startsWith("setting ")) {
                mutant = new Mutant(text.substring(text.indexOf(' ') + 1), text.startsWith("setting "));
                all.add(mutant);
            } else if (text.startsWith("with ")) {
                mutant.settings.add(text.substring("with ".length()));
            } else if (text.startsWith("edit ")) {
                Matcher edit = EDIT.matcher(text);
                if (!edit.matches()) {
                    throw new IllegalStateException(file + ": not \"edit MODULE MEMBER [in CLASS]\": " + line);
                }
                if (!MODULES.contains(edit.group(1))) {
                    throw new IllegalStateException(file + ": not one of the modules " + MODULES + ": " + line);
                }
                mutant.edits.add(new Edit(edit.group(1), edit.group(2), edit.group(3), "", ""));
            } else if (text.startsWith("- ") || text.equals("+") || text.startsWith("+ ")) {
                mutant.extend(file, text.charAt(0) == '-', text.substring(Math.min(2, text.length())));
            } else if (text.startsWith("found by ")) {
                mutant.searches.add(text.substring("found by ".length()));
            } else if (!text.isEmpty() && !text.startsWith("#")) {
                throw new IllegalStateException(file + ": neither a mutant nor an edit nor a search: " + line);
            }
        }
        for (Mutant each : all) {
            if (each.edits.isEmpty() || each.edits.stream().anyMatch(edit -> edit.removed.isBlank())) {
                throw new IllegalStateException(file + ": nothing to change in \"" + each + '"');
            }
            if (each.searches.isEmpty() != each.isSetting) {
                throw new IllegalStateException(
                        file + ": a mutant needs a search, and a setting has none: \"" + each + '"');
            }
        }
        return all;
    }

    private void extend(String file, boolean isRemoved, String code) {
        if (edits.isEmpty()) {
            throw new IllegalStateException(file + ": code outside of an edit: " + code);
        }
        int last = edits.size() - 1;
        Edit old = edits.get(last);
        String removed = isRemoved ? (old.removed + '\n' + code).strip() : old.removed;
        String added = isRemoved ? old.added : (old.added + '\n' + code).strip();
        edits.set(last, new Edit(old.module, old.member, old.className, removed, added));
    }
}
