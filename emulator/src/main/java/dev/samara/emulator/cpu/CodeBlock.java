// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.emulator.isa.InstructionDecoder;
import dev.samara.emulator.isa.Op;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Consecutive decoded instructions, up to one that may jump or stop. Used only by the thread that decoded it.
 *
 * <p>An instruction is two ints of {@link #code}. The first contains the operation, the target register and the source
 * registers, a byte each from the lowest byte up. The second is the immediate. The target x0 is encoded as {@link
 * InstructionDecoder#NOWHERE}, so no instruction changes x0. A block lies in one page, except that the second half of
 * its last instruction may be in the next page.
 */
public final class CodeBlock {
    /** The maximum number of instructions of a block. */
    public static final int LONGEST = 64;

    /** The maximum number of targets that are recorded for an indirect jump. */
    private static final int MOST_TARGETS = 32;

    private static final long[] NONE = {};

    /** The address of the first instruction. */
    public final long start;

    /** Two ints for each instruction. The array is never replaced. */
    public final int[] code;

    /** The address after the last instruction. */
    public final long end;

    /** The number of instructions. */
    public final int instructions;

    /** The block to which the last jump at the end of this block led; null if none is known. Set by the interpreter. */
    public @Nullable CodeBlock taken;

    /** The block that follows in memory; null if it is not known. Set by the interpreter. */
    public @Nullable CodeBlock fallen;

    /** The translated code that starts with this block; null if there is none. Set by the block cache. */
    @Nullable
    TranslatedCode translated;

    /**
     * How many more times the interpreter executes this block before it requests a translation; 0 or negative for
     * never.
     */
    int untilAsked;

    /** The total number of executions of this block at which the next request is due. */
    private int runsWhenAsked;

    /** The weight of this block and of its links to translated code in its cache. */
    int kept;

    private final char[] offsets;

    /** The targets of the indirect jump at the end, newest last; empty if the block ends in another way. */
    private long[] targets = NONE;

    /** The blocks whose translated code contains the instructions of this block; null if there are none. */
    private @Nullable Set<CodeBlock> entries;

    /**
     * Creates a block.
     *
     * @param start the address of the first instruction
     * @param code two ints for each instruction
     * @param offsets the offset of each instruction from the first one, in bytes, followed by the offset of the end
     * @param instructions the number of instructions, without an {@link Op#NEXT} at the end
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

    /** Records a target of the indirect jump at the end. */
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
     * Returns the targets so far of an indirect jump at the end of this block.
     *
     * @return addresses; empty if the block ends in another way
     */
    public long[] targets() {
        return targets;
    }

    /** Makes the interpreter request a translation after {@code more} further runs; 0 for never. */
    void askAfter(int more) {
        runsWhenAsked = (int) Math.min((long) runs() + more, Integer.MAX_VALUE);
        untilAsked = more;
    }

    /**
     * Returns how often the interpreter executed this block.
     *
     * @return the number of runs
     */
    public int runs() {
        return runsWhenAsked - untilAsked;
    }

    /**
     * Returns a copy of this block, which does not change when this block is dropped.
     *
     * @return the copy, which any thread may use
     */
    public CodeBlock copy() {
        return new CodeBlock(start, code.clone(), offsets, instructions);
    }

    /**
     * Returns whether another block has the same instructions at the same addresses.
     *
     * @param other a block that may be dropped
     * @return whether translated code of one block is valid for the other
     */
    public boolean isLike(CodeBlock other) {
        return start == other.start && Arrays.equals(code, other.code) && Arrays.equals(offsets, other.offsets);
    }

    /**
     * Records that translated code contains the instructions of this block. The code is no longer used after this block
     * is dropped.
     */
    void isPartOf(CodeBlock entry) {
        Set<CodeBlock> known = entries;
        if (known == null) {
            known = new HashSet<>();
            entries = known;
        }
        // Entries that were dropped are removed first. Otherwise, code that changes often would fill the set of a block
        // that it calls.
        known.removeIf(CodeBlock::isGone);
        known.add(entry);
    }

    /**
     * Replaces each instruction with {@link Op#GONE}, so that an interpreter in this block leaves it at the next
     * instruction.
     */
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
