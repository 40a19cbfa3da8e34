// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineThreads;
import dev.samara.core.internal.space.MachineWaitReporter;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The state that the attempts of one operation and its completion share: its waits, its requests to backings, its
 * batches, the ranges to fault in, and its result. Edits use this state; {@link Operation}, which extends this class so
 * that an operation allocates one object for both, controls the sequence of attempts.
 *
 * <p>Used by the operation's thread until its last batch is published, then by the thread that completes it.
 */
abstract class OperationState extends RetirementResources implements MachineWaitReporter {
    /** The privileges at the start of the call. */
    final int privileges;

    /** The operation's waits for ranges in flight; null before the first restart. */
    private @Nullable RangeWait waits;

    /** Whether an attempt in a part of the layout needed more, so the next attempt locks the whole layout. */
    private boolean isBeyondPart;

    /** The requests of the operation to backings; null if there are none. */
    private @Nullable BackingQuestions callbacks;

    private boolean isPublished;

    /** The result of the call, once it is published or refused. */
    long result;

    /** The published range in flight; null if there is none. */
    @Nullable
    PreparedRetirement retirement;

    /** The publication in batches; null for a call that publishes once. */
    @Nullable
    PublicationBatches batches;

    /** Whether the call publishes once although it may visit many VMAs. */
    private boolean isWhole;

    /** The ranges to fault in after completion. */
    List<PopulateRange> populations = List.of();

    OperationState(Layout layout) {
        super(layout);
        privileges = layout.privileges().held();
    }

    /** Ends an asynchronous operation that is complete, before its last task runs. Called once. */
    abstract void end();

    /** Returns the result of the call, once it is published or refused. */
    public final long result() {
        return result;
    }

    /** Returns the ranges to fault in after completion. */
    public final List<PopulateRange> populations() {
        return populations;
    }

    /** Returns whether the call is a {@code munmap}, which only unmaps its range. */
    abstract boolean isMunmap();

    /** Returns whether an interrupt does not end the waits of the call. */
    abstract boolean isUninterruptible();

    /** Adds a range to fault in after completion; a new attempt starts with none. */
    final void populate(PopulateRange range) {
        if (populations.isEmpty()) {
            populations = new ArrayList<>(1);
        }
        populations.add(range);
    }

    final boolean isWhole() {
        return isWhole;
    }

    /** Publishes the call once although it may visit many VMAs. */
    final void publishWhole() {
        isWhole = true;
        batches = null;
    }

    /** Returns the waits for ranges in flight, created at the first restart. */
    final RangeWait waits() {
        if (waits == null) {
            waits = new RangeWait(layout, this, isUninterruptible());
        }
        return waits;
    }

    /** Withdraws the ticket, if there is one. The caller must hold no lock. */
    final void withdraw() {
        if (waits != null) {
            waits.withdraw();
        }
    }

    /**
     * Locks the part of the layout that contains a range, and whatever else earlier attempts turned out to need.
     *
     * @param completing whether an edit completes the operation; false for an attempt
     */
    final District lockDistrict(boolean completing, long from, long to) {
        if (batches != null) {
            return layout.lockWhole();
        } else if (isBeyondPart) {
            return layout.lockBeyond(from, to);
        }
        return completing || waits == null ? layout.lockDistrict(from, to) : waits.lockDistrict(from, to);
    }

    /** From now on, edits lock the whole layout. */
    final void goBeyondPart() {
        isBeyondPart = true;
    }

    /** Begins an attempt. The caller holds the lock of the district. */
    final void begin() {
        if (batches == null) {
            populations = List.of();
        } else {
            batches.dropUnpublished(populations);
        }
        if (callbacks != null) {
            callbacks.restart();
        }
        if (waits != null) {
            waits.beginAttempt();
        }
    }

    /** Notes a range of this attempt for the ticket, if there is one. */
    final void name(long start, long end) {
        if (waits != null) {
            waits.name(start, end);
        }
    }

    @Override
    final void refused(long refusal) {
        result = refusal;
        populations = List.of();
    }

    /**
     * Notes that an edit is published. Once all batches are published, the attempts end, and the range in flight, if
     * any, remains to be retired and completed.
     */
    final AttemptOutcome published(long answer, @Nullable PreparedRetirement rest) {
        result = answer;
        retirement = rest;
        isPublished = true;
        if (rest != null) {
            handOverTables();
        }
        return batches == null || batches.published(populations.size())
                ? AttemptOutcome.DONE
                : AttemptOutcome.BATCH_DONE;
    }

    @Override
    final boolean isPublished() {
        return isPublished;
    }

    public final Layout layout() {
        return layout;
    }

    /** Returns the age of the operation. An operation that has not restarted is younger than any operation that has. */
    final long age() {
        return waits == null ? Long.MAX_VALUE : waits.age();
    }

    /** Returns the callbacks to backings, created at first use. */
    final BackingQuestions callbacks() {
        if (callbacks == null) {
            callbacks = new BackingQuestions(layout.host());
        }
        return callbacks;
    }

    /** Returns whether the backings have answered all requests of the current attempt. */
    final boolean isAnswered() {
        return callbacks == null || callbacks.areAnswered();
    }

    /** Releases the unused context, the ticket, and unused opens, however the operation ended. */
    final void leave() {
        try {
            giveBack(retirement);
            withdraw();
        } finally {
            leaveBatches();
        }
    }

    private void leaveBatches() {
        PublicationBatches ended = batches;
        try {
            if (ended != null) {
                batches = null;
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
            // The range in flight refers to this operation, so this operation must not keep the VMAs of the questions
            // reachable.
            callbacks = null;
        }
    }

    @Override
    public final MachineThreads threads() {
        return layout.host().threads();
    }
}
