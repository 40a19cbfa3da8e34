// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
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
    @DisplayName("an object that a race may pass on has only final fields, but for one that readers do not read")
    void racyObjectsAreFinal() {
        fields().that()
                .areDeclaredIn(Node.class)
                .and()
                .doNotHaveName("ownLeaves")
                .should()
                .beFinal()
                .check(MAPLE);
        for (Class<?> type : List.of(Node.Era.class, LeafNode.Reservation.class, Snapshot.class, Transaction.class)) {
            fields().that().areDeclaredIn(type).should().beFinal().check(MAPLE);
        }
    }
}
