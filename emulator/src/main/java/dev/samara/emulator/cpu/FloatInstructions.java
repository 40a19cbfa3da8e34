// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.emulator.isa.Op;

/**
 * The floating-point instructions, except for the frequent instructions on doubles. Results are rounded to nearest;
 * conversions to integers obey the rounding mode. No flags are set.
 */
final class FloatInstructions {
    private final Hart hart;

    FloatInstructions(Hart hart) {
        this.hart = hart;
    }

    private double wide(int register) {
        return Double.longBitsToDouble(hart.f[register]);
    }

    private float single(int register) {
        return Float.intBitsToFloat(FloatBits.single(hart.f[register]));
    }

    void wide(int op, int rd, int rs1, int rs2, int imm) {
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
            case Op.FCLASS_D -> x[rd] = FloatBits.classOf(f[rs1], true);
            case Op.FCVT_W_D -> x[rd] = FloatBits.toInt(wide(rs1), rounding);
            case Op.FCVT_WU_D -> x[rd] = FloatBits.toUnsignedInt(wide(rs1), rounding);
            case Op.FCVT_L_D -> x[rd] = FloatBits.toLong(wide(rs1), rounding);
            case Op.FCVT_LU_D -> x[rd] = FloatBits.toUnsignedLong(wide(rs1), rounding);
            case Op.FCVT_D_WU -> f[rd] = DoubleOperations.fromWu(x[rs1]);
            case Op.FCVT_D_LU -> f[rd] = FloatBits.of(FloatBits.fromUnsigned(x[rs1]));
            default -> throw new IllegalStateException(Op.name(op) + " is no operation with doubles");
        }
    }

    void single(int op, int rd, int rs1, int rs2, int imm) {
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
            case Op.FCVT_W_S -> x[rd] = FloatBits.toInt(single(rs1), rounding);
            case Op.FCVT_WU_S -> x[rd] = FloatBits.toUnsignedInt(single(rs1), rounding);
            case Op.FCVT_L_S -> x[rd] = FloatBits.toLong(single(rs1), rounding);
            case Op.FCVT_LU_S -> x[rd] = FloatBits.toUnsignedLong(single(rs1), rounding);
            case Op.FMV_X_W -> x[rd] = (int) f[rs1];
            case Op.FEQ_S -> x[rd] = SingleOperations.feq(f[rs1], f[rs2]);
            case Op.FLT_S -> x[rd] = SingleOperations.flt(f[rs1], f[rs2]);
            case Op.FLE_S -> x[rd] = SingleOperations.fle(f[rs1], f[rs2]);
            case Op.FCLASS_S -> x[rd] = FloatBits.classOf(FloatBits.single(f[rs1]) & 0xffff_ffffL, false);
            case Op.FCVT_S_W -> f[rd] = SingleOperations.fromW(x[rs1]);
            case Op.FCVT_S_WU -> f[rd] = SingleOperations.fromWu(x[rs1]);
            case Op.FMV_W_X -> f[rd] = x[rs1] | FloatBits.BOX;
            case Op.FCVT_S_L -> f[rd] = SingleOperations.fromL(x[rs1]);
            case Op.FCVT_S_LU -> f[rd] = FloatBits.of(FloatBits.fromUnsignedToFloat(x[rs1]));
            default -> throw new IllegalStateException(Op.name(op) + " is no operation with floats");
        }
    }
}
