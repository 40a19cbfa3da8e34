// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;

/**
 * Taken by an operation after several restarts. Operations that started later and name one of its ranges wait for it.
 * Opens after the operation has published or failed.
 */
public final class Ticket extends Gate {
    private final long age;

    /** The operation, for messages. */
    private final Object operation;

    /** The ranges that the latest attempt has named. */
    private final Ranges named = new Ranges();

    /** Whether other operations can find it. Guarded by the layout lock. */
    private boolean left;

    /**
     * Creates a ticket that no other operation can find yet.
     *
     * @param age the position of the operation's first attempt among the operations of its space
     * @param operation the operation, for messages
     */
    public Ticket(long age, Object operation) {
        this.age = age;
        this.operation = operation;
    }

    public boolean isLeft() {
        return left;
    }

    public void leave() {
        left = true;
    }

    /** Returns whether an operation of an age that names a range must wait. */
    boolean stops(long otherAge, long start, long end) {
        return age < otherAge && named.overlap(start, end);
    }

    /** Clears the ranges of an earlier attempt. Caller must hold the layout lock. */
    public void restart() {
        named.clear();
    }

    /** Caller must hold the layout lock. */
    public void name(long start, long end) {
        named.add(start, end);
    }

    @Override
    public String toString() {
        return operation + ", which has started first";
    }
}
