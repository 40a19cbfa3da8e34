// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.emulator.isa.InstructionDecoder;
import dev.samara.emulator.isa.Op;

/**
 * The instructions that are too rare, or too slow anyway, for the method with the frequent instructions: divisions,
 * fences and accesses to control registers, as well as atomic updates and most floating-point instructions, which other
 * classes implement. None of them ends a block.
 */
public final class RareInstructions {
    private final Hart hart;
    private final AtomicInstructions atomics;
    private final FloatInstructions floats;

    /**
     * Creates the rare instructions of a hart.
     *
     * @param hart the registers and the memory
     */
    public RareInstructions(Hart hart) {
        this.hart = hart;
        atomics = new AtomicInstructions(hart);
        floats = new FloatInstructions(hart);
    }

    /**
     * Executes an instruction from {@link Op#FIRST_RARE} up to {@link Op#FIRST_END}.
     *
     * @param word the first int of the instruction
     * @param imm the second int of the instruction
     */
    public void execute(int word, int imm) {
        int op = word & 0xff;
        int rd = word >> 8 & 0xff;
        int rs1 = word >> 16 & 0xff;
        int rs2 = word >>> 24;
        if (op >= Op.FMADD_S) {
            floats.single(op, rd, rs1, rs2, imm);
        } else if (op >= Op.FMSUB_D) {
            floats.wide(op, rd, rs1, rs2, imm);
        } else if (op >= Op.LR_D) {
            atomics.wide(op, rd, hart.x[rs1], hart.x[rs2], imm);
        } else if (op >= Op.LR_W) {
            atomics.word(op, rd, hart.x[rs1], (int) hart.x[rs2], imm);
        } else if (op == Op.FENCE) {
            IntegerOperations.fence(imm);
        } else if (op >= Op.CSRRW) {
            control(op, rd, rs1, imm);
        } else {
            divide(op, rd, hart.x[rs1], hart.x[rs2]);
        }
    }

    private void divide(int op, int rd, long a, long b) {
        hart.x[rd] = switch (op) {
            case Op.MULH -> IntegerOperations.mulh(a, b);
            case Op.MULHSU -> IntegerOperations.mulhsu(a, b);
            case Op.MULHU -> IntegerOperations.mulhu(a, b);
            case Op.DIV -> IntegerOperations.div(a, b);
            case Op.DIVU -> IntegerOperations.divu(a, b);
            case Op.REM -> IntegerOperations.rem(a, b);
            case Op.REMU -> IntegerOperations.remu(a, b);
            case Op.DIVW -> IntegerOperations.divw(a, b);
            case Op.DIVUW -> IntegerOperations.divuw(a, b);
            case Op.REMW -> IntegerOperations.remw(a, b);
            case Op.REMUW -> IntegerOperations.remuw(a, b);
            default -> throw new IllegalStateException(Op.name(op) + " is no division");
        };
    }

    private void control(int op, int rd, int rs1, int register) {
        boolean isImmediate = op >= Op.CSRRWI;
        int kind = isImmediate ? op - Op.CSRRWI : op - Op.CSRRW;
        long operand = isImmediate ? rs1 : hart.x[rs1];
        long old = read(register);
        if (kind == 0) {
            write(register, operand);
        } else if (rs1 != 0) {
            write(register, kind == 1 ? old | operand : old & ~operand);
        }
        hart.x[rd] = old;
    }

    private long read(int register) {
        if (register == InstructionDecoder.FFLAGS || register == InstructionDecoder.FCSR) {
            hart.counts().flagReads++;
        }
        return switch (register) {
            case InstructionDecoder.FFLAGS -> hart.fcsr & 0x1f;
            case InstructionDecoder.FRM -> hart.fcsr >> 5 & 7;
            case InstructionDecoder.FCSR -> hart.fcsr & 0xff;
            default -> System.nanoTime();
        };
    }

    private void write(int register, long number) {
        int old = hart.fcsr;
        hart.fcsr = (int)
                switch (register) {
                    case InstructionDecoder.FFLAGS -> (old & ~0x1f) | (number & 0x1f);
                    case InstructionDecoder.FRM -> (old & 0x1f) | (number & 7) << 5;
                    default -> number & 0xff;
                };
        if (hart.fcsr >> 5 != 0) {
            hart.counts().roundingChanges++;
        }
    }
}
