// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import java.io.IOException;
import java.io.InputStream;
import java.util.HashSet;
import java.util.Set;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Loads the classes of the modules and of their tests, with a call to {@link CountedSteps} at the start of each method
 * and before each backward jump. Its parent loads all other classes.
 */
final class CountingClassLoader extends ClassLoader {
    private static final String COUNTER = Type.getInternalName(CountedSteps.class);

    CountingClassLoader() {
        super("counting", CountingClassLoader.class.getClassLoader());
    }

    private static boolean isCounted(String name) {
        return name.startsWith("dev.samara.") && !name.equals(CountedSteps.class.getName());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!isCounted(name)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            return loaded != null ? loaded : define(name);
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        try (InputStream file = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (file == null) {
                throw new ClassNotFoundException(name);
            }
            ClassReader reader = new ClassReader(file);
            ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
            reader.accept(new CountedClass(writer), 0);
            byte[] counted = writer.toByteArray();
            return defineClass(name, counted, 0, counted.length);
        } catch (IOException failed) {
            throw new ClassNotFoundException(name, failed);
        }
    }

    private static final class CountedClass extends ClassVisitor {
        CountedClass(ClassVisitor next) {
            super(Opcodes.ASM9, next);
        }

        @Override
        public MethodVisitor visitMethod(
                int access, String name, String descriptor, String signature, String[] exceptions) {
            return new CountedMethod(super.visitMethod(access, name, descriptor, signature, exceptions));
        }
    }

    private static final class CountedMethod extends MethodVisitor {
        /** The labels so far. A jump to one of them is the end of an iteration of a loop. */
        private final Set<Label> passed = new HashSet<>();

        CountedMethod(MethodVisitor next) {
            super(Opcodes.ASM9, next);
        }

        private void count() {
            super.visitMethodInsn(Opcodes.INVOKESTATIC, COUNTER, "step", "()V", false);
        }

        @Override
        public void visitCode() {
            super.visitCode();
            count();
        }

        @Override
        public void visitLabel(Label label) {
            passed.add(label);
            super.visitLabel(label);
        }

        @Override
        public void visitJumpInsn(int opcode, Label label) {
            if (passed.contains(label)) {
                count();
            }
            super.visitJumpInsn(opcode, label);
        }
    }
}
