// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.FlushListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.FlushLog;
import dev.samara.core.internal.cpu.TlbContext;
import java.util.function.Consumer;

/**
 * Drops translations from a CPU's TLB after other threads have changed its space: either the logged ranges that concern
 * the CPU, or all translations of the space, as {@code flush_tlb_func} decides on Linux. Used only by the CPU's owner.
 *
 * <p>A range concerns the CPU if the cpumask of the range contains the CPU's bit. All translations are dropped if the
 * CPU is behind by more than half of the records of a {@link FlushLog}, if the log no longer contains a generation, or
 * if {@link SoftTlb#tryFlush} finds a range too long.
 */
final class TlbCatchUp {
    private final SoftTlb tlb;
    private final FlushedGenerations slots;
    private final FlushListeners listeners;
    private final FlushLog.FlushedRange range = new FlushLog.FlushedRange();

    /** How often translations were dropped, or the CPU switched to a space. */
    private long drops;

    TlbCatchUp(SoftTlb tlb, FlushedGenerations slots, Consumer<Throwable> reporter) {
        this.tlb = tlb;
        this.slots = slots;
        listeners = new FlushListeners(reporter);
    }

    /** Adds a listener that is notified of flushes; returns a task that removes it. */
    Runnable addListener(FlushListener listener) {
        return listeners.add(listener);
    }

    /** Records that the CPU switches to a space, where it cannot use the translations of other spaces. */
    void goElsewhere() {
        drops++;
    }

    /** Returns a number that changes with each drop of translations, and with each space. */
    long drops() {
        return drops;
    }

    /**
     * Executes the flushes that the CPU missed since it was in GUEST in a space, and notifies the listeners of a new
     * slot.
     */
    void catchUp(CpuState state, TlbContext of, FlushedGenerations.Slot slot) {
        if (slot.isFresh) {
            tell(0, -1L, MmuNotifier.Reason.UNMAPPED, slot.flushed);
            slot.isFresh = false;
        }
        if (of.generation().mustFlush(slot.flushed)) {
            flush(state, of, slot);
        }
    }

    /** Flushes the ranges of the generations up to the current one, or everything, and publishes that generation. */
    void flush(CpuState state, TlbContext of, FlushedGenerations.Slot slot) {
        // Incremented first, because a flush that fails may already have dropped some translations.
        drops++;
        long generation = of.generation().current();
        of.checkNotGivenBack(generation);
        long bit = state.bit();
        long from = slot.flushed;
        boolean isRanged = generation - from <= FlushLog.SIZE / 2;
        for (long next = from + 1; next <= generation && isRanged; next++) {
            isRanged = of.log().read(next, range);
            if (isRanged && (range.cpus() & bit) != 0) {
                if (!tlb.tryFlush(range.start(), range.end())) {
                    forget(slot);
                }
                state.counters().increment(CpuCounters.FLUSHES);
                tell(range.start(), range.end(), range.reason(), next);
            }
        }
        if (!isRanged) {
            forget(slot);
            state.counters().increment(CpuCounters.FLUSHES);
            tell(0, -1L, MmuNotifier.Reason.UNMAPPED, generation);
        }
        slot.flushed = generation;
        state.flushedTo(generation);
    }

    /**
     * Drops a range of the selected space without a generation. The CPU is in KERNEL in that space. Does not flush the
     * generations that the CPU missed.
     *
     * @return false, with nothing dropped, if the range is too long, or if there are listeners, because they must be
     *     notified of generations
     */
    boolean drop(CpuState state, long start, long end) {
        if (!listeners.isEmpty() || !tlb.tryFlush(start, end)) {
            return false;
        }
        drops++;
        state.counters().increment(CpuCounters.FLUSHES);
        return true;
    }

    /** Drops all translations of a space. */
    private void forget(FlushedGenerations.Slot slot) {
        slots.renumber(slot);
        tlb.select(slot.number);
    }

    private void tell(long start, long end, MmuNotifier.Reason reason, long generation) {
        if (!listeners.isEmpty()) {
            listeners.tell(start, end, reason, generation);
        }
    }
}
