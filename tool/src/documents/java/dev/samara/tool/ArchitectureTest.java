// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks that the tool uses only classes for embedders: the address space, and nothing below it. */
final class ArchitectureTest {
    private static final JavaClasses TOOL =
            new ClassFileImporter().importPath(Path.of(System.getProperty("basedir", ""), "target", "classes"));

    /** The rows of packages, from those that all others use to those that only compose. */
    private static final List<String> ROWS = List.of("record", "trace", "access", "top", "replay", "picture", "cli");

    @Test
    @DisplayName("a row imports only rows above it")
    void rowsImportUpwards() {
        for (int i = 0; i < ROWS.size() - 1; i++) {
            noClasses()
                    .that()
                    .resideInAPackage("dev.samara.tool." + ROWS.get(i))
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(ROWS.subList(i + 1, ROWS.size()).stream()
                            .map(row -> "dev.samara.tool." + row)
                            .toArray(String[]::new))
                    .check(TOOL);
        }
    }

    @Test
    @DisplayName("only the commands use the emulator")
    void emulatorIsBelow() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.samara.tool.cli")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("dev.samara.emulator..")
                .check(TOOL);
    }

    @Test
    @DisplayName(
            "it depends on core, the emulator, libraries for the command line and for JSON, and the JDK, not on maple")
    void dependsOnCore() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "jdk.jfr..",
                        "dev.samara.core..",
                        "dev.samara.emulator..",
                        "dev.samara.tool..",
                        "org.agrona.collections",
                        "picocli..",
                        "com.google.gson",
                        "org.jspecify..")
                .check(TOOL);
    }
}
