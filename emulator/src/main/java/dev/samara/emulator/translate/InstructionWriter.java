// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import static org.objectweb.asm.Opcodes.I2L;
import static org.objectweb.asm.Opcodes.IADD;
import static org.objectweb.asm.Opcodes.IMUL;
import static org.objectweb.asm.Opcodes.INVOKESTATIC;
import static org.objectweb.asm.Opcodes.ISHL;
import static org.objectweb.asm.Opcodes.ISHR;
import static org.objectweb.asm.Opcodes.ISUB;
import static org.objectweb.asm.Opcodes.IUSHR;
import static org.objectweb.asm.Opcodes.L2I;
import static org.objectweb.asm.Opcodes.LADD;
import static org.objectweb.asm.Opcodes.LAND;
import static org.objectweb.asm.Opcodes.LMUL;
import static org.objectweb.asm.Opcodes.LOR;
import static org.objectweb.asm.Opcodes.LSHL;
import static org.objectweb.asm.Opcodes.LSHR;
import static org.objectweb.asm.Opcodes.LSUB;
import static org.objectweb.asm.Opcodes.LUSHR;
import static org.objectweb.asm.Opcodes.LXOR;

import dev.samara.emulator.cpu.CodeBlock;
import dev.samara.emulator.cpu.IntegerOperations;
import dev.samara.emulator.isa.Op;
import org.objectweb.asm.MethodVisitor;

/** Writes instructions that do not end a block. Passes loads and stores on to {@link AccessWriter}. */
final class InstructionWriter {
    private static final String INTEGERS = TranslatedCodeWriter.internal(IntegerOperations.class);

    private final MethodVisitor method;
    private final RegisterLocals registers;
    private final AccessWriter accesses;

    InstructionWriter(JumpWriter jumps, MethodVisitor method, RegisterLocals registers, KeptGranules kept) {
        this.method = method;
        this.registers = registers;
        accesses = new AccessWriter(jumps, method, registers, kept);
    }

    /** Returns whether an instruction is translated; if not, the interpreter executes it. */
    static boolean isTranslated(CodeBlock block, int at) {
        int op = block.code[at] & 0xff;
        return op < Op.FIRST_RARE
                || (op >= Op.BEQ && op <= Op.JALR)
                || op == Op.NEXT
                || op == Op.FENCE
                || CalledOperation.of(op, block.code[at + 1]) != null;
    }

    /** Writes an instruction. Returns false if it cannot be translated, so that the interpreter must execute it. */
    boolean write(CodeBlock block, int at) {
        int word = block.code[at];
        int imm = block.code[at + 1];
        int op = word & 0xff;
        int rd = word >> 8 & 0xff;
        int rs1 = word >> 16 & 0xff;
        int rs2 = word >>> 24;
        switch (op) {
            case Op.LUI -> constant(imm, rd);
            case Op.AUIPC -> constant(block.pc(at) + imm, rd);
            case Op.ADDI -> immediate(LADD, rs1, imm, rd);
            case Op.XORI -> immediate(LXOR, rs1, imm, rd);
            case Op.ORI -> immediate(LOR, rs1, imm, rd);
            case Op.ANDI -> immediate(LAND, rs1, imm, rd);
            case Op.SLTI -> compareWith("slt", rs1, imm, rd);
            case Op.SLTIU -> compareWith("sltu", rs1, imm, rd);
            case Op.SLLI -> shift(LSHL, rs1, imm, rd);
            case Op.SRLI -> shift(LUSHR, rs1, imm, rd);
            case Op.SRAI -> shift(LSHR, rs1, imm, rd);
            case Op.ADDIW -> immediateOfWord(IADD, rs1, imm, rd);
            case Op.SLLIW -> immediateOfWord(ISHL, rs1, imm, rd);
            case Op.SRLIW -> immediateOfWord(IUSHR, rs1, imm, rd);
            case Op.SRAIW -> immediateOfWord(ISHR, rs1, imm, rd);
            case Op.ADD -> both(LADD, rs1, rs2, rd);
            case Op.SUB -> both(LSUB, rs1, rs2, rd);
            case Op.XOR -> both(LXOR, rs1, rs2, rd);
            case Op.OR -> both(LOR, rs1, rs2, rd);
            case Op.AND -> both(LAND, rs1, rs2, rd);
            case Op.MUL -> both(LMUL, rs1, rs2, rd);
            case Op.SLL -> shiftBy(LSHL, rs1, rs2, rd);
            case Op.SRL -> shiftBy(LUSHR, rs1, rs2, rd);
            case Op.SRA -> shiftBy(LSHR, rs1, rs2, rd);
            case Op.ADDW -> words(IADD, rs1, rs2, rd);
            case Op.SUBW -> words(ISUB, rs1, rs2, rd);
            case Op.SLLW -> words(ISHL, rs1, rs2, rd);
            case Op.SRLW -> words(IUSHR, rs1, rs2, rd);
            case Op.SRAW -> words(ISHR, rs1, rs2, rd);
            case Op.MULW -> words(IMUL, rs1, rs2, rd);
            case Op.FMV_X_D -> move(RegisterLocals.FLOAT + rs1, rd);
            case Op.FMV_D_X -> move(rs1, RegisterLocals.FLOAT + rd);
            case Op.FENCE -> {
                method.visitLdcInsn(imm);
                method.visitMethodInsn(INVOKESTATIC, INTEGERS, "fence", "(I)V", false);
            }
            default -> {
                return accesses.write(block, at) || call(op, rd, rs1, rs2, imm);
            }
        }
        return true;
    }

