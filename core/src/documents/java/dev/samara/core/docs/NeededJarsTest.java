// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Project;
import java.lang.module.ModuleDescriptor.Requires;
import java.lang.module.ModuleDescriptor.Requires.Modifier;
import java.lang.module.ModuleReference;
import java.lang.module.ResolvedModule;
import java.net.URI;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The jars that the address space needs")
final class NeededJarsTest {
    /** The name of an artifact at the end of its jar's path. */
    private static final Pattern JAR = Pattern.compile(".*/([a-z0-9-]+?)-[0-9][^/]*\\.jar");

    /** Returns the artifacts of other projects that a module needs at run time, according to module descriptors. */
    private static Set<String> needed() {
        Set<String> artifacts = new TreeSet<>();
        add(artifacts, "dev.samara.core");
        return artifacts;
    }

    private static void add(Set<String> artifacts, String module) {
        ModuleReference reference = ModuleLayer.boot()
                .configuration()
                .findModule(module)
                .map(ResolvedModule::reference)
                .orElseThrow(() -> new AssertionError("the module " + module + " does not run here"));
        String location = reference.location().map(URI::toString).orElse("");
        Matcher jar = JAR.matcher(location);
        if (jar.matches()) {
            artifacts.add(jar.group(1));
        }
        for (Requires required : reference.descriptor().requires()) {
            boolean isOfJdk =
                    required.name().startsWith("java.") || required.name().startsWith("jdk.");
            if (!isOfJdk && !required.modifiers().contains(Modifier.STATIC)) {
                add(artifacts, required.name());
            }
        }
    }

    @Test
    @DisplayName("are two of JCTools, besides those of this project")
    void ofOthers() {
        Set<String> others = needed();
        others.removeIf(name -> name.startsWith("samara-"));
        assertEquals(Set.of("jctools-core", "jctools-core-jdk11"), others);
    }

    @ParameterizedTest
    @ValueSource(strings = {"README.md", "docs/tuning.md"})
    @DisplayName("are named where a class path may be made by hand")
    void named(String file) {
        String text = Project.read(Project.root().resolve(file));
        for (String artifact : needed()) {
            assertTrue(text.contains('`' + artifact + '`'), () -> file + " does not name " + artifact);
        }
    }
}
