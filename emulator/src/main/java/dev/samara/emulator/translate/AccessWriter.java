// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import static org.objectweb.asm.Opcodes.ALOAD;
import static org.objectweb.asm.Opcodes.BIPUSH;
import static org.objectweb.asm.Opcodes.I2B;
import static org.objectweb.asm.Opcodes.I2L;
import static org.objectweb.asm.Opcodes.I2S;
import static org.objectweb.asm.Opcodes.IADD;
import static org.objectweb.asm.Opcodes.IAND;
import static org.objectweb.asm.Opcodes.IFEQ;
import static org.objectweb.asm.Opcodes.IFNE;
import static org.objectweb.asm.Opcodes.ILOAD;
import static org.objectweb.asm.Opcodes.INVOKEVIRTUAL;
import static org.objectweb.asm.Opcodes.ISTORE;
import static org.objectweb.asm.Opcodes.L2I;
import static org.objectweb.asm.Opcodes.LADD;
import static org.objectweb.asm.Opcodes.LALOAD;
import static org.objectweb.asm.Opcodes.LAND;
import static org.objectweb.asm.Opcodes.LCMP;
import static org.objectweb.asm.Opcodes.LLOAD;
import static org.objectweb.asm.Opcodes.LOR;
import static org.objectweb.asm.Opcodes.LSTORE;
import static org.objectweb.asm.Opcodes.LUSHR;
import static org.objectweb.asm.Opcodes.POP;

import dev.samara.core.guest.TlbArrays;
import dev.samara.emulator.cpu.CodeBlock;
import dev.samara.emulator.isa.Op;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;

/**
 * Writes loads and stores according to the rules of {@link TlbArrays}: a comparison with the tag of the address, an
 * addition, and an access to the region. If an access misses, the code exits, and the interpreter executes the access.
 */
final class AccessWriter {
    private static final String BUFFER = "java/nio/MappedByteBuffer";

    /** The upper bits of a register that contains a float (NaN boxing). */
    private static final long BOX = -1L << 32;

    private final JumpWriter jumps;
    private final MethodVisitor method;
    private final RegisterLocals registers;
    private final KeptGranules kept;

    AccessWriter(JumpWriter jumps, MethodVisitor method, RegisterLocals registers, KeptGranules kept) {
        this.jumps = jumps;
        this.method = method;
        this.registers = registers;
        this.kept = kept;
    }

    /** Writes a load or store. Returns false if the instruction is neither. */
    boolean write(CodeBlock block, int at) {
        int op = block.code[at] & 0xff;
        if (op < Op.LB || op > Op.FSD) {
            return false;
        }
        int rd = block.code[at] >> 8 & 0xff;
        int rs2 = block.code[at] >>> 24;
        switch (op) {
            case Op.LB, Op.LBU -> load(block, at, 1, "get", "B");
            case Op.LH, Op.LHU -> load(block, at, 2, "getShort", "S");
            case Op.LW, Op.LWU, Op.FLW -> load(block, at, 4, "getInt", "I");
            case Op.LD, Op.FLD -> load(block, at, 8, "getLong", "J");
            case Op.SB -> store(block, at, 1, "put", "B", rs2);
            case Op.SH -> store(block, at, 2, "putShort", "S", rs2);
            case Op.SW -> store(block, at, 4, "putInt", "I", rs2);
            case Op.SD -> store(block, at, 8, "putLong", "J", rs2);
            case Op.FSW -> store(block, at, 4, "putInt", "I", RegisterLocals.FLOAT + rs2);
            default -> store(block, at, 8, "putLong", "J", RegisterLocals.FLOAT + rs2);
        }
        if (op <= Op.LWU || op == Op.FLW || op == Op.FLD) {
            widen(op);
            registers.pop(method, op < Op.FLW ? rd : RegisterLocals.FLOAT + rd);
        }
        return true;
    }

    private void widen(int op) {
        if (op != Op.LD && op != Op.FLD) {
            method.visitInsn(I2L);
        }
        switch (op) {
            case Op.LBU -> with(LAND, 0xffL);
            case Op.LHU -> with(LAND, 0xffffL);
            case Op.LWU -> with(LAND, 0xffff_ffffL);
            case Op.FLW -> with(LOR, BOX);
            default -> {
                // The number is sign-extended already.
            }
        }
    }

