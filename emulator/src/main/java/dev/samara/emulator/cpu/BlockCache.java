// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.core.Cpu;
import dev.samara.core.event.MmuNotifier;
import dev.samara.emulator.cpu.Hart.AccessTrap;
import dev.samara.emulator.cpu.RiscvInterpreter.LeaveReason;
import dev.samara.emulator.cpu.TranslatedCode.TranslatedRegion;
import dev.samara.emulator.isa.InstructionDecoder;
import dev.samara.emulator.isa.Op;
import dev.samara.emulator.limit.GuestLimits;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * The blocks that a hart decoded, by address. Blocks are dropped when their page is flushed from the TLB of the CPU
 * because its mapping or its rights change, when the guest executes {@code fence.i} after it has changed code, and when
 * the CPU switches to another space. As the architecture permits, a store to code has no effect before that.
 */
public final class BlockCache {
    private static final int PAGE_SHIFT = 12;
    private static final int QUICK = 1 << 12;

    /** The weight of a block. A link from a block to translated code has the weight 1. */
    private static final int BLOCK = 4;

    private static final int MOST = BLOCK * GuestLimits.BLOCKS_OF_THREAD;
    private static final int LEAST = BLOCK * GuestLimits.LEAST_BLOCKS;

    private final Hart hart;

    /**
     * A table of blocks that is indexed by the low bits of their addresses, so that most lookups need no hash table.
     */
    private final @Nullable CodeBlock[] quick = new CodeBlock[QUICK];

    private final Map<Long, CodeBlock> blocks = new HashMap<>();

    /** The blocks that contain bytes of a page, by page number. */
    private final Map<Long, List<CodeBlock>> pages = new HashMap<>();

    private final int[] code = new int[2 * CodeBlock.LONGEST + 2];
    private final char[] offsets = new char[CodeBlock.LONGEST + 1];

    private final int runsBefore;

    /** The weight that all caches together may still add, besides {@link #LEAST} of each cache. */
    private final Semaphore room;

    /** The total weight of the blocks and links. */
    private int kept;

    /** How often blocks were dropped. Used to detect a flush while a block is being decoded. */
    private long drops;

    /** The breakpoints of a debugger; null if there is no debugger. */
    private @Nullable Breakpoints breakpoints;

    /**
     * Creates the cache of a CPU.
     *
     * @param hart the hart of the CPU
     * @param cpu the CPU, which must already be in a space
     * @param runsBefore how often a block is interpreted before its translation is requested; 0 for never
     * @param room permits that all caches share, as many as {@link #shared} returns
     */
    public BlockCache(Hart hart, Cpu cpu, int runsBefore, Semaphore room) {
        this.hart = hart;
        this.runsBefore = runsBefore;
        this.room = room;
        cpu.onFlush((start, end, reason, generation) -> {
            // Neither reason says that bytes of code have changed.
            if (reason != MmuNotifier.Reason.OBSERVED && reason != MmuNotifier.Reason.WRITE_PROTECTED) {
                drop(start, end);
            }
        });
    }

    /**
     * Returns how many permits a number of blocks needs.
     *
     * @param blocks the blocks that all caches may have together
     * @return the number of permits of the semaphore that the caches share
     */
    public static int shared(int blocks) {
        return BLOCK * blocks;
    }

    /**
     * Makes blocks end at the breakpoints of a debugger, where the interpreter returns {@link LeaveReason#DEBUGGER}.
     *
     * @param debugger the breakpoints, which may change later
     */
    public void stopAt(Breakpoints debugger) {
        breakpoints = debugger;
        clear();
    }

    /**
     * Returns the block at an address, and decodes it if necessary. Called in GUEST, which it may leave temporarily.
     *
     * @param start the address of its first instruction
     * @return the block; null if the first instruction cannot be fetched, in which case the hart contains the fault
     */
    public @Nullable CodeBlock at(long start) {
        int slot = slot(start);
        CodeBlock known = quick[slot];
        if (known != null && known.start == start && !known.isGone()) {
            return known;
        }
        CodeBlock found = blocks.get(start);
        if (found == null) {
            found = decode(start);
        }
        if (found != null) {
            quick[slot] = found;
        }
        return found;
    }

    private static int slot(long start) {
        return (int) (start >>> 1) & QUICK - 1;
    }

    /**
     * Returns the block at an address if it was already decoded.
     *
     * @param start the address of its first instruction
     * @return the block; null if there is none
     */
    public @Nullable CodeBlock known(long start) {
        return blocks.get(start);
    }

