// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Gate;
import org.jspecify.annotations.Nullable;

/**
 * The gate of an operation in flight, and all that a VMA keeps of that operation: a VMA may live as long as its space,
 * so the gate forgets the operation at its completion.
 */
public final class InFlightGate extends Gate {
    /** Null once the operation is complete. Guarded by the layout lock; {@link #toString} alone reads it without. */
    private @Nullable InFlightRange transit;

    /** Whether faults wait at the VMAs, too: these replace or move something. Written before publication only. */
    private boolean stopsFaults;

    InFlightGate(InFlightRange transit) {
        this.transit = transit;
    }

    /** Null once the operation is complete. Caller must hold the layout lock. */
    public @Nullable InFlightRange transit() {
        return transit;
    }

    public boolean stopsFaults() {
        return stopsFaults;
    }

    void stopFaults() {
        stopsFaults = true;
    }

    /** Opens the gate for ever. Caller must hold the layout lock, and wakes the waiters after it. */
    @Nullable
    Waiter complete() {
        Waiter waiting = open();
        transit = null;
        return waiting;
    }

    /** The operation and its ranges. Racy without the lock, benign because the text is for people. */
    @Override
    public String toString() {
        InFlightRange of = transit;
        return of == null ? "an operation that is complete" : of.toString();
    }
}
