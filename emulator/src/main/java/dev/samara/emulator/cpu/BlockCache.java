// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.core.Cpu;
import dev.samara.core.event.MmuNotifier;
import dev.samara.emulator.isa.CompressedDecoder;
import dev.samara.emulator.isa.InstructionDecoder;
import dev.samara.emulator.isa.Op;
import dev.samara.emulator.limit.GuestLimits;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
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
            if (reason != MmuNotifier.Reason.OBSERVED) {
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
                long decoded = decoded(word, isShort);
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

    private static long decoded(int word, boolean isShort) {
        if (!isShort) {
            return InstructionDecoder.decode(word);
        }
        int expanded = CompressedDecoder.expand(word);
        return expanded == CompressedDecoder.NONE
                ? InstructionDecoder.illegal(word)
                : InstructionDecoder.decode(expanded);
    }
}
