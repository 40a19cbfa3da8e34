// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.translate;

import dev.samara.examples.riscv.isa.Op;
import org.jspecify.annotations.Nullable;

/**
 * An instruction that is one call of a method of {@link dev.samara.examples.riscv.cpu.RegisterOperations}.
 *
 * @param method its name
 * @param sources an x or f for each source: integer or floating point
 * @param isFloat whether the result is for a register of floating point
 */
record CalledOperation(String method, String sources, boolean isFloat) {
    private static final int TO_ZERO = 1;

    /** Returns the call for an instruction; null if there is none. */
    static @Nullable CalledOperation of(int op, int imm) {
        return switch (op) {
            case Op.MULH -> new CalledOperation("mulh", "xx", false);
            case Op.MULHSU -> new CalledOperation("mulhsu", "xx", false);
            case Op.MULHU -> new CalledOperation("mulhu", "xx", false);
            case Op.DIV -> new CalledOperation("div", "xx", false);
            case Op.DIVU -> new CalledOperation("divu", "xx", false);
            case Op.REM -> new CalledOperation("rem", "xx", false);
            case Op.REMU -> new CalledOperation("remu", "xx", false);
            case Op.DIVW -> new CalledOperation("divw", "xx", false);
            case Op.DIVUW -> new CalledOperation("divuw", "xx", false);
            case Op.REMW -> new CalledOperation("remw", "xx", false);
            case Op.REMUW -> new CalledOperation("remuw", "xx", false);
            case Op.SLT -> new CalledOperation("slt", "xx", false);
            case Op.SLTU -> new CalledOperation("sltu", "xx", false);
            case Op.FADD_D -> new CalledOperation("faddD", "ff", true);
            case Op.FSUB_D -> new CalledOperation("fsubD", "ff", true);
            case Op.FMUL_D -> new CalledOperation("fmulD", "ff", true);
            case Op.FDIV_D -> new CalledOperation("fdivD", "ff", true);
            case Op.FMIN_D -> new CalledOperation("fminD", "ff", true);
            case Op.FMAX_D -> new CalledOperation("fmaxD", "ff", true);
            case Op.FSGNJ_D -> new CalledOperation("fsgnjD", "ff", true);
            case Op.FSGNJN_D -> new CalledOperation("fsgnjnD", "ff", true);
            case Op.FSGNJX_D -> new CalledOperation("fsgnjxD", "ff", true);
            case Op.FMADD_D -> new CalledOperation("fmaddD", "fff", true);
            case Op.FMSUB_D -> new CalledOperation("fmsubD", "fff", true);
            case Op.FNMSUB_D -> new CalledOperation("fnmsubD", "fff", true);
            case Op.FNMADD_D -> new CalledOperation("fnmaddD", "fff", true);
            case Op.FSQRT_D -> new CalledOperation("fsqrtD", "f", true);
            case Op.FEQ_D -> new CalledOperation("feqD", "ff", false);
            case Op.FLT_D -> new CalledOperation("fltD", "ff", false);
            case Op.FLE_D -> new CalledOperation("fleD", "ff", false);
            case Op.FADD_S -> new CalledOperation("faddS", "ff", true);
            case Op.FSUB_S -> new CalledOperation("fsubS", "ff", true);
            case Op.FMUL_S -> new CalledOperation("fmulS", "ff", true);
            case Op.FDIV_S -> new CalledOperation("fdivS", "ff", true);
            case Op.FMIN_S -> new CalledOperation("fminS", "ff", true);
            case Op.FMAX_S -> new CalledOperation("fmaxS", "ff", true);
            case Op.FSGNJ_S -> new CalledOperation("fsgnjS", "ff", true);
            case Op.FSGNJN_S -> new CalledOperation("fsgnjnS", "ff", true);
            case Op.FSGNJX_S -> new CalledOperation("fsgnjxS", "ff", true);
            case Op.FMADD_S -> new CalledOperation("fmaddS", "fff", true);
            case Op.FMSUB_S -> new CalledOperation("fmsubS", "fff", true);
            case Op.FNMSUB_S -> new CalledOperation("fnmsubS", "fff", true);
            case Op.FNMADD_S -> new CalledOperation("fnmaddS", "fff", true);
            case Op.FSQRT_S -> new CalledOperation("fsqrtS", "f", true);
            case Op.FEQ_S -> new CalledOperation("feqS", "ff", false);
            case Op.FLT_S -> new CalledOperation("fltS", "ff", false);
            case Op.FLE_S -> new CalledOperation("fleS", "ff", false);
            case Op.FCVT_S_D -> new CalledOperation("fcvtSD", "f", true);
            case Op.FCVT_D_S -> new CalledOperation("fcvtDS", "f", true);
            case Op.FCVT_D_W -> new CalledOperation("fcvtDW", "x", true);
            case Op.FCVT_D_WU -> new CalledOperation("fcvtDWu", "x", true);
            case Op.FCVT_D_L -> new CalledOperation("fcvtDL", "x", true);
            case Op.FCVT_S_W -> new CalledOperation("fcvtSW", "x", true);
            case Op.FCVT_S_WU -> new CalledOperation("fcvtSWu", "x", true);
            case Op.FCVT_S_L -> new CalledOperation("fcvtSL", "x", true);
            case Op.FCVT_W_D -> toZero("fcvtWD", imm);
            case Op.FCVT_L_D -> toZero("fcvtLD", imm);
            case Op.FCVT_W_S -> toZero("fcvtWS", imm);
            case Op.FCVT_L_S -> toZero("fcvtLS", imm);
            default -> null;
        };
    }

    /** Conversions to integers in other modes are for the interpreter. */
    private static @Nullable CalledOperation toZero(String method, int imm) {
        return (imm & 7) == TO_ZERO ? new CalledOperation(method, "f", false) : null;
    }
}
