// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.isa;

/** Decodes 32-bit instructions for integers, memory, jumps and control registers. */
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
            case 0x43, 0x47, 0x4b, 0x4f, 0x53 -> FloatDecoder.decode(word);
            default -> illegal(word);
        };
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
}
