// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.isa;

/**
 * Decodes the instructions of RV64GC to two ints each. A 16-bit instruction is expanded to the 32-bit instruction with
 * the same effect. No state.
 */
public final class InstructionDecoder {
    /** The number of the register that replaces the target x0. */
    public static final int NOWHERE = 32;

    /** The control register of the floating-point flags. */
    public static final int FFLAGS = 1;

    /** The control register of the rounding mode. */
    public static final int FRM = 2;

    /** The control register of the flags and the rounding mode. */
    public static final int FCSR = 3;

    /** The first of three counters: cycles, time, and instructions. */
    public static final int CYCLE = 0xc00;

    /** The control register of the time, in units of the time base. */
    public static final int TIME = 0xc01;

    /** The control register of the number of instructions. */
    public static final int INSTRET = 0xc02;

    private InstructionDecoder() {}

    /**
     * Decodes an instruction.
     *
     * @param word 32 bits
     * @return two ints. The low int contains the operation, the target register and the source registers, one byte each
     *     from the lowest byte up. The high int is the immediate
     */
    public static long decode(int word) {
        int funct3 = word >> 12 & 7;
        return switch (word & 0x7f) {
            case 0x37 -> target(word, Op.LUI, word & 0xffff_f000);
            case 0x17 -> target(word, Op.AUIPC, word & 0xffff_f000);
            case 0x13 -> immediate(word, funct3);
            case 0x1b -> immediateOfWord(word, funct3);
            case 0x33 -> target(word, registers(word >>> 25, funct3), 0);
            case 0x3b -> target(word, registersOfWords(word >>> 25, funct3), 0);
            case 0x03 -> target(word, funct3 == 7 ? Op.ILLEGAL : load(funct3), word >> 20);
            case 0x23 -> plain(word, funct3 > 3 ? Op.ILLEGAL : Op.SB + funct3, stored(word));
            case 0x07 -> plain(word, funct3 == 2 ? Op.FLW : funct3 == 3 ? Op.FLD : Op.ILLEGAL, word >> 20);
            case 0x27 -> plain(word, funct3 == 2 ? Op.FSW : funct3 == 3 ? Op.FSD : Op.ILLEGAL, stored(word));
            case 0x63 -> plain(word, branch(funct3), distance(word));
            case 0x6f -> target(word, Op.JAL, jump(word));
            case 0x67 -> target(word, funct3 == 0 ? Op.JALR : Op.ILLEGAL, word >> 20);
            case 0x0f -> fence(word, funct3);
            case 0x2f -> atomic(word, funct3);
            case 0x73 -> system(word, funct3);
            case 0x43, 0x47, 0x4b, 0x4f, 0x53 -> floating(word);
            default -> illegal(word);
        };
    }

    /**
     * Decodes an instruction of 16 bits (extension C), which stands for one of 32 bits.
     *
     * @param half 16 bits, of which the lowest two are not both 1
     * @return two ints, as of {@link #decode}
     */
    public static long decodeCompressed(int half) {
        int expanded = CompressedDecoder.expand(half);
        return expanded == CompressedDecoder.NONE ? illegal(half) : decode(expanded);
    }

    /** Encodes an instruction whose result is in an integer register. */
    static long target(int word, int op, int number) {
        int rd = word >> 7 & 31;
        return pack(word, op, rd == 0 ? NOWHERE : rd, number);
    }

    /** Encodes an instruction whose target is not an integer register. */
    static long plain(int word, int op, int number) {
        return pack(word, op, word >> 7 & 31, number);
    }

    private static long pack(int word, int op, int rd, int number) {
        if (op == Op.ILLEGAL) {
            return illegal(word);
        }
        int registers = (word >> 20 & 31) << 24 | (word >> 15 & 31) << 16 | rd << 8 | op;
        return (long) number << 32 | (registers & 0xffff_ffffL);
    }

