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
            List.of("record", "trace", "access", "top", "lookup", "replay", "oracle", "storm", "picture", "cli");

    /** The rows of the emulator, from instructions to the end of a debugger. */
    private static final List<String> EMULATOR = List.of(
            "limit",
            "isa",
            "cpu",
            "translate",
            "elf",
            "linux.abi",
            "linux.memory",
            "linux.wait",
            "linux.lock",
            "linux.signal",
            "linux.file",
            "linux.debug",
            "linux.process",
            "linux.call",
            "linux",
            "gdb");

    private static String emulator(String row) {
        return "dev.samara.examples.riscv." + row;
    }

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
    }

    @Test
    @DisplayName("a row of the emulator imports only rows above it, and each of its classes lives in a row")
    void emulatorImportsUpwards() {
        for (int i = 0; i < EMULATOR.size() - 1; i++) {
            noClasses()
                    .that()
                    .resideInAPackage(emulator(EMULATOR.get(i)))
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(EMULATOR.subList(i + 1, EMULATOR.size()).stream()
                            .map(ArchitectureTest::emulator)
                            .toArray(String[]::new))
                    .check(EXAMPLES);
        }
        classes()
                .that()
                .resideInAPackage(RISCV)
                .should()
                .resideInAnyPackage(
                        EMULATOR.stream().map(ArchitectureTest::emulator).toArray(String[]::new))
                .check(EXAMPLES);
    }

    @Test
    @DisplayName("files know nothing of signals, and signals nothing of files")
    void roomsStandBeside() {
        noClasses()
                .that()
                .resideInAPackage(emulator("linux.file"))
                .should()
                .dependOnClassesThat()
                .resideInAPackage(emulator("linux.signal"))
                .check(EXAMPLES);
    }

    @Test
    @DisplayName("the outside of the emulated Linux sees what runs it, and what a debugger sees, and no room within")
    void roomsAreWithin() {
        noClasses()
                .that()
                .resideOutsideOfPackage(emulator("linux.."))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(EMULATOR.stream()
                        .filter(row -> row.startsWith("linux.") && !row.equals("linux.debug"))
                        .map(ArchitectureTest::emulator)
                        .toArray(String[]::new))
                .check(EXAMPLES);
        noClasses()
                .that()
                .resideInAPackage(emulator("gdb"))
                .should()
                .dependOnClassesThat()
                .resideInAPackage(emulator("linux"))
                .check(EXAMPLES);
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