    /**
     * Uses translated code from now on, until one of its blocks is dropped. Called in GUEST, which it may leave
     * temporarily.
     *
     * @param region the code
     * @return whether memory contains the instructions that were translated; if not, nothing changes
     */
    public boolean install(TranslatedRegion region) {
        long before = drops;
        List<CodeBlock> parts = new ArrayList<>();
        for (CodeBlock translated : region.blocks()) {
            CodeBlock now = at(translated.start);
            if (now == null || !now.isLike(translated)) {
                return false;
            }
            parts.add(now);
        }
        if (drops != before || !take(parts.size())) {
            return false;
        }
        CodeBlock entry = parts.get(0);
        for (CodeBlock part : parts) {
            part.isPartOf(entry);
            part.kept++;
        }
        entry.translated = region.code();
        return true;
    }

    /** Drops all blocks. */
    public void clear() {
        drop(0, -1);
    }

    /** Drops the blocks with bytes in a range. The end is exclusive, but -1 includes the last address. */
    private void drop(long start, long end) {
        drops++;
        if (pages.isEmpty()) {
            return;
        }
        long first = start >>> PAGE_SHIFT;
        long last = (end - 1) >>> PAGE_SHIFT;
        if (Long.compareUnsigned(last - first, pages.size()) < 0) {
            for (long page = first; page <= last; page++) {
                drop(pages.remove(page));
            }
            return;
        }
        for (Iterator<Map.Entry<Long, List<CodeBlock>>> all = pages.entrySet().iterator(); all.hasNext(); ) {
            Map.Entry<Long, List<CodeBlock>> each = all.next();
            long page = each.getKey();
            if (page >= first && page <= last) {
                all.remove();
                drop(each.getValue());
            }
        }
    }

    private void drop(@Nullable List<CodeBlock> dropped) {
        if (dropped != null) {
            for (CodeBlock block : dropped) {
                block.drop();
                // A block that contains bytes of two pages is in two lists.
                if (blocks.remove(block.start, block)) {
                    giveBack(block.kept);
                }
                int slot = slot(block.start);
                if (quick[slot] == block) {
                    quick[slot] = null;
                }
            }
            hart.counts().droppedBlocks += dropped.size();
        }
    }

    /**
     * Decodes one instruction, even at the address of a breakpoint. The block is not cached. Called in GUEST, which it
     * may leave temporarily.
     *
     * @param start its address
     * @return the block; null if the instruction cannot be fetched, in which case the hart contains the fault
     */
    public @Nullable CodeBlock alone(long start) {
        int count = read(start, 1, null);
        return count == 0 ? null : made(start, count);
    }

    private @Nullable CodeBlock decode(long start) {
        Breakpoints stops = breakpoints;
        int count = read(start, stops == null ? CodeBlock.LONGEST : stops.longest(), stops);
        return count == 0 ? null : keep(start, count);
    }

    /** Adds weight if the limits of this cache and of all caches together permit it. */
    private boolean take(int more) {
        if (kept + more > MOST) {
            return false;
        }
        int beyond = ofRoom(kept + more) - ofRoom(kept);
        if (beyond > 0 && !room.tryAcquire(beyond)) {
            return false;
        }
        kept += more;
        return true;
    }

    private void giveBack(int less) {
        room.release(ofRoom(kept) - ofRoom(kept - less));
        kept -= less;
    }

    /** Returns for how much of a weight permits are needed, because it exceeds this cache's own share. */
    private static int ofRoom(int amount) {
        return Math.max(amount - LEAST, 0);
    }

    private CodeBlock keep(long start, int count) {
        if (!take(BLOCK)) {
            clear();
            take(BLOCK);
        }
        CodeBlock block = made(start, count);
        block.kept = BLOCK;
        block.askAfter(runsBefore);
        blocks.put(start, block);
        long first = start >>> PAGE_SHIFT;
        long last = (block.end - 1) >>> PAGE_SHIFT;
        pages.computeIfAbsent(first, page -> new ArrayList<>()).add(block);
        if (last != first) {
            pages.computeIfAbsent(last, page -> new ArrayList<>()).add(block);
        }
        return block;
    }

    private CodeBlock made(long start, int count) {
        int length = 2 * count;
        if ((code[length - 2] & 0xff) < Op.FIRST_END) {
            code[length++] = Op.NEXT;
            code[length++] = 0;
        }
        hart.counts().decodedBlocks++;
        return new CodeBlock(start, Arrays.copyOf(code, length), Arrays.copyOf(offsets, count + 1), count);
    }

    /** Decodes up to the end of a block or of a page. Returns the number of instructions; 0 if the first one faults. */
    private int read(long start, int longest, @Nullable Breakpoints stops) {
        for (; ; ) {
            long before = drops;
            int count = readOnce(start, longest, stops);
            if (count == 0 || drops == before) {
                return count;
            }
        }
    }

