// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Encodes instructions of RV64IM, in the order of the calls. A branch refers to a label, which may be defined later.
 */
final class Assembler {
    private record Fixup(int at, String label) {}

    private final List<Integer> words = new ArrayList<>();
    private final Map<String, Integer> labels = new HashMap<>();
    private final List<Fixup> fixups = new ArrayList<>();

    Assembler label(String name) {
        if (labels.put(name, words.size()) != null) {
            throw new IllegalArgumentException("label " + name + " is given twice");
        }
        return this;
    }

    private Assembler word(int word) {
        words.add(word);
        return this;
    }

    private Assembler r(int funct7, int rs2, int rs1, int funct3, int rd, int opcode) {
        return word(funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode);
    }

    private Assembler i(int imm, int rs1, int funct3, int rd, int opcode) {
        if (imm < -2048 || imm > 2047) {
            throw new IllegalArgumentException("immediate " + imm + " is not in -2048 to 2047");
        }
        return word(imm << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode);
    }

    private Assembler s(int imm, int rs2, int rs1, int funct3) {
        return word((imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 0x1f) << 7 | 0x23);
    }

    private Assembler b(int funct3, int rs1, int rs2, String to) {
        fixups.add(new Fixup(words.size(), to));
        return word(rs2 << 20 | rs1 << 15 | funct3 << 12 | 0x63);
    }

    Assembler lui(int rd, int imm20) {
        return word(imm20 << 12 | rd << 7 | 0x37);
    }

    Assembler addi(int rd, int rs1, int imm) {
        return i(imm, rs1, 0, rd, 0x13);
    }

    Assembler andi(int rd, int rs1, int imm) {
        return i(imm, rs1, 7, rd, 0x13);
    }

    Assembler slli(int rd, int rs1, int shift) {
        return i(shift, rs1, 1, rd, 0x13);
    }

    Assembler srli(int rd, int rs1, int shift) {
        return i(shift, rs1, 5, rd, 0x13);
    }

    Assembler add(int rd, int rs1, int rs2) {
        return r(0, rs2, rs1, 0, rd, 0x33);
    }

    Assembler sub(int rd, int rs1, int rs2) {
        return r(0x20, rs2, rs1, 0, rd, 0x33);
    }

    Assembler mul(int rd, int rs1, int rs2) {
        return r(1, rs2, rs1, 0, rd, 0x33);
    }

    Assembler ld(int rd, int rs1, int imm) {
        return i(imm, rs1, 3, rd, 0x03);
    }

    Assembler lw(int rd, int rs1, int imm) {
        return i(imm, rs1, 2, rd, 0x03);
    }

    Assembler lbu(int rd, int rs1, int imm) {
        return i(imm, rs1, 4, rd, 0x03);
    }

    Assembler sd(int rs2, int rs1, int imm) {
        return s(imm, rs2, rs1, 3);
    }

    Assembler sw(int rs2, int rs1, int imm) {
        return s(imm, rs2, rs1, 2);
    }

    Assembler sb(int rs2, int rs1, int imm) {
        return s(imm, rs2, rs1, 0);
    }

    Assembler bne(int rs1, int rs2, String to) {
        return b(1, rs1, rs2, to);
    }

    Assembler blt(int rs1, int rs2, String to) {
        return b(4, rs1, rs2, to);
    }

    Assembler bge(int rs1, int rs2, String to) {
        return b(5, rs1, rs2, to);
    }

    Assembler jal(int rd, String to) {
        fixups.add(new Fixup(words.size(), to));
        return word(rd << 7 | 0x6f);
    }

    Assembler jalr(int rd, int rs1, int imm) {
        return i(imm, rs1, 0, rd, 0x67);
    }

    Assembler fenceI() {
        return word(0x0000_100f);
    }

    Assembler ecall() {
        return word(0x73);
    }

    int[] assemble() {
        int[] code = words.stream().mapToInt(Integer::intValue).toArray();
        for (Fixup fixup : fixups) {
            Integer target = labels.get(fixup.label());
            if (target == null) {
                throw new IllegalArgumentException("label " + fixup.label() + " is not given");
            }
            int distance = (target - fixup.at()) * 4;
            code[fixup.at()] |= (code[fixup.at()] & 0x7f) == 0x6f ? jump(distance) : branch(distance);
        }
        return code;
    }

    private static int jump(int d) {
        return (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 | (d >> 12 & 0xff) << 12;
    }

    private static int branch(int d) {
        return (d >> 12 & 1) << 31 | (d >> 5 & 0x3f) << 25 | (d >> 1 & 0xf) << 8 | (d >> 11 & 1) << 7;
    }
}
