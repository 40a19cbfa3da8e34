// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks that the examples use only classes for embedders: the address space, and nothing below it. */
final class ArchitectureTest {
    private static final JavaClasses EXAMPLES =
            new ClassFileImporter().importPath(Path.of(System.getProperty("basedir", ""), "target", "classes"));

    private static final String PROGRAMS = "dev.samara.examples";
    private static final String TRANSLATOR = "dev.samara.examples.translator";
    private static final String LUCENE = "dev.samara.examples.lucene";

    @Test
    @DisplayName("the small programs depend on core and the JDK alone, and no other example depends on them")
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
    @DisplayName("the directory depends on core, Lucene and the JDK alone, and nothing depends on it")
    void directoryStandsAlone() {
        classes()
                .that()
                .resideInAPackage(LUCENE)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("java..", "dev.samara.core..", "org.jspecify..", "org.apache.lucene..", LUCENE)
                .check(EXAMPLES);
        classes()
                .that()
                .resideInAPackage(LUCENE)
                .should()
                .onlyHaveDependentClassesThat()
                .resideInAPackage(LUCENE)
                .check(EXAMPLES);
    }
}
