// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.Seals;
import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.space.BeyondDistrict;
import dev.samara.core.internal.space.InFlightOperation.PageAction;
import dev.samara.core.internal.space.InFlightOperation.PageMove;
import dev.samara.core.internal.space.InFlightOperations;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.TreeBuilder;
import org.jspecify.annotations.Nullable;

/**
 * One attempt of an operation to edit the layout. The operation's {@link Call} fills it in: with the changed layout,
 * the ranges that the attempt claims and puts in flight, and what it requests for retirement and completion.
 */
public final class Edit extends EditedLayout {
    /** The result of a successful call that returns no value. */
    public static final long DONE = 0;

    /** The contents of shared objects that this edit maps; null if there are none. */
    private @Nullable SharedContents contents;

    /**
     * Counts a writable mapping of the file that this edit maps writable, until the edit is closed; null if there is
     * none.
     */
    private @Nullable Seals writable;

    /** The number of VMAs that the call has visited in this edit. */
    private int visited;

    /**
     * Begins an attempt.
     *
     * @param from the first address of a range that contains all addresses which the call names
     * @param to the address after that range
     */
    Edit(OperationState operation, long from, long to) {
        super(operation, false, from, to);
    }

    /**
     * Claims a range for the operation. Restarts the attempt if the range overlaps a range in flight or an older
     * ticket.
     *
     * @param start the first address
     * @param end the address after the range; if it is not above {@code start}, the range extends to the end of the
     *     address space
     * @throws Restart if the attempt must wait; contains the gate to wait for
     * @throws BeyondDistrict if this edit has not locked all of the range
     */
    public void claim(long start, long end) {
        if (isBatched()) {
            return;
        }
        long stop = Addresses.isAbove(end, start) ? end : -1L;
        require(start, stop);
        operation.name(start, stop);
        InFlightOperations others = district.inFlight();
        if (!others.isEmpty()) {
            Gate gate = others.blocking(operation.age(), start, stop);
            if (gate != null) {
                throw new Restart(gate);
            }
        }
        if (!lists.claimed().cover(start, stop)) {
            lists.claimed().add(start, stop);
        }
    }

    /** Returns whether the call publishes in batches, and so keeps the ranges that it has claimed. */
    public boolean isBatched() {
        return operation.batches != null;
    }

    /**
     * Returns whether an earlier batch of the call is published. If so, the call has checked its arguments, and only
     * continues.
     */
    public boolean isContinued() {
        PublicationBatches batches = operation.batches;
        return batches != null && batches.isBegun();
    }

    /** Returns the address at which the call continues in this edit. */
    public long partStart(long first) {
        PublicationBatches batches = operation.batches;
        return batches == null ? first : batches.start(first);
    }

    /** Starts another pass over the VMAs of the call, which {@link #endsBatchAt} counts again from 0. */
    public void beginPass() {
        visited = 0;
    }

    /**
     * Counts a VMA that the call is about to visit. Returns whether the call must end this batch before that VMA;
     * another edit then continues at the address.
     *
     * @throws Restart if the call does not publish in batches yet, but may
     */
    public boolean endsBatchAt(long address) {
        if (visited++ < PublicationBatches.most() || operation.isWhole()) {
            return false;
        }
        requireWhole();
        PublicationBatches batches = operation.batches;
        if (batches == null) {
            throw new Restart(AttemptOutcome.NEEDS_BATCHES);
        }
        batches.endBatchAt(address);
        return true;
    }

    /**
     * Counts a VMA that the call is about to visit before it publishes in batches.
     *
     * @throws Restart if there are too many VMAs for one edit
     */
    public void countVma() {
        if (visited++ >= PublicationBatches.most() && !operation.isWhole()) {
            requireWhole();
            throw new Restart(AttemptOutcome.NEEDS_BATCHES);
        }
    }

    /** Returns the number that the call noted in its latest batch or in {@link Call#checkAll}; 0 if there is none. */
    public long note() {
        PublicationBatches batches = operation.batches;
        return batches == null ? 0 : batches.note();
    }

    /** Notes a number for the next batch. */
    public void note(long noted) {
        PublicationBatches batches = operation.batches;
        if (batches != null) {
            batches.note(noted);
        }
    }