    private void with(int opcode, long number) {
        method.visitLdcInsn(number);
        method.visitInsn(opcode);
    }

    private void load(CodeBlock block, int at, int size, String name, String type) {
        find(TranslatedCodeWriter.LOAD_TAGS, block, at, size);
        method.visitMethodInsn(INVOKEVIRTUAL, BUFFER, name, "(I)" + type, false);
    }

    private void store(CodeBlock block, int at, int size, String name, String type, int from) {
        find(TranslatedCodeWriter.STORE_TAGS, block, at, size);
        registers.push(method, from);
        narrow(size);
        method.visitMethodInsn(INVOKEVIRTUAL, BUFFER, name, "(I" + type + ")Ljava/nio/ByteBuffer;", false);
        method.visitInsn(POP);
    }

    /** Narrows a value to its type, because compilers assume that an argument is in the range of its type. */
    private void narrow(int size) {
        if (size < Long.BYTES) {
            method.visitInsn(L2I);
        }
        if (size == 1) {
            method.visitInsn(I2B);
        } else if (size == 2) {
            method.visitInsn(I2S);
        }
    }

    /** Pushes the region and the index of an access that hits; exits if it misses. */
    private void find(int tags, CodeBlock block, int at, int size) {
        Label miss = jumps.miss(block, at);
        int granule = kept.local(tags == TranslatedCodeWriter.STORE_TAGS, block.code[at] >> 16 & 0xff);
        registers.push(method, block.code[at] >> 16 & 0xff);
        if (block.code[at + 1] != 0) {
            with(LADD, block.code[at + 1]);
        }
        method.visitVarInsn(LSTORE, TranslatedCodeWriter.ADDRESS);
        // The granule in the local variable is compared first, which is the cheapest test. It succeeds only for an
        // aligned access, which lies in one granule.
        Label known = new Label();
        method.visitVarInsn(LLOAD, TranslatedCodeWriter.ADDRESS);
        with(LAND, TlbArrays.GRANULE_MASK | size - 1);
        method.visitVarInsn(LLOAD, granule);
        method.visitInsn(LCMP);
        method.visitJumpInsn(IFEQ, known);
        element(tags);
        method.visitVarInsn(LLOAD, TranslatedCodeWriter.ADDRESS);
        if (size > 1) {
            with(LADD, size - 1L);
        }
        with(LAND, TlbArrays.GRANULE_MASK);
        method.visitVarInsn(LLOAD, TranslatedCodeWriter.KEY);
        method.visitInsn(LOR);
        method.visitInsn(LCMP);
        method.visitJumpInsn(IFNE, miss);
        method.visitVarInsn(LLOAD, TranslatedCodeWriter.ADDRESS);
        with(LAND, TlbArrays.GRANULE_MASK);
        method.visitVarInsn(LSTORE, granule);
        element(TranslatedCodeWriter.ADDENDS);
        method.visitInsn(L2I);
        method.visitVarInsn(ISTORE, granule + KeptGranules.GRANULE_WORDS);
        method.visitLabel(known);
        method.visitVarInsn(ALOAD, TranslatedCodeWriter.REGION);
        method.visitVarInsn(LLOAD, TranslatedCodeWriter.ADDRESS);
        method.visitInsn(L2I);
        method.visitVarInsn(ILOAD, granule + KeptGranules.GRANULE_WORDS);
        method.visitInsn(IADD);
    }

    /** Pushes the element of an array that belongs to the slot of the address. */
    private void element(int array) {
        method.visitVarInsn(ALOAD, array);
        method.visitVarInsn(LLOAD, TranslatedCodeWriter.ADDRESS);
        method.visitIntInsn(BIPUSH, TlbArrays.GRANULE_SHIFT);
        method.visitInsn(LUSHR);
        method.visitInsn(L2I);
        method.visitVarInsn(ILOAD, TranslatedCodeWriter.MASK);
        method.visitInsn(IAND);
        method.visitInsn(LALOAD);
    }
}
