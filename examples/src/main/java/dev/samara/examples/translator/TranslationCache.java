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
 * The translated loops of one CPU in one space. A loop is dropped when its pages are unmapped or change their rights,
 * when any CPU stores into them, and when the guest says that it has changed code. Used by the owner of the CPU.
 */
final class TranslationCache {
    /** How often a loop is interpreted before it is translated. */
    private static final int HOT = 10;

    /** How often it is interpreted again after a translation that was not made. */
    private static final int PAUSE = 1_000;

    /** The most instructions of a loop. Its method has to be one that HotSpot compiles. */
    static final int LONGEST = 40;

    /** Pages with instructions of a loop, from before these were read. */
    private static final class LoopPages {
        private @Nullable Watchpoint watchpoint;

        /** Set by the thread of any CPU that stores; read by the owner of this cache before it runs a loop. */
        private volatile boolean areChanged;
    }

    /**
     * A translated loop.
     *
     * @param code its class
     * @param end the address after its last instruction
     */
    record Loop(TranslatedLoop code, long end, LoopPages pages) {}

    private final AddressSpace space;
    private final Cpu cpu;
    private final ToyCpu guest;
    private final TreeMap<Long, Loop> loops = new TreeMap<>(Long::compareUnsigned);
    private final Map<Long, Integer> runs = new HashMap<>();

    /** How often something was dropped. A flush may come while a loop is being read. */
    private long drops;

    private int translated;

    /** The CPU is in the space already. */
    TranslationCache(AddressSpace space, Cpu cpu, ToyCpu guest) {
        this.space = space;
        this.cpu = cpu;
        this.guest = guest;
        // Called on this thread, at a poll or in an access of the interpreter, and so never while a loop runs.
        cpu.onFlush((start, end, reason, generation) -> {
            if (reason != MmuNotifier.Reason.OBSERVED) {
                drop(start, end);
            }
        });
    }

    /** Returns the number of translations that were made. */
    int translated() {
        return translated;
    }

    /** Returns the loop that begins at an address; null if it is not translated. Called in GUEST, after a poll. */
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

    /** Drops the loops that have a byte of a range, whose end may be exclusive or, for the last address, inclusive. */
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
     * Counts a jump back, and translates its loop if there were many. Called in GUEST, and may leave it for a time.
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
        // Without the watchpoint first: that makes other CPUs wait, and most loops that are not translated end here.
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

    /** Begins to watch a loop; null if the space has as many watchpoints as it can have. Leaves GUEST for a time. */
    private @Nullable Watchpoint watch(long start, long end, LoopPages pages) {
        // The setting of a watchpoint may wait for other CPUs.
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
     * Reads the instructions of a loop; none if one of them can go elsewhere than to the next, or cannot be fetched.
     * The guest has no fault here: it may never come to that instruction.
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
