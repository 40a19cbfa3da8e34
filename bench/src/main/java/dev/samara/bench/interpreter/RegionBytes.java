// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.bench.interpreter.RegionPlan.Instruction;
import java.util.Locale;
import org.objectweb.asm.Opcodes;

/** How generated code reads and writes the bytes of a machine's region at a given index. */
enum RegionBytes {
    /** Through the methods of the buffer. */
    BUFFER("java/nio/MappedByteBuffer") {
        @Override
        void load(RegionWriter code, Instruction one) {
            code.method()
                    .visitMethodInsn(
                            Opcodes.INVOKEVIRTUAL,
                            type(),
                            "get" + suffix(one),
                            "(I)" + AccessCode.descriptor(one),
                            false);
        }

        @Override
        void store(RegionWriter code, Instruction one) {
            String descriptor = "(I" + AccessCode.descriptor(one) + ")Ljava/nio/ByteBuffer;";
            code.method().visitMethodInsn(Opcodes.INVOKEVIRTUAL, type(), "put" + suffix(one), descriptor, false);
            code.method().visitInsn(Opcodes.POP);
        }

        private static String suffix(Instruction one) {
            String type = AccessCode.type(one);
            return type.equals("Byte") ? "" : type;
        }
    },

    /** Through a segment of the buffer; from JDK 22 on. */
    SEGMENT("java/lang/foreign/MemorySegment") {
        /**
         * Generates code that inserts the value layout below the index on the stack, and converts the index to a long.
         */
        private static void pushLayout(RegionWriter code, Instruction one) {
            String layout = AccessCode.size(one) == 1
                    ? "JAVA_BYTE"
                    : "JAVA_" + AccessCode.type(one).toUpperCase(Locale.ROOT) + "_UNALIGNED";
            code.method()
                    .visitFieldInsn(
                            Opcodes.GETSTATIC, "java/lang/foreign/ValueLayout", layout, "L" + layoutType(one) + ";");
            code.method().visitInsn(Opcodes.SWAP);
            code.method().visitInsn(Opcodes.I2L);
        }

        private static String layoutType(Instruction one) {
            return "java/lang/foreign/ValueLayout$Of" + AccessCode.type(one);
        }

        @Override
        void load(RegionWriter code, Instruction one) {
            pushLayout(code, one);
            String descriptor = "(L" + layoutType(one) + ";J)" + AccessCode.descriptor(one);
            code.method().visitMethodInsn(Opcodes.INVOKEINTERFACE, type(), "get", descriptor, true);
        }

        @Override
        void index(RegionWriter code, Instruction one) {
            pushLayout(code, one);
        }

        @Override
        void store(RegionWriter code, Instruction one) {
            String descriptor = "(L" + layoutType(one) + ";J" + AccessCode.descriptor(one) + ")V";
            code.method().visitMethodInsn(Opcodes.INVOKEINTERFACE, type(), "set", descriptor, true);
        }
    };

    private final String type;

    RegionBytes(String type) {
        this.type = type;
    }

    /** Returns the internal name of the class of the object that contains the bytes. */
    final String type() {
        return type;
    }

    /** Generates a load; the object and the index are on the stack. */
    abstract void load(RegionWriter code, Instruction one);

    /** Generates code that prepares the index of a store, before the number is pushed; the index is on the stack. */
    void index(RegionWriter code, Instruction one) {
        // The buffer needs no preparation.
    }

    /** Generates a store; the object, the index and the number are on the stack. */
    abstract void store(RegionWriter code, Instruction one);
}