    /** Counts a new VMA; one later call of {@link #fill} stores all VMAs that were counted. */
    public void putLater(VmArea vma) {
        counters.count(vma, pagesOf(vma), 1);
        countObject(vma, 1);
        fresh.add(vma);
    }

    /** Reserves list capacity for an approximate number of VMAs. */
    public void expect(int vmas) {
        lists.expect(vmas);
    }

    /** Stores VMAs into an empty layout in one step, because separate stores would each copy a path of the tree. */
    public void fill(TreeBuilder<VmArea> vmas) {
        tree.fill(vmas);
    }

    /** Returns whether this edit has unmapped a part of a range. */
    public boolean hasUnmapped(long start, long end) {
        return retirement != null && retirement.reserved().overlap(start, end);
    }

    /**
     * Puts the VMAs of a range in flight because they replace other VMAs or were moved; faults wait there until
     * completion.
     */
    public void gate(long start, long end) {
        retirement().occupy(start, end, true);
    }

    /** Requests that the pages of a range move to another range, which this edit mapped. The length is in bytes. */
    public void move(long from, long to, long length) {
        if (layout.memoryOrNull() != null) {
            retirement().move(new PageMove(from, to, length));
        }
    }

    /** Requests an action on the pages of a range. */
    public void act(PageAction action) {
        if (layout.memoryOrNull() != null) {
            retirement().act(action);
        }
    }

    /** Requests that a range be faulted in after the operation is complete. */
    public void populate(PopulateRange.Kind kind, long start, long end) {
        if (layout.memoryOrNull() != null && start != end) {
            operation.populate(new PopulateRange(kind, start, end));
        }
    }

    /** Puts the VMAs of a range in flight because their rights were narrowed. */
    public void narrow(long start, long end) {
        retirement().occupy(start, end, false);
    }

    /**
     * Returns the range in flight of this edit, created at first use.
     *
     * @throws Restart if its retirement lacks a page table context. Checked here, so that the call does not visit many
     *     VMAs in vain
     */
    PreparedRetirement retirement() {
        if (retirement == null) {
            requireContext();
            retirement = new RetirementRun(operation);
        }
        return retirement;
    }

    /** Borrows the page table context of the retirement; see {@link RetirementResources#requireContext}. */
    void requireContext() {
        operation.requireContext();
    }

    /**
     * Charges memory for the VMA that is stored next; returns false for ENOMEM. Memory that this edit has removed so
     * far counts as free.
     */
    public boolean charge(long pages) {
        return commitment().charge(counters, pages);
    }

    /**
     * Returns whether a file may be mapped shared and writable, i.e. no seal forbids it. If so, no seal is added before
     * this edit is closed.
     */
    public boolean mayMapWritable(BackingTraits file) {
        Seals seals = FilePages.sealsOf(file);
        if (seals == null) {
            return true;
        }
        boolean isAllowed = writable == null && seals.tryMap();
        if (isAllowed) {
            writable = seals;
        }
        return isAllowed;
    }

    /**
     * Creates the object of the shared mapping that is stored next, charged if {@code reserve}; returns null for
     * ENOMEM.
     */
    public @Nullable SharedAnonymous createShared(long length, boolean reserve) {
        SharedAnonymous made = commitment().shareAnonymous(counters, length, reserve);
        if (made != null) {
            contents().open(made);
        }
        return made;
    }

    /**
     * Returns the traits of a new mapping. For a shared object, these are the traits of its current content, which this
     * call opens.
     */
    public BackingTraits current(BackingTraits known) {
        if (!(known.backing() instanceof SharedAnonymous object)) {
            return known;
        }
        contents().open(object);
        return object.traits(known);
    }

    /** Returns the contents of shared objects that this edit maps. */
    private SharedContents contents() {
        if (contents == null) {
            contents = new SharedContents();
        }
        return contents;
    }

    @Override
    public void close() {
        try {
            super.close();
        } finally {
            if (writable != null) {
                writable.unmap();
            }
            if (contents != null) {
                contents.drop();
            }
        }
    }
}
