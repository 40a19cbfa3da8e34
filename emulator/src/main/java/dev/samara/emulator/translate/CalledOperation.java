// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import dev.samara.emulator.cpu.DoubleOperations;
import dev.samara.emulator.cpu.IntegerOperations;
import dev.samara.emulator.cpu.SingleOperations;
import dev.samara.emulator.isa.Op;
import org.jspecify.annotations.Nullable;

/**
 * An instruction that is translated to one call of a static method.
 *
 * @param owner the class of the method
 * @param method its name
 * @param sources one character for each source: x for an integer register, f for a floating-point register
 * @param isFloat whether the target is a floating-point register
 */
record CalledOperation(Class<?> owner, String method, String sources, boolean isFloat) {
    private static final int TO_ZERO = 1;

    /** Returns the call for an instruction; null if there is none. */
    static @Nullable CalledOperation of(int op, int imm) {
        return switch (op) {
            case Op.MULH -> new CalledOperation(IntegerOperations.class, "mulh", "xx", false);
            case Op.MULHSU -> new CalledOperation(IntegerOperations.class, "mulhsu", "xx", false);
            case Op.MULHU -> new CalledOperation(IntegerOperations.class, "mulhu", "xx", false);
            case Op.DIV -> new CalledOperation(IntegerOperations.class, "div", "xx", false);
            case Op.DIVU -> new CalledOperation(IntegerOperations.class, "divu", "xx", false);
            case Op.REM -> new CalledOperation(IntegerOperations.class, "rem", "xx", false);
            case Op.REMU -> new CalledOperation(IntegerOperations.class, "remu", "xx", false);
            case Op.DIVW -> new CalledOperation(IntegerOperations.class, "divw", "xx", false);
            case Op.DIVUW -> new CalledOperation(IntegerOperations.class, "divuw", "xx", false);
            case Op.REMW -> new CalledOperation(IntegerOperations.class, "remw", "xx", false);
            case Op.REMUW -> new CalledOperation(IntegerOperations.class, "remuw", "xx", false);
            case Op.SLT -> new CalledOperation(IntegerOperations.class, "slt", "xx", false);
            case Op.SLTU -> new CalledOperation(IntegerOperations.class, "sltu", "xx", false);
            case Op.FADD_D -> new CalledOperation(DoubleOperations.class, "fadd", "ff", true);
            case Op.FSUB_D -> new CalledOperation(DoubleOperations.class, "fsub", "ff", true);
            case Op.FMUL_D -> new CalledOperation(DoubleOperations.class, "fmul", "ff", true);
            case Op.FDIV_D -> new CalledOperation(DoubleOperations.class, "fdiv", "ff", true);
            case Op.FMIN_D -> new CalledOperation(DoubleOperations.class, "fmin", "ff", true);
            case Op.FMAX_D -> new CalledOperation(DoubleOperations.class, "fmax", "ff", true);
            case Op.FSGNJ_D -> new CalledOperation(DoubleOperations.class, "fsgnj", "ff", true);
            case Op.FSGNJN_D -> new CalledOperation(DoubleOperations.class, "fsgnjn", "ff", true);
            case Op.FSGNJX_D -> new CalledOperation(DoubleOperations.class, "fsgnjx", "ff", true);
            case Op.FMADD_D -> new CalledOperation(DoubleOperations.class, "fmadd", "fff", true);
            case Op.FMSUB_D -> new CalledOperation(DoubleOperations.class, "fmsub", "fff", true);
            case Op.FNMSUB_D -> new CalledOperation(DoubleOperations.class, "fnmsub", "fff", true);
            case Op.FNMADD_D -> new CalledOperation(DoubleOperations.class, "fnmadd", "fff", true);
            case Op.FSQRT_D -> new CalledOperation(DoubleOperations.class, "fsqrt", "f", true);
            case Op.FEQ_D -> new CalledOperation(DoubleOperations.class, "feq", "ff", false);
            case Op.FLT_D -> new CalledOperation(DoubleOperations.class, "flt", "ff", false);
            case Op.FLE_D -> new CalledOperation(DoubleOperations.class, "fle", "ff", false);
            case Op.FADD_S -> new CalledOperation(SingleOperations.class, "fadd", "ff", true);
            case Op.FSUB_S -> new CalledOperation(SingleOperations.class, "fsub", "ff", true);
            case Op.FMUL_S -> new CalledOperation(SingleOperations.class, "fmul", "ff", true);
            case Op.FDIV_S -> new CalledOperation(SingleOperations.class, "fdiv", "ff", true);
            case Op.FMIN_S -> new CalledOperation(SingleOperations.class, "fmin", "ff", true);
            case Op.FMAX_S -> new CalledOperation(SingleOperations.class, "fmax", "ff", true);
            case Op.FSGNJ_S -> new CalledOperation(SingleOperations.class, "fsgnj", "ff", true);
            case Op.FSGNJN_S -> new CalledOperation(SingleOperations.class, "fsgnjn", "ff", true);
            case Op.FSGNJX_S -> new CalledOperation(SingleOperations.class, "fsgnjx", "ff", true);
            case Op.FMADD_S -> new CalledOperation(SingleOperations.class, "fmadd", "fff", true);
            case Op.FMSUB_S -> new CalledOperation(SingleOperations.class, "fmsub", "fff", true);
            case Op.FNMSUB_S -> new CalledOperation(SingleOperations.class, "fnmsub", "fff", true);
            case Op.FNMADD_S -> new CalledOperation(SingleOperations.class, "fnmadd", "fff", true);
            case Op.FSQRT_S -> new CalledOperation(SingleOperations.class, "fsqrt", "f", true);
            case Op.FEQ_S -> new CalledOperation(SingleOperations.class, "feq", "ff", false);
            case Op.FLT_S -> new CalledOperation(SingleOperations.class, "flt", "ff", false);
            case Op.FLE_S -> new CalledOperation(SingleOperations.class, "fle", "ff", false);
            case Op.FCVT_S_D -> new CalledOperation(SingleOperations.class, "fromD", "f", true);
            case Op.FCVT_D_S -> new CalledOperation(DoubleOperations.class, "fromS", "f", true);
            case Op.FCVT_D_W -> new CalledOperation(DoubleOperations.class, "fromW", "x", true);
            case Op.FCVT_D_WU -> new CalledOperation(DoubleOperations.class, "fromWu", "x", true);
            case Op.FCVT_D_L -> new CalledOperation(DoubleOperations.class, "fromL", "x", true);
            case Op.FCVT_S_W -> new CalledOperation(SingleOperations.class, "fromW", "x", true);
            case Op.FCVT_S_WU -> new CalledOperation(SingleOperations.class, "fromWu", "x", true);
            case Op.FCVT_S_L -> new CalledOperation(SingleOperations.class, "fromL", "x", true);
            case Op.FCVT_W_D -> toZero(DoubleOperations.class, "toW", imm);
            case Op.FCVT_L_D -> toZero(DoubleOperations.class, "toL", imm);
            case Op.FCVT_W_S -> toZero(SingleOperations.class, "toW", imm);
            case Op.FCVT_L_S -> toZero(SingleOperations.class, "toL", imm);
            default -> null;
        };
    }

    /** Returns null for a conversion to an integer in another rounding mode, which the interpreter executes. */
    private static @Nullable CalledOperation toZero(Class<?> owner, String method, int imm) {
        return (imm & 7) == TO_ZERO ? new CalledOperation(owner, method, "f", false) : null;
    }
}
