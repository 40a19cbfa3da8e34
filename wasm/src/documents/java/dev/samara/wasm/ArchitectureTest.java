// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks that the memories use only classes for embedders: the address space, and nothing below it. */
final class ArchitectureTest {
    @Test
    @DisplayName("they depend on core and the JDK alone")
    void dependsOnCore() {
        JavaClasses memories =
                new ClassFileImporter().importPath(Path.of(System.getProperty("basedir", ""), "target", "classes"));
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "dev.samara.core",
                        "dev.samara.core.guest",
                        "dev.samara.core.mman",
                        "dev.samara.core.vma",
                        "dev.samara.wasm",
                        "org.jspecify..")
                .check(memories);
    }
}