    /**
     * Returns the decoded form of an instruction that does not exist.
     *
     * @param word the instruction, which becomes the immediate
     * @return the two ints
     */
    public static long illegal(int word) {
        return (long) word << 32 | Op.ILLEGAL;
    }

    private static long immediate(int word, int funct3) {
        int number = word >> 20;
        int shift = number & 63;
        int rest = number >> 6 & 0x3f;
        return switch (funct3) {
            case 0 -> target(word, Op.ADDI, number);
            case 1 -> target(word, rest == 0 ? Op.SLLI : Op.ILLEGAL, shift);
            case 2 -> target(word, Op.SLTI, number);
            case 3 -> target(word, Op.SLTIU, number);
            case 4 -> target(word, Op.XORI, number);
            case 5 -> target(word, rest == 0 ? Op.SRLI : rest == 0x10 ? Op.SRAI : Op.ILLEGAL, shift);
            case 6 -> target(word, Op.ORI, number);
            default -> target(word, Op.ANDI, number);
        };
    }

    private static long immediateOfWord(int word, int funct3) {
        int number = word >> 20;
        int shift = number & 31;
        int rest = number >> 5 & 0x7f;
        return switch (funct3) {
            case 0 -> target(word, Op.ADDIW, number);
            case 1 -> target(word, rest == 0 ? Op.SLLIW : Op.ILLEGAL, shift);
            case 5 -> target(word, rest == 0 ? Op.SRLIW : rest == 0x20 ? Op.SRAIW : Op.ILLEGAL, shift);
            default -> illegal(word);
        };
    }

    private static int registers(int funct7, int funct3) {
        return switch (funct7 << 3 | funct3) {
            case 0 -> Op.ADD;
            case 1 -> Op.SLL;
            case 2 -> Op.SLT;
            case 3 -> Op.SLTU;
            case 4 -> Op.XOR;
            case 5 -> Op.SRL;
            case 6 -> Op.OR;
            case 7 -> Op.AND;
            case 0x100 -> Op.SUB;
            case 0x105 -> Op.SRA;
            case 8 -> Op.MUL;
            case 9 -> Op.MULH;
            case 10 -> Op.MULHSU;
            case 11 -> Op.MULHU;
            case 12 -> Op.DIV;
            case 13 -> Op.DIVU;
            case 14 -> Op.REM;
            case 15 -> Op.REMU;
            default -> Op.ILLEGAL;
        };
    }

    private static int registersOfWords(int funct7, int funct3) {
        return switch (funct7 << 3 | funct3) {
            case 0 -> Op.ADDW;
            case 1 -> Op.SLLW;
            case 5 -> Op.SRLW;
            case 0x100 -> Op.SUBW;
            case 0x105 -> Op.SRAW;
            case 8 -> Op.MULW;
            case 12 -> Op.DIVW;
            case 13 -> Op.DIVUW;
            case 14 -> Op.REMW;
            case 15 -> Op.REMUW;
            default -> Op.ILLEGAL;
        };
    }

    private static int load(int funct3) {
        return Op.LB + funct3;
    }

    private static int branch(int funct3) {
        return switch (funct3) {
            case 0 -> Op.BEQ;
            case 1 -> Op.BNE;
            case 4 -> Op.BLT;
            case 5 -> Op.BGE;
            case 6 -> Op.BLTU;
            case 7 -> Op.BGEU;
            default -> Op.ILLEGAL;
        };
    }

    private static int stored(int word) {
        return word >> 25 << 5 | (word >> 7 & 31);
    }

