// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.mutant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.interleave.instrument.SteppedClassLoader;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Opcodes;

@DisplayName("Classes of a mutant")
@Tag("interleave")
final class MutantTest {
    private static final String ADDED = "dev.samara.core.Added";

    /** A mutant one of whose classes the unchanged code does not have. */
    private static Mutant adding() {
        ClassWriter added = new ClassWriter(0);
        added.visit(Opcodes.V17, 0, ADDED.replace('.', '/'), null, "java/lang/Object", null);
        return new Mutant("adds a class", Map.of(ADDED, added.toByteArray()));
    }

    @Test
    @DisplayName("that the unchanged code does not have are loaded")
    void added() throws ClassNotFoundException {
        List<Mutant> mutants = List.of(adding());
        for (ClassLoader loader : List.of(new MutantClassLoader(mutants), new SteppedClassLoader(mutants, false))) {
            Class<?> loaded = loader.loadClass(ADDED);
            assertEquals(ADDED, loaded.getName());
            assertEquals(loader, loaded.getClassLoader());
            assertThrows(ClassNotFoundException.class, () -> loader.loadClass("dev.samara.core.Absent"));
        }
    }
}
