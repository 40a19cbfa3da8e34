// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

/** Decodes instructions. */
final class Decoder {
    private Decoder() {}

    /** Returns the operation of an instruction, a constant of {@link Interpreter}. */
    static int operation(int word) {
        int funct3 = word >> 12 & 7;
        int funct7 = word >>> 25;
        return switch (word & 0x7f) {
            case 0x37 -> Interpreter.LUI;
            case 0x13 -> immediate(word, funct3);
            case 0x33 -> registers(word, funct7 << 3 | funct3);
            case 0x03 -> load(word, funct3);
            case 0x23 -> store(word, funct3);
            case 0x63 -> branch(word, funct3);
            case 0x6f -> Interpreter.JAL;
            case 0x67 -> Interpreter.JALR;
            case 0x0f -> Interpreter.FENCE_I;
            case 0x73 -> Interpreter.ECALL;
            default -> throw unknown(word);
        };
    }

    private static IllegalStateException unknown(int word) {
        return new IllegalStateException("unknown instruction 0x" + Integer.toHexString(word));
    }

    private static int immediate(int word, int funct3) {
        return switch (funct3) {
            case 0 -> Interpreter.ADDI;
            case 1 -> Interpreter.SLLI;
            case 5 -> Interpreter.SRLI;
            case 7 -> Interpreter.ANDI;
            default -> throw unknown(word);
        };
    }

    private static int registers(int word, int function) {
        return switch (function) {
            case 0 -> Interpreter.ADD;
            case 0x100 -> Interpreter.SUB;
            case 8 -> Interpreter.MUL;
            default -> throw unknown(word);
        };
    }

    private static int load(int word, int funct3) {
        return switch (funct3) {
            case 2 -> Interpreter.LW;
            case 3 -> Interpreter.LD;
            case 4 -> Interpreter.LBU;
            default -> throw unknown(word);
        };
    }

    private static int store(int word, int funct3) {
        return switch (funct3) {
            case 0 -> Interpreter.SB;
            case 2 -> Interpreter.SW;
            case 3 -> Interpreter.SD;
            default -> throw unknown(word);
        };
    }

    private static int branch(int word, int funct3) {
        return switch (funct3) {
            case 1 -> Interpreter.BNE;
            case 4 -> Interpreter.BLT;
            case 5 -> Interpreter.BGE;
            default -> throw unknown(word);
        };
    }

    /** Returns the sign-extended immediate of an instruction, or the distance of a shift. */
    static int immediate(int word) {
        return switch (word & 0x7f) {
            case 0x37 -> word & 0xffff_f000;
            case 0x23 -> (word >> 25 << 5) | (word >> 7 & 0x1f);
            case 0x63 -> (word >> 31 << 12) | (word >> 7 & 1) << 11 | (word >> 25 & 0x3f) << 5 | (word >> 8 & 0xf) << 1;
            case 0x6f -> (word >> 31 << 20) | (word & 0xff000) | (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1;
            case 0x13 -> (word >> 12 & 3) == 1 ? word >> 20 & 0x3f : word >> 20;
            default -> word >> 20;
        };
    }
}
