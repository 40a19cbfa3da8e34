// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.samara.testing.Circles;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks what the tree's classes may depend on, so that the tree is usable without the other modules. */
final class ArchitectureTest {
    private static final JavaClasses MAPLE =
            new ClassFileImporter().importPath(Path.of(System.getProperty("basedir", ""), "target", "classes"));

    @Test
    @DisplayName("maple depends on the JDK and on annotations")
    void mapleDependsOnTheJdkOnly() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("java..", "dev.samara.maple..", "org.jspecify..")
                .check(MAPLE);
    }

    @Test
    @DisplayName("maple touches no internals of the JDK")
    void mapleTouchesNoJdkInternals() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("sun..", "jdk..", "com.sun..")
                .check(MAPLE);
    }

    @Test
    @DisplayName("no more than three classes of maple use each other in a circle")
    void circlesAreShort() {
        Circles circles = Circles.of(MAPLE);
        assertEquals(
                List.of(), circles.longerThan(3).stream().map(circles::draw).toList());
    }
}
