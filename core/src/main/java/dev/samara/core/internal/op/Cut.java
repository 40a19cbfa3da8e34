// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperations.Ticket;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Pause;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A section in which the operations and the faults of a space wait, so that a fork, a checkpoint or a restore sees one
 * instant of its layout and its pages.
 */
public final class Cut implements AutoCloseable {
    /*
     * Notes.
     *
     * 1. The instant. The cut holds the layout lock, reads the layout, and registers its gate in Layout.copies
     *    (begin). An operation that wants to publish finds the gate under the same lock, and first waits for it (Edit,
     *    step 4). So the layout stays that of the instant until the cut has ended, and a call that follows the instant
     *    returns only after the cut.
     *
     * 2. Operations in flight at the instant were published before it (earlier). The cut waits for those whose
     *    retirements may still remove pages that matter.
     *
     * 3. The section begins: one volatile store of PageTable.forking, under the layout lock (stopFaults). From here on
     *    no fault fills, widens or replaces an entry. A fault checks the word under the lock of the entry's leaf. It
     *    links a missing leaf before that; the cut stores the word before it looks for leaves. So a fault that does not
     *    find the word has locked a leaf that the cut still visits.
     *
     * 4. The flush. Until a CPU acknowledges it, its stores go through translations from before the section. After
     *    that, its stores fault, and the faults wait. So no store of any CPU misses the cut before the last CPU has
     *    acknowledged, and none is in it afterwards. All later stores follow all earlier ones: the cut has the memory
     *    of the instant of the last acknowledgement.
     *
     * 5. The section ends, the gate opens, and faults and operations continue. Cuts in a loop do not starve a fault:
     *    the next section begins when each fault that waited has made an attempt, which does not wait
     *    (PageTable.passing); if it asks a backing, its turn ends. Nor do they starve an operation: the instant of a
     *    cut is not before the end of the last one (Instant), so that both compete for the layout lock.
     *
     * No deadlock. The thread of a cut waits in the section for owners of busy entries, and for CPUs in GUEST. A fault
     * waits for the gate outside GUEST, outside reader sections, without locks, and without a busy entry. An operation
     * waits for the gate before it is published. Neither waits if the retirement of an operation called it, because the
     * cut may wait for that retirement (step 2): then the fault changes entries in spite of the section, and the
     * operation is rejected if it takes pages away. The promise does not include their effects, nor stores through
     * pins.
     */

    /** The pause between two checks whether the faults that waited for an earlier cut have made an attempt. */
    private static final long PASS_NANOS = 20_000;

    /**
     * The number of these pauses after which a cut waits no more: a fault that has to make its attempt may be one of
     * this thread, if it waits in a housekeeping step that called this fork.
     */
    private static final int MOST_PASSES = 500;

    /** A class of its own, so that waiters keep only the gate reachable, not the child or the earlier operations. */
    private static final class CutGate extends Gate {
        private final String what;

        CutGate(String what) {
            this.what = what;
        }

        @Override
        public String toString() {
            return what;
        }
    }

    private final Layout layout;
    private final String what;
    private final Gate gate;

    /** The gate of the section, for which faults wait; null outside the section. */
    private @Nullable Gate section;

    /** The operations that were in flight at the instant. */
    List<InFlightOperation> earlier = List.of();

    private boolean isBegun;

    /**
     * Prepares a cut.
     *
     * @param what what it is for, for messages
     */
    public Cut(Layout layout, String what) {
        this.layout = layout;
        this.what = what;
        gate = new CutGate(what);
    }

    /** Registers the cut in the layout, at its {@link Instant}. The caller holds the layout lock. */
    public void begin() {
        earlier = List.copyOf(layout.inFlight().operations);
        layout.copies.add(gate);
        isBegun = true;
    }

    /** Waits for all operations that were in flight at the instant. */
    public void awaitEarlier() {
        for (int i = 0; i < earlier.size(); i++) {
            await(earlier.get(i).gate(), earlier.get(i));
        }
    }

    /**
     * Waits at a gate.
     *
     * @throws IllegalStateException if the retirement of an operation called this, and the gate is not open
     */
    void await(Gate awaited, Object of) {
        InFlightOperation inside = InFlightOperation.retiring();
        if (inside != null && !awaited.isOpen()) {
            throw new IllegalStateException(what + " was called by the retirement of " + inside
                    + ", and would have to wait for " + of + ": nothing in flight may wait");
        }
        awaited.awaitUninterruptibly(layout.host.waitReporter(what));
    }

    /**
     * Makes faults of the space wait until the end of the cut, once no other cut does so, and the faults that waited
     * for an earlier one have made an attempt.
     *
     * @throws IllegalStateException if another cut does so, and the retirement of an operation called this
     */
    public void stopFaults() {
        int passes = 0;
        for (Gate other = tryStopFaults(true); section == null; other = tryStopFaults(passes < MOST_PASSES)) {
            if (other != null) {
                await(other, other);
            } else {
                passes++;
                Pause.parkNanos(this, PASS_NANOS);
            }
        }
    }