    private static int distance(int word) {
        return word >> 31 << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 0x3f) << 5 | (word >> 8 & 15) << 1;
    }

    private static int jump(int word) {
        return word >> 31 << 20 | (word & 0xff000) | (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1;
    }

    private static long fence(int word, int funct3) {
        return switch (funct3) {
            case 0 -> plain(word, Op.FENCE, word >>> 20);
            case 1 -> plain(word, Op.FENCE_I, 0);
            default -> illegal(word);
        };
    }

    /** The immediate contains the ordering bits: 2 for acquire, 1 for release. */
    private static long atomic(int word, int funct3) {
        if (funct3 != 2 && funct3 != 3) {
            return illegal(word);
        }
        int op = switch (word >>> 27) {
            case 2 -> (word >> 20 & 31) == 0 ? Op.LR_W : Op.ILLEGAL;
            case 3 -> Op.SC_W;
            case 1 -> Op.AMOSWAP_W;
            case 0 -> Op.AMOADD_W;
            case 4 -> Op.AMOXOR_W;
            case 12 -> Op.AMOAND_W;
            case 8 -> Op.AMOOR_W;
            case 16 -> Op.AMOMIN_W;
            case 20 -> Op.AMOMAX_W;
            case 24 -> Op.AMOMINU_W;
            case 28 -> Op.AMOMAXU_W;
            default -> Op.ILLEGAL;
        };
        boolean isLong = funct3 == 3 && op != Op.ILLEGAL;
        return target(word, isLong ? op + Op.LR_D - Op.LR_W : op, word >> 25 & 3);
    }

    private static long system(int word, int funct3) {
        if (funct3 == 0) {
            return switch (word) {
                case 0x0000_0073 -> plain(word, Op.ECALL, 0);
                case 0x0010_0073 -> plain(word, Op.EBREAK, 0);
                default -> illegal(word);
            };
        }
        int register = word >>> 20;
        boolean writes = (funct3 & 3) == 1 || (word >> 15 & 31) != 0;
        boolean isCounter = register >= CYCLE && register <= INSTRET && !writes;
        boolean isFloat = register >= FFLAGS && register <= FCSR;
        return funct3 == 4 || (!isCounter && !isFloat)
                ? illegal(word)
                : target(word, Op.CSRRW + (funct3 & 3) - 1 + (funct3 >> 2) * 3, register);
    }

    /**
     * Decodes the instructions of the extensions F and D. The immediate is the rounding mode. For a fused instruction
     * it also contains the third source register, above the lowest byte.
     */
    private static long floating(int word) {
        int format = word >> 25 & 3;
        int rounding = word >> 12 & 7;
        if (format > 1) {
            return illegal(word);
        }
        boolean isDouble = format == 1;
        int opcode = word & 0x7f;
        if (opcode != 0x53) {
            int kind = (opcode - 0x43) >> 2;
            int op = isDouble ? fusedDouble(kind) : Op.FMADD_S + kind;
            return isReserved(rounding) ? illegal(word) : plain(word, op, word >>> 27 << 8 | rounding);
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
            case 28 -> second == 0 ? target(word, pick(rounding, Op.FMV_X_D, Op.FCLASS_D, Op.ILLEGAL)) : illegal(word);
            case 30 -> plain(word, second == 0 && rounding == 0 ? Op.FMV_D_X : Op.ILLEGAL);
            default -> illegal(word);
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
            case 28 -> second == 0 ? target(word, pick(rounding, Op.FMV_X_W, Op.FCLASS_S, Op.ILLEGAL)) : illegal(word);
            case 30 -> plain(word, second == 0 && rounding == 0 ? Op.FMV_W_X : Op.ILLEGAL);
            default -> illegal(word);
        };
    }

    private static int pick(int which, int... ops) {
        return which < ops.length ? ops[which] : Op.ILLEGAL;
    }

    private static long rounded(int word, int op, int rounding) {
        return isReserved(rounding) ? illegal(word) : plain(word, op, rounding);
    }

    private static long converted(int word, int rounding, int... ops) {
        int op = pick(word >> 20 & 31, ops);
        return isReserved(rounding) ? illegal(word) : target(word, op, rounding);
    }

    private static long target(int word, int op) {
        return target(word, op, 0);
    }

    private static long plain(int word, int op) {
        return plain(word, op, 0);
    }

    /**
     * Expands 16-bit instructions (extension C, chapter 16 of the unprivileged specification). Each of them stands for
     * one 32-bit instruction.
     */
    private static final class CompressedDecoder {
        /** A value that is not the encoding of any instruction, neither of 16 bits nor of 32 bits. */
        static final int NONE = 0;

        private static final int LOAD = 0x03;
        private static final int LOAD_FP = 0x07;
        private static final int OP_IMM = 0x13;
        private static final int OP_IMM_32 = 0x1b;
        private static final int STORE = 0x23;
        private static final int STORE_FP = 0x27;
        private static final int OP = 0x33;
        private static final int LUI = 0x37;
        private static final int OP_32 = 0x3b;
        private static final int JALR = 0x67;
        private static final int EBREAK = 0x0010_0073;

        private static final int RA = 1;
        private static final int SP = 2;

        private CompressedDecoder() {}

        /**
         * Expands an instruction.
         *
         * @param half 16 bits, of which the lowest two are not both 1
         * @return the 32-bit instruction, or {@link #NONE} for an illegal one
         */
        static int expand(int half) {
            int function = half >> 13 & 7;
            return switch (half & 3) {
                case 0 -> quadrant0(half, function);
                case 1 -> quadrant1(half, function);
                default -> quadrant2(half, function);
            };
        }

        private static int quadrant0(int half, int function) {
            int low = 8 + (half >> 2 & 7);
            int base = 8 + (half >> 7 & 7);
            int words = (half >> 10 & 7) << 3 | (half >> 6 & 1) << 2 | (half >> 5 & 1) << 6;
            int doubles = (half >> 10 & 7) << 3 | (half >> 5 & 3) << 6;
            return switch (function) {
                case 0 -> {
                    int wide =
                            (half >> 11 & 3) << 4 | (half >> 7 & 15) << 6 | (half >> 6 & 1) << 2 | (half >> 5 & 1) << 3;
                    yield wide == 0 ? NONE : immediate(OP_IMM, 0, low, SP, wide);
                }
                case 1 -> immediate(LOAD_FP, 3, low, base, doubles);
                case 2 -> immediate(LOAD, 2, low, base, words);
                case 3 -> immediate(LOAD, 3, low, base, doubles);
                case 5 -> store(STORE_FP, 3, base, low, doubles);
                case 6 -> store(STORE, 2, base, low, words);
                case 7 -> store(STORE, 3, base, low, doubles);
                default -> NONE;
            };
        }

        private static int quadrant1(int half, int function) {
            int rd = half >> 7 & 31;
            int number = signed6(half);
            return switch (function) {
                case 0 -> immediate(OP_IMM, 0, rd, rd, number);
                case 1 -> rd == 0 ? NONE : immediate(OP_IMM_32, 0, rd, rd, number);
                case 2 -> immediate(OP_IMM, 0, rd, 0, number);
                case 3 -> {
                    if (rd != SP) {
                        yield number == 0 ? NONE : number << 12 | rd << 7 | LUI;
                    }
                    int wide = (half << 19 >> 31) << 9
                            | (half >> 6 & 1) << 4
                            | (half >> 5 & 1) << 6
                            | (half >> 3 & 3) << 7
                            | (half >> 2 & 1) << 5;
                    yield wide == 0 ? NONE : immediate(OP_IMM, 0, SP, SP, wide);
                }
                case 4 -> arithmetic(half, number);
                case 5 -> jump(half);
                default -> branch(half, function & 1);
            };
        }

        private static int arithmetic(int half, int number) {
            int rd = 8 + (half >> 7 & 7);
            int rs2 = 8 + (half >> 2 & 7);
            boolean isWord = (half & 1 << 12) != 0;
            return switch (half >> 10 & 3) {
                case 0 -> immediate(OP_IMM, 5, rd, rd, number & 63);
                case 1 -> immediate(OP_IMM, 5, rd, rd, (number & 63) | 0x400);
                case 2 -> immediate(OP_IMM, 7, rd, rd, number);
                default ->
                    switch (half >> 5 & 3) {
                        case 0 -> registers(isWord ? OP_32 : OP, 0, 0x20, rd, rd, rs2);
                        case 1 -> isWord ? registers(OP_32, 0, 0, rd, rd, rs2) : registers(OP, 4, 0, rd, rd, rs2);
                        case 2 -> isWord ? NONE : registers(OP, 6, 0, rd, rd, rs2);
                        default -> isWord ? NONE : registers(OP, 7, 0, rd, rd, rs2);
                    };
            };
        }

        private static int jump(int half) {
            int distance = (half << 19 >> 31) << 11
                    | (half >> 11 & 1) << 4
                    | (half >> 9 & 3) << 8
                    | (half >> 8 & 1) << 10
                    | (half >> 7 & 1) << 6
                    | (half >> 6 & 1) << 7
                    | (half >> 3 & 7) << 1
                    | (half >> 2 & 1) << 5;
            return (distance >> 20 & 1) << 31
                    | (distance >> 1 & 0x3ff) << 21
                    | (distance >> 11 & 1) << 20
                    | (distance >> 12 & 0xff) << 12
                    | 0x6f;
        }

        private static int branch(int half, int unequal) {
            int distance = (half << 19 >> 31) << 8
                    | (half >> 10 & 3) << 3
                    | (half >> 5 & 3) << 6
                    | (half >> 3 & 3) << 1
                    | (half >> 2 & 1) << 5;
            int rs1 = 8 + (half >> 7 & 7);
            return (distance >> 12 & 1) << 31
                    | (distance >> 5 & 0x3f) << 25
                    | rs1 << 15
                    | unequal << 12
                    | (distance >> 1 & 15) << 8
                    | (distance >> 11 & 1) << 7
                    | 0x63;
        }

        private static int quadrant2(int half, int function) {
            int rd = half >> 7 & 31;
            int rs2 = half >> 2 & 31;
            int doubles = (half >> 12 & 1) << 5 | (half >> 5 & 3) << 3 | (half >> 2 & 7) << 6;
            int words = (half >> 12 & 1) << 5 | (half >> 4 & 7) << 2 | (half >> 2 & 3) << 6;
            int storedDoubles = (half >> 10 & 7) << 3 | (half >> 7 & 7) << 6;
            int storedWords = (half >> 9 & 15) << 2 | (half >> 7 & 3) << 6;
            return switch (function) {
                case 0 -> immediate(OP_IMM, 1, rd, rd, signed6(half) & 63);
                case 1 -> immediate(LOAD_FP, 3, rd, SP, doubles);
                case 2 -> rd == 0 ? NONE : immediate(LOAD, 2, rd, SP, words);
                case 3 -> rd == 0 ? NONE : immediate(LOAD, 3, rd, SP, doubles);
                case 4 -> move(half, rd, rs2);
                case 5 -> store(STORE_FP, 3, SP, rs2, storedDoubles);
                case 6 -> store(STORE, 2, SP, rs2, storedWords);
                default -> store(STORE, 3, SP, rs2, storedDoubles);
            };
        }

        private static int move(int half, int rd, int rs2) {
            boolean isSecond = (half & 1 << 12) != 0;
            if (rs2 != 0) {
                return registers(OP, 0, 0, rd, isSecond ? rd : 0, rs2);
            }
            if (rd == 0) {
                return isSecond ? EBREAK : NONE;
            }
            return immediate(JALR, 0, isSecond ? RA : 0, rd, 0);
        }

        private static int signed6(int half) {
            return (half << 19 >> 31) << 5 | (half >> 2 & 31);
        }

        private static int immediate(int opcode, int funct3, int rd, int rs1, int number) {
            return number << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
        }

        private static int store(int opcode, int funct3, int rs1, int rs2, int number) {
            return (number >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (number & 31) << 7 | opcode;
        }

        private static int registers(int opcode, int funct3, int funct7, int rd, int rs1, int rs2) {
            return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
        }
    }
}
