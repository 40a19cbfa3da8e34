// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;

/**
 * Taken by an operation after several restarts. Operations that started later and name one of its ranges wait for it.
 * Opens after the operation has published or failed.
 */
public final class Ticket extends Gate {
    private final Operation operation;
    /** The ranges that the latest attempt has named. */
    private final Ranges named = new Ranges();

    /** Whether other operations can find it. Guarded by the layout lock. */
    private boolean left;

    Ticket(Operation operation) {
        this.operation = operation;
    }

    boolean isLeft() {
        return left;
    }

    void leave() {
        left = true;
    }

    /** Returns whether an operation that names a range must wait. */
    public boolean stops(Operation other, long start, long end) {
        return operation.age() < other.age() && named.overlap(start, end);
    }

    /** Clears the ranges of an earlier attempt. Caller must hold the layout lock. */
    void restart() {
        named.clear();
    }

    /** Caller must hold the layout lock. */
    void name(long start, long end) {
        named.add(start, end);
    }

    @Override
    public String toString() {
        return operation + ", which has started first";
    }
}
