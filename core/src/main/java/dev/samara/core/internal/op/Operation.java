// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.space.BeyondDistrict;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.WaitingCall;
import dev.samara.core.mman.Errno;
import org.jspecify.annotations.Nullable;

/**
 * The run of one {@link Call}, from its arguments to its completion.
 *
 * <p>Before publication the operation is a loop of attempts, each an {@link Edit} on which the call decides. An attempt
 * is dropped without effect if the operation must wait for a range in flight or must ask a backing. The thread then
 * waits or asks without a lock and attempts again. After publication the range in flight is retired and completed: by
 * the calling thread, or for an asynchronous call by one of the machine's threads.
 */
public final class Operation extends OperationState {
    private final Call call;

    /** Whether the latest attempt was the first one to need more. */
    private boolean isAgain;

    /** The place in the backlog of an asynchronous operation; null if it needs none. */
    private @Nullable BacklogPlace place;

    /** The ranges that the call may revoke; null if the machine is not checked. */
    private @Nullable CheckedRevocations revocations;

    public Operation(Layout layout, Call call) {
        super(layout);
        this.call = call;
    }

    /**
     * Runs the operation and waits until it is complete. The caller must hold no lock, and faults in {@link
     * #populations} afterwards.
     *
     * @return the result of the call, or a negated errno
     */
    public long run() {
        Cpus.checkMayWait("a call of a space");
        if (isRefusedByClose()) {
            return result;
        }
        attendAgain();
        if (call.mayBeRefused() && !BacklogPlace.awaitRoom(layout)) {
            return Errno.EAGAIN.result();
        }
        beginRevocations();
        try {
            publish();
        } finally {
            try {
                // Also after an exception that follows publication: no other thread retires the range.
                if (inFlight != null) {
                    inFlight.retireAndWait();
                }
            } finally {
                endRevocations();
            }
        }
        return result;
    }

    /**
     * Ends the operation without a change if its layout is closed: with ESRCH, or as a second teardown, which does
     * nothing.
     */
    private boolean isRefusedByClose() {
        if (!layout.isClosed()) {
            return false;
        }
        refused(endsSpace() ? Edit.DONE : Errno.ESRCH.result());
        return true;
    }

    // Asked where it matters: each question is an interface call on one of many classes.

    @Override
    boolean endsSpace() {
        return call.endsSpace();
    }

    @Override
    boolean isMunmap() {
        return call.isMunmap();
    }

    /** Announces to the access checker the ranges that the call may revoke until the operation ends. */
    private void beginRevocations() {
        revocations = CheckedRevocations.of(layout, call);
        if (revocations != null) {
            call.revoke(revocations);
        }
    }

    private void endRevocations() {
        CheckedRevocations begun = revocations;
        revocations = null;
        if (begun != null) {
            begun.end();
        }
    }

    /**
     * Ends an asynchronous operation that is complete, before the task that {@link #start} was given runs. A backing
     * that this task asks for pages may call operations that wait for a place; and a thread that waits for a place may
     * be unable to run the task.
     */
    @Override
    void end() {
        try {
            endRevocations();
        } finally {
            leavePlace();
        }
    }

    private void leavePlace() {
        if (place != null) {
            place.leave();
        }
    }

    /**
     * Runs the operation up to publication; a thread of the machine does the rest, and then runs a task. May wait until
     * attempts can proceed. The caller must hold no lock.
     *
     * @param last faults in {@link #populations}
     * @return whether the task runs; false if the operation has ended and there is nothing to fault in
     */
    public boolean start(WaitingCall last) {
        // First: at the bound of pending grace periods, the call that frees a place may wait for a CPU of this thread.
        Cpus.checkMayWait("an asynchronous call of a space");
        if (isRefusedByClose()) {
            return false;
        }
        attendAgain();
        place = BacklogPlace.of(layout);
        if (place != null && !place.take()) {
            result = Errno.EAGAIN.result();
            return false;
        }
        try {
            beginRevocations();
            publish();
        } finally {
            Retirement rest = inFlight;
            if (rest != null) {
                // Also after an exception that follows publication: no other thread retires the range.
                rest.runAfter(last);
                rest.submit();
            } else {
                end();
            }
        }
        if (inFlight == null && !populations.isEmpty()) {
            layout.host().submit(last);
        }
        return inFlight != null || !populations.isEmpty();
    }

    private void publish() {
        try {
            while (!done) {
                Gate gate = attempt();
                if (gate != null) {
                    giveContextBack(inFlight);
                    if (!waits().await(gate)) {
                        refused(Errno.EINTR.result());
                    }
                } else if (isAgain) {
                    isAgain = false;
                } else if (isLacking()) {
                    withdraw();
                    takeLacking();
                } else if (parts != null && !done) {
                    goOn(parts);
                } else if (!done) {
                    // The ticket is withdrawn first: no operation, and no call of the backing, may wait for a backing's
                    // answer. The place is given back, since calls of the backing may wait for one.
                    withdraw();
                    giveContextBack(inFlight);
                    ask();
                }
            }
        } finally {
            leave();
        }
    }

    /** Prepares the next part. Caller holds no lock. */
    private void goOn(PublicationParts current) {
        if (current.isBegun()) {
            layout.letOthersIn();
        } else if (current.mayHaveToAsk()) {
            publishWhole();
            current.end();
        } else {
            long noted = call.checkAll(layout);
            if (Errno.isError(noted)) {
                refused(noted);
            } else {
                current.begin(noted);
            }
        }
    }

    /** Asks the backings, without the place of an asynchronous call. Caller holds no lock. */
    private void ask() {
        leavePlace();
        callbacks().put();
        if (place != null && !place.take()) {
            refused(Errno.EAGAIN.result());
        }
    }

    /** Makes one attempt; returns the gate to wait for before the next one, or null. */
    private @Nullable Gate attempt() {
        try (Edit edit = new Edit(this, call.from(layout), call.to(layout))) {
            // Under the lock, under which the space is closed: an operation is published before the close, or refused.
            if (isRefusedByClose()) {
                return null;
            }
            try {
                Publication.publish(edit, call.decide(edit));
                return null;
            } catch (BeyondDistrict more) {
                goBeyondPart();
                isAgain = true;
                return null;
            } catch (Restart blocked) {
                waits().restarted(edit.district);
                return blocked.gate();
            } catch (NoIdleContext none) {
                return null;
            } catch (PublicationParts.Needed many) {
                parts = new PublicationParts(layout, this, new RetirementRun(this), edit.lists.claimed);
                return null;
            }
        }
    }

    @Override
    public String toString() {
        return call.toString();
    }
}
