// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks that an embedder can name every type that occurs in the API and its javadoc. */
final class ExportedTypesTest {
    private static final String CORE = "dev.samara.core";
    private static final Set<String> EXPORTED = Set.of(
            CORE,
            CORE + ".annotation",
            CORE + ".backing",
            CORE + ".event",
            CORE + ".guest",
            CORE + ".mman",
            CORE + ".vma");

    /** A comment, and the start of the declaration that follows it. */
    private static final Pattern JAVADOC = Pattern.compile("(?s)/\\*\\*(.*?)\\*/\\s*(?:@[^\\n]*\\n\\s*)*(\\w+)");

    /** An inline tag, or a block tag with its first word. */
    private static final Pattern TAG =
            Pattern.compile("\\{@(?:link|linkplain|code|value)\\s+([^}]*)\\}|@(?:see|throws)\\s+(\\S+)");

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .importUrl(Machine.class.getProtectionDomain().getCodeSource().getLocation());

    private static List<Class<?>> exported() {
        List<Class<?>> exported = new ArrayList<>();
        for (JavaClass each : CLASSES) {
            if (EXPORTED.contains(each.getPackageName())) {
                Class<?> type = each.reflect();
                if (isReachable(type)) {
                    exported.add(type);
                }
            }
        }
        assertTrue(exported.contains(MachineBuilder.class));
        return exported;
    }

    private static boolean isReachable(Class<?> type) {
        return SignatureTypes.isVisible(type.getModifiers())
                && EXPORTED.contains(type.getPackageName())
                && (type.getEnclosingClass() == null || isReachable(type.getEnclosingClass()));
    }

    /**
     * Returns the types that a class names: its supertypes, bounds, and the types of its public and protected members.
     */
    private static Set<Class<?>> named(Class<?> type) {
        Set<Class<?>> named = new HashSet<>(SignatureTypes.ofDeclaration(type));
        SignatureTypes.members(type).forEach(member -> named.addAll(SignatureTypes.of(member)));
        return named;
    }

    @Test
    @DisplayName("no supertype, public or protected signature names a type that is not exported")
    void signaturesNameExportedTypes() {
        Set<String> found = new TreeSet<>();
        for (Class<?> type : exported()) {
            for (Class<?> named : named(type)) {
                if (named.getName().startsWith(CORE) && !isReachable(named)) {
                    found.add(type.getSimpleName() + " -> " + named.getSimpleName());
                }
            }
        }
        assertEquals(Set.of(), found);
    }

    @Test
    @DisplayName("no comment of a public or protected declaration names a type that is not exported")
    void commentsNameExportedTypes() throws IOException {
        Set<String> exported = exported().stream().map(Class::getSimpleName).collect(Collectors.toSet());
        Set<String> hidden = CLASSES.stream()
                .filter(each -> !EXPORTED.contains(each.getPackageName()))
                .map(JavaClass::getSimpleName)
                .filter(name -> !name.isEmpty() && !exported.contains(name))
                .collect(Collectors.toSet());
        Path sources = Path.of(System.getProperty("basedir", ""), "src", "main", "java");
        Set<String> found = new TreeSet<>();
        for (String folder : EXPORTED) {
            try (Stream<Path> files = Files.list(sources.resolve(folder.replace('.', '/')))) {
                for (Path file :
                        files.filter(path -> path.toString().endsWith(".java")).toList()) {
                    String name = file.getFileName().toString();
                    for (MatchResult comment : results(JAVADOC, Files.readString(file))) {
                        if (Set.of("public", "protected", "package").contains(comment.group(2))) {
                            namesIn(comment.group(1))
                                    .filter(hidden::contains)
                                    .forEach(type -> found.add(name + " -> " + type));
                        }
                    }
                }
            }
        }
        assertEquals(Set.of(), found);
    }

    private static List<MatchResult> results(Pattern pattern, String text) {
        return pattern.matcher(text).results().toList();
    }

    /** Returns the words within the tags of a comment. */
    private static Stream<String> namesIn(String comment) {
        return results(TAG, comment).stream()
                .map(tag -> tag.group(1) == null ? tag.group(2) : tag.group(1))
                .flatMap(words -> Arrays.stream(words.split("\\W+")));
    }
}