    private int readOnce(long start, int longest, @Nullable Breakpoints stops) {
        int count = 0;
        long pc = start;
        try {
            do {
                if (stops != null && stops.contains(pc)) {
                    code[2 * count] = Op.EBREAK;
                    code[2 * count + 1] = LeaveReason.DEBUGGER;
                    offsets[count++] = (char) (pc - start);
                    pc += Short.BYTES;
                    break;
                }
                int word = hart.fetchShort(pc) & 0xffff;
                boolean isShort = (word & 3) != 3;
                if (!isShort) {
                    word |= hart.fetchShort(pc + 2) << 16;
                }
                long decoded = isShort ? InstructionDecoder.decodeCompressed(word) : InstructionDecoder.decode(word);
                code[2 * count] = (int) decoded;
                code[2 * count + 1] = (int) (decoded >> 32);
                offsets[count] = (char) (pc - start);
                count++;
                pc += isShort ? 2 : 4;
            } while (count < longest
                    && !endsBlock(code[2 * count - 2] & 0xff, code[2 * count - 1])
                    && pc >>> PAGE_SHIFT == start >>> PAGE_SHIFT);
        } catch (AccessTrap trap) {
            // If this is not the first instruction, it faults later, when the guest reaches it.
        }
        offsets[count] = (char) (pc - start);
        return count;
    }

    /** Whether an instruction jumps or stops, or may change the rounding mode, which is checked before each block. */
    private static boolean endsBlock(int op, int imm) {
        boolean isControl = op >= Op.CSRRW && op <= Op.CSRRCI;
        return op >= Op.FIRST_END || (isControl && (imm == InstructionDecoder.FRM || imm == InstructionDecoder.FCSR));
    }

    /**
     * Consecutive decoded instructions, up to one that may jump or stop. Used only by the thread that decoded it.
     *
     * <p>An instruction is two ints of {@link #code}. The first contains the operation, the target register and the
     * source registers, a byte each from the lowest byte up. The second is the immediate. The target x0 is encoded as
     * {@link InstructionDecoder#NOWHERE}, so no instruction changes x0. A block lies in one page, except that the
     * second half of its last instruction may be in the next page.
     */
    public static final class CodeBlock {
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

        /**
         * The block to which the last jump at the end of this block led; null if none is known. Set by the interpreter.
         */
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
         * Records that translated code contains the instructions of this block. The code is no longer used after this
         * block is dropped.
         */
        void isPartOf(CodeBlock entry) {
            Set<CodeBlock> known = entries;
            if (known == null) {
                known = new HashSet<>();
                entries = known;
            }
            // Entries that were dropped are removed first. Otherwise, code that changes often would fill the set of a
            // block
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

    /**
     * The addresses at which a debugger stops the harts of a process, regardless of the code there. A change affects
     * only blocks that are decoded afterwards, so the caller must make each hart drop its blocks.
     */
    public static final class Breakpoints {
        /** The addresses and the mode of stops. */
        private static final class PlantedStops {
            /** In ascending order; never changed. */
            private final long[] addresses;

            /** Whether each block contains only one instruction. */
            private final boolean isFine;

            PlantedStops(long[] addresses, boolean isFine) {
                this.addresses = addresses;
                this.isFine = isFine;
            }
        }

        /**
         * Written: the thread of the debugger's server (volatile).
         * Read: each thread of the process, when it decodes a block, and before it executes a single instruction
         *     (volatile).
         * Invariant: the object never changes; the writer sets {@code hasChangedCode} of each thread afterwards, so a
         *     thread that was stopped in between runs no older block.
         */
        private volatile PlantedStops planted = new PlantedStops(new long[0], false);

        /** Creates an empty set. */
        public Breakpoints() {}

        /**
         * Replaces the addresses. May be called by any thread.
         *
         * @param addresses the new addresses, in any order
         * @param isFine whether a hart stops on request after the current instruction instead of after the current
         *     block; this makes execution many times slower
         */
        public void set(long[] addresses, boolean isFine) {
            long[] sorted = addresses.clone();
            Arrays.sort(sorted);
            planted = new PlantedStops(sorted, isFine);
        }

        /**
         * Returns whether a hart stops before an instruction.
         *
         * @param address the address of the instruction
         * @return whether the address is in this set
         */
        public boolean contains(long address) {
            return Arrays.binarySearch(planted.addresses, address) >= 0;
        }

        /** Returns the maximum number of instructions of a block. */
        int longest() {
            return planted.isFine ? 1 : CodeBlock.LONGEST;
        }
    }
}
