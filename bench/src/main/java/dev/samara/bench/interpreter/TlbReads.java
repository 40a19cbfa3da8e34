// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.bench.interpreter.RegionPlan.Instruction;
import dev.samara.core.guest.TlbArrays;
import java.util.List;
import java.util.Locale;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Generates code that reads a CPU's TLB directly. The TLB's arrays and the region are constants of the generated class.
 */
abstract class TlbReads extends CallCode {
    private static final String TLB = RegionWriter.internal(TlbArrays.class);
    private static final String LONGS = "[J";

    /* The indexes of the class's constants; the memory is the constant 0. */
    private static final int REGION = 1;
    static final int LOAD_TAGS = 2;
    static final int STORE_TAGS = 3;
    static final int ADDENDS = 4;

    final RegionBytes bytes;
    final int address;
    private final int key;
    private final int slots;

    TlbReads(RegionWriter code, List<Object> constants) {
        super(code, FastRam.class);
        bytes = constants.get(REGION) instanceof java.nio.ByteBuffer ? RegionBytes.BUFFER : RegionBytes.SEGMENT;
        slots = ((long[]) constants.get(LOAD_TAGS)).length;
        address = code.newLocal(2);
        key = code.newLocal(2);
    }

    /** Returns the constants of a generated class. */
    static List<Object> constants(FastRam ram, Object region) {
        TlbArrays tlb = ram.tlb();
        return List.of(ram, region, tlb.loadTags(), tlb.storeTags(), tlb.addends());
    }

    @Override
    void begin() {
        super.begin();
        // Pushes every constant once, because the JIT compilers reject a method with an unresolved constant, even in
        // code that never runs.
        pushRegion();
        code.method().visitInsn(Opcodes.POP);
        for (int i = LOAD_TAGS; i <= ADDENDS; i++) {
            code.pushConstant(i, LONGS);
            code.method().visitInsn(Opcodes.POP);
        }
        code.method().visitInsn(Opcodes.LCONST_0);
        code.method().visitVarInsn(Opcodes.LSTORE, address);
        readKey();
    }

    final void pushRegion() {
        code.pushConstant(REGION, "L" + bytes.type() + ";");
    }

    final void readKey() {
        pushMemory();
        call("tlb", "()L" + TLB + ";");
        code.method().visitMethodInsn(Opcodes.INVOKEVIRTUAL, TLB, "key", "()J", false);
        code.method().visitVarInsn(Opcodes.LSTORE, key);
    }

    /** Generates code that pushes the array element at the slot of the address. */
    final void element(int array) {
        MethodVisitor method = code.method();
        code.pushConstant(array, LONGS);
        method.visitVarInsn(Opcodes.LLOAD, address);
        code.pushInt(TlbArrays.GRANULE_SHIFT);
        method.visitInsn(Opcodes.LUSHR);
        method.visitInsn(Opcodes.L2I);
        code.pushInt(slots - 1);
        method.visitInsn(Opcodes.IAND);
        method.visitInsn(Opcodes.LALOAD);
    }

    /** Generates code that pushes the granule of a byte of the access. */
    final void pushGranule(int distance) {
        code.method().visitVarInsn(Opcodes.LLOAD, address);
        if (distance > 0) {
            code.method().visitLdcInsn((long) distance);
            code.method().visitInsn(Opcodes.LADD);
        }
        code.method().visitLdcInsn(TlbArrays.GRANULE_MASK);
        code.method().visitInsn(Opcodes.LAND);
    }

    /** Generates a jump that is taken if the TLB does not contain the translation. */
    final void compare(int tags, Instruction one, Label miss) {
        element(tags);
        pushGranule(size(one) - 1);
        code.method().visitVarInsn(Opcodes.LLOAD, key);
        code.method().visitInsn(Opcodes.LOR);
        code.method().visitInsn(Opcodes.LCMP);
        code.method().visitJumpInsn(Opcodes.IFNE, miss);
    }

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
             * Generates code that inserts the value layout below the index on the stack, and converts the index to a
             * long.
             */
            private static void pushLayout(RegionWriter code, Instruction one) {
                String layout = AccessCode.size(one) == 1
                        ? "JAVA_BYTE"
                        : "JAVA_" + AccessCode.type(one).toUpperCase(Locale.ROOT) + "_UNALIGNED";
                code.method()
                        .visitFieldInsn(
                                Opcodes.GETSTATIC,
                                "java/lang/foreign/ValueLayout",
                                layout,
                                "L" + layoutType(one) + ";");
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

        /**
         * Generates code that prepares the index of a store, before the number is pushed; the index is on the stack.
         */
        void index(RegionWriter code, Instruction one) {
            // The buffer needs no preparation.
        }

        /** Generates a store; the object, the index and the number are on the stack. */
        abstract void store(RegionWriter code, Instruction one);
    }
}