    /** Begins the section, or returns the gate of the cut that has to end first; or null if a fault passes first. */
    private @Nullable Gate tryStopFaults(boolean letsPass) {
        PageTable pages = layout.pages();
        layout.lock();
        try {
            Gate other = pages.forking();
            if (other == null && !(letsPass && pages.hasPassing())) {
                Gate made = new CutGate(what);
                pages.setForking(made);
                section = made;
            }
            return other;
        } finally {
            layout.unlock();
        }
    }

    /** Lets faults continue, while operations still wait. */
    void resumeFaults() {
        Gate ended = null;
        layout.lock();
        try {
            ended = endSection();
        } finally {
            layout.unlock();
        }
        if (ended != null) {
            Gate.wake(ended.open());
        }
    }

    private @Nullable Gate endSection() {
        Gate ended = section;
        if (ended != null) {
            section = null;
            layout.pages().setForking(null);
        }
        return ended;
    }

    /** Returns whether a gate is the one for which operations wait until the end of this cut. */
    boolean has(Gate other) {
        return gate == other;
    }

    /** Ends the cut, and wakes its waiters. */
    @Override
    public void close() {
        if (!isBegun) {
            return;
        }
        Gate ended = null;
        layout.lock();
        try {
            layout.copies.remove(gate);
            ended = endSection();
        } finally {
            layout.unlock();
        }
        Gate.wake(gate.open());
        if (ended != null) {
            Gate.wake(ended.open());
        }
    }

    /**
     * The instant of a cut: a hold of the layout lock during which no operation is between two of its batches. If an
     * operation is between two batches, the cut waits for its last batch. The batches of an operation never wait for a
     * gate, so even a fork that a callback of a retirement calls can wait for them. After several waits the cut takes a
     * {@link Ticket} for the whole space, for which later operations wait. Outside callbacks, it also waits for an
     * earlier cut, and until the operations that waited for that one have made an attempt: otherwise they would find
     * another cut at each attempt.
     *
     * <p>These waits differ from an operation's waits for ranges in flight ({@code Operation.RangeWait}). A callback of
     * a retirement must not wait for a range, because the range may be the one that is being retired, and the wait
     * would never end. So in a callback, {@code RangeWait} throws an exception and takes no ticket. A cut waits only for
     * a publication, which ends without the retirement of any range. So it may wait in a callback, where it also needs a
     * ticket.
     */
    public static final class Instant implements AutoCloseable {
        /** The number of waits after which a cut takes a ticket. */
        private static final int PATIENCE = 3;

        /** The pause between two checks whether operations that waited for a cut have made an attempt. */
        private static final long PASS_NANOS = 20_000;

        /**
         * The number of these pauses after which a cut waits no more: an operation that has to make its attempt may be
         * one of this thread, if it waits in a housekeeping step that called this fork.
         */
        private static final int MOST_PASSES = 500;

        private final Layout layout;
        private final String what;
        private @Nullable Ticket ticket;
        private boolean isLocked;
        private int passes;

        public Instant(Layout layout, String what) {
            this.layout = layout;
            this.what = what;
        }

        /** Waits for the instant. The caller holds no lock, and holds the layout lock afterwards. */
        public void await() {
            int waits = 0;
            for (Gate awaited = lockOrGate(waits); !isLocked; awaited = lockOrGate(waits)) {
                if (awaited != null) {
                    awaited.awaitUninterruptibly(layout.host.waitReporter(what));
                    waits++;
                } else {
                    passes++;
                    Pause.parkNanos(this, PASS_NANOS);
                }
            }
        }

        /**
         * Acquires the lock, or returns the gate of a cut or of a publication that has not ended; or null if
         * operations pass first.
         */
        private @Nullable Gate lockOrGate(int waits) {
            layout.lock();
            try {
                Gate other = layout.copyToAwait();
                if (other != null) {
                    return other;
                }
                Gate publication = layout.inFlight().publication();
                if (publication != null && waits >= PATIENCE && ticket == null) {
                    Ticket mine = new Ticket(layout.nextAge(), what);
                    mine.name(0, -1L);
                    layout.inFlight().add(mine);
                    mine.leave();
                    ticket = mine;
                }
                boolean letsPass = layout.hasCopyWaiters()
                        && ticket == null
                        && passes < MOST_PASSES
                        && InFlightOperation.retiring() == null;
                isLocked = publication == null && !letsPass;
                return publication;
            } finally {
                if (!isLocked) {
                    layout.unlock();
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
                layout.lock();
            }
            try {
                if (mine != null) {
                    layout.inFlight().remove(mine);
                }
            } finally {
                layout.unlock();
            }
            if (mine != null) {
                Gate.wake(mine.open());
            }
        }
    }
}
