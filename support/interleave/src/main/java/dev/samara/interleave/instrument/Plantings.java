// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BiFunction;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Creates mutants by changing calls in class files. Each mutant changes the calls that one method makes to another one.
 */
public final class Plantings {
    private static final String HANDLE = "java/lang/invoke/VarHandle";

    /** All mutants, for the test that checks them. */
    private static final Queue<Planting> MADE = new ConcurrentLinkedQueue<>();

    private Plantings() {}

    /**
     * Removes a call.
     *
     * @param in the class of the call
     * @param method the method that contains the call
     * @param called the name of the called method
     * @param result the value that replaces the call's result: a boolean or a number; ignored if the called method
     *     returns nothing
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

    /** Changes the mode of an access through a VarHandle, e.g. from {@code setVolatile} to {@code setRelease}. */
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
            String in, String method, String called, BiFunction<MethodVisitor, CallMutant.Call, Boolean> change) {
        CallMutant made = new CallMutant(in, method, called, change);
        add(made);
        return made;
    }

    static void add(Planting made) {
        MADE.add(made);
    }

    /** Returns all mutants that the classes initialized so far created. */
    static List<Planting> made() {
        return List.copyOf(MADE);
    }
}
