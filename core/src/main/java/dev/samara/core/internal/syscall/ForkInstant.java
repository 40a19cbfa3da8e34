// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperations.Ticket;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Pause;
import org.jspecify.annotations.Nullable;

/**
 * The instant of a fork: a hold of the parent's layout lock during which no operation is between two of its batches. If
 * an operation is between two batches, the fork waits for its last batch. The batches of an operation never wait for a
 * gate, so even a fork that a callback of a retirement calls can wait for them. After several waits the fork takes a
 * {@link Ticket} for the whole space, for which later operations wait. Outside callbacks, a fork also waits for the
 * copy of an earlier fork, and until the operations that waited for it have made an attempt: otherwise they would find
 * another copy at each attempt.
 *
 * <p>These waits differ from an operation's waits for ranges in flight ({@code Operation.RangeWait}). A callback of a
 * retirement must not wait for a range, because the range may be the one that is being retired, and the wait would
 * never end. So in a callback, {@code RangeWait} throws an exception and takes no ticket. A fork waits only for a
 * publication, which ends without the retirement of any range. So it may wait in a callback, where it also needs a
 * ticket.
 */
final class ForkInstant implements AutoCloseable {
    /** The number of waits after which a fork takes a ticket. */
    private static final int PATIENCE = 3;

    /** The pause between two checks whether operations that waited for a copy have made an attempt. */
    private static final long PASS_NANOS = 20_000;

    /**
     * The number of these pauses after which a fork waits no more: an operation that has to make its attempt may be one
     * of this thread, if it waits in a housekeeping step that called this fork.
     */
    private static final int MOST_PASSES = 500;

    private final Layout parent;
    private @Nullable Ticket ticket;
    private boolean isLocked;
    private int passes;

    ForkInstant(Layout parent) {
        this.parent = parent;
    }

    /** Waits for the instant. The caller holds no lock, and holds the layout lock of the parent afterwards. */
    void await() {
        int waits = 0;
        for (Gate awaited = lockOrGate(waits); !isLocked; awaited = lockOrGate(waits)) {
            if (awaited != null) {
                awaited.awaitUninterruptibly(parent.host().waitReporter("a fork"));
                waits++;
            } else {
                passes++;
                Pause.parkNanos(this, PASS_NANOS);
            }
        }
    }

    /**
     * Acquires the lock, or returns the gate of a copy or of a publication that has not ended; or null if operations
     * pass first.
     */
    private @Nullable Gate lockOrGate(int waits) {
        parent.lock();
        try {
            Gate copy = parent.copyToAwait();
            if (copy != null) {
                return copy;
            }
            Gate publication = parent.inFlight().publication();
            if (publication != null && waits >= PATIENCE && ticket == null) {
                Ticket mine = new Ticket(parent.nextAge(), "a fork");
                mine.name(0, -1L);
                parent.inFlight().add(mine);
                mine.leave();
                ticket = mine;
            }
            boolean letsPass = parent.hasCopyWaiters()
                    && ticket == null
                    && passes < MOST_PASSES
                    && InFlightOperation.retiring() == null;
            isLocked = publication == null && !letsPass;
            return publication;
        } finally {
            if (!isLocked) {
                parent.unlock();
            }
        }
    }

    /** Releases the lock and the ticket, on every exit. */
    @Override
    public void close() {
        Ticket mine = ticket;
        if (!isLocked && mine == null) {
            return;
        }
        if (!isLocked) {
            parent.lock();
        }
        try {
            if (mine != null) {
                parent.inFlight().remove(mine);
            }
        } finally {
            parent.unlock();
        }
        if (mine != null) {
            Gate.wake(mine.open());
        }
    }
}
