// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.emulator.isa.InstructionDecoder;
import dev.samara.emulator.isa.Op;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Decoded instructions that follow each other, up to one that may go elsewhere. Used by the thread that has decoded it.
 *
 * <p>An instruction is two ints of {@link #code}: operation, target register and source registers in a byte each, from
 * the lowest one up; and the immediate. The target x0 is {@link InstructionDecoder#NOWHERE}, so no instruction
 * changes x0. A block is in one page, but for the second half of its last instruction.
 */
public final class CodeBlock {
    /** The most instructions of a block. */
    public static final int LONGEST = 64;

    /** The most targets of a jump to a register that are remembered. */
    private static final int MOST_TARGETS = 32;

    private static final long[] NONE = {};

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

    /** The translated code that begins with this block; null if there is none. Blocks are installed by their cache. */
    @Nullable
    TranslatedCode translated;

    /** How often the interpreter executes this block before it asks for a translation; not positive for never. */
    int untilAsked;

    /** The runs until the next request. */
    private int runsWhenAsked;

    /** What this block and its links to translated code count in its cache. */
    int kept;

    private final char[] offsets;

    /** Where a jump to a register has gone, newest last; empty for other blocks. */
    private long[] targets = NONE;

    /** The blocks whose translated code has the instructions of this one; null for none. */
    private @Nullable Set<CodeBlock> entries;

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

    /** Remembers where the jump to a register at the end has gone. */
    void goesTo(long target) {
        for (long known : targets) {
            if (known == target) {
                return;
            }
        }
        if (targets.length < MOST_TARGETS) {
            targets = Arrays.copyOf(targets, targets.length + 1);
            targets[targets.length - 1] = target;
        }
    }

    /**
     * Returns where a jump to a register at the end of this block has gone so far.
     *
     * @return addresses; empty if the block ends in another way
     */
    public long[] targets() {
        return targets;
    }

    /** Has the interpreter ask for a translation after some more runs; 0 for never. */
    void askAfter(int more) {
        runsWhenAsked = (int) Math.min((long) runs() + more, Integer.MAX_VALUE);
        untilAsked = more;
    }

    /**
     * Returns how often the interpreter has executed this block.
     *
     * @return a number of runs
     */
    public int runs() {
        return runsWhenAsked - untilAsked;
    }

    /**
     * Returns a block that stays as this one is now.
     *
     * @return another block, for any thread
     */
    public CodeBlock copy() {
        return new CodeBlock(start, code.clone(), offsets, instructions);
    }

    /**
     * Returns whether another block has the same instructions at the same addresses.
     *
     * @param other a block that may be dropped
     * @return whether code of one is code of the other
     */
    public boolean isLike(CodeBlock other) {
        return start == other.start && Arrays.equals(code, other.code) && Arrays.equals(offsets, other.offsets);
    }

    /** Notes that translated code has the instructions of this block. It is not used any more after a drop. */
    void isPartOf(CodeBlock entry) {
        Set<CodeBlock> known = entries;
        if (known == null) {
            known = new HashSet<>();
            entries = known;
        }
        // Code that changes often would fill the set of code that it calls.
        known.removeIf(CodeBlock::isGone);
        known.add(entry);
    }

    /** Makes each instruction {@link Op#GONE}: an interpreter that is in this block leaves it at the next one. */
    void drop() {
        Arrays.fill(code, Op.GONE);
        taken = null;
        fallen = null;
        if (entries != null) {
            entries.forEach(entry -> entry.translated = null);
            entries = null;
        }
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
