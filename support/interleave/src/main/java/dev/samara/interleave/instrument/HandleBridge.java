// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.util.Set;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** Generates the bridges of accesses through VarHandles. */
final class HandleBridge {
    static final String HANDLE = "java/lang/invoke/VarHandle";
    static final String BUFFERED = "dev/samara/interleave/schedule/Buffered";

    private static final Set<String> STORES = Set.of("set", "setOpaque", "setRelease");
    private static final Set<String> LOADS = Set.of("get", "getOpaque", "getAcquire", "getVolatile");

    private HandleBridge() {}

    /**
     * Returns whether an access may involve a store buffer: true for all loads, and for stores that may wait in a
     * buffer.
     */
    static boolean mayWait(String name) {
        return STORES.contains(name) || LOADS.contains(name);
    }

    /** Returns a bridge that announces an access and then performs it. */
    static SteppedClass.Bridge announced(String name, String descriptor, String site) {
        Type[] arguments = Type.getArgumentTypes("(L" + HANDLE + ';' + descriptor.substring(1));
        boolean hasBase = arguments.length > 1 && arguments[1].getSort() >= Type.ARRAY;
        boolean hasIndex =
                hasBase && arguments.length > 2 && arguments[2].equals(Type.INT_TYPE) && isIndexed(arguments[1]);
        return to -> {
            to.visitVarInsn(Opcodes.ALOAD, 0);
            if (hasBase) {
                to.visitVarInsn(Opcodes.ALOAD, 1);
            } else {
                to.visitInsn(Opcodes.ACONST_NULL);
            }
            if (hasIndex) {
                to.visitVarInsn(Opcodes.ILOAD, 2);
            } else {
                to.visitInsn(Opcodes.ICONST_M1);
            }
            to.visitLdcInsn(name);
            to.visitLdcInsn(site);
            to.visitMethodInsn(
                    Opcodes.INVOKESTATIC,
                    SteppedClass.STEPS,
                    "handle",
                    "(L" + HANDLE + ";Ljava/lang/Object;ILjava/lang/String;Ljava/lang/String;)V",
                    false);
            SteppedClass.Bridge.loadArguments(to, arguments);
            to.visitMethodInsn(Opcodes.INVOKEVIRTUAL, HANDLE, name, descriptor, false);
        };
    }

    private static boolean isIndexed(Type base) {
        return base.getSort() == Type.ARRAY || base.getInternalName().endsWith("ByteBuffer");
    }

    /**
     * Returns a bridge that lets the scheduler perform an access: a store may wait in a buffer, and a load may find its
     * value there.
     */
    static SteppedClass.Bridge buffered(String name, String descriptor, String site) {
        Type[] arguments = Type.getArgumentTypes(descriptor);
        boolean stores = STORES.contains(name);
        return to -> {
            to.visitVarInsn(Opcodes.ALOAD, 0);
            to.visitLdcInsn(arguments.length);
            to.visitTypeInsn(Opcodes.ANEWARRAY, "java/lang/Object");
            int local = 1;
            for (int i = 0; i < arguments.length; i++) {
                to.visitInsn(Opcodes.DUP);
                to.visitLdcInsn(i);
                to.visitVarInsn(arguments[i].getOpcode(Opcodes.ILOAD), local);
                local += arguments[i].getSize();
                box(to, arguments[i]);
                to.visitInsn(Opcodes.AASTORE);
            }
            to.visitLdcInsn(name);
            to.visitLdcInsn(site);
            to.visitMethodInsn(
                    Opcodes.INVOKESTATIC,
                    BUFFERED,
                    stores ? "store" : "load",
                    "(L" + HANDLE + ";[Ljava/lang/Object;Ljava/lang/String;Ljava/lang/String;)"
                            + (stores ? "V" : "Ljava/lang/Object;"),
                    false);
            if (!stores) {
                unbox(to, Type.getReturnType(descriptor));
            }
        };
    }

    private static String boxOf(Type type) {
        return switch (type.getSort()) {
            case Type.BOOLEAN -> "java/lang/Boolean";
            case Type.BYTE -> "java/lang/Byte";
            case Type.CHAR -> "java/lang/Character";
            case Type.SHORT -> "java/lang/Short";
            case Type.INT -> "java/lang/Integer";
            case Type.LONG -> "java/lang/Long";
            case Type.FLOAT -> "java/lang/Float";
            default -> "java/lang/Double";
        };
    }

    private static boolean isReference(Type type) {
        return type.getSort() >= Type.ARRAY;
    }

    private static void box(MethodVisitor to, Type type) {
        if (!isReference(type)) {
            String box = boxOf(type);
            to.visitMethodInsn(
                    Opcodes.INVOKESTATIC, box, "valueOf", "(" + type.getDescriptor() + ")L" + box + ";", false);
        }
    }

    private static void unbox(MethodVisitor to, Type type) {
        if (isReference(type)) {
            to.visitTypeInsn(Opcodes.CHECKCAST, type.getInternalName());
        } else {
            to.visitTypeInsn(Opcodes.CHECKCAST, boxOf(type));
            to.visitMethodInsn(
                    Opcodes.INVOKEVIRTUAL,
                    boxOf(type),
                    type.getClassName() + "Value",
                    "()" + type.getDescriptor(),
                    false);
        }
    }
}
