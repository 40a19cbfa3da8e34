// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.Cpu;
import dev.samara.core.event.FlushListener;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Random;
import org.agrona.collections.Long2ObjectHashMap;

/** The accesses of one CPU: loads, stores and atomics, each in one step or by address. Used by one thread. */
final class StormGuest {
    private static final int ACCESSES = 256;
    private static final int BETWEEN_POLLS = 8;
    private static final int WORD = Long.BYTES;
    private static final int DAWDLES = 200;

    private final Cpu cpu;
    private final GuestMemory memory;
    private final StormMemory flat;
    private final List<PageModel> plots;
    private final StormRules rules;
    private final Random random;

    /** The pages that were used since their last flush and since the CPU entered GUEST, by address. */
    private final Long2ObjectHashMap<Use> used = new Long2ObjectHashMap<>();

    private final RandomPauses pauses;
    private boolean polls;

    /** The sums that were added to the pages of the last plot, which keeps its content. */
    private final long[] added;

    StormGuest(Cpu cpu, List<PageModel> plots, StormRules rules, Random random, RandomPauses pauses, long[] added) {
        this.cpu = cpu;
        memory = cpu.memory();
        flat = new StormMemory(memory);
        this.plots = plots;
        this.rules = rules;
        this.random = random;
        this.pauses = pauses;
        this.added = added;
    }

    /**
     * Makes several accesses. They are made by address outside GUEST, or in GUEST with polls, either all in one step or
     * mixed.
     */
    void step() {
        int kind = random.nextInt(3);
        if (kind == 0) {
            for (int n = 0; n < ACCESSES; n++) {
                access(false);
            }
            return;
        }
        cpu.enterGuest();
        try {
            for (int n = 1; n <= ACCESSES; n++) {
                access(kind == 1 || random.nextBoolean());
                if (n % BETWEEN_POLLS == 0) {
                    polls = true;
                    cpu.poll();
                    polls = false;
                }
            }
        } finally {
            used.clear();
            cpu.leaveGuest();
        }
    }

    private void access(boolean isInOneStep) {
        PageModel plot = plots.get(random.nextInt(plots.size()));
        int page = random.nextInt(plot.pages());
        switch (random.nextInt(6)) {
            case 0, 1, 2 -> {
                if (isInOneStep) {
                    loadInOneStep(plot, page);
                } else {
                    loadByAddress(plot, page);
                }
            }
            case 3 -> add(plot, page, isInOneStep);
            default -> {
                if (isInOneStep) {
                    storeInOneStep(plot, page);
                } else {
                    storeByAddress(plot, page);
                }
            }
        }
    }

    /**
     * Returns the listener for this CPU's flushes. It stands for an embedder that caches code of a page, and may run
     * the code until the listener is called. A call that changes the page must not return before the listener returns.
     */
    FlushListener hook() {
        return (start, end, reason, generation) -> {
            // Makes the listener slow. A thread that waits for this CPU also waits for the listener.
            for (int n = random.nextInt(DAWDLES); n > 0; n--) {
                Thread.onSpinWait();
            }
            pauses.seldom();
            used.entrySet().removeIfLong((address, use) -> isToldInTime(address, use, start, end));
        };
    }

    private boolean isToldInTime(long address, Use use, long start, long end) {
        if (Long.compareUnsigned(address, start) < 0 || Long.compareUnsigned(address, end) >= 0) {
            return false;
        }
        if (!polls) {
            // The flush follows a fault. During the fault the CPU was not in GUEST, so no thread waited for it.
            return true;
        }
        if (use.plot.isTakenSince(use.page, use.word)) {
            rules.hooks.broken(use.plot.name(use.page) + " is flushed after the call that takes it has returned");
        } else {
            rules.hooks.held();
        }
        return true;
    }

    /**
     * Records that a page was used since the CPU entered GUEST, so that the next change of the page must wait for this
     * CPU.
     */
    private void uses(PageModel plot, int page, long word, int result) {
        if (result == Fault.NONE && plot.isJudged() && plot.word(page) == word && !PageModel.isChanging(word)) {
            used.putIfAbsent(plot.address(page), new Use(plot, page, word));
        }
    }

    /** A used page, and its word when it was used. */
    private record Use(PageModel plot, int page, long word) {}

    private void loadInOneStep(PageModel plot, int page) {
        long before = plot.word(page);
        long cleared = plot.cleared(page);
        int result = Fault.NONE;
        try {
            rules.content(plot, page, flat.loadLong(plot.address(page) + PageModel.STAMP), cleared);
        } catch (StormMemory.FailedAccess failed) {
            result = failed.fault();
        }
        rules.outcome(plot, page, before, PageModel.READ, result);
        uses(plot, page, before, result);
    }

    private void loadByAddress(PageModel plot, int page) {
        long before = plot.word(page);
        long cleared = plot.cleared(page);
        int result = memory.load(plot.address(page) + PageModel.STAMP, WORD);
        if (result == Fault.NONE) {
            rules.content(plot, page, memory.value(), cleared);
        }
        rules.outcome(plot, page, before, PageModel.READ, result);
    }

    private void storeInOneStep(PageModel plot, int page) {
        long before = plot.word(page);
        long address = plot.address(page) + PageModel.STAMP;
        int result = Fault.NONE;
        try {
            flat.storeLong(address, plot.stamp(page, PageModel.ANY_VERSION, false));
            // The TLB now contains the translation until the next poll. If a change clears the page after the version
            // that is read here, it waits for the second store.
            flat.storeLong(address, plot.stampOf(page, plot.word(page)));
        } catch (StormMemory.FailedAccess failed) {
            result = failed.fault();
        }
        rules.outcome(plot, page, before, PageModel.WRITE, result);
    }

    private void storeByAddress(PageModel plot, int page) {
        long before = plot.word(page);
        long address = plot.address(page) + PageModel.STAMP;
        long stamp = plot.stamp(page, PageModel.ANY_VERSION, false);
        int result = random.nextBoolean() ? memory.store(address, WORD, stamp) : memory.getAndSet(address, WORD, stamp);
        rules.outcome(plot, page, before, PageModel.WRITE, result);
    }

    private void add(PageModel plot, int page, boolean isInOneStep) {
        long before = plot.word(page);
        long address = plot.address(page) + PageModel.SUM;
        int result = isInOneStep ? addInOneStep(address) : memory.getAndAdd(address, WORD, 1);
        if (result == Fault.NONE && plot == plots.get(plots.size() - 1)) {
            added[page % plot.distinct()]++;
        }
        rules.outcome(plot, page, before, PageModel.WRITE, result);
    }

    private int addInOneStep(long address) {
        try {
            flat.getAndAddLong(address, 1);
            return Fault.NONE;
        } catch (StormMemory.FailedAccess failed) {
            return failed.fault();
        }
    }

    /** The accesses of a CPU in one step. A failed access throws its fault. */
    static final class StormMemory extends FlatMemory {
        /** Thrown by a failed access. */
        static final class FailedAccess extends RuntimeException {
            private static final long serialVersionUID = 1;

            private int fault;

            private FailedAccess() {
                super(null, null, false, false);
            }

            int fault() {
                return fault;
            }
        }

        private final FailedAccess signal = new FailedAccess();

        StormMemory(GuestMemory memory) {
            super(memory, ByteOrder.LITTLE_ENDIAN);
        }

        @Override
        protected void fault(int fault, long address, int access, int size) {
            signal.fault = fault;
            throw signal;
        }
    }
}
