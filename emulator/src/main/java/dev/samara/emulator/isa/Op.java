// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.isa;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Locale;

/**
 * The operations of decoded instructions, in an order that suits an interpreter: the frequent operations have the
 * lowest numbers, and the operations that end a block have the highest.
 */
public final class Op {
    /* Integers, without memory. */

    /** The instruction lui. */
    public static final int LUI = 0;
    /** The instruction auipc. */
    public static final int AUIPC = 1;
    /** The instruction addi. */
    public static final int ADDI = 2;
    /** The instruction slti. */
    public static final int SLTI = 3;
    /** The instruction sltiu. */
    public static final int SLTIU = 4;
    /** The instruction xori. */
    public static final int XORI = 5;
    /** The instruction ori. */
    public static final int ORI = 6;
    /** The instruction andi. */
    public static final int ANDI = 7;
    /** The instruction slli. */
    public static final int SLLI = 8;
    /** The instruction srli. */
    public static final int SRLI = 9;
    /** The instruction srai. */
    public static final int SRAI = 10;
    /** The instruction addiw. */
    public static final int ADDIW = 11;
    /** The instruction slliw. */
    public static final int SLLIW = 12;
    /** The instruction srliw. */
    public static final int SRLIW = 13;
    /** The instruction sraiw. */
    public static final int SRAIW = 14;
    /** The instruction add. */
    public static final int ADD = 15;
    /** The instruction sub. */
    public static final int SUB = 16;
    /** The instruction sll. */
    public static final int SLL = 17;
    /** The instruction slt. */
    public static final int SLT = 18;
    /** The instruction sltu. */
    public static final int SLTU = 19;
    /** The instruction xor. */
    public static final int XOR = 20;
    /** The instruction srl. */
    public static final int SRL = 21;
    /** The instruction sra. */
    public static final int SRA = 22;
    /** The instruction or. */
    public static final int OR = 23;
    /** The instruction and. */
    public static final int AND = 24;
    /** The instruction addw. */
    public static final int ADDW = 25;
    /** The instruction subw. */
    public static final int SUBW = 26;
    /** The instruction sllw. */
    public static final int SLLW = 27;
    /** The instruction srlw. */
    public static final int SRLW = 28;
    /** The instruction sraw. */
    public static final int SRAW = 29;
    /** The instruction mul. */
    public static final int MUL = 30;
    /** The instruction mulw. */
    public static final int MULW = 31;

    /* Loads and stores. */

    /** The instruction lb. */
    public static final int LB = 32;
    /** The instruction lh. */
    public static final int LH = 33;
    /** The instruction lw. */
    public static final int LW = 34;
    /** The instruction ld. */
    public static final int LD = 35;
    /** The instruction lbu. */
    public static final int LBU = 36;
    /** The instruction lhu. */
    public static final int LHU = 37;
    /** The instruction lwu. */
    public static final int LWU = 38;
    /** The instruction sb. */
    public static final int SB = 39;
    /** The instruction sh. */
    public static final int SH = 40;
    /** The instruction sw. */
    public static final int SW = 41;
    /** The instruction sd. */
    public static final int SD = 42;
    /** The instruction flw. */
    public static final int FLW = 43;
    /** The instruction fld. */
    public static final int FLD = 44;
    /** The instruction fsw. */
    public static final int FSW = 45;
    /** The instruction fsd. */
    public static final int FSD = 46;

    /* Frequent operations on doubles. The immediate of a fused operation contains the third source. */

    /** The instruction fadd.d. */
    public static final int FADD_D = 47;
    /** The instruction fsub.d. */
    public static final int FSUB_D = 48;
    /** The instruction fmul.d. */
    public static final int FMUL_D = 49;
    /** The instruction fdiv.d. */
    public static final int FDIV_D = 50;
    /** The instruction fmadd.d. */
    public static final int FMADD_D = 51;
    /** The instruction fsgnj.d. */
    public static final int FSGNJ_D = 52;
    /** The instruction feq.d. */
    public static final int FEQ_D = 53;
    /** The instruction flt.d. */
    public static final int FLT_D = 54;
    /** The instruction fle.d. */
    public static final int FLE_D = 55;
    /** The instruction fcvt.d.w. */
    public static final int FCVT_D_W = 56;
    /** The instruction fcvt.d.l. */
    public static final int FCVT_D_L = 57;
    /** The instruction fmv.x.d. */
    public static final int FMV_X_D = 58;
    /** The instruction fmv.d.x. */
    public static final int FMV_D_X = 59;

    /* Other integers. */

