// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.bench.interpreter.RegionPlan.Instruction;
import dev.samara.core.guest.TlbArrays;
import java.util.List;
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
}
