// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.util.Arrays;
import org.agrona.collections.Long2ObjectHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Interprets the RV64IM instructions that the programs of {@link GuestProgram} use. Instructions are decoded once, one
 * block at a time, and a block caches its successors. When the guest executes {@code fence.i}, i.e. after it changed
 * code, all blocks are dropped.
 */
final class Interpreter implements GuestEngine {
    static final int LUI = 0;
    static final int ADDI = 1;
    static final int ANDI = 2;
    static final int SLLI = 3;
    static final int SRLI = 4;
    static final int ADD = 5;
    static final int SUB = 6;
    static final int MUL = 7;
    static final int LD = 8;
    static final int LW = 9;
    static final int LBU = 10;
    static final int SD = 11;
    static final int SW = 12;
    static final int SB = 13;

    /* The following operations end a block. */
    static final int BNE = 14;
    static final int BLT = 15;
    static final int BGE = 16;
    static final int JAL = 17;
    static final int JALR = 18;
    static final int FENCE_I = 19;
    static final int ECALL = 20;
    static final int NEXT = 21;

    /** The target of results for register x0, which is always 0. */
    private static final int NOWHERE = 32;

    /** The maximum number of instructions in a block. */
    private static final int LONGEST = 64;

    /** Decoded consecutive instructions. */
    private static final class Block {
        private final long start;

        /**
         * Two elements per instruction: the operation with the target and source registers, one byte each; and the
         * immediate.
         */
        private final int[] code;

        private final int instructions;

        /** The block that follows if the final branch is taken; {@code fallen} is the block that follows otherwise. */
        private @Nullable Block taken;

        private @Nullable Block fallen;

        Block(long start, int[] code, int instructions) {
            this.start = start;
            this.code = code;
            this.instructions = instructions;
        }
    }

    /** An address beyond all valid ones, which means that the guest ended. */
    private static final long END = -1;

    private final GuestRam ram;
    private final long[] x = new long[NOWHERE + 1];
    private final Long2ObjectHashMap<Block> blocks = new Long2ObjectHashMap<>();
    private long executed;
    private int changes;

    /**
     * Creates an interpreter.
     *
     * @param ram the memory of the guest
     */
    Interpreter(GuestRam ram) {
        this.ram = ram;
    }

    @Override
    public long executed() {
        return executed;
    }

    /**
     * Returns the registers of the guest.
     *
     * @return the registers by number, always the same array
     */
    long[] registers() {
        return x;
    }

    /**
     * Runs one block.
     *
     * @param start its address
     * @return the address of the next block, or -1 if the guest ended
     */
    long runBlock(long start) {
        ram.poll();
        Block block = blockAt(start);
        executed += block.instructions;
        Block next = step(block);
        return next == null ? END : next.start;
    }

    /** Drops all blocks, because the guest changed code. */
    void forgetBlocks() {
        blocks.clear();
        changes++;
    }

    /** Returns how often all blocks were dropped. */
    int changes() {
        return changes;
    }

    @Override
    public long run(long start, long x10, long x11) {
        x[10] = x10;
        x[11] = x11;
        Block block = blockAt(start);
        while (block != null) {
            ram.poll();
            executed += block.instructions;
            block = step(block);
        }
        return x[10];
    }

    /** Executes a block, and returns the next one, or null if the guest ended. */
    private @Nullable Block step(Block block) {
        GuestRam ram = this.ram;
        long[] x = this.x;
        int[] code = block.code;
        for (int i = 0; ; i += 2) {
            int word = code[i];
            int imm = code[i + 1];
            int rd = word >> 8 & 0xff;
            int rs1 = word >> 16 & 0xff;
            int rs2 = word >>> 24;
            switch (word & 0xff) {
                case LUI -> x[rd] = imm;
                case ADDI -> x[rd] = x[rs1] + imm;
                case ANDI -> x[rd] = x[rs1] & imm;
                case SLLI -> x[rd] = x[rs1] << imm;
                case SRLI -> x[rd] = x[rs1] >>> imm;
                case ADD -> x[rd] = x[rs1] + x[rs2];
                case SUB -> x[rd] = x[rs1] - x[rs2];
                case MUL -> x[rd] = x[rs1] * x[rs2];
                case LD -> x[rd] = ram.loadLong(x[rs1] + imm);
                case LW -> x[rd] = ram.loadInt(x[rs1] + imm);
                case LBU -> x[rd] = ram.loadByte(x[rs1] + imm) & 0xff;
                case SD -> ram.storeLong(x[rs1] + imm, x[rs2]);
                case SW -> ram.storeInt(x[rs1] + imm, (int) x[rs2]);
                case SB -> ram.storeByte(x[rs1] + imm, (byte) x[rs2]);
                case BNE -> {
                    return x[rs1] != x[rs2] ? taken(block, i, imm) : fallen(block, i);
                }
                case BLT -> {
                    return x[rs1] < x[rs2] ? taken(block, i, imm) : fallen(block, i);
                }
                case BGE -> {
                    return x[rs1] >= x[rs2] ? taken(block, i, imm) : fallen(block, i);
                }
                case JAL -> {
                    x[rd] = pc(block, i) + 4;
                    return taken(block, i, imm);
                }
                case JALR -> {
                    long to = x[rs1] + imm & -2;
                    x[rd] = pc(block, i) + 4;
                    Block next = block.taken;
                    return next != null && next.start == to ? next : jump(block, to);
                }
                case FENCE_I -> {
                    forgetBlocks();
                    return blockAt(pc(block, i) + 4);
                }
                case NEXT -> {
                    return fallen(block, i - 2);
                }
                default -> {
                    return null;
                }
            }
        }
    }

    private static long pc(Block block, int at) {
        return block.start + 2L * at;
    }

    private Block taken(Block block, int at, int distance) {
        Block next = block.taken;
        return next != null ? next : jump(block, pc(block, at) + distance);
    }

    private Block jump(Block block, long to) {
        Block next = blockAt(to);
        block.taken = next;
        return next;
    }

    private Block fallen(Block block, int at) {
        Block next = block.fallen;
        if (next == null) {
            next = blockAt(pc(block, at) + 4);
            block.fallen = next;
        }
        return next;
    }

    private Block blockAt(long start) {
        Block block = blocks.get(start);
        if (block == null) {
            block = decode(start);
            blocks.put(start, block);
        }
        return block;
    }

    private Block decode(long start) {
        int[] code = new int[2 * LONGEST + 2];
        int at = 0;
        int operation;
        do {
            int word = ram.fetchInt(start + 2L * at);
            operation = Decoder.operation(word);
            int rd = word >> 7 & 31;
            code[at] = (word >> 20 & 31) << 24 | (word >> 15 & 31) << 16 | (rd == 0 ? NOWHERE : rd) << 8 | operation;
            code[at + 1] = Decoder.immediate(word);
            at += 2;
        } while (operation < BNE && at < 2 * LONGEST);
        int instructions = at >> 1;
        if (operation < BNE) {
            code[at] = NEXT;
            at += 2;
        }
        return new Block(start, Arrays.copyOf(code, at), instructions);
    }
}
