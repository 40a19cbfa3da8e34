// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * A mutant that changes, in the class file, the calls that one method makes to another one.
 *
 * @param in the class
 * @param method the method that contains the calls
 * @param called the name of the called method
 * @param change writes the replacement of a call; returns false to keep the call
 */
record CallMutant(String in, String method, String called, BiFunction<MethodVisitor, Call, Boolean> change)
        implements Planting {
    /** A call in a class file. */
    record Call(int opcode, String owner, String descriptor) {}

    @Override
    public byte[] apply(String className, byte[] classFile) {
        if (!className.equals(in)) {
            return classFile;
        }
        int[] changed = {0};
        ClassReader reader = new ClassReader(classFile);
        ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
        reader.accept(
                new ClassVisitor(Opcodes.ASM9, writer) {
                    @Override
                    public MethodVisitor visitMethod(
                            int access,
                            String name,
                            String descriptor,
                            @Nullable String signature,
                            String @Nullable [] exceptions) {
                        MethodVisitor next = super.visitMethod(access, name, descriptor, signature, exceptions);
                        return name.equals(method) ? changing(next, changed) : next;
                    }
                },
                0);
        if (changed[0] == 0) {
            throw new IllegalStateException("no call of " + called + " in " + in + '.' + method);
        }
        return writer.toByteArray();
    }

    private MethodVisitor changing(MethodVisitor next, int[] changed) {
        return new MethodVisitor(Opcodes.ASM9, next) {
            @Override
            public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
                if (name.equals(called) && change.apply(mv, new Call(opcode, owner, descriptor))) {
                    changed[0]++;
                } else {
                    super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
                }
            }
        };
    }

    @Override
    public String toString() {
        return in + '.' + method + ": " + called;
    }
}
