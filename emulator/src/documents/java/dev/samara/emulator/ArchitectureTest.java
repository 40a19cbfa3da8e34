// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks that the emulator uses only classes for embedders: the address space, and nothing below it. */
final class ArchitectureTest {
    private static final JavaClasses EMULATOR =
            new ClassFileImporter().importPath(Path.of(System.getProperty("basedir", ""), "target", "classes"));

    /** The rows of packages, from instructions to the end of a debugger. */
    private static final List<String> ROWS = List.of(
            "limit",
            "isa",
            "cpu",
            "translate",
            "elf",
            "linux.abi",
            "linux.memory",
            "linux.wait",
            "linux.signal",
            "linux.file",
            "linux.debug",
            "linux.process",
            "linux.call",
            "linux",
            "gdb");

    private static String row(String row) {
        return "dev.samara.emulator." + row;
    }

    @Test
    @DisplayName("it depends on core, a writer of classes for its translator, and the JDK")
    void dependsOnCore() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "dev.samara.core..",
                        "dev.samara.emulator..",
                        "org.jspecify..",
                        "com.google.errorprone.annotations.concurrent",
                        "org.objectweb.asm..")
                .check(EMULATOR);
        noClasses()
                .that()
                .resideOutsideOfPackage(row("translate"))
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.objectweb.asm..")
                .check(EMULATOR);
    }

    @Test
    @DisplayName("a row imports only rows above it, and each of its classes lives in a row")
    void emulatorImportsUpwards() {
        for (int i = 0; i < ROWS.size() - 1; i++) {
            noClasses()
                    .that()
                    .resideInAPackage(row(ROWS.get(i)))
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(ROWS.subList(i + 1, ROWS.size()).stream()
                            .map(ArchitectureTest::row)
                            .toArray(String[]::new))
                    .check(EMULATOR);
        }
        classes()
                .that()
                .resideInAPackage("dev.samara.emulator..")
                .should()
                .resideInAnyPackage(ROWS.stream().map(ArchitectureTest::row).toArray(String[]::new))
                .check(EMULATOR);
    }

    @Test
    @DisplayName("files know nothing of signals, and signals nothing of files")
    void roomsStandBeside() {
        noClasses()
                .that()
                .resideInAPackage(row("linux.file"))
                .should()
                .dependOnClassesThat()
                .resideInAPackage(row("linux.signal"))
                .check(EMULATOR);
    }

    @Test
    @DisplayName("the outside of the emulated Linux sees what runs it, and what a debugger sees, and no room within")
    void roomsAreWithin() {
        noClasses()
                .that()
                .resideOutsideOfPackage(row("linux.."))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(ROWS.stream()
                        .filter(row -> row.startsWith("linux.") && !row.equals("linux.debug"))
                        .map(ArchitectureTest::row)
                        .toArray(String[]::new))
                .check(EMULATOR);
        noClasses()
                .that()
                .resideInAPackage(row("gdb"))
                .should()
                .dependOnClassesThat()
                .resideInAPackage(row("linux"))
                .check(EMULATOR);
    }
}
