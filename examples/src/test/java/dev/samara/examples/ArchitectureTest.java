// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The examples use the classes of an embedder: the address space, and nothing from below it. */
final class ArchitectureTest {
    private static final JavaClasses EXAMPLES =
            new ClassFileImporter().importPath(Path.of(System.getProperty("basedir", ""), "target", "classes"));

    private static final String PROGRAMS = "dev.samara.examples";
    private static final String TRANSLATOR = "dev.samara.examples.translator";
    private static final String RISCV_TRANSLATOR = "dev.samara.examples.riscv.translate";
    private static final String RISCV = "dev.samara.examples.riscv..";

    /** The rows, from the classes that all others use to those that only compose. */
    private static final List<String> ROWS =
            List.of("record", "trace", "access", "lookup", "replay", "oracle", "storm", "picture", "cli");

    @Test
    @DisplayName("a row imports only rows above it")
    void rowsImportUpwards() {
        for (int i = 0; i < ROWS.size() - 1; i++) {
            noClasses()
                    .that()
                    .resideInAPackage("dev.samara.examples." + ROWS.get(i))
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(ROWS.subList(i + 1, ROWS.size()).stream()
                            .map(row -> "dev.samara.examples." + row)
                            .toArray(String[]::new))
                    .check(EXAMPLES);
        }
    }

    @Test
    @DisplayName("the small programs depend on core and the JDK alone, and nothing depends on them")
    void programsStandAlone() {
        classes()
                .that()
                .resideInAPackage(PROGRAMS)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("java..", "dev.samara.core..", "org.jspecify..", PROGRAMS)
                .check(EXAMPLES);
        classes()
                .that()
                .resideInAPackage(PROGRAMS)
                .should()
                .onlyHaveDependentClassesThat()
                .resideInAPackage(PROGRAMS)
                .check(EXAMPLES);
    }

    @Test
    @DisplayName("the translator depends on core, the writer of classes and the JDK alone, and nothing depends on it")
    void translatorStandsAlone() {
        classes()
                .that()
                .resideInAPackage(TRANSLATOR)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("java..", "dev.samara.core..", "org.jspecify..", "org.objectweb.asm..", TRANSLATOR)
                .check(EXAMPLES);
        classes()
                .that()
                .resideInAPackage(TRANSLATOR)
                .should()
                .onlyHaveDependentClassesThat()
                .resideInAPackage(TRANSLATOR)
                .check(EXAMPLES);
    }

    @Test
    @DisplayName("the emulator of RISC-V depends on core, a writer of classes and the JDK, and only the tool on it")
    void emulatorStandsAlone() {
        classes()
                .that()
                .resideInAPackage(RISCV)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("java..", "dev.samara.core..", "org.jspecify..", "org.objectweb.asm..", RISCV)
                .check(EXAMPLES);
        classes()
                .that()
                .resideInAPackage(RISCV)
                .should()
                .onlyHaveDependentClassesThat()
                .resideInAnyPackage(RISCV, "dev.samara.examples.cli")
                .check(EXAMPLES);
        String[] parts = {"isa", "cpu", "translate", "elf", "linux", "gdb"};
        for (int i = 0; i < parts.length; i++) {
            for (String later : List.of(parts).subList(i + 1, parts.length)) {
                noClasses()
                        .that()
                        .resideInAPackage("dev.samara.examples.riscv." + parts[i])
                        .should()
                        .dependOnClassesThat()
                        .resideInAPackage("dev.samara.examples.riscv." + later)
                        .check(EXAMPLES);
            }
        }
    }

    @Test
    @DisplayName("examples depend on core, libraries for the command line and for JSON, and the JDK, not on maple")
    void examplesDependOnCore() {
        classes()
                .that()
                .resideOutsideOfPackages(TRANSLATOR, RISCV_TRANSLATOR)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "javax.management..",
                        "jdk.jfr..",
                        "dev.samara.core..",
                        "dev.samara.examples..",
                        "org.agrona.collections",
                        "picocli..",
                        "com.google.gson",
                        "org.jspecify..")
                .check(EXAMPLES);
    }
}
