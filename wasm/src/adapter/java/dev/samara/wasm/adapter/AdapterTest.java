// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks that an adapter uses only the memories, the classes for embedders in their API, and one runtime. */
final class AdapterTest {
    @Test
    @DisplayName("it depends on wasm, the API of core, its runtime and the JDK alone")
    void dependsOnWasm() {
        JavaClasses adapter =
                new ClassFileImporter().importPath(Path.of(System.getProperty("basedir", ""), "target", "classes"));
        TestedRuntime runtime = TestedRuntime.get();
        String own = runtime.getClass().getPackageName();
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "dev.samara.core",
                        "dev.samara.core.vma",
                        "dev.samara.wasm",
                        own,
                        runtime.packages() + "..",
                        "org.jspecify..")
                .check(adapter);
    }
}
