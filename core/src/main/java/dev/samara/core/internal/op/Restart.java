// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.sync.Gate;
import org.jspecify.annotations.Nullable;

/**
 * Aborts an attempt from within the call that fills in its edit. The operation catches it, drops the attempt, and
 * converts it to an outcome.
 */
final class Restart extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final AttemptOutcome outcome;
    private final transient @Nullable Gate gate;

    private Restart(AttemptOutcome outcome, @Nullable Gate gate) {
        super(null, null, false, false);
        this.outcome = outcome;
        this.gate = gate;
    }

    /** Ends an attempt with an outcome that is not {@link AttemptOutcome#MUST_WAIT}. */
    Restart(AttemptOutcome outcome) {
        this(outcome, null);
    }

    /** Ends an attempt that overlaps a range in flight or a ticket, whose gate must open before the next attempt. */
    Restart(Gate gate) {
        this(AttemptOutcome.MUST_WAIT, gate);
    }

    AttemptOutcome outcome() {
        return outcome;
    }

    /** Returns the gate to wait for; null if there is none. */
    @Nullable
    Gate gate() {
        return gate;
    }
}
