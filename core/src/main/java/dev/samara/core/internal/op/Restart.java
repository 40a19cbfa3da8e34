// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.sync.Gate;

/** Thrown in an attempt that has met a range in flight or a ticket: the operation releases the lock and waits. */
final class Restart extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Gate gate;

    Restart(Gate gate) {
        super(null, null, false, false);
        this.gate = gate;
    }

    /** Returns the gate to wait for. */
    Gate gate() {
        return gate;
    }
}
