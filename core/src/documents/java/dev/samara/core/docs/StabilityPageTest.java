// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.samara.core.annotation.Experimental;
import dev.samara.testing.Project;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.module.ModuleDescriptor.Exports;
import java.lang.module.ModuleReference;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.jar.JarFile;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Compares docs/stability.md with the types that the published modules export, and with their annotations. */
@DisplayName("docs/stability.md")
final class StabilityPageTest {
    private static final List<String> MODULES = List.of("dev.samara.maple", "dev.samara.core");

    /** The heading of a package, or a row, which consists of names and a decision. */
    private static final Pattern LINE =
            Pattern.compile("(?m)^### (dev\\.samara\\.[\\w.]+)$|^\\| (`[^|]*`) \\| (\\w+) \\| [^|]+ \\|$");

    private static final Pattern NAME = Pattern.compile("`((?:new )?[\\w.]+)`");

    /** A method, a constructor or a constant. */
    private static final Pattern MEMBER = Pattern.compile("new .*|(?:.*\\.)?(?:[a-z]\\w*|[A-Z][A-Z0-9_]+)");

    /** The decision about a name. */
    private record Decision(String packageName, String name, String word) {
        boolean isExperimental() {
            return word.equals("experimental");
        }

        boolean isMember() {
            return MEMBER.matcher(name).matches();
        }

        String qualified() {
            return packageName + ": " + name;
        }
    }

    private static List<Decision> decisions() {
        List<Decision> decisions = new ArrayList<>();
        String heading = "";
        String page = Project.read(Project.root().resolve("docs/stability.md"));
        for (MatchResult line : LINE.matcher(page).results().toList()) {
            if (line.group(1) != null) {
                heading = line.group(1);
            } else {
                for (MatchResult name : NAME.matcher(line.group(2)).results().toList()) {
                    decisions.add(new Decision(heading, name.group(1), line.group(3)));
                }
            }
        }
        return decisions;
    }

    /** Returns the names in the rows that match; a name that occurs twice is returned twice. */
    private static List<String> names(Predicate<Decision> which) {
        return decisions().stream()
                .filter(which)
                .map(Decision::qualified)
                .sorted()
                .toList();
    }

    /** Returns the types that a user can name. */
    private static List<Class<?>> types() {
        List<Class<?>> types = new ArrayList<>();
        for (String module : MODULES) {
            ModuleReference reference = ModuleLayer.boot()
                    .configuration()
                    .findModule(module)
                    .orElseThrow(() -> new AssertionError("the module " + module + " does not run here"))
                    .reference();
            Set<String> exported = reference.descriptor().exports().stream()
                    .filter(each -> !each.isQualified())
                    .map(Exports::source)
                    .collect(Collectors.toSet());
            for (JavaClass each : classes(reference)) {
                if (exported.contains(each.getPackageName())) {
                    Class<?> type = each.reflect();
                    if (isReachable(type)) {
                        types.add(type);
                    }
                }
            }
        }
        assertTrue(types.size() > 100, () -> "only " + types);
        return types;
    }

    /** Returns the classes of a module, which is a folder, or possibly a jar in a build of all modules. */
    private static JavaClasses classes(ModuleReference reference) {
        Path location = Path.of(reference.location().orElseThrow());
        if (Files.isDirectory(location)) {
            return new ClassFileImporter().importPath(location);
        }
        try (JarFile jar = new JarFile(location.toFile())) {
            return new ClassFileImporter().importJar(jar);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(location + " cannot be read", unreadable);
        }
    }

    private static boolean isReachable(Class<?> type) {
        Class<?> enclosing = type.getEnclosingClass();
        return SignatureTypes.isVisible(type.getModifiers()) && (enclosing == null || isReachable(enclosing));
    }

    /** Returns the name of a type on the page: a nested type is named after its enclosing type. */
    private static String nameOf(Class<?> type) {
        return type.getPackageName() + ": " + shortName(type);
    }

    private static String shortName(Class<?> type) {
        return type.getName().substring(type.getPackageName().length() + 1).replace('$', '.');
    }