    /** The instruction mulh. */
    public static final int MULH = 60;
    /** The instruction mulhsu. */
    public static final int MULHSU = 61;
    /** The instruction mulhu. */
    public static final int MULHU = 62;
    /** The instruction div. */
    public static final int DIV = 63;
    /** The instruction divu. */
    public static final int DIVU = 64;
    /** The instruction rem. */
    public static final int REM = 65;
    /** The instruction remu. */
    public static final int REMU = 66;
    /** The instruction divw. */
    public static final int DIVW = 67;
    /** The instruction divuw. */
    public static final int DIVUW = 68;
    /** The instruction remw. */
    public static final int REMW = 69;
    /** The instruction remuw. */
    public static final int REMUW = 70;

    /* Fences and control registers. The immediate of a control register's operation is the register's number. */

    /** The instruction fence. */
    public static final int FENCE = 71;
    /** The instruction csrrw. */
    public static final int CSRRW = 72;
    /** The instruction csrrs. */
    public static final int CSRRS = 73;
    /** The instruction csrrc. */
    public static final int CSRRC = 74;
    /** The instruction csrrwi. */
    public static final int CSRRWI = 75;
    /** The instruction csrrsi. */
    public static final int CSRRSI = 76;
    /** The instruction csrrci. */
    public static final int CSRRCI = 77;

    /* Atomic updates, of words and of double words. */

    /** The instruction lr.w. */
    public static final int LR_W = 78;
    /** The instruction sc.w. */
    public static final int SC_W = 79;
    /** The instruction amoswap.w. */
    public static final int AMOSWAP_W = 80;
    /** The instruction amoadd.w. */
    public static final int AMOADD_W = 81;
    /** The instruction amoxor.w. */
    public static final int AMOXOR_W = 82;
    /** The instruction amoand.w. */
    public static final int AMOAND_W = 83;
    /** The instruction amoor.w. */
    public static final int AMOOR_W = 84;
    /** The instruction amomin.w. */
    public static final int AMOMIN_W = 85;
    /** The instruction amomax.w. */
    public static final int AMOMAX_W = 86;
    /** The instruction amominu.w. */
    public static final int AMOMINU_W = 87;
    /** The instruction amomaxu.w. */
    public static final int AMOMAXU_W = 88;
    /** The instruction lr.d. */
    public static final int LR_D = 89;
    /** The instruction sc.d. */
    public static final int SC_D = 90;
    /** The instruction amoswap.d. */
    public static final int AMOSWAP_D = 91;
    /** The instruction amoadd.d. */
    public static final int AMOADD_D = 92;
    /** The instruction amoxor.d. */
    public static final int AMOXOR_D = 93;
    /** The instruction amoand.d. */
    public static final int AMOAND_D = 94;
    /** The instruction amoor.d. */
    public static final int AMOOR_D = 95;
    /** The instruction amomin.d. */
    public static final int AMOMIN_D = 96;
    /** The instruction amomax.d. */
    public static final int AMOMAX_D = 97;
    /** The instruction amominu.d. */
    public static final int AMOMINU_D = 98;
    /** The instruction amomaxu.d. */
    public static final int AMOMAXU_D = 99;

    /* Other operations on doubles. */

    /** The instruction fmsub.d. */
    public static final int FMSUB_D = 100;
    /** The instruction fnmsub.d. */
    public static final int FNMSUB_D = 101;
    /** The instruction fnmadd.d. */
    public static final int FNMADD_D = 102;
    /** The instruction fsqrt.d. */
    public static final int FSQRT_D = 103;
    /** The instruction fsgnjn.d. */
    public static final int FSGNJN_D = 104;
    /** The instruction fsgnjx.d. */
    public static final int FSGNJX_D = 105;
    /** The instruction fmin.d. */
    public static final int FMIN_D = 106;
    /** The instruction fmax.d. */
    public static final int FMAX_D = 107;
    /** The instruction fcvt.s.d. */
    public static final int FCVT_S_D = 108;
    /** The instruction fcvt.d.s. */
    public static final int FCVT_D_S = 109;
    /** The instruction fclass.d. */
    public static final int FCLASS_D = 110;
    /** The instruction fcvt.w.d. */
    public static final int FCVT_W_D = 111;
    /** The instruction fcvt.wu.d. */
    public static final int FCVT_WU_D = 112;
    /** The instruction fcvt.d.wu. */
    public static final int FCVT_D_WU = 113;
    /** The instruction fcvt.l.d. */
    public static final int FCVT_L_D = 114;
    /** The instruction fcvt.lu.d. */
    public static final int FCVT_LU_D = 115;
    /** The instruction fcvt.d.lu. */
    public static final int FCVT_D_LU = 116;

    /* Operations on floats. */

