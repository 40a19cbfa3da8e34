// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BiFunction;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** Breaks of a line in a class file. Each changes the calls of one method within another one. */
public final class Plantings {
    private static final String HANDLE = "java/lang/invoke/VarHandle";

    /** For the test that looks at all of them. */
    private static final Queue<Planting> MADE = new ConcurrentLinkedQueue<>();

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
        return changed(in, method, called, (to, call) -> {
            Type[] arguments = Type.getArgumentTypes(call.descriptor());
            for (int i = arguments.length - 1; i >= 0; i--) {
                to.visitInsn(arguments[i].getSize() == 2 ? Opcodes.POP2 : Opcodes.POP);
            }
            if (call.opcode() != Opcodes.INVOKESTATIC) {
                to.visitInsn(Opcodes.POP);
            }
            switch (Type.getReturnType(call.descriptor()).getSort()) {
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
        return changed(in, method, mode, (to, call) -> {
            if (!call.owner().equals(HANDLE)) {
                return false;
            }
            to.visitMethodInsn(call.opcode(), call.owner(), otherMode, call.descriptor(), false);
            return true;
        });
    }

    private static Planting changed(
            String in, String method, String called, BiFunction<MethodVisitor, CallBreak.Call, Boolean> change) {
        CallBreak made = new CallBreak(in, method, called, change);
        add(made);
        return made;
    }

    static void add(Planting made) {
        MADE.add(made);
    }

    /** Returns all breaks of the classes that were initialized. */
    static List<Planting> made() {
        return List.copyOf(MADE);
    }
}
