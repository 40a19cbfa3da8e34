// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.emulator.cpu.FloatOperations.DoubleOperations;
import dev.samara.emulator.cpu.FloatOperations.SingleOperations;
import dev.samara.emulator.isa.InstructionDecoder;
import dev.samara.emulator.isa.Op;

/**
 * The instructions that are too rare, or too slow anyway, for the method with the frequent instructions: divisions,
 * fences, accesses to control registers, atomic updates, and the floating-point instructions except for the frequent
 * ones on doubles. None of them ends a block.
 *
 * <p>The instructions of the extension A use the atomic updates of the memory. These have the order of volatile
 * accesses, which is at least as strong as the order that the bits aq and rl require. A store-conditional compares
 * values, as described in {@link dev.samara.core.guest.FlatMemory}.
 *
 * <p>Results of floating-point instructions are rounded to nearest; conversions to integers obey the rounding mode. No
 * flags are set.
 */
public final class RareInstructions {
    private final Hart hart;

    /**
     * Creates the rare instructions of a hart.
     *
     * @param hart the registers and the memory
     */
    public RareInstructions(Hart hart) {
        this.hart = hart;
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
            singles(op, rd, rs1, rs2, imm);
        } else if (op >= Op.FMSUB_D) {
            doubles(op, rd, rs1, rs2, imm);
        } else if (op >= Op.LR_D) {
            atomicWide(op, rd, hart.x[rs1], hart.x[rs2], imm);
        } else if (op >= Op.LR_W) {
            atomicWord(op, rd, hart.x[rs1], (int) hart.x[rs2], imm);
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

    private void atomicWord(int op, int rd, long address, int number, int order) {
        Hart hart = this.hart;
        hart.x[rd] = switch (op) {
            case Op.LR_W -> order == 0 ? hart.loadReservedIntOpaque(address) : hart.loadReservedIntVolatile(address);
            case Op.SC_W -> hart.storeConditionalInt(address, number) ? 0 : 1;
            case Op.AMOSWAP_W -> hart.getAndSetInt(address, number);
            case Op.AMOADD_W -> hart.getAndAddInt(address, number);
            case Op.AMOXOR_W -> hart.getAndBitwiseXorInt(address, number);
            case Op.AMOAND_W -> hart.getAndBitwiseAndInt(address, number);
            case Op.AMOOR_W -> hart.getAndBitwiseOrInt(address, number);
            default -> limitWord(op, address, number);
        };
    }

    private int limitWord(int op, long address, int number) {
        for (; ; ) {
            int old = hart.loadIntVolatile(address);
            int next = switch (op) {
                case Op.AMOMIN_W -> Math.min(old, number);
                case Op.AMOMAX_W -> Math.max(old, number);
                case Op.AMOMINU_W -> Integer.compareUnsigned(old, number) <= 0 ? old : number;
                case Op.AMOMAXU_W -> Integer.compareUnsigned(old, number) >= 0 ? old : number;
                default -> throw new IllegalStateException(Op.name(op) + " is no atomic update");
            };
            if (hart.compareAndSetInt(address, old, next)) {
                return old;
            }
        }
    }

    private void atomicWide(int op, int rd, long address, long number, int order) {
        Hart hart = this.hart;
        hart.x[rd] = switch (op) {
            case Op.LR_D -> order == 0 ? hart.loadReservedLongOpaque(address) : hart.loadReservedLongVolatile(address);
            case Op.SC_D -> hart.storeConditionalLong(address, number) ? 0 : 1;
            case Op.AMOSWAP_D -> hart.getAndSetLong(address, number);
            case Op.AMOADD_D -> hart.getAndAddLong(address, number);
            case Op.AMOXOR_D -> hart.getAndBitwiseXorLong(address, number);
            case Op.AMOAND_D -> hart.getAndBitwiseAndLong(address, number);
            case Op.AMOOR_D -> hart.getAndBitwiseOrLong(address, number);
            default -> limitWide(op, address, number);
        };
    }

    private long limitWide(int op, long address, long number) {
        for (; ; ) {
            long old = hart.loadLongVolatile(address);
            long next = switch (op) {
                case Op.AMOMIN_D -> Math.min(old, number);
                case Op.AMOMAX_D -> Math.max(old, number);
                case Op.AMOMINU_D -> Long.compareUnsigned(old, number) <= 0 ? old : number;
                case Op.AMOMAXU_D -> Long.compareUnsigned(old, number) >= 0 ? old : number;
                default -> throw new IllegalStateException(Op.name(op) + " is no atomic update");
            };
            if (hart.compareAndSetLong(address, old, next)) {
                return old;
            }
        }
    }

    private double wide(int register) {
        return Double.longBitsToDouble(hart.f[register]);
    }

    private float single(int register) {
        return Float.intBitsToFloat(FloatOperations.single(hart.f[register]));
    }

    private void doubles(int op, int rd, int rs1, int rs2, int imm) {
        long[] x = hart.x;
        long[] f = hart.f;
        int rounding = hart.rounding(imm & 7);
        switch (op) {
            case Op.FMSUB_D -> f[rd] = DoubleOperations.fmsub(f[rs1], f[rs2], f[imm >> 8]);
            case Op.FNMSUB_D -> f[rd] = DoubleOperations.fnmsub(f[rs1], f[rs2], f[imm >> 8]);
            case Op.FNMADD_D -> f[rd] = DoubleOperations.fnmadd(f[rs1], f[rs2], f[imm >> 8]);
            case Op.FSQRT_D -> f[rd] = DoubleOperations.fsqrt(f[rs1]);
            case Op.FSGNJN_D -> f[rd] = DoubleOperations.fsgnjn(f[rs1], f[rs2]);
            case Op.FSGNJX_D -> f[rd] = DoubleOperations.fsgnjx(f[rs1], f[rs2]);
            case Op.FMIN_D -> f[rd] = DoubleOperations.fmin(f[rs1], f[rs2]);
            case Op.FMAX_D -> f[rd] = DoubleOperations.fmax(f[rs1], f[rs2]);
            case Op.FCVT_S_D -> f[rd] = SingleOperations.fromD(f[rs1]);
            case Op.FCVT_D_S -> f[rd] = DoubleOperations.fromS(f[rs1]);
            case Op.FCLASS_D -> x[rd] = FloatOperations.classOf(f[rs1], true);
            case Op.FCVT_W_D -> x[rd] = FloatOperations.toInt(wide(rs1), rounding);
            case Op.FCVT_WU_D -> x[rd] = FloatOperations.toUnsignedInt(wide(rs1), rounding);
            case Op.FCVT_L_D -> x[rd] = FloatOperations.toLong(wide(rs1), rounding);
            case Op.FCVT_LU_D -> x[rd] = FloatOperations.toUnsignedLong(wide(rs1), rounding);
            case Op.FCVT_D_WU -> f[rd] = DoubleOperations.fromWu(x[rs1]);
            case Op.FCVT_D_LU -> f[rd] = FloatOperations.of(FloatOperations.fromUnsigned(x[rs1]));
            default -> throw new IllegalStateException(Op.name(op) + " is no operation with doubles");
        }
    }

    private void singles(int op, int rd, int rs1, int rs2, int imm) {
        long[] x = hart.x;
        long[] f = hart.f;
        int rounding = hart.rounding(imm & 7);
        switch (op) {
            case Op.FMADD_S -> f[rd] = SingleOperations.fmadd(f[rs1], f[rs2], f[imm >> 8]);
            case Op.FMSUB_S -> f[rd] = SingleOperations.fmsub(f[rs1], f[rs2], f[imm >> 8]);
            case Op.FNMSUB_S -> f[rd] = SingleOperations.fnmsub(f[rs1], f[rs2], f[imm >> 8]);
            case Op.FNMADD_S -> f[rd] = SingleOperations.fnmadd(f[rs1], f[rs2], f[imm >> 8]);
            case Op.FADD_S -> f[rd] = SingleOperations.fadd(f[rs1], f[rs2]);
            case Op.FSUB_S -> f[rd] = SingleOperations.fsub(f[rs1], f[rs2]);
            case Op.FMUL_S -> f[rd] = SingleOperations.fmul(f[rs1], f[rs2]);
            case Op.FDIV_S -> f[rd] = SingleOperations.fdiv(f[rs1], f[rs2]);
            case Op.FSQRT_S -> f[rd] = SingleOperations.fsqrt(f[rs1]);
            case Op.FSGNJ_S -> f[rd] = SingleOperations.fsgnj(f[rs1], f[rs2]);
            case Op.FSGNJN_S -> f[rd] = SingleOperations.fsgnjn(f[rs1], f[rs2]);
            case Op.FSGNJX_S -> f[rd] = SingleOperations.fsgnjx(f[rs1], f[rs2]);
            case Op.FMIN_S -> f[rd] = SingleOperations.fmin(f[rs1], f[rs2]);
            case Op.FMAX_S -> f[rd] = SingleOperations.fmax(f[rs1], f[rs2]);
            case Op.FCVT_W_S -> x[rd] = FloatOperations.toInt(single(rs1), rounding);
            case Op.FCVT_WU_S -> x[rd] = FloatOperations.toUnsignedInt(single(rs1), rounding);
            case Op.FCVT_L_S -> x[rd] = FloatOperations.toLong(single(rs1), rounding);
            case Op.FCVT_LU_S -> x[rd] = FloatOperations.toUnsignedLong(single(rs1), rounding);
            case Op.FMV_X_W -> x[rd] = (int) f[rs1];
            case Op.FEQ_S -> x[rd] = SingleOperations.feq(f[rs1], f[rs2]);
            case Op.FLT_S -> x[rd] = SingleOperations.flt(f[rs1], f[rs2]);
            case Op.FLE_S -> x[rd] = SingleOperations.fle(f[rs1], f[rs2]);
            case Op.FCLASS_S -> x[rd] = FloatOperations.classOf(FloatOperations.single(f[rs1]) & 0xffff_ffffL, false);
            case Op.FCVT_S_W -> f[rd] = SingleOperations.fromW(x[rs1]);
            case Op.FCVT_S_WU -> f[rd] = SingleOperations.fromWu(x[rs1]);
            case Op.FMV_W_X -> f[rd] = x[rs1] | FloatOperations.BOX;
            case Op.FCVT_S_L -> f[rd] = SingleOperations.fromL(x[rs1]);
            case Op.FCVT_S_LU -> f[rd] = FloatOperations.of(FloatOperations.fromUnsignedToFloat(x[rs1]));
            default -> throw new IllegalStateException(Op.name(op) + " is no operation with floats");
        }
    }
}
