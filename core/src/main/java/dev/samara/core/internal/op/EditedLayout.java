// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.BeyondDistrict;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.EditLists;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.space.Limits;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Transaction;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A layout with an edit's changes so far: a tree transaction with its VMAs, counters and charges. {@link Edit} extends
 * this class for an operation's attempts; an operation's completion uses this class directly.
 *
 * <p>The layout lock is held from construction to {@link #close}. {@link Publication} publishes all changes in one
 * step. An edit is closed without publication if the attempt must wait, if a backing must be asked first, or if a step
 * throws. Such an edit has no effect. An operation that fails half-way, as on Linux, is published like any other,
 * because its changes up to that point stay.
 */
public class EditedLayout implements AutoCloseable {
    public final Layout layout;

    /** The part of the layout that this edit locked, or the whole layout. */
    public final District district;

    public final Geometry geometry;
    public final Limits limits;

    /** The privileges of the call, for {@link #limits}. */
    public final int privileges;

    /** The counters of the layout after this edit is published and complete. */
    public final LayoutCounters counters;

    final Transaction<VmArea> tree;

    final OperationState operation;

    /** Whether this edit completes a published operation. */
    final boolean completing;

    final EditLists lists;
    final List<VmArea> gone;
    final List<VmArea> fresh;

    /** Charges and uncharges of this edit; null as long as there are none. */
    private @Nullable CommitCharge commitment;

    /** The range in flight that this edit publishes, or null. */
    @Nullable
    PreparedRetirement retirement;

    /**
     * VMAs with opens that left the tree without a range in flight; their retiring bits are cleared after the unlock.
     * Null if there are none.
     */
    @Nullable
    List<VmArea> held;

    /** The opens of the new VMAs, as soon as they are known. */
    OpenTransfer opens = OpenTransfer.NONE;

    /* The end of the heap and the lock flags that this edit sets, and whether it sets them. */
    private long newBrk;

    private boolean setsBrk;
    private long newDefaultLock;
    private boolean setsDefaultLock;

    /** Whether the changes are published, or there were none to publish. */
    boolean published;

    /**
     * Locks the part of the layout that contains a range, and begins the transaction.
     *
     * @param completing whether the edit completes a published operation
     * @param from the first address of the range
     * @param to after the last address
     */
    EditedLayout(OperationState operation, boolean completing, long from, long to) {
        this.operation = operation;
        this.completing = completing;
        layout = operation.layout();
        geometry = layout.geometry();
        privileges = operation.privileges;
        district = operation.lockDistrict(completing, from, to);
        try {
            limits = district.limits();
            if (!completing) {
                operation.begin();
            }
            lists = district.lists();
            gone = lists.gone();
            fresh = lists.fresh();
            counters = district.draftCounters();
            PublicationBatches batches = completing ? null : operation.batches;
            if (batches != null) {
                batches.beginBatch();
                retirement = batches.run();
                LayoutCounters unmapped = retirement.uncharged();
                if (unmapped != null) {
                    // Subtracted as if this edit had unmapped them itself, because publication adds them again.
                    counters.subtract(unmapped);
                }
            }
            tree = district.tree().begin();
        } catch (Throwable refused) {
            district.unlock();
            throw refused;
        }
    }

    /** Opens an edit that completes a published operation. */
    static EditedLayout completing(OperationState operation, InFlightOperation range) {
        return new EditedLayout(operation, true, range.low(), range.high());
    }

    /**
     * Checks that this edit has locked a range.
     *
     * @throws BeyondDistrict if it has not
     */
    public void require(long start, long end) {
        if (!district.contains(start, end)) {
            throw new BeyondDistrict();
        }
    }

    /**
     * Checks that this edit has locked the whole layout.
     *
     * @throws BeyondDistrict if it has not
     */
    public void requireWhole() {
        if (district.isPart()) {
            throw new BeyondDistrict();
        }
    }

    private void require(long address) {
        if (!district.contains(address)) {
            throw new BeyondDistrict();
        }
    }

    /** Returns the VMA that covers an address, or null. */
    public @Nullable VmArea at(long address) {
        require(address);
        return tree.get(address);
    }

    /** Returns the VMA that covers an address, or else the next VMA above it, or null ({@code find_vma}). */
    public @Nullable VmArea atOrAfter(long address) {
        require(address);
        VmArea vma = tree.atOrAfter(address);
        if (vma == null) {
            requireWhole();
        }
        return vma;
    }

    /**
     * Returns the first VMA that overlaps {@code [start, end)}, or null; an empty or reversed range overlaps nothing.
     */
    public @Nullable VmArea firstIn(long start, long end) {
        if (!Addresses.isBelow(start, end)) {
            return null;
        }
        require(start, end);
        VmArea vma = tree.atOrAfter(start);
        return vma != null && Addresses.isBelow(vma.start(), end) ? vma : null;
    }

    /** Returns the last VMA below an address, or null. No VMA may cross the address. */
    public @Nullable VmArea before(long address) {
        if (address == 0) {
            return null;
        }
        require(address - 1);
        VmArea vma = tree.atOrBefore(address - 1);
        if (vma == null) {
            requireWhole();
        }
        return vma;
    }

    /** Returns the VMA that covers the byte below an address, or null. */
    public @Nullable VmArea endingAt(long address) {
        return address == 0 ? null : at(address - 1);
    }

    /**
     * Returns whether {@code [start, end)} contains no VMA and no reservation, and no operation that publishes in
     * batches keeps a part of it.
     */
    public boolean isFree(long start, long end) {
        require(start, end);
        return tree.isFree(start, end - 1) && district.inFlight().batchOver(start, end) == null;
    }

    /** Replaces up to three VMAs, or a hole; the new VMAs cover exactly the old ones or are in the hole. */
    public void replace(
            @Nullable VmArea oldFirst, @Nullable VmArea oldSecond, @Nullable VmArea oldThird, VmArea... fresh) {
        takeOut(oldFirst);
        takeOut(oldSecond);
        takeOut(oldThird);
        for (VmArea vma : fresh) {
            put(vma);
        }
        if (layout.memoryOrNull() != null) {
            AnonVmas.handOn(oldFirst, fresh);
            AnonVmas.handOn(oldSecond, fresh);
            AnonVmas.handOn(oldThird, fresh);
        }
    }

    /** Replaces a VMA whose pages and anon_vma have moved to another VMA of this edit. */
    public void replaceByEmptied(VmArea old, VmArea emptied, VmArea moved) {
        takeOut(old);
        put(emptied);
        AnonVma anonVma = old.anonVma();
        if (anonVma != null && moved.anonVma() == null && mayHandOn(old)) {
            // A fault set the anon_vma of the old VMA after the other VMA was created.
            moved.adoptAnonVma(anonVma);
        }
    }

    /** Stores a VMA over a range that is free or was taken out. */
    public void put(VmArea vma) {
        counters.count(vma, pagesOf(vma), 1);
        countObject(vma, 1);
        lists.put(vma);
        if (retirement == null) {
            tree.store(vma.start(), vma.end() - 1, vma);
        } else {
            tree.store(vma.start(), vma.end() - 1, vma, retirement);
        }
    }

    private void takeOut(@Nullable VmArea vma) {
        if (vma != null) {
            if (!vma.isFresh() && vma.anonVma() == null && mayHandOn(vma)) {
                lists.withoutAnonVma().add(vma);
            }
            counters.count(vma, pagesOf(vma), -1);
            countObject(vma, -1);
            lists.takeOut(vma);
        }
    }

    /** Returns whether the anon_vma of a VMA that is taken out passes to its successors. */
    boolean mayHandOn(VmArea vma) {
        return layout.memoryOrNull() != null && !vma.has(VmaFlags.SHARED);
    }

    public long pagesOf(VmArea vma) {
        return geometry.pages(vma.length());
    }

    void countObject(VmArea vma, int sign) {
        BackingTraits traits = vma.traits();
        if (traits != null && vma.isOfObject()) {
            commitment().count(traits, sign);
        }
    }

    /** Returns whether this edit charges or uncharges memory. */
    boolean isCharged() {
        return commitment != null || counters.accounted != district.counters().accounted;
    }

    CommitCharge commitment() {
        if (commitment == null) {
            commitment = new CommitCharge(district, layout);
            PreparedRetirement mine = retirement;
            if (mine != null && mine.isBatched()) {
                commitment.goOn(mine);
            }
        }
        return commitment;
    }

    /** Returns the end of the heap, as of this edit. */
    public long brk() {
        return setsBrk ? newBrk : layout.brk();
    }

    /** Sets the end of the heap. The caller must have called {@code require} for the start of the heap. */
    public void setBrk(long address) {
        newBrk = address;
        setsBrk = true;
    }

    /** Returns the lock flags for later mappings, which mlockall sets, as of this edit. */
    public long defaultLock() {
        return setsDefaultLock ? newDefaultLock : layout.defaultLock();
    }

    public void setDefaultLock(long lock) {
        requireWhole();
        newDefaultLock = lock;
        setsDefaultLock = true;
    }

    /** Stores the counters, the end of the heap and the lock flags in the layout, as part of the publication. */
    void adopt() {
        layout.adopt(district, counters, retirement);
        if (setsBrk) {
            layout.setBrk(newBrk);
        }
        if (setsDefaultLock) {
            layout.setDefaultLock(newDefaultLock);
        }
    }

    /** Subtracts a completed range from the counters, and releases its charges. */
    void release(InFlightOperation complete) {
        LayoutCounters uncharged = complete.uncharged();
        if (uncharged != null) {
            counters.subtract(uncharged);
        }
        commitment().release(complete);
    }

    /**
     * Returns whether there is nothing to publish, because the operation only checks, or its change was already made.
     */
    boolean changesNothing() {
        return !completing
                && retirement == null
                && gone.isEmpty()
                && fresh.isEmpty()
                && commitment == null
                && brk() == layout.brk()
                && defaultLock() == layout.defaultLock();
    }

    /**
     * Undoes the effects outside of the tree, and drops the transaction. An exception of one step does not prevent the
     * other steps.
     */
    @SuppressWarnings("try") // the resource is only closed
    private void undo() {
        PreparedRetirement mine = retirement;
        if (mine != null && mine.isBatched()) {
            mine.undoBatch();
        }
        try (Transaction<VmArea> dropped = tree) {
            try {
                opens.takeBack();
            } finally {
                try {
                    FileLinks.undo(fresh);
                } finally {
                    if (commitment != null) {
                        commitment.undo();
                    }
                }
            }
        }
    }

    private void leave() {
        try {
            if (!published) {
                undo();
            }
        } finally {
            lists.clear();
            district.unlock();
        }
    }

    @Override
    public void close() {
        leave();
        if (held != null) {
            held.forEach(VmArea::clearRetiring);
        }
        layout.listeners().deliver();
    }
}
