// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Ticket;
import dev.samara.core.internal.sync.Gate;
import org.jspecify.annotations.Nullable;

/**
 * The instant of a fork: a hold of the parent's layout lock, at which no operation is between two of its batches. The
 * fork waits for the last batch of such an operation. The batches wait for no gate, so a callback of a retirement may
 * fork too. After some waits the fork takes a {@link Ticket} for the whole space, behind which later operations wait.
 *
 * <p>Its waits are not those of an operation for ranges in flight ({@code op.RangeWait}), which a callback of a
 * retirement must not enter: the range may be its own, and then the wait would never end. So a range wait throws an
 * exception in a callback, and takes no ticket there. A fork waits for a publication only, which ends without any range
 * being retired; so it may wait in a callback, and needs its ticket there, too.
 */
final class ForkInstant implements AutoCloseable {
    /** The number of waits after which a fork takes a ticket. */
    private static final int PATIENCE = 3;

    private final Layout parent;
    private @Nullable Ticket ticket;
    private boolean isLocked;

    ForkInstant(Layout parent) {
        this.parent = parent;
    }

    /** Waits for the instant. The caller holds no lock, and holds the layout lock of the parent afterwards. */
    void await() {
        int waits = 0;
        for (Gate publication = lockOrGate(waits); publication != null; publication = lockOrGate(waits)) {
            publication.awaitUninterruptibly(parent.host().waitReporter("a fork"));
            waits++;
        }
    }

    /** Takes the lock, or returns the gate of a publication that is not over. */
    private @Nullable Gate lockOrGate(int waits) {
        parent.lock();
        try {
            Gate publication = parent.inFlight().publication();
            if (publication != null && waits == PATIENCE) {
                Ticket mine = new Ticket(parent.nextAge(), "a fork");
                mine.name(0, -1L);
                parent.inFlight().add(mine);
                mine.leave();
                ticket = mine;
            }
            isLocked = publication == null;
            return publication;
        } finally {
            if (!isLocked) {
                parent.unlock();
            }
        }
    }

    /** Releases the lock and the ticket, on each way out. */
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
