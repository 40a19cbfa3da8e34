// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Ticket;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.WaitReporter;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The waits of one operation for ranges in flight, and for operations that started earlier. Decides when the operation
 * takes a {@link Ticket}, which later operations wait for. Created at the operation's first restart, and used by its
 * thread.
 */
final class RangeWait {
    /** The number of restarts after which an operation takes a ticket. */
    private static final int PATIENCE = 3;

    private final Layout layout;

    /** The operation, for messages. */
    private final WaitReporter operation;

    /** Whether an interrupt does not end the waits. */
    private final boolean isUninterruptible;

    /** The position of the operation's first restart in the order of first restarts in the space. */
    private final long age;

    private int restarts;

    /** The gate that the latest attempt must wait for; null if there is none. */
    private @Nullable Gate met;

    private @Nullable Ticket ticket;

    RangeWait(Layout layout, WaitReporter operation, boolean isUninterruptible) {
        this.layout = layout;
        this.operation = operation;
        this.isUninterruptible = isUninterruptible;
        age = layout.nextAge();
    }

    /**
     * Returns the age of the operation, which is lower than the age of every operation whose first restart comes later.
     */
    long age() {
        return age;
    }

    /**
     * Locks the district that contains a range and, if other operations can find the ticket, the ranges of the ticket.
     *
     * @param start the first address
     * @param end after the last address
     */
    District lockDistrict(long start, long end) {
        Ticket mine = ticket;
        if (mine == null || !mine.isLeft()) {
            return layout.lockDistrict(start, end);
        }
        return mine.hasRanges()
                ? layout.lockDistrict(Addresses.lower(start, mine.low()), Addresses.higher(end, mine.high()))
                : layout.lockWhole();
    }

    /** Begins an attempt. If a district lists the ticket, the caller holds the lock of that district. */
    void beginAttempt() {
        if (ticket != null) {
            ticket.restart();
        } else if (restarts >= PATIENCE - 1 && InFlightOperation.retiring() == null) {
            // If this attempt also restarts, the ticket then contains the ranges that the attempt named.
            ticket = new Ticket(age, operation);
        }
    }

    /** Adds a range of this attempt to the ticket, if there is one. The caller holds the lock of the attempt. */
    void name(long start, long end) {
        if (ticket != null) {
            ticket.name(start, end);
        }
    }

    /**
     * Notes that the attempt must wait for another operation. After enough restarts, other operations find the ticket
     * from now on.
     *
     * @param district the district that the attempt locked, which is still locked
     * @param gate the gate of the other operation
     */
    void restarted(District district, Gate gate) {
        met = gate;
        restarts++;
        if (restarts >= PATIENCE && ticket != null && !ticket.isLeft()) {
            district.inFlight().add(ticket);
            ticket.leave();
        }
    }

    /**
     * Waits until the gate of the other operation is open. The caller must hold no lock.
     *
     * @return false if the thread is interrupted; always true if the operation is uninterruptible
     */
    boolean await() {
        Gate gate = Objects.requireNonNull(met);
        // Cleared, so that this operation does not keep the other one reachable after the wait.
        met = null;
        InFlightOperation inside = InFlightOperation.retiring();
        if (inside != null) {
            throw new IllegalStateException(operation + " was called by the retirement of " + inside
                    + ", and would have to wait for " + gate + ": nothing in flight may wait");
        }
        assert !layout.isLockedByThisThread() : "a wait under the layout lock";
        if (isUninterruptible) {
            gate.awaitUninterruptibly(operation);
            return true;
        }
        return gate.await(operation);
    }

    /** Removes the ticket and wakes the operations that wait for it. The caller must hold no lock. */
    void withdraw() {
        Ticket mine = ticket;
        if (mine == null) {
            return;
        }
        ticket = null;
        if (!mine.isLeft()) {
            // No other operation could find the ticket, so none waits for it.
            return;
        }
        // No border separates the ticket's ranges, and a ticket without ranges prevents all borders. So this lock never
        // joins parts.
        District district = mine.hasRanges() ? layout.lockDistrict(mine.low(), mine.high()) : layout.lockWhole();
        try {
            district.inFlight().remove(mine);
        } finally {
            district.unlock();
        }
        Gate.wake(mine.open());
    }
}
