// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.vma.VmArea;
import org.jspecify.annotations.Nullable;

/**
 * The gate of an operation in flight, the only link from a VMA to that operation. A VMA may live as long as its space,
 * so the gate drops its link to the operation at completion.
 */
public final class InFlightGate extends Gate {
    /**
     * Null after completion. Guarded by the layout lock; only {@link #toString} reads it without the lock.
     *
     * <p>Written: the operation's completion, holding the district's lock (plain).
     * Read: holder of the district's lock (plain); {@code toString} without the lock: racy, benign because the text is
     *     for people.
     * Invariant: null from the completion on. A VMA therefore retains no completed operation, and no range that was in
     *     flight at the same time.
     */
    private @Nullable InFlightOperation range;

    /**
     * Whether faults also wait at the operation's VMAs, because the operation replaces or moves a mapping. Written only
     * before publication.
     *
     * <p>Written: the operation, before publication (plain).
     * Read: any thread that found one of its VMAs (plain).
     * Invariant: never changes once published.
     */
    private boolean stopsFaults;

    /**
     * The waiting threads, from the opening of the gate until they are woken. Used only by the thread that opens the
     * gate.
     */
    private @Nullable Waiter waiting;

    InFlightGate(InFlightOperation range) {
        this.range = range;
    }

    /**
     * Returns the operation in flight to which a VMA belongs; null if there is none or the operation is completing.
     * Caller must hold the layout lock.
     */
    public static @Nullable InFlightOperation rangeOf(VmArea vma) {
        InFlightOperation of = vma.gate() instanceof InFlightGate gate ? gate.range() : null;
        return of == null || of.isCompleting() ? null : of;
    }

    /** Returns whether a VMA is in flight. */
    static boolean isInFlight(VmArea vma) {
        return vma.gate() instanceof InFlightGate gate && !gate.isOpen();
    }

    /** Returns whether faults wait at a VMA, because its operation replaces or moves a mapping and is not complete. */
    public static boolean stopsFaultsAt(VmArea vma) {
        return vma.gate() instanceof InFlightGate gate && gate.stopsFaults() && !gate.isOpen();
    }

    /** Returns the range in flight, or null after completion. Caller must hold the layout lock. */
    public @Nullable InFlightOperation range() {
        return range;
    }

    public boolean stopsFaults() {
        return stopsFaults;
    }

    void stopFaults() {
        stopsFaults = true;
    }

    /**
     * Opens the gate forever. Caller must hold the layout lock, and call {@link #wakeWaiters} after it has unlocked.
     */
    void complete() {
        waiting = open();
        range = null;
    }

    /** Wakes the threads that waited, if the gate is open. Called by the thread that opened it. */
    void wakeWaiters() {
        Waiter woken = waiting;
        waiting = null;
        wake(woken);
    }

    /** Racy without the lock; benign, because the text is only for messages. */
    @Override
    public String toString() {
        InFlightOperation of = range;
        return of == null ? "an operation that is complete" : of.toString();
    }
}
