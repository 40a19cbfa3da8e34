// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.FieldVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** The volatile fields and the superclasses of the instrumented classes. */
final class SharedFields {
    private static final String MODULES = "dev/samara/";

    private record Outline(
            @Nullable String superName, Set<String> volatiles, Set<String> fields, Set<String> handled) {}

    private final Function<String, byte @Nullable []> files;
    private final Map<String, Outline> outlines = new HashMap<>();

    SharedFields(Function<String, byte @Nullable []> files) {
        this.files = files;
    }

    /** Returns the name of a volatile field in reports, or null if the field is not volatile. */
    @Nullable
    String volatileName(String owner, String field) {
        for (String at = owner;
                at != null && at.startsWith(MODULES);
                at = outline(at).superName()) {
            if (outline(at).fields().contains(field)) {
                return outline(at).volatiles().contains(field) ? simple(at) + '.' + field : null;
            }
        }
        return null;
    }

    /** Returns the name of a field that a VarHandle may access, or null if there is no VarHandle for it. */
    @Nullable
    String handledName(String owner, String field) {
        for (String at = owner;
                at != null && at.startsWith(MODULES);
                at = outline(at).superName()) {
            if (outline(at).fields().contains(field)) {
                return outline(at).handled().contains(field) ? simple(at) + '.' + field : null;
            }
        }
        return null;
    }

    /** Returns whether a class is the same as another one or extends it. */
    boolean isA(String type, String superType) {
        String at = type;
        while (at != null && !at.equals(superType)) {
            at = at.startsWith(MODULES) ? outline(at).superName() : null;
        }
        return at != null;
    }

    static String simple(String internalName) {
        return internalName.substring(internalName.lastIndexOf('/') + 1);
    }

    private synchronized Outline outline(String type) {
        Outline known = outlines.get(type);
        if (known == null) {
            known = read(type);
            outlines.put(type, known);
        }
        return known;
    }

    private Outline read(String type) {
        byte[] file = files.apply(type);
        Set<String> volatiles = new HashSet<>();
        Set<String> fields = new HashSet<>();
        Set<String> handled = new HashSet<>();
        if (file == null) {
            return new Outline(null, volatiles, fields, Set.of());
        }
        ClassReader reader = new ClassReader(file);
        reader.accept(
                new ClassVisitor(Opcodes.ASM9) {
                    @Override
                    public @Nullable FieldVisitor visitField(
                            int access,
                            String name,
                            String descriptor,
                            @Nullable String signature,
                            @Nullable Object value) {
                        fields.add(name);
                        if ((access & Opcodes.ACC_VOLATILE) != 0) {
                            volatiles.add(name);
                        }
                        return null;
                    }

                    @Override
                    public @Nullable MethodVisitor visitMethod(
                            int access,
                            String name,
                            String descriptor,
                            @Nullable String signature,
                            String @Nullable [] exceptions) {
                        return name.equals("<clinit>") ? new Constants(handled) : null;
                    }
                },
                ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
        return new Outline(reader.getSuperName(), volatiles, fields, handled);
    }

    /** Collects the strings of a class initializer, which include the names of all fields with VarHandles. */
    private static final class Constants extends MethodVisitor {
        private final Set<String> strings;

        Constants(Set<String> strings) {
            super(Opcodes.ASM9);
            this.strings = strings;
        }

        @Override
        public void visitLdcInsn(Object value) {
            if (value instanceof String text) {
                strings.add(text);
            }
        }
    }
}
