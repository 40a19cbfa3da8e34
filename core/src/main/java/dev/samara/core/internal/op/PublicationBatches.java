// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import java.util.List;

/**
 * The publication of one call in batches. Each batch acquires the layout lock separately and changes at most {@link
 * #MOST} VMAs.
 *
 * <p>The call has one range in flight from before the first batch to its completion. Its footprint covers every range
 * that the call names, so between two batches no other operation changes or places VMAs in these ranges. Batches wait
 * for the layout lock, and, when tables are reserved, for CPUs, but never at a gate. A fork can therefore safely wait
 * until the last batch is published; otherwise its copy and this range would wait for each other. Retirement starts
 * after the last batch, for the pages of all batches together.
 *
 * <p>A batch that fails is dropped; earlier batches stay.
 *
 * <p>Used by the thread of the operation before its last batch is published.
 */
final class PublicationBatches {
    /** The maximum number of VMAs that one batch visits: a few hundred microseconds under the layout lock. */
    static final int MOST = 64;

    /**
     * Returns {@link #MOST}. A method, so that a test which is compiled with smaller batches only changes this class.
     */
    static int most() {
        return MOST;
    }

    /** A separate object, so that threads which wait for the end of the publication keep only the gate reachable. */
    private static final class PublicationGate extends Gate {
        private final Object operation;

        PublicationGate(Object operation) {
            this.operation = operation;
        }

        @Override
        public String toString() {
            return operation + ", which is being published in batches";
        }
    }

    private final Layout layout;
    private final PreparedRetirement run;
    private final Gate publication;

    /** Whether a VMA of the space has a backing that may have to be asked. */
    private final boolean mayAsk;

    /** Whether a batch is published. */
    private boolean isBegun;

    /** The number of ranges to fault in that the published batches added. */
    private int populations;

    /** The address at which the next batch starts, and a number that the call's latest batch noted for it. */
    private long next;

    private long note;

    /*
     * What the current batch determines: whether it is the last one, and the values that next and note get once it is
     * published.
     */
    private boolean draftEnds;
    private long draftNext;
    private long draftNote;

    /**
     * Reserves ranges for the batches of an operation. The caller holds the layout lock, and found no other operation
     * in the ranges.
     *
     * @param operation the operation, for messages
     * @param run the range in flight, which is in the list of operations in flight from here on
     */
    PublicationBatches(Layout layout, Object operation, PreparedRetirement run, Ranges ranges) {
        this.layout = layout;
        this.run = run;
        mayAsk = layout.counters().opens != 0;
        publication = new PublicationGate(operation);
        for (int i = 0; i < ranges.size(); i++) {
            long end = Addresses.lower(ranges.end(i), layout.geometry().limit());
            if (Addresses.isBelow(ranges.start(i), end)) {
                run.keepForBatches(ranges.start(i), end);
            }
        }
        layout.inFlight().makeRoom();
        run.publication(publication);
        layout.inFlight().add(run);
    }

    PreparedRetirement run() {
        return run;
    }

    /** Returns whether a batch was published. */
    boolean isBegun() {
        return isBegun;
    }

    /** Removes the ranges to fault in that a dropped attempt added. */
    void dropUnpublished(List<PopulateRange> ranges) {
        for (int i = ranges.size() - 1; i >= populations; i--) {
            ranges.remove(i);
        }
    }

    /**
     * Returns whether a batched range contains a VMA whose backing may have to be asked. No backing is asked while a
     * range is in flight, because the backing may call operations on that range. Takes no lock, since no other
     * operation changes VMAs in these ranges.
     */
    boolean mayHaveToAsk() {
        Ranges batched = run.batched();
        for (int i = 0; i < batched.size() && mayAsk; i++) {
            VmArea vma = layout.findNext(batched.start(i));
            while (vma != null && Addresses.isBelow(vma.start(), batched.end(i))) {
                BackingTraits traits = vma.traits();
                if (traits != null && traits.operations() != null) {
                    return true;
                }
                vma = layout.findNext(vma.end());
            }
        }
        return false;
    }

    /** Starts the decision on a batch. The caller holds the layout lock. */
    void beginBatch() {
        draftEnds = true;
        draftNote = note;
        run.beginBatch();
    }

    /** Ends the batch that is being decided; the next batch starts at an address. */
    void endBatchAt(long address) {
        draftEnds = false;
        draftNext = address;
    }

    /** Returns the address at which the current batch starts; for the first batch, the start of the call's range. */
    long start(long first) {
        return isBegun ? next : first;
    }

    long note() {
        return draftNote;
    }

    void note(long noted) {
        draftNote = noted;
    }

    /** Sets the number that the first batch reads as the note. */
    void begin(long noted) {
        note = noted;
    }

    /** Notes that the current batch is published. Returns whether it was the last one. */
    boolean published(int populated) {
        isBegun = true;
        populations = populated;
        next = draftNext;
        note = draftNote;
        return draftEnds;
    }

    /**
     * Ends the publication. If no batch was published, nothing is in flight any more, and no range remains reserved.
     * The caller holds no lock.
     */
    void end() {
        layout.lock();
        try {
            run.publication(null);
            if (!isBegun) {
                layout.inFlight().remove(run);
                run.complete();
            }
        } finally {
            layout.unlock();
        }
        try {
            Gate.wake(publication.open());
        } finally {
            if (!isBegun) {
                run.wakeWaiters();
            }
        }
    }
}