    /** The instruction fmadd.s. */
    public static final int FMADD_S = 117;
    /** The instruction fmsub.s. */
    public static final int FMSUB_S = 118;
    /** The instruction fnmsub.s. */
    public static final int FNMSUB_S = 119;
    /** The instruction fnmadd.s. */
    public static final int FNMADD_S = 120;
    /** The instruction fadd.s. */
    public static final int FADD_S = 121;
    /** The instruction fsub.s. */
    public static final int FSUB_S = 122;
    /** The instruction fmul.s. */
    public static final int FMUL_S = 123;
    /** The instruction fdiv.s. */
    public static final int FDIV_S = 124;
    /** The instruction fsqrt.s. */
    public static final int FSQRT_S = 125;
    /** The instruction fsgnj.s. */
    public static final int FSGNJ_S = 126;
    /** The instruction fsgnjn.s. */
    public static final int FSGNJN_S = 127;
    /** The instruction fsgnjx.s. */
    public static final int FSGNJX_S = 128;
    /** The instruction fmin.s. */
    public static final int FMIN_S = 129;
    /** The instruction fmax.s. */
    public static final int FMAX_S = 130;
    /** The instruction fcvt.w.s. */
    public static final int FCVT_W_S = 131;
    /** The instruction fcvt.wu.s. */
    public static final int FCVT_WU_S = 132;
    /** The instruction fmv.x.w. */
    public static final int FMV_X_W = 133;
    /** The instruction feq.s. */
    public static final int FEQ_S = 134;
    /** The instruction flt.s. */
    public static final int FLT_S = 135;
    /** The instruction fle.s. */
    public static final int FLE_S = 136;
    /** The instruction fclass.s. */
    public static final int FCLASS_S = 137;
    /** The instruction fcvt.s.w. */
    public static final int FCVT_S_W = 138;
    /** The instruction fcvt.s.wu. */
    public static final int FCVT_S_WU = 139;
    /** The instruction fmv.w.x. */
    public static final int FMV_W_X = 140;
    /** The instruction fcvt.l.s. */
    public static final int FCVT_L_S = 141;
    /** The instruction fcvt.lu.s. */
    public static final int FCVT_LU_S = 142;
    /** The instruction fcvt.s.l. */
    public static final int FCVT_S_L = 143;
    /** The instruction fcvt.s.lu. */
    public static final int FCVT_S_LU = 144;

    /* These end a block. */

    /** The instruction beq. */
    public static final int BEQ = 145;
    /** The instruction bne. */
    public static final int BNE = 146;
    /** The instruction blt. */
    public static final int BLT = 147;
    /** The instruction bge. */
    public static final int BGE = 148;
    /** The instruction bltu. */
    public static final int BLTU = 149;
    /** The instruction bgeu. */
    public static final int BGEU = 150;
    /** The instruction jal. */
    public static final int JAL = 151;
    /** The instruction jalr. */
    public static final int JALR = 152;
    /** The instruction fence.i. */
    public static final int FENCE_I = 153;
    /** The instruction ecall. */
    public static final int ECALL = 154;
    /** The instruction ebreak. */
    public static final int EBREAK = 155;
    /** The instruction illegal. */
    public static final int ILLEGAL = 156;

    /** Not an instruction: execution continues with the next block in memory. */
    public static final int NEXT = 157;

    /** Not an instruction: the block was dropped, and the block at this address must be looked up again. */
    public static final int GONE = 158;

    /** The first operation after the frequent operations. */
    public static final int FIRST_RARE = MULH;

    /** The first operation that ends a block. */
    public static final int FIRST_END = BEQ;

    private static final int DYNAMIC = 7;

    private Op() {}

    /**
     * Returns whether an instruction uses the rounding mode of the control register.
     *
     * @param op a constant of this class
     * @param imm the second int of the instruction
     * @return whether its rounding mode is the dynamic one, even if its result is never rounded
     */
    public static boolean isRoundedDynamically(int op, int imm) {
        // The immediate of a floating-point instruction without a rounding mode is 0.
        boolean isFloat = (op >= FADD_D && op <= FMV_D_X) || (op >= FMSUB_D && op <= FCVT_S_LU);
        return isFloat && (imm & DYNAMIC) == DYNAMIC;
    }

    /**
     * Returns the name of an operation, for traces and messages.
     *
     * @param op a constant of this class
     * @return its name as in assembly language
     */
    public static String name(int op) {
        try {
            for (Field field : Op.class.getFields()) {
                if (Modifier.isStatic(field.getModifiers())
                        && field.getType() == int.class
                        && field.getInt(null) == op
                        && !field.getName().startsWith("FIRST_")) {
                    return field.getName().toLowerCase(Locale.ROOT).replace('_', '.');
                }
            }
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        }
        return "operation " + op;
    }
}
