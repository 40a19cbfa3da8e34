// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The examples show what an embedder sees: the address space, and nothing from below it. */
final class ArchitectureTest {
    private static final JavaClasses EXAMPLES =
            new ClassFileImporter().importPath(Path.of(System.getProperty("basedir", ""), "target", "classes"));

    @Test
    @DisplayName("examples depend on core, the command line library and the JDK, not on maple")
    void examples_depend_on_core() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..", "dev.samara.core..", "dev.samara.examples..", "picocli..", "org.jspecify..")
                .check(EXAMPLES);
    }
}