    private static boolean isExperimental(Class<?> type) {
        Class<?> enclosing = type.getEnclosingClass();
        return type.isAnnotationPresent(Experimental.class) || (enclosing != null && isExperimental(enclosing));
    }

    private static String nameOf(Member member) {
        String type = shortName(member.getDeclaringClass());
        return member.getDeclaringClass().getPackageName() + ": "
                + (member instanceof Constructor ? "new " + type : type + '.' + member.getName());
    }

    /**
     * Returns, for each name of methods, constructors and constants of stable types, whether these members are
     * experimental.
     */
    private static Map<String, Set<Boolean>> stableTypesMembers() {
        Map<String, Set<Boolean>> members = new TreeMap<>();
        for (Class<?> type : types()) {
            if (!isExperimental(type)) {
                for (Executable member : SignatureTypes.members(type)) {
                    members.computeIfAbsent(nameOf(member), any -> new TreeSet<>())
                            .add(member.isAnnotationPresent(Experimental.class));
                }
                for (Field field : SignatureTypes.fields(type)) {
                    members.computeIfAbsent(nameOf(field), any -> new TreeSet<>())
                            .add(field.isAnnotationPresent(Experimental.class));
                }
            }
        }
        return members;
    }

    /** Compares the names in the code with those on the page; reports only the differences. */
    private static void assertRows(List<String> code, List<String> page) {
        List<String> missing = new ArrayList<>(code);
        page.forEach(missing::remove);
        List<String> surplus = new ArrayList<>(page);
        code.forEach(surplus::remove);
        assertEquals(List.of(), missing, "these need a row, or the decision of their row is another one");
        assertEquals(List.of(), surplus, "these rows are surplus, or their decision is another one");
    }

    @Test
    @DisplayName("has each public type of the exported packages once, and no other")
    void eachTypeOnce() {
        List<String> expected =
                types().stream().map(StabilityPageTest::nameOf).sorted().toList();
        assertRows(expected, names(row -> !row.isMember()));
    }

    @Test
    @DisplayName("decides with one of two words")
    void words() {
        Set<String> words = decisions().stream().map(Decision::word).collect(Collectors.toSet());
        assertEquals(Set.of("stable", "experimental"), words);
    }

    @Test
    @DisplayName("calls a type experimental where it, or the type around it, is annotated")
    void experimentalTypes() {
        List<String> annotated = types().stream()
                .filter(StabilityPageTest::isExperimental)
                .map(StabilityPageTest::nameOf)
                .sorted()
                .toList();
        assertRows(annotated, names(row -> !row.isMember() && row.isExperimental()));
    }

    @Test
    @DisplayName("has each annotated member of a stable type once, and no other member")
    void experimentalMembers() {
        Map<String, Set<Boolean>> members = stableTypesMembers();
        List<String> annotated = members.entrySet().stream()
                .filter(each -> each.getValue().contains(true))
                .map(Map.Entry::getKey)
                .toList();
        assertRows(annotated, names(Decision::isMember));
    }

    @Test
    @DisplayName("speaks of all overloads of a member at once")
    void overloads() {
        List<String> mixed = stableTypesMembers().entrySet().stream()
                .filter(each -> each.getValue().size() == 2)
                .map(Map.Entry::getKey)
                .toList();
        assertEquals(List.of(), mixed);
    }

    @Test
    @DisplayName("is true of signatures: no element that is stable names an experimental type")
    void stableSignatures() {
        Set<String> found = new TreeSet<>();
        for (Class<?> type : types()) {
            if (!isExperimental(type)) {
                for (Class<?> named : SignatureTypes.ofDeclaration(type)) {
                    add(found, nameOf(type), named);
                }
                for (Executable member : SignatureTypes.members(type)) {
                    if (!member.isAnnotationPresent(Experimental.class)) {
                        for (Class<?> named : SignatureTypes.of(member)) {
                            add(found, nameOf(member), named);
                        }
                    }
                }
            }
        }
        assertEquals(Set.of(), found);
    }

    private static void add(Set<String> found, String element, Class<?> named) {
        if (isExperimental(named)) {
            found.add(element + " -> " + shortName(named));
        }
    }
}
