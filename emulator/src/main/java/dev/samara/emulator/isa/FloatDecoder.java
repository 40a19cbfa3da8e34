// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.isa;

/**
 * Decodes the instructions of the extensions F and D. The immediate is the rounding mode. For a fused instruction it
 * also contains the third source register, above the lowest byte.
 */
final class FloatDecoder {
    private FloatDecoder() {}

    static long decode(int word) {
        int format = word >> 25 & 3;
        int rounding = word >> 12 & 7;
        if (format > 1) {
            return InstructionDecoder.illegal(word);
        }
        boolean isDouble = format == 1;
        int opcode = word & 0x7f;
        if (opcode != 0x53) {
            int kind = (opcode - 0x43) >> 2;
            int op = isDouble ? fusedDouble(kind) : Op.FMADD_S + kind;
            return isReserved(rounding)
                    ? InstructionDecoder.illegal(word)
                    : InstructionDecoder.plain(word, op, word >>> 27 << 8 | rounding);
        }
        return isDouble ? doubles(word, rounding) : floats(word, rounding);
    }

    private static boolean isReserved(int rounding) {
        return rounding == 5 || rounding == 6;
    }

    private static int fusedDouble(int kind) {
        return switch (kind) {
            case 0 -> Op.FMADD_D;
            case 1 -> Op.FMSUB_D;
            case 2 -> Op.FNMSUB_D;
            default -> Op.FNMADD_D;
        };
    }

    private static long doubles(int word, int rounding) {
        int second = word >> 20 & 31;
        return switch (word >>> 27) {
            case 0 -> rounded(word, Op.FADD_D, rounding);
            case 1 -> rounded(word, Op.FSUB_D, rounding);
            case 2 -> rounded(word, Op.FMUL_D, rounding);
            case 3 -> rounded(word, Op.FDIV_D, rounding);
            case 11 -> rounded(word, second == 0 ? Op.FSQRT_D : Op.ILLEGAL, rounding);
            case 4 -> plain(word, pick(rounding, Op.FSGNJ_D, Op.FSGNJN_D, Op.FSGNJX_D));
            case 5 -> plain(word, pick(rounding, Op.FMIN_D, Op.FMAX_D, Op.ILLEGAL));
            case 8 -> rounded(word, second == 0 ? Op.FCVT_D_S : Op.ILLEGAL, rounding);
            case 20 -> target(word, pick(rounding, Op.FLE_D, Op.FLT_D, Op.FEQ_D));
            case 24 -> converted(word, rounding, Op.FCVT_W_D, Op.FCVT_WU_D, Op.FCVT_L_D, Op.FCVT_LU_D);
            case 26 -> rounded(word, pick(second, Op.FCVT_D_W, Op.FCVT_D_WU, Op.FCVT_D_L, Op.FCVT_D_LU), rounding);
            case 28 -> second == 0 ? target(word, pick(rounding, Op.FMV_X_D, Op.FCLASS_D, Op.ILLEGAL)) : none(word);
            case 30 -> plain(word, second == 0 && rounding == 0 ? Op.FMV_D_X : Op.ILLEGAL);
            default -> none(word);
        };
    }

    private static long floats(int word, int rounding) {
        int second = word >> 20 & 31;
        return switch (word >>> 27) {
            case 0 -> rounded(word, Op.FADD_S, rounding);
            case 1 -> rounded(word, Op.FSUB_S, rounding);
            case 2 -> rounded(word, Op.FMUL_S, rounding);
            case 3 -> rounded(word, Op.FDIV_S, rounding);
            case 11 -> rounded(word, second == 0 ? Op.FSQRT_S : Op.ILLEGAL, rounding);
            case 4 -> plain(word, pick(rounding, Op.FSGNJ_S, Op.FSGNJN_S, Op.FSGNJX_S));
            case 5 -> plain(word, pick(rounding, Op.FMIN_S, Op.FMAX_S, Op.ILLEGAL));
            case 8 -> rounded(word, second == 1 ? Op.FCVT_S_D : Op.ILLEGAL, rounding);
            case 20 -> target(word, pick(rounding, Op.FLE_S, Op.FLT_S, Op.FEQ_S));
            case 24 -> converted(word, rounding, Op.FCVT_W_S, Op.FCVT_WU_S, Op.FCVT_L_S, Op.FCVT_LU_S);
            case 26 -> rounded(word, pick(second, Op.FCVT_S_W, Op.FCVT_S_WU, Op.FCVT_S_L, Op.FCVT_S_LU), rounding);
            case 28 -> second == 0 ? target(word, pick(rounding, Op.FMV_X_W, Op.FCLASS_S, Op.ILLEGAL)) : none(word);
            case 30 -> plain(word, second == 0 && rounding == 0 ? Op.FMV_W_X : Op.ILLEGAL);
            default -> none(word);
        };
    }

    private static int pick(int which, int... ops) {
        return which < ops.length ? ops[which] : Op.ILLEGAL;
    }

    private static long rounded(int word, int op, int rounding) {
        return isReserved(rounding) ? none(word) : InstructionDecoder.plain(word, op, rounding);
    }

    private static long converted(int word, int rounding, int... ops) {
        int op = pick(word >> 20 & 31, ops);
        return isReserved(rounding) ? none(word) : InstructionDecoder.target(word, op, rounding);
    }

    private static long target(int word, int op) {
        return InstructionDecoder.target(word, op, 0);
    }

    private static long plain(int word, int op) {
        return InstructionDecoder.plain(word, op, 0);
    }

    private static long none(int word) {
        return InstructionDecoder.illegal(word);
    }
}
