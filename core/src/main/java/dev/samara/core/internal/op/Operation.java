// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.space.BeyondDistrict;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.mman.Errno;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The run of one {@link Call}, from its arguments to its completion.
 *
 * <p>Before publication the operation is a loop of attempts, each of which is an {@link Edit} that the call fills in.
 * An attempt is dropped without effect if the operation must wait for a range in flight or must ask a backing. The
 * thread then waits or asks without a lock, and retries. After publication the range in flight is retired and
 * completed: by the calling thread, or for an asynchronous call by one of the machine's threads.
 *
 * <p>The steps in order: an attempt locks the part of the layout with {@link Call#from} and {@link Call#to}, and opens
 * an {@link Edit}. {@link Call#decide} fills the edit in ({@link Edit#claim} and {@link Edit#retirement} for a range in
 * flight). {@code Publication} acquires the {@code RetirementResources} and commits. After the lock is released, {@code
 * RetirementRun.retireAndWait} calls {@code PageRetirement.advance}, which empties the pages; then {@code
 * CompletePhase} runs.
 */
public final class Operation extends OperationState {
    /**
     * The stack that an operation needs, in stack frames, apart from callbacks. It is checked before the first change,
     * when an overflow leaves nothing to undo.
     */
    private static final int DEPTH = 60;

    private final Call call;

    /** Whether forks wait for the next attempt, because the last one had to wait for the copy of a fork. */
    private boolean delaysForks;

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
        ThreadCpus.checkMayWait("a call of a space");
        if (isRefusedByClose()) {
            return result;
        }
        StackReserve.check(DEPTH);
        attendAgain();
        if (call.mayBeRefused() && !BacklogPlace.awaitRoom(layout)) {
            return Errno.EAGAIN.result();
        }
        beginRevocations();
        try {
            publish();
        } finally {
            try {
                // Runs even after an exception that follows publication, because no other thread retires the range.
                if (retirement != null) {
                    retirement.retireAndWait();
                }
            } finally {
                endRevocations();
            }
        }
        return result;
    }

    /**
     * Ends the operation without a change if its layout is closed: with ESRCH, or as a second teardown, which does
     * nothing and succeeds.
     */
    private boolean isRefusedByClose() {
        if (!layout.isClosed()) {
            return false;
        }
        refused(endsSpace() ? Edit.DONE : Errno.ESRCH.result());
        return true;
    }

    // Called only where it matters, because each call is an interface call on one of many classes.

    @Override
    boolean endsSpace() {
        return call.endsSpace();
    }

    @Override
    boolean isUninterruptible() {
        return call.isUninterruptible();
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
     * Ends an asynchronous operation that is complete, before the task that was passed to {@link #start} runs. This
     * order is needed because a backing from which this task requests pages may call operations that wait for a place,
     * and a thread that waits for a place may be unable to run the task.
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
     * Runs the operation up to publication. One of the machine's threads does the rest, and then runs a task. May wait
     * until attempts can proceed. The caller must hold no lock.
     *
     * @param last faults in {@link #populations}
     * @return whether the task runs; false if the operation has ended and there is nothing to fault in
     */
    public boolean start(Housekeeping.Waiter last) {
        // Checked first, because when the maximum number of grace periods is pending, the call that frees a place may
        // wait for a CPU of this thread.
        ThreadCpus.checkMayWait("an asynchronous call of a space");
        if (isRefusedByClose()) {
            return false;
        }
        StackReserve.check(DEPTH);
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
            PreparedRetirement rest = retirement;
            if (rest != null) {
                // Runs even after an exception that follows publication, because no other thread retires the range.
                rest.runAfter(last);
                rest.submit();
            } else {
                end();
            }
        }
        if (retirement == null && !populations.isEmpty()) {
            layout.host().submit(last);
        }
        return retirement != null || !populations.isEmpty();
    }

    private void publish() {
        try {
            AttemptOutcome outcome = attempt();
            while (outcome != AttemptOutcome.DONE) {
                Errno refusal = prepareNext(outcome);
                if (refusal != null) {
                    refused(refusal.result());
                    return;
                }
                outcome = attempt();
            }
        } finally {
            if (delaysForks) {
                delaysForks = false;
                layout.endCopyWait();
            }
            leave();
        }
    }

    /**
     * Does what must be done before the next attempt, according to the outcome of the last one. The caller holds no
     * lock.
     *
     * @return why the operation is refused; null if there is a next attempt
     */
    private @Nullable Errno prepareNext(AttemptOutcome outcome) {
        return switch (outcome) {
            case MUST_WAIT -> {
                giveContextBack(retirement);
                yield waits().await() ? null : Errno.EINTR;
            }
            case NEEDS_WHOLE -> {
                goBeyondPart();
                yield null;
            }
            case NEEDS_BATCHES -> beginBatches(Objects.requireNonNull(batches));
            case BATCH_DONE -> {
                layout.letOthersIn();
                yield null;
            }
            case LACKS_RESOURCE -> {
                withdraw();
                yield takeLacking();
            }
            case MUST_ASK -> {
                // The ticket is withdrawn first, because no operation, and no call that the backing makes, may wait for
                // a backing's answer. The place in the backlog is released, because calls of the backing may wait for a
                // place.
                withdraw();
                giveContextBack(retirement);
                yield ask();
            }
            case DONE -> throw new IllegalArgumentException(outcome + ": there is no next attempt");
        };
    }

    /** Prepares the first batch. Returns why the call is refused; null if it continues. */
    private @Nullable Errno beginBatches(PublicationBatches first) {
        if (first.mayHaveToAsk()) {
            publishWhole();
            first.end();
            return null;
        }
        long noted = call.checkAll(layout);
        if (Errno.isError(noted)) {
            return Errno.of(noted);
        }
        first.begin(noted);
        return null;
    }

    /**
     * Asks the backings, after releasing the place of an asynchronous call. Returns why the call is refused, or null.
     */
    private @Nullable Errno ask() {
        leavePlace();
        callbacks().put();
        return place == null || place.take() ? null : Errno.EAGAIN;
    }

    private AttemptOutcome attempt() {
        boolean delayed = delaysForks;
        delaysForks = false;
        try {
            return attemptOnce();
        } finally {
            if (delayed) {
                layout.endCopyWait();
            }
        }
    }

    private AttemptOutcome attemptOnce() {
        try (Edit edit = new Edit(this, call.from(layout), call.to(layout))) {
            // Checked under the lock that the close of the space also holds, so an operation is either published before
            // the close or refused.
            if (isRefusedByClose()) {
                return AttemptOutcome.DONE;
            }
            try {
                return Publication.publish(edit, call.decide(edit));
            } catch (BeyondDistrict more) {
                return AttemptOutcome.NEEDS_WHOLE;
            } catch (Restart restart) {
                return restarted(edit, restart);
            }
        }
    }

    /** Prepares the next attempt, still under the lock. */
    private AttemptOutcome restarted(Edit edit, Restart restart) {
        Gate gate = restart.gate();
        if (gate == null && restart.outcome() == AttemptOutcome.NEEDS_BATCHES) {
            // Awaited before the range is in flight, because batches wait for no gate.
            gate = layout.copyToAwait();
        }
        if (gate != null) {
            if (gate == layout.copyToAwait()) {
                layout.beginCopyWait();
                delaysForks = true;
            }
            waits().restarted(edit.district, gate);
            return AttemptOutcome.MUST_WAIT;
        }
        if (restart.outcome() == AttemptOutcome.NEEDS_BATCHES) {
            batches = new PublicationBatches(layout, this, new RetirementRun(this), edit.lists.claimed());
        }
        return restart.outcome();
    }

    @Override
    public String toString() {
        return call.toString();
    }
}
