// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.Seals;
import dev.samara.core.internal.space.BeyondDistrict;
import dev.samara.core.internal.space.Counters;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.EditLists;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.InFlightRanges;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Limits;
import dev.samara.core.internal.space.PageAction;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Cursor;
import dev.samara.maple.Transaction;
import dev.samara.maple.TreeBuilder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One attempt of an operation to change a layout, or the completion of an operation: a tree transaction and its
 * effects.
 *
 * <p>The layout lock is held from construction to {@link #close}. {@link Publication} publishes all changes in one
 * step. An edit is closed without that if it must wait, if a backing must be asked first, or if a step has thrown. Such
 * an edit leaves no trace. An operation that fails half-way as Linux does is published like any other, since its
 * changes so far stay.
 */
public final class Edit implements AutoCloseable {
    /** The result of a successful call that returns no value. */
    public static final long DONE = 0;

    /** The number of VMAs put back that are removed from the list of those taken out one by one. */
    private static final int FEW_PUT_BACK = 8;

    public final Layout layout;

    /** The part of the layout that this edit has locked, or all of it. */
    public final District district;

    public final Geometry geometry;
    public final Limits limits;

    /** The privileges of the call, for {@link #limits}. */
    public final int privileges;

    /** The counters of the layout after this edit is published and complete. */
    public final Counters counters;

    final Transaction<VmArea> tree;

    final Operation operation;

    /** Whether this edit completes a published operation. */
    final boolean completing;

    final EditLists lists;
    final List<VmArea> gone;
    final ArrayList<VmArea> fresh;

    /** Charges and uncharges of this edit; null as long as there are none. */
    private @Nullable CommitCharge commitment;

    /** The range in flight that this edit publishes, or null. */
    @Nullable
    RetirementRun inFlight;

    /**
     * VMAs with opens that left the tree without a range in flight; their retiring bits are cleared after the unlock.
     * Null for none.
     */
    @Nullable
    List<VmArea> held;

    /** The opens of the new VMAs, as soon as they are known. */
    OpenTransfer opens = OpenTransfer.NONE;

    /** The contents of shared objects that this edit maps; null for none. */
    private @Nullable SharedContents contents;

    /** Counts the file that this edit maps writable, until the edit is closed; null for none. */
    private @Nullable Seals writable;

    /* The end of the heap and the lock flags that this edit sets, and whether it does. */
    private long newBrk;

    private boolean setsBrk;
    private long newDefaultLock;
    private boolean setsDefaultLock;

    /** The number of VMAs that the call has looked at in this edit. */
    private int visited;

    /** Whether the changes are published, or there were none to publish. */
    boolean published;

    Edit(Operation operation) {
        this(operation, false);
    }

    /** Opens an edit that completes a published operation. */
    static Edit completing(Operation operation) {
        return new Edit(operation, true);
    }

    private Edit(Operation operation, boolean completing) {
        this.operation = operation;
        this.completing = completing;
        layout = operation.layout();
        geometry = layout.geometry();
        privileges = operation.privileges;
        district = operation.lockDistrict(completing);
        try {
            limits = district.limits();
            if (!completing) {
                operation.begin();
            }
            lists = district.lists();
            gone = lists.gone;
            fresh = lists.fresh;
            counters = district.draftCounters();
            PublicationParts parts = completing ? null : operation.parts();
            if (parts != null) {
                parts.beginPart();
                inFlight = parts.run();
                Counters unmapped = inFlight.uncharged();
                if (unmapped != null) {
                    // As in an edit that has unmapped them itself: publication adds them again.
                    counters.subtract(unmapped);
                }
            }
            tree = district.tree().begin();
        } catch (Throwable refused) {
            district.unlock();
            throw refused;
        }
    }

    /**
     * Claims a range for the operation. Restarts the attempt if the range overlaps a range in flight or an older
     * ticket.
     *
     * @param start the first address
     * @param end after the last address; an end that is not above {@code start} means the end of the address space
     * @throws Restart with the gate to wait for
     * @throws BeyondDistrict if a part of the range is in another part of the layout
     */
    public void claim(long start, long end) {
        if (isInParts()) {
            return;
        }
        long stop = Addresses.isAbove(end, start) ? end : -1L;
        require(start, stop);
        operation.name(start, stop);
        InFlightRanges inFlight = district.inFlight();
        if (!inFlight.isEmpty()) {
            Gate gate = inFlight.blocking(operation.age(), start, stop);
            if (gate != null) {
                throw new Restart(gate);
            }
        }
        if (!lists.claimed.cover(start, stop)) {
            lists.claimed.add(start, stop);
        }
    }

    /** Returns whether the call publishes in parts, and has claimed its ranges. */
    public boolean isInParts() {
        return operation.parts() != null;
    }

    /** Returns whether an earlier part of the call is published: the call goes on, and has checked its arguments. */
    public boolean isContinued() {
        PublicationParts parts = operation.parts();
        return parts != null && parts.isBegun();
    }

    /** Returns the address at which the call goes on in this edit. */
    public long partStart(long first) {
        PublicationParts parts = operation.parts();
        return parts == null ? first : parts.start(first);
    }

    /** Begins another look at the VMAs of the call, which {@link #endsPartAt} counts anew. */
    public void beginPass() {
        visited = 0;
    }

    /**
     * Counts a VMA that the call is about to look at. Returns whether the call ends this part before it: another edit
     * goes on at the address.
     *
     * @throws PublicationParts.Needed if the call does not publish in parts yet, and may
     */
    public boolean endsPartAt(long address) {
        if (visited++ < PublicationParts.most() || operation.isWhole()) {
            return false;
        }
        requireWhole();
        PublicationParts parts = operation.parts();
        if (parts == null) {
            throw new PublicationParts.Needed();
        }
        parts.endPartAt(address);
        return true;
    }

    /**
     * Counts a VMA that the call is about to look at before it has begun to publish in parts.
     *
     * @throws PublicationParts.Needed if there are too many for an edit
     */
    public void countVma() {
        if (visited++ >= PublicationParts.most() && !operation.isWhole()) {
            requireWhole();
            throw new PublicationParts.Needed();
        }
    }

    /** Returns what the call has noted in its latest part or in {@link Call#checkAll}; 0 if nothing. */
    public long note() {
        PublicationParts parts = operation.parts();
        return parts == null ? 0 : parts.note();
    }

    /** Notes a number for the next part. */
    public void note(long noted) {
        PublicationParts parts = operation.parts();
        if (parts != null) {
            parts.note(noted);
        }
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

    /** Returns the VMA that covers an address or the next above it, or null ({@code find_vma}). */
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

    /**
     * Returns a cursor at the first VMA of a loop that changes none. The cursor finds the next VMA several times as
     * fast as {@link #firstIn} does. Returns null if the first VMA is the only one, as it usually is, or there is none.
     */
    public @Nullable Cursor<VmArea> cursorFrom(@Nullable VmArea first, long end) {
        if (first == null || !Addresses.isBelow(first.end(), end)) {
            return null;
        }
        Cursor<VmArea> cursor = tree.cursor();
        cursor.find(first.start());
        return cursor;
    }

    /** Returns the next VMA of a loop if it begins below an address, or null; also without a cursor. */
    public static @Nullable VmArea next(@Nullable Cursor<VmArea> cursor, long end) {
        VmArea vma = cursor == null ? null : cursor.next();
        return vma != null && Addresses.isBelow(vma.start(), end) ? vma : null;
    }

    /** Returns the last VMA below an address that no VMA crosses, or null. */
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

    /** Returns whether {@code [start, end)} has no VMA and no reservation, and no operation has claimed a part. */
    public boolean isFree(long start, long end) {
        require(start, end);
        return tree.isFree(start, end - 1) && district.inFlight().claimOver(start, end) == null;
    }

    /** Replaces up to three VMAs, or a hole; the new VMAs cover the old ones exactly or lie in a hole. */
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
            // A fault has given the old VMA its anon_vma since the other one was created.
            moved.adoptAnonVma(anonVma);
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
        fresh.ensureCapacity(vmas);
    }

    /** Stores VMAs into an empty layout in one step, since each single store would copy its path of the tree. */
    public void fill(TreeBuilder<VmArea> vmas) {
        tree.fill(vmas);
    }

    /** Stores a VMA over a range that is free or was taken out. */
    public void put(VmArea vma) {
        counters.count(vma, pagesOf(vma), 1);
        countObject(vma, 1);
        if (vma.isFresh()) {
            fresh.add(vma);
        } else {
            // InFlightSeams put it back; forgetPutBack follows.
            lists.putBack.add(vma);
        }
        if (inFlight == null) {
            tree.store(vma.start(), vma.end() - 1, vma);
        } else {
            tree.store(vma.start(), vma.end() - 1, vma, inFlight);
        }
    }

    /** Removes the VMAs that were put back from those that were taken out. */
    void forgetPutBack() {
        List<VmArea> putBack = lists.putBack;
        if (putBack.size() <= FEW_PUT_BACK) {
            for (int i = 0; i < putBack.size(); i++) {
                removeLast(gone, putBack.get(i));
            }
        } else {
            // In one pass, since an edit may put back every second VMA of a space.
            Set<VmArea> all = Collections.newSetFromMap(new IdentityHashMap<>());
            all.addAll(putBack);
            gone.removeIf(all::contains);
        }
        putBack.clear();
    }

    private void takeOut(@Nullable VmArea vma) {
        if (vma != null) {
            if (!vma.isFresh() && vma.anonVma() == null && mayHandOn(vma)) {
                lists.withoutAnonVma.add(vma);
            }
            counters.count(vma, pagesOf(vma), -1);
            countObject(vma, -1);
            noteGone(vma);
        }
    }

    /** Notes that a VMA leaves the layout, or was stored in vain. */
    private void noteGone(VmArea vma) {
        if (vma.isFresh()) {
            removeLast(fresh, vma);
        } else {
            gone.add(vma);
        }
    }

    private boolean mayHandOn(VmArea vma) {
        return layout.memoryOrNull() != null && !vma.has(VmaFlags.SHARED);
    }

    private static void removeLast(List<VmArea> list, VmArea vma) {
        for (int i = list.size() - 1; i >= 0; i--) {
            if (list.get(i) == vma) {
                list.remove(i);
                return;
            }
        }
        throw new IllegalStateException("not known to this edit: " + vma);
    }

    /**
     * Looks at the VMAs of a range that no VMA crosses, for {@link #displaceGathered}.
     *
     * <p>The memory of many VMAs is in no cache. So this and the steps that follow are loops of their own, each of
     * which reads little of each VMA: a processor waits for several VMAs at once as long as the loop is short.
     *
     * @return their counters, which the caller only reads
     * @throws RetirementResources.NoIdleContext as {@link #inFlight}
     */
    public Counters gather(long start, long end) {
        lists.clearGathered();
        VmArea vma = firstIn(start, end);
        if (vma == null) {
            return lists.ofGathered;
        }
        requireContext();
        lists.gathered.add(vma);
        Cursor<VmArea> cursor = cursorFrom(vma, end);
        if (cursor != null) {
            // The bounds of the cursor, not those of the VMA, which is not read here.
            for (vma = cursor.next(); vma != null && Addresses.isBelow(cursor.first(), end); vma = cursor.next()) {
                lists.gathered.add(vma);
            }
        }
        for (int i = 0; i < lists.gathered.size(); i++) {
            VmArea gathered = lists.gathered.get(i);
            lists.ofGathered.count(gathered, pagesOf(gathered), 1);
        }
        return lists.ofGathered;
    }

    /** Takes out the VMAs of the last {@link #gather}, after which nothing was stored. */
    public void displaceGathered() {
        List<VmArea> gathered = lists.gathered;
        counters.subtractAll(lists.ofGathered);
        boolean areAllOld = fresh.isEmpty();
        for (int i = 0; i < gathered.size(); i++) {
            VmArea vma = gathered.get(i);
            if (areAllOld) {
                gone.add(vma);
            } else {
                noteGone(vma);
            }
        }
        if (lists.ofGathered.opens != 0) {
            for (int i = 0; i < gathered.size(); i++) {
                VmArea vma = gathered.get(i);
                countObject(vma, -1);
                if (vma.open() != null) {
                    lists.displaced.add(vma);
                }
            }
        }
    }

    /**
     * Unmaps a range that no VMA crosses; its mapped part is reserved until completion.
     *
     * @param isMoved whether this edit maps the pages elsewhere, so that they stay charged
     */
    public void unmap(long start, long end, boolean isMoved) {
        Counters leaving = gather(start, end);
        List<VmArea> gathered = lists.gathered;
        if (gathered.isEmpty()) {
            return;
        }
        InFlightRange mine = inFlight();
        if (!isMoved) {
            mine.countUnmapped(leaving);
        } else {
            for (int i = 0; i < gathered.size(); i++) {
                VmArea vma = gathered.get(i);
                if (mayHandOn(vma)) {
                    // With an anon_vma too: it may have got that after the new VMA was created.
                    lists.withoutAnonVma.add(vma);
                }
            }
        }
        displaceGathered();
        Reservations.reserve(
                this, gathered.get(0).start(), gathered.get(gathered.size() - 1).end());
    }

    /** Returns whether this edit unmapped a part of a range. */
    public boolean hasUnmapped(long start, long end) {
        return inFlight != null && inFlight.reserved().overlap(start, end);
    }

    /**
     * Puts the VMAs of a range in flight because they replace others or were moved; faults wait there until completion.
     */
    public void gate(long start, long end) {
        inFlight().occupy(start, end, true);
    }

    /** Requests that the pages of a range move to another range, which this edit has mapped. Lengths are bytes. */
    public void move(long from, long to, long length) {
        if (layout.memoryOrNull() != null) {
            inFlight().move(new InFlightRange.Move(from, to, length));
        }
    }

    /** Requests an action on the pages of a range. */
    public void act(PageAction action) {
        if (layout.memoryOrNull() != null) {
            inFlight().act(action);
        }
    }

    /** Requests that a range is faulted in after the operation is complete. */
    public void populate(PopulateRange.Kind kind, long start, long end) {
        if (layout.memoryOrNull() != null && start != end) {
            operation.populate(new PopulateRange(kind, start, end));
        }
    }

    /** Puts the VMAs of a range in flight because their rights were narrowed. */
    public void narrow(long start, long end) {
        inFlight().occupy(start, end, false);
    }

    /**
     * Returns the range in flight of this edit, created at first use.
     *
     * @throws RetirementResources.NoIdleContext if its retirement lacks a page table context. Found here, before the
     *     call has looked at many VMAs in vain
     */
    RetirementRun inFlight() {
        if (inFlight == null) {
            requireContext();
            inFlight = new RetirementRun(operation);
        }
        return inFlight;
    }

    private void requireContext() {
        if (!completing) {
            operation.requireContext();
        }
    }

    public long pagesOf(VmArea vma) {
        return geometry.pages(vma.length());
    }

    /**
     * Charges memory for the VMA that is stored next; returns false for ENOMEM. Memory that this edit has removed so
     * far counts as free.
     */
    public boolean charge(long pages) {
        return commitment().charge(counters, pages);
    }

    /**
     * Returns whether a file may be mapped shared and writable: no seal forbids it, and none is added before this edit
     * is closed.
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

    /** Returns the contents of shared objects that this edit maps. */
    SharedContents contents() {
        if (contents == null) {
            contents = new SharedContents();
        }
        return contents;
    }

    private void countObject(VmArea vma, int sign) {
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
            RetirementRun mine = inFlight;
            if (mine != null && mine.isInParts()) {
                commitment.goOn(mine);
            }
        }
        return commitment;
    }

    /** Returns the end of the heap in this edit. */
    public long brk() {
        return setsBrk ? newBrk : layout.brk();
    }

    /** Sets the end of the heap. The caller requires the start of the heap. */
    public void setBrk(long address) {
        newBrk = address;
        setsBrk = true;
    }

    /** Returns the lock flags that mlockall set for later mappings, in this edit. */
    public long defaultLock() {
        return setsDefaultLock ? newDefaultLock : layout.defaultLock();
    }

    public void setDefaultLock(long lock) {
        requireWhole();
        newDefaultLock = lock;
        setsDefaultLock = true;
    }

    /** Adopts the counters, heap end and lock flags, which are published. */
    void adopt() {
        layout.adopt(district, counters, inFlight);
        if (setsBrk) {
            layout.setBrk(newBrk);
        }
        if (setsDefaultLock) {
            layout.setDefaultLock(newDefaultLock);
        }
    }

    /** Subtracts a completed range from the counters, and releases its charges. */
    void release(InFlightRange complete) {
        Counters uncharged = complete.uncharged();
        if (uncharged != null) {
            counters.subtract(uncharged);
        }
        commitment().release(complete);
    }

    /** Returns whether there is nothing to publish: the operation only checks, or finds its change made already. */
    boolean changesNothing() {
        return !completing
                && inFlight == null
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
    @SuppressWarnings("try") // it is there to be closed
    private void undo() {
        RetirementRun mine = inFlight;
        if (mine != null && mine.isInParts()) {
            mine.undoPart();
        }
        try (Transaction<VmArea> dropped = tree) {
            try {
                opens.takeBack();
            } finally {
                try {
                    Linking.undo(fresh);
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
        try {
            leave();
            if (held != null) {
                held.forEach(VmArea::clearRetiring);
            }
            layout.changes().deliver();
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
