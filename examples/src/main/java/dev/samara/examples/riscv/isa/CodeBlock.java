// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.isa;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Decoded instructions that follow each other, up to one that may go elsewhere. Used by the thread that has decoded it.
 *
 * <p>An instruction is two ints of {@link #code}: operation, target register and source registers in a byte each, from
 * the lowest one up; and the immediate. The target x0 is {@link #NOWHERE}, so no instruction changes x0. A block is in
 * one page, but for the second half of its last instruction.
 */
public final class CodeBlock {
    /** The number of the register that takes results for x0. */
    public static final int NOWHERE = 32;

    /** The most instructions of a block. */
    public static final int LONGEST = 64;

    /** The address of the first instruction. */
    public final long start;

    /** Two ints for each instruction; always the same array. */
    public final int[] code;

    /** The address after the last instruction. */
    public final long end;

    /** The number of instructions. */
    public final int instructions;

    /** The block to which the last jump out of this one went; null if none is known. The interpreter sets it. */
    public @Nullable CodeBlock taken;

    /** The block that follows in memory; null if it is not known. The interpreter sets it. */
    public @Nullable CodeBlock fallen;

    private final char[] offsets;

    /**
     * Makes a block.
     *
     * @param start the address of the first instruction
     * @param code two ints for each instruction
     * @param offsets the distance of each instruction from the first one, in bytes, and that of the end
     * @param instructions their number, without a {@link Op#NEXT} at the end
     */
    public CodeBlock(long start, int[] code, char[] offsets, int instructions) {
        this.start = start;
        this.code = code;
        this.offsets = offsets;
        this.instructions = instructions;
        end = start + offsets[instructions];
    }

    /**
     * Returns the address of an instruction.
     *
     * @param at the index of its first int in {@link #code}
     * @return the address
     */
    public long pc(int at) {
        return start + offsets[at >> 1];
    }

    /**
     * Returns the address after an instruction.
     *
     * @param at the index of its first int in {@link #code}
     * @return the address
     */
    public long next(int at) {
        return start + offsets[(at >> 1) + 1];
    }

    /** Makes each instruction {@link Op#GONE}: an interpreter that is in this block leaves it at the next one. */
    public void drop() {
        Arrays.fill(code, Op.GONE);
        taken = null;
        fallen = null;
    }

    /**
     * Returns whether this block was dropped.
     *
     * @return whether its instructions may have changed
     */
    public boolean isGone() {
        return code[0] == Op.GONE;
    }
}
