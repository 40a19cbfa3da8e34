// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.space.BeyondDistrict;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.MachineWatch;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.WaitingCall;
import dev.samara.core.mman.Errno;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The run of one {@link Call}, from its arguments to its completion.
 *
 * <p>Before publication the operation is a loop of attempts, each an {@link Edit} on which the call decides. An attempt
 * is dropped without effect if the operation must wait for a range in flight or must ask a backing. The thread then
 * waits or asks without a lock and attempts again. After publication the range in flight is retired and completed: by
 * the calling thread, or for an asynchronous call by one of the machine's threads.
 */
public final class Operation extends RetirementResources implements MachineWatch {
    private final Call call;

    /** The privileges at the beginning of the call. */
    final int privileges;

    /** Its waits for ranges in flight; null before the first restart. */
    private @Nullable RangeWait waits;

    /** Whether an attempt in a part of the layout needed more: the next one has the whole layout. */
    private boolean isBeyondPart;

    /** Whether the latest attempt was the first one to need more. */
    private boolean isAgain;

    private @Nullable BackingQuestions callbacks;

    private boolean done;
    private boolean isPublished;
    private long result;
    private @Nullable RetirementRun inFlight;

    /** The place in the backlog of an asynchronous operation; null if it needs none. */
    private @Nullable BacklogPlace place;

    /** The publication in parts; null for a call that publishes once. */
    private @Nullable PublicationParts parts;

    /** Whether the call publishes once although it may look at many VMAs. */
    private boolean isWhole;

    /** The ranges that the call may revoke; null if the machine is not checked. */
    private @Nullable CheckedRevocations revocations;

    /** The ranges to fault in after completion. */
    private List<PopulateRange> populations = List.of();

    public Operation(Layout layout, Call call) {
        super(layout);
        this.call = call;
        privileges = layout.privileges().held();
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
    void end() {
        try {
            endRevocations();
        } finally {
            leavePlace();
        }
    }

    /** Returns the result of the call, once it is published or refused. */
    public long result() {
        return result;
    }

    /** Returns the ranges to fault in after completion. */
    public List<PopulateRange> populations() {
        return populations;
    }

    @Override
    boolean endsSpace() {
        return call.endsSpace();
    }

    /** Returns whether the call is a {@code munmap}, which only unmaps its range. */
    boolean isMunmap() {
        return call.isMunmap();
    }

    private void leavePlace() {
        if (place != null) {
            place.leave();
        }
    }

    /** Adds a range to fault in after completion; a new attempt starts with none. */
    void populate(PopulateRange range) {
        if (populations.isEmpty()) {
            populations = new ArrayList<>(1);
        }
        populations.add(range);
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
            RetirementRun rest = inFlight;
            if (rest != null) {
                // Also after an exception that follows publication: no other thread retires the range.
                rest.runAfter(last);
                rest.submit();
            } else {
                end();
            }
        }
        if (inFlight == null && !populations.isEmpty()) {
            host().submit(last);
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
            isWhole = true;
            parts = null;
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

    /** Returns the publication in parts, or null. */
    @Nullable
    PublicationParts parts() {
        return parts;
    }

    boolean isWhole() {
        return isWhole;
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
        try (Edit edit = new Edit(this)) {
            // Under the lock, under which the space is closed: an operation is published before the close, or refused.
            if (isRefusedByClose()) {
                return null;
            }
            try {
                Publication.publish(edit, call.decide(edit));
                return null;
            } catch (BeyondDistrict more) {
                isBeyondPart = true;
                isAgain = true;
                return null;
            } catch (Restart blocked) {
                waits().restarted(edit.district);
                return blocked.gate();
            } catch (NoIdleContext none) {
                return null;
            } catch (PublicationParts.Needed many) {
                parts = new PublicationParts(this, new RetirementRun(this), edit.lists.claimed);
                return null;
            }
        }
    }

    /** Returns the waits for ranges in flight, created at the first restart. */
    private RangeWait waits() {
        if (waits == null) {
            waits = new RangeWait(layout, this, endsSpace());
        }
        return waits;
    }

    private void withdraw() {
        if (waits != null) {
            waits.withdraw();
        }
    }

    /**
     * Locks the part of the layout in which an edit begins, or the whole layout.
     *
     * @param completing whether the edit completes the operation
     */
    District lockDistrict(boolean completing) {
        RetirementRun run = completing ? inFlight : null;
        long from = run != null ? run.low() : call.from(layout);
        long to = run != null ? run.high() : call.to(layout);
        if (parts != null) {
            return layout.lockWhole();
        } else if (isBeyondPart) {
            return layout.lockBeyond(from, to);
        } else if (run != null) {
            return layout.lock(from, to);
        }
        return waits != null ? waits.lock(from, to) : layout.lock(from, to);
    }

    /** Has the next edit lock the whole layout. */
    void goBeyondPart() {
        isBeyondPart = true;
    }

    /** Begins an attempt. Caller holds the lock of the district. */
    void begin() {
        if (parts == null) {
            populations = List.of();
        } else {
            parts.dropUnpublished(populations);
        }
        if (callbacks != null) {
            callbacks.restart();
        }
        if (waits != null) {
            waits.beginAttempt();
        }
    }

    /** Notes a range of this attempt for the ticket, if there is one. */
    void name(long start, long end) {
        if (waits != null) {
            waits.name(start, end);
        }
    }

    @Override
    void refused(long refusal) {
        result = refusal;
        populations = List.of();
        done = true;
    }

    /** Ends the attempts; the range in flight, if any, remains to be retired and completed. */
    void published(long answer, @Nullable RetirementRun rest) {
        result = answer;
        inFlight = rest;
        isPublished = true;
        if (rest != null) {
            handOverTables();
        }
        done = parts == null || parts.published(populations.size());
    }

    @Override
    boolean isPublished() {
        return isPublished;
    }

    public Layout layout() {
        return layout;
    }

    /** Returns its age; an operation that has not restarted is younger than any that has. */
    long age() {
        return waits == null ? Long.MAX_VALUE : waits.age();
    }

    /** Returns the callbacks to backings, created at first use. */
    BackingQuestions callbacks() {
        if (callbacks == null) {
            callbacks = new BackingQuestions(host());
        }
        return callbacks;
    }

    /** Returns whether every callback that the current attempt needs has its answer. */
    boolean isAnswered() {
        return callbacks == null || callbacks.areAnswered();
    }

    /** Releases the unused context, the ticket, and the callbacks' unused opens, on each way out. */
    private void leave() {
        try {
            giveBack(inFlight);
            withdraw();
        } finally {
            leaveParts();
        }
    }

    private void leaveParts() {
        PublicationParts ended = parts;
        try {
            if (ended != null) {
                parts = null;
                ended.end();
            }
        } finally {
            leaveCallbacks();
        }
    }

    private void leaveCallbacks() {
        if (callbacks != null) {
            if (isPublished) {
                callbacks.takeBackUnused();
            } else {
                callbacks.takeBackAll();
            }
            // The range in flight leads to this operation, so this operation must not keep those VMAs reachable.
            callbacks = null;
        }
    }

    @Override
    public MachineState host() {
        return layout.host();
    }

    @Override
    public String toString() {
        return call.toString();
    }
}
