// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.isa;

/**
 * Expands 16-bit instructions (extension C, chapter 16 of the unprivileged specification). Each of them stands for one
 * 32-bit instruction.
 */
public final class CompressedDecoder {
    /** A value that is not the encoding of any instruction, neither of 16 bits nor of 32 bits. */
    public static final int NONE = 0;

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
    public static int expand(int half) {
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
                int wide = (half >> 11 & 3) << 4 | (half >> 7 & 15) << 6 | (half >> 6 & 1) << 2 | (half >> 5 & 1) << 3;
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
