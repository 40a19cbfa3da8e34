// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.sync.Gate;

/** Thrown within an operation's attempt that has met a range in transit, to leave it and the lock and to wait. */
final class Restart extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Gate gate;

    Restart(Gate gate) {
        super(null, null, false, false);
        this.gate = gate;
    }

    /** What to wait for. */
    Gate gate() {
        return gate;
    }
}
