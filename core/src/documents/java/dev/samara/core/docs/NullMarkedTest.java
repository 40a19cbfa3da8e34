// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.maple.MapleTree;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor.Requires;
import java.lang.module.ModuleDescriptor.Requires.Modifier;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReader;
import java.lang.module.ModuleReference;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.objectweb.asm.AnnotationVisitor;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.Opcodes;

/** The test reads class files, because they are what Kotlin and other tools of an embedder see. */
final class NullMarkedTest {
    private static final String NULL_MARKED = "Lorg/jspecify/annotations/NullMarked;";

    @ParameterizedTest
    @ValueSource(classes = {MapleTree.class, AddressSpace.class})
    @DisplayName("each exported package is @NullMarked itself: Kotlin does not read that of a module")
    void packages(Class<?> api) throws IOException {
        ModuleReference module = moduleOf(api);
        List<String> exported = module.descriptor().exports().stream()
                .filter(each -> !each.isQualified())
                .map(each -> each.source().replace('.', '/') + "/package-info.class")
                .sorted()
                .toList();
        assertFalse(exported.isEmpty(), module::toString);
        Set<String> unmarked = new TreeSet<>(exported);
        try (ModuleReader reader = module.open()) {
            for (String file : exported) {
                if (isMarked(reader, file)) {
                    unmarked.remove(file);
                }
            }
        }
        assertEquals(Set.of(), unmarked);
    }

    @ParameterizedTest
    @ValueSource(classes = {MapleTree.class, AddressSpace.class})
    @DisplayName("each module is @NullMarked, which covers the packages that it does not export")
    void modules(Class<?> api) throws IOException {
        try (ModuleReader reader = moduleOf(api).open()) {
            assertTrue(isMarked(reader, "module-info.class"));
        }
    }

    @ParameterizedTest
    @ValueSource(classes = {MapleTree.class, AddressSpace.class})
    @DisplayName("an embedder need not have the module of the annotations")
    void needNotBeThere(Class<?> api) {
        List<Set<Modifier>> required = moduleOf(api).descriptor().requires().stream()
                .filter(each -> each.name().equals("org.jspecify"))
                .map(Requires::modifiers)
                .toList();
        assertEquals(List.of(Set.of(Modifier.STATIC)), required);
    }

    /** Returns the module whose folder or jar contains a class, even if the tests run on the class path. */
    private static ModuleReference moduleOf(Class<?> api) {
        try {
            Path place = Path.of(
                    api.getProtectionDomain().getCodeSource().getLocation().toURI());
            return ModuleFinder.of(place).findAll().iterator().next();
        } catch (URISyntaxException e) {
            throw new AssertionError(api + " is in no folder or jar", e);
        }
    }

    private static boolean isMarked(ModuleReader module, String file) throws IOException {
        Optional<InputStream> found = module.open(file);
        if (found.isEmpty()) {
            return false;
        }
        boolean[] isMarked = new boolean[1];
        try (InputStream in = found.get()) {
            ClassVisitor marks = new ClassVisitor(Opcodes.ASM9) {
                @Override
                public AnnotationVisitor visitAnnotation(String descriptor, boolean isVisible) {
                    isMarked[0] |= descriptor.equals(NULL_MARKED);
                    return super.visitAnnotation(descriptor, isVisible);
                }
            };
            new ClassReader(in).accept(marks, ClassReader.SKIP_CODE);
        }
        return isMarked[0];
    }
}
