// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.translator;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Watchpoint;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The translated loops of one CPU in one space. A loop is dropped when its pages are unmapped, when the rights of its
 * pages change, when any CPU stores into its code, and when the guest announces that it changed code. Only the thread
 * that owns the CPU may use a cache.
 */
final class TranslationCache {
    /** The number of backward jumps after which a loop is translated. */
    private static final int HOT = 10;

    /** By how many jumps a failed translation delays the retry. */
    private static final int PAUSE = 1_000;

    /** The maximum number of instructions in a loop. HotSpot would not compile the method of a longer loop. */
    static final int LONGEST = 40;

    /** The pages that contain a loop. The object is created before the instructions of the loop are read. */
    private static final class LoopPages {
        private @Nullable Watchpoint watchpoint;

        /**
         * Set by the thread of any CPU that stores into the loop. The owner of the cache reads it before it runs the
         * loop.
         */
        private volatile boolean areChanged;
    }

    /**
     * A translated loop.
     *
     * @param code an instance of its class
     * @param end the address after its last instruction
     */
    record Loop(TranslatedLoop code, long end, LoopPages pages) {}

    private final AddressSpace space;
    private final Cpu cpu;
    private final ToyCpu guest;
    private final TreeMap<Long, Loop> loops = new TreeMap<>(Long::compareUnsigned);
    private final Map<Long, Integer> runs = new HashMap<>();

    /** The number of calls of {@code drop}. It shows whether a flush happened while a loop was being read. */
    private long drops;

    private int translated;

    /** Creates the cache of a CPU that was switched to the space. */
    TranslationCache(AddressSpace space, Cpu cpu, ToyCpu guest) {
        this.space = space;
        this.cpu = cpu;
        this.guest = guest;
        // Called on this thread, at a poll or in an access of the interpreter, so never while a loop runs.
        cpu.onFlush((start, end, reason, generation) -> {
            // Neither reason says that bytes of code have changed.
            if (reason != MmuNotifier.Reason.OBSERVED && reason != MmuNotifier.Reason.WRITE_PROTECTED) {
                drop(start, end);
            }
        });
    }

    /** Returns the number of loops that were translated. */
    int translated() {
        return translated;
    }

    /**
     * Returns the translated loop that starts at an address, or null if there is none. Called in GUEST, after a poll.
     */
    @Nullable
    Loop at(long start) {
        Loop known = loops.get(start);
        if (known != null && known.pages.areChanged) {
            remove(start, known);
            return null;
        }
        return known;
    }

    /** Drops all loops. */
    void clear() {
        drop(0, -1);
    }

    /**
     * Drops each loop that overlaps a range. The end of the range is exclusive, but the end {@code -1} includes the
     * last address.
     */
    private void drop(long start, long end) {
        drops++;
        for (Map.Entry<Long, Loop> each : List.copyOf(loops.entrySet())) {
            if (Long.compareUnsigned(each.getKey(), end) < 0 && Long.compareUnsigned(each.getValue().end, start) > 0) {
                remove(each.getKey(), each.getValue());
            }
        }
    }

    private void remove(long start, Loop known) {
        loops.remove(start);
        runs.remove(start);
        if (known.pages.watchpoint != null) {
            known.pages.watchpoint.close();
        }
    }

    /**
     * Counts a backward jump, and translates its loop after {@link #HOT} jumps. Called in GUEST. May leave GUEST
     * temporarily.
     *
     * @param start the address of the first instruction
     * @param end the address after the branch
     */
    void jumped(long start, long end) {
        if (!loops.containsKey(start) && runs.merge(start, 1, Integer::sum) == HOT) {
            translate(start, end);
        }
    }

    private void translate(long start, long end) {
        runs.put(start, -PAUSE);
        // The first read is made without the watchpoint, because setting a watchpoint makes other CPUs wait, and most
        // loops that cannot be translated are found here.
        if (read(start, end).isEmpty()) {
            return;
        }
        LoopPages pages = new LoopPages();
        Watchpoint watchpoint = watch(start, end, pages);
        if (watchpoint == null) {
            return;
        }
        pages.watchpoint = watchpoint;
        boolean isKept = false;
        try {
            long before = drops;
            List<ToyInstruction> loop = read(start, end);
            if (!loop.isEmpty() && drops == before) {
                loops.put(start, new Loop(LoopTranslator.translate(start, loop, guest.tlb()), end, pages));
                translated++;
                isKept = true;
            }
        } finally {
            if (!isKept) {
                watchpoint.close();
            }
        }
    }

    /** Starts to watch a loop, or returns null if the space supports no more watchpoints. Leaves GUEST temporarily. */
    private @Nullable Watchpoint watch(long start, long end, LoopPages pages) {
        // Setting a watchpoint may wait for other CPUs.
        cpu.leaveGuest();
        try {
            return space.watch(start, end - start, (first, length) -> pages.areChanged = true);
        } catch (MmException failed) {
            return null;
        } finally {
            cpu.enterGuest();
        }
    }

    /**
     * Reads the instructions of a loop. Returns no instructions if the loop is too long, if it contains a second
     * branch, a halt or a fence, or if an instruction cannot be fetched. A failed fetch raises no fault in the guest,
     * because the guest may never reach that instruction.
     */
    private List<ToyInstruction> read(long start, long end) {
        List<ToyInstruction> loop = new ArrayList<>();
        for (long pc = start; pc != end; pc += ToyInstruction.BYTES) {
            if (guest.memory().fetch(pc, ToyInstruction.BYTES) != Fault.NONE) {
                return List.of();
            }
            ToyInstruction one = ToyInstruction.of((int) guest.memory().value());
            boolean isLast = pc + ToyInstruction.BYTES == end;
            boolean isBranch = one.operation() == ToyInstruction.ToyOperation.BRANCH;
            if (loop.size() == LONGEST
                    || isBranch != isLast
                    || (isLast && pc + one.number() != start)
                    || one.operation() == ToyInstruction.ToyOperation.HALT
                    || one.operation() == ToyInstruction.ToyOperation.FENCE) {
                return List.of();
            }
            loop.add(one);
        }
        return loop;
    }
}