    private void constant(long value, int rd) {
        method.visitLdcInsn(value);
        registers.pop(method, rd);
    }

    private void move(int from, int to) {
        registers.push(method, from);
        registers.pop(method, to);
    }

    private void immediate(int opcode, int rs1, int imm, int rd) {
        registers.push(method, rs1);
        if (opcode != LADD || imm != 0) {
            method.visitLdcInsn((long) imm);
            method.visitInsn(opcode);
        }
        registers.pop(method, rd);
    }

    private void compareWith(String name, int rs1, int imm, int rd) {
        registers.push(method, rs1);
        method.visitLdcInsn((long) imm);
        operation(IntegerOperations.class, name, 2);
        registers.pop(method, rd);
    }

    private void shift(int opcode, int rs1, int imm, int rd) {
        registers.push(method, rs1);
        method.visitLdcInsn(imm);
        method.visitInsn(opcode);
        registers.pop(method, rd);
    }

    private void immediateOfWord(int opcode, int rs1, int imm, int rd) {
        registers.push(method, rs1);
        method.visitInsn(L2I);
        if (opcode != IADD || imm != 0) {
            method.visitLdcInsn(imm);
            method.visitInsn(opcode);
        }
        method.visitInsn(I2L);
        registers.pop(method, rd);
    }

    private void both(int opcode, int rs1, int rs2, int rd) {
        registers.push(method, rs1);
        registers.push(method, rs2);
        method.visitInsn(opcode);
        registers.pop(method, rd);
    }

    private void shiftBy(int opcode, int rs1, int rs2, int rd) {
        registers.push(method, rs1);
        registers.push(method, rs2);
        method.visitInsn(L2I);
        method.visitInsn(opcode);
        registers.pop(method, rd);
    }

    private void words(int opcode, int rs1, int rs2, int rd) {
        registers.push(method, rs1);
        method.visitInsn(L2I);
        registers.push(method, rs2);
        method.visitInsn(L2I);
        method.visitInsn(opcode);
        method.visitInsn(I2L);
        registers.pop(method, rd);
    }

    private boolean call(int op, int rd, int rs1, int rs2, int imm) {
        CalledOperation called = CalledOperation.of(op, imm);
        if (called == null) {
            return false;
        }
        String sources = called.sources();
        int[] from = {rs1, rs2, imm >> 8};
        for (int i = 0; i < sources.length(); i++) {
            registers.push(method, from[i] + (sources.charAt(i) == 'f' ? RegisterLocals.FLOAT : 0));
        }
        operation(called.owner(), called.method(), sources.length());
        registers.pop(method, called.isFloat() ? RegisterLocals.FLOAT + rd : rd);
        return true;
    }

    private void operation(Class<?> owner, String name, int sources) {
        method.visitMethodInsn(
                INVOKESTATIC, TranslatedCodeWriter.internal(owner), name, "(" + "J".repeat(sources) + ")J", false);
    }
}
