// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.instrument;

import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** Breaks of a line in a class file. Each changes the calls of one method within another one. */
public final class Plantings {
    private static final String HANDLE = "java/lang/invoke/VarHandle";

    private Plantings() {}

    /**
     * Leaves a call out.
     *
     * @param in the class of the call
     * @param method the method with the call
     * @param called the name of the called method
     * @param result the result in the place of the call's: a boolean or a number; ignored if it has none
     */
    public static Planting withoutCall(String in, String method, String called, int result) {
        return new Calls(in, method, called, (to, call) -> {
            Type[] arguments = Type.getArgumentTypes(call.descriptor);
            for (int i = arguments.length - 1; i >= 0; i--) {
                to.visitInsn(arguments[i].getSize() == 2 ? Opcodes.POP2 : Opcodes.POP);
            }
            if (call.opcode != Opcodes.INVOKESTATIC) {
                to.visitInsn(Opcodes.POP);
            }
            switch (Type.getReturnType(call.descriptor).getSort()) {
                case Type.VOID -> {}
                case Type.LONG -> to.visitLdcInsn((long) result);
                case Type.OBJECT, Type.ARRAY -> to.visitInsn(Opcodes.ACONST_NULL);
                default -> to.visitLdcInsn(result);
            }
            return true;
        });
    }

    /** Makes an access through a VarHandle in another mode, such as {@code setRelease} for {@code setVolatile}. */
    public static Planting otherMode(String in, String method, String mode, String otherMode) {
        return new Calls(in, method, mode, (to, call) -> {
            if (!call.owner.equals(HANDLE)) {
                return false;
            }
            to.visitMethodInsn(call.opcode, call.owner, otherMode, call.descriptor, false);
            return true;
        });
    }

    private record Call(int opcode, String owner, String descriptor) {}

    private record Calls(String in, String method, String called, BiFunction<MethodVisitor, Call, Boolean> change)
            implements Planting {
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
                public void visitMethodInsn(
                        int opcode, String owner, String name, String descriptor, boolean isInterface) {
                    if (name.equals(called) && change.apply(mv, new Call(opcode, owner, descriptor))) {
                        changed[0]++;
                    } else {
                        super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
                    }
                }
            };
        }
    }
}
