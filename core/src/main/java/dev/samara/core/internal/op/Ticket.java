// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;

/**
 * Left by an operation that had to start again several times: those that first started later, and name a range of its,
 * wait behind it. Open once the operation has published or given up.
 */
public final class Ticket extends Gate {
    private final Operation operation;
    /** What its latest attempt has named. */
    private final Ranges named = new Ranges();

    /** Whether others can meet it. Guarded by the layout lock. */
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

    /** Whether an operation that names a range must wait. */
    public boolean stops(Operation other, long start, long end) {
        return operation.age() < other.age() && named.overlap(start, end);
    }

    /** Forgets what an earlier attempt has named. Caller must hold the layout lock. */
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
