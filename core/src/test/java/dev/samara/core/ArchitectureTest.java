// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** One package per room, and arrows that run one way: a row imports only rows above it. */
final class ArchitectureTest {
    /** The rows, from what everybody names down to the facade, which only composes. */
    private static final List<String> ROWS = List.of(
            "dev.samara.core.internal.sync..",
            "dev.samara.core.internal.vma..",
            "dev.samara.core.mman..",
            "dev.samara.core.vma..",
            "dev.samara.core.event..",
            "dev.samara.core.internal.check..",
            "dev.samara.core.internal.cpu..",
            "dev.samara.core.page..",
            "dev.samara.core.tlb..",
            "dev.samara.core.cache..",
            "dev.samara.core.backing..",
            "dev.samara.core.layout..",
            "dev.samara.core.fault..",
            "dev.samara.core.guest..",
            "dev.samara.core");

    private static final JavaClasses CORE =
            new ClassFileImporter().importPath(Path.of(System.getProperty("basedir", ""), "target", "classes"));

    @TestFactory
    @DisplayName("a row imports only rows above it")
    List<DynamicTest> rows_import_upwards() {
        return ROWS.stream()
                .limit(ROWS.size() - 1L)
                .map(row -> DynamicTest.dynamicTest(
                        row,
                        () -> noClasses()
                                .that()
                                .resideInAPackage(row)
                                .should()
                                .dependOnClassesThat()
                                .resideInAnyPackage(below(row))
                                .allowEmptyShould(true)
                                .check(CORE)))
                .toList();
    }

    @Test
    @DisplayName("every class lives in a row: a new package is given its place here first")
    void every_class_lives_in_a_row() {
        classes().should().resideInAnyPackage(ROWS.toArray(String[]::new)).check(CORE);
    }

    @Test
    @DisplayName("core depends on the JDK and on maple's API")
    void core_depends_on_little() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("java..", "dev.samara.maple", "dev.samara.core..", "org.jspecify..")
                .check(CORE);
    }

    @Test
    @DisplayName("core touches no internals of the JDK")
    void core_touches_no_jdk_internals() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("sun..", "jdk..", "com.sun..")
                .check(CORE);
    }

    private static String[] below(String row) {
        return ROWS.subList(ROWS.indexOf(row) + 1, ROWS.size()).toArray(String[]::new);
    }
}
