// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.Seals;
import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.file.SharedAnonymous.MappingDeltas;
import dev.samara.core.internal.memory.CommittedMemory;
import dev.samara.core.internal.op.BackingQuestions.OpenTransfer;
import dev.samara.core.internal.op.Operation.AttemptOutcome;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.op.Operation.Restart;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.District.BeyondDistrict;
import dev.samara.core.internal.space.District.EditLists;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PageAction;
import dev.samara.core.internal.space.InFlightOperation.PageMove;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.space.InFlightOperations;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.space.LayoutListeners;
import dev.samara.core.internal.space.LayoutListeners.ChangeDelivery;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.internal.vma.VmArea.Open;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeEntry;
import dev.samara.maple.Transaction;
import dev.samara.maple.TreeBuilder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One edit of a layout under one hold of the layout lock: an attempt of an {@link Operation}, or a step of its
 * completion. It is a tree transaction with its VMAs, counters and charges, and the range that the attempt puts in
 * flight.
 *
 * <p>The lock is held from construction to {@link #close}. The operation's {@link Operation.Call} fills an attempt in:
 * with the changed layout, the ranges that it claims and puts in flight, and what it requests for retirement and
 * completion. Then {@link #publish} makes all changes visible in one store, after every step that may fail. An edit is
 * closed without publication if the attempt must wait, if a backing must be asked first, or if a step throws. Such an
 * edit has no effect. An operation that fails half-way, as on Linux, is published like any other, because its changes
 * up to that point stay.
 */
public final class Edit implements AutoCloseable {
    /*
     * Notes. The steps of a publication run in this order. A reader is a thread without the lock: a lookup, a snapshot,
     * a fault.
     *
     * Steps 1 to 8 may fail. The edit is then closed without publication and undoes the steps (undo), so it leaves no
     * trace. An Error or exception reaches the caller of the operation, except in step 5. Until step 9 a reader finds
     * the old layout.
     *
     *  1. Cut the seams: VMAs that cross an end of the range in flight are cut there, so that the operation owns no
     *     part outside. Fails if memory is short.
     *
     *  2. Find the opens: each new VMA shares the open of a VMA that it replaces, or its backing must grant one. A
     *     refusal of the backing ends the operation with that errno. If the backing has not been asked yet, the attempt
     *     ends, because no lock may be held while a backing is asked. Fails if memory is short.
     *
     *  3. Return if there is nothing to publish. The transaction is dropped, and the operation receives its result.
     *
     *  4. Wait for a fork that copies the layout and its pages: the attempt ends, and the next one starts after the
     *     copy. The fork registers its copy under the lock that this thread holds (P35). A callback of a retirement
     *     must not wait, because the copy may wait for that retirement. It publishes all the same; if it would take
     *     pages away, it fails with IllegalStateException (P26).
     *
     *  5. Acquire the resources of the retirement: stack, a page table context, memory, and capacity in each list to
     *     which the range is added later. Without stack or memory the operation ends with ENOMEM. Without an idle
     *     context the attempt ends, usually before the call decides; the operation then creates a context, or ends with
     *     EAGAIN.
     *
     *  6. Attach the new VMAs: each receives its share of an open, and the gate if it is in flight. The stores are
     *     plain. No reader can reach the VMAs before step 9. Its release store pairs with the acquire load of a reader:
     *     a reader that finds a new VMA finds it attached, with its gate closed.
     *     Before, keep the opens of VMAs that an open checkpoint may have to map again. If the edit is not published,
     *     a share is left, which the checkpoint releases when it ends.
     *
     *  7. Link the new VMAs to their files. Fails if memory is short. From here on a thread that removes a page of a
     *     file also finds the new VMAs. In their ranges of the page table it finds entries of the old VMAs, or none,
     *     and removes only entries of its page. To link them after step 9 would be too late, because a fault could
     *     install the page through a new VMA that the removal did not find (P7).
     *
     *  8. Allocate the charges, the list of removed VMAs with opens, and the events for listeners. Fails if memory is
     *     short; with a listener, also if the stack that step 14 needs is short.
     *
     *  9. Commit: one store of the tree's root, which does not fail. A reader finds all changes or none. From here on
     *     the operation is published, whatever a later step throws, and its thread retires the range. Nothing is
     *     allocated up to step 13. The end of a space closes the layout directly before this store, so a reader that
     *     finds the layout empty for that reason also finds it closed.
     *
     * 10. Notify the operation, and list the range in flight, for which step 5 reserved capacity. The range of an
     *     operation that publishes in batches is already listed. Only holders of the lock read the list. A fault waits
     *     at the gate of its VMA, and needs no list for that.
     *
     * 11. Detach the removed VMAs and set their retiring bits. Between steps 9 and 11 both removed and new VMAs are
     *     attached. A reader that found a removed VMA before step 9 may acquire a reference to it; the reference keeps
     *     the VMA's open. It may also install a page through that VMA: then the retirement finds the page, or the page
     *     also belongs to the successor. After step 11 such a reader starts over, and finds the new root. The
     *     retirement walks after this step: mark, then walk (P1, P3).
     *
     * 12. Pass on anon_vmas. A fault may have set the anon_vma of a removed VMA after its successor was created. A
     *     fault that does so after step 11 finds the VMA detached, and sets the successor's anon_vma itself. So no
     *     anon_vma is lost.
     *
     * 13. Settle the charges, and store the counters, the end of the heap and the lock flags. The machine's committed
     *     memory is never below the sum of the layouts, because charges were made before step 9. A concurrent display
     *     may label the heap by its old end.
     *
     * 14. Count the change, queue the events for listeners, and unlink removed VMAs without a range in flight. Events
     *     are queued under the lock of the part: a later operation on an overlapping range holds that lock later, so
     *     its event follows this one (P47). If there is no memory for an entry of a listener's queue, the listener
     *     loses the event, and the loss is reported.
     *
     * After the unlock, close clears the retiring bits of removed VMAs without a range in flight, and delivers the
     * event. If there is a range in flight, its completion clears the bits.
     */

    /** The result of a successful call that returns no value. */
    public static final long DONE = 0;

    /** In place of an end of the heap, and of lock flags: no value of either. */
    private static final long UNCHANGED = -1;

    public final Layout layout;

    /** The part of the layout that this edit locked, or the whole layout. */
    public final District district;

    public final Geometry geometry;

    /** The counters of the layout after this edit is published and complete. */
    public final LayoutCounters counters;

    final Operation operation;

    /** Whether this edit completes a published operation. */
    private final boolean completing;

    final Transaction<VmArea> tree;

    /*
     * The answer of the latest search upwards, until the edit changes the tree: the address, and the first VMA that
     * ends above it, or null. A call asks for the neighbours of the hole that it has just searched, so the answer
     * often spares the next search.
     */
    private long searched;
    private @Nullable VmArea found;
    private boolean isSearched;

    /** Among others the VMAs of the layout that this edit took out, {@code gone}, and those that it stored. */
    final EditLists lists;

    /** Charges and uncharges of this edit; null as long as there are none. */
    private @Nullable CommitCharge commitment;

    /** The range in flight that this edit publishes, or null. */
    @Nullable
    RetirementRun retirement;

    /** The opens of the new VMAs, as soon as they are known; null if none needs one. */
    private @Nullable OpenTransfer opens;

    /**
     * The contents of the shared objects that this edit maps. They stay open until the edit is closed, because the VMAs
     * that will share them are not attached yet, and the content to which an object's cached traits refer may have
     * ended.
     */
    private List<Open> contents = List.of();

    /** The files that this edit maps writable. A writable mapping of each is counted until the edit is closed. */
    private List<Seals> writable = List.of();

    /** The number of VMAs that the call has visited in this edit. */
    private int visited;

    /* The end of the heap and the lock flags that this edit sets. */
    private long newBrk = UNCHANGED;
    private long newDefaultLock = UNCHANGED;

    /** Whether the changes are published, or there were none to publish. */
    boolean published;

    /**
     * VMAs with opens that left the tree without a range in flight; their retiring bits are cleared after the unlock.
     * Null if there are none.
     */
    private @Nullable List<VmArea> held;

    /**
     * The position, among the VMAs taken out, after the VMA that {@link #asBefore} put back last. The next VMA to be
     * put back is usually near it.
     */
    private int near;

    /**
     * Begins an attempt, or a step of a completion.
     *
     * @param completing whether the edit completes a published operation
     * @param from the first address of a range that contains all addresses which the call names
     * @param to the address after that range
     */
    Edit(Operation operation, boolean completing, long from, long to) {
        this.operation = operation;
        this.completing = completing;
        layout = operation.layout;
        geometry = layout.geometry;
        district = operation.lockDistrict(completing, from, to);
        try {
            if (!completing) {
                operation.begin();
            }
            lists = district.lists;
            counters = district.draftCounters();
            Operation.PublicationBatches batches = completing ? null : operation.batches;
            if (batches != null) {
                retirement = batches.run;
                LayoutCounters unmapped = retirement.uncharged();
                if (unmapped != null) {
                    // Subtracted as if this edit had unmapped them itself, because publication adds them again.
                    counters.addInFlight(unmapped, -1);
                }
            }
            tree = district.tree.begin();
        } catch (Throwable refused) {
            district.unlock();
            throw refused;
        }
    }

    /** Returns the privileges that the space had when the call started, as bits. */
    public int privileges() {
        return operation.privileges;
    }

    /* The parts of the layout that the edit locked and claimed. */

    /**
     * Checks that this edit has locked a range.
     *
     * @throws BeyondDistrict if it has not
     */
    public void require(long start, long end) {
        if (district.isPart && !district.contains(start, end)) {
            throw new BeyondDistrict();
        }
    }

    /**
     * Checks that this edit has locked the whole layout.
     *
     * @throws BeyondDistrict if it has not
     */
    public void requireWhole() {
        if (district.isPart) {
            throw new BeyondDistrict();
        }
    }

    private void require(long address) {
        if (district.isPart && !district.contains(address)) {
            throw new BeyondDistrict();
        }
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
        InFlightOperations others = district.inFlight;
        if (!others.isEmpty()) {
            Gate gate = others.blocking(operation.age(), start, stop);
            if (gate != null) {
                throw new Restart(AttemptOutcome.MUST_WAIT, gate);
            }
        }
        if (!lists.claimed.cover(start, stop)) {
            lists.claimed.add(start, stop);
        }
    }

    /**
     * Claims a range for a new mapping. Where early reuse is allowed, and only {@code munmap}s are in flight in the
     * range, the mapping does not wait for them. It may take over their reservations ({@link #takeOver}), and stays in
     * flight until these operations have also completed, so it is used only after their retirement.
     *
     * @return whether such {@code munmap}s are in flight in the range
     * @throws Restart if the attempt must wait; contains the gate to wait for
     */
    public boolean claimOrReuse(long start, long end) {
        if (layout.origin.earlyReuse()) {
            require(start, end);
            if (district.inFlight.mayReuse(operation.age(), start, end)) {
                operation.name(start, end);
                return true;
            }
        }
        claim(start, end);
        return false;
    }

    /* Batches. */

    /** Returns whether the call publishes in batches, and so keeps the ranges that it has claimed. */
    public boolean isBatched() {
        return operation.batches != null;
    }

    /**
     * Returns whether an earlier batch of the call is published. If so, the call has checked its arguments, and only
     * continues.
     */
    public boolean isContinued() {
        return operation.batches != null && operation.batches.isBegun;
    }

    /** Returns the address at which the call continues in this edit. */
    public long partStart(long first) {
        return operation.batches != null && operation.batches.isBegun ? operation.batches.next : first;
    }

    /** Returns whether the call continues in another batch after this one. */
    public boolean isFollowed() {
        return operation.batches != null && !operation.batches.draftEnds;
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
        if (visited++ < Operation.batch() || operation.isWhole) {
            return false;
        }
        requireWhole();
        if (operation.batches == null) {
            throw new Restart(AttemptOutcome.NEEDS_BATCHES, null);
        }
        operation.batches.endBatchAt(address);
        return true;
    }

    /**
     * Counts a VMA that the call is about to visit before it publishes in batches.
     *
     * @throws Restart if there are too many VMAs for one edit
     */
    public void countVma() {
        if (visited++ >= Operation.batch() && !operation.isWhole) {
            requireWhole();
            throw new Restart(AttemptOutcome.NEEDS_BATCHES, null);
        }
    }

    /**
     * Returns the number that the call noted in its latest batch or in {@link Operation.Call#checkAll}; 0 if there is
     * none.
     */
    public long note() {
        return operation.batches == null ? 0 : operation.batches.draftNote;
    }

    /** Notes a number for the next batch. */
    public void note(long noted) {
        if (operation.batches != null) {
            operation.batches.draftNote = noted;
        }
    }

    /* Lookups, which see the changes so far. */

    /** Returns the VMA that covers an address, or null. */
    public @Nullable VmArea at(long address) {
        require(address);
        if (!isKnown(address)) {
            return tree.get(address);
        }
        VmArea vma = found;
        return vma != null && Addresses.isAtMost(vma.start(), address) ? vma : null;
    }

    /** Returns the VMA that covers an address, or else the next VMA above it, or null ({@code find_vma}). */
    public @Nullable VmArea atOrAfter(long address) {
        require(address);
        VmArea vma = search(address);
        if (vma == null) {
            requireWhole();
        }
        return vma;
    }

    private @Nullable VmArea search(long address) {
        if (!isKnown(address)) {
            found = tree.atOrAfter(address);
            searched = address;
            isSearched = true;
        }
        return found;
    }

    /** Returns whether the latest search upwards also answers a search from an address. */
    private boolean isKnown(long address) {
        return isSearched
                && Addresses.isAtMost(searched, address)
                && (found == null || Addresses.isBelow(address, found.end()));
    }

    /**
     * Returns the first VMA that overlaps {@code [start, end)}, or null; an empty or reversed range overlaps nothing.
     */
    public @Nullable VmArea firstIn(long start, long end) {
        if (!Addresses.isBelow(start, end)) {
            return null;
        }
        require(start, end);
        VmArea vma = search(start);
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
        return tree.isFree(start, end - 1) && district.inFlight.batchOver(start, end) == null;
    }

    /** Replaces up to three VMAs, or a hole, by one VMA that covers exactly the old ones or is in the hole. */
    public void replace(
            @Nullable VmArea oldFirst, @Nullable VmArea oldSecond, @Nullable VmArea oldThird, VmArea fresh) {
        replace(oldFirst, oldSecond, oldThird, fresh, null);
    }

    /** Replaces up to three VMAs, or a hole; the new VMAs cover exactly the old ones or are in the hole. */
    public void replace(
            @Nullable VmArea oldFirst,
            @Nullable VmArea oldSecond,
            @Nullable VmArea oldThird,
            VmArea lower,
            @Nullable VmArea upper) {
        takeOut(oldFirst);
        takeOut(oldSecond);
        takeOut(oldThird);
        put(lower);
        if (upper != null) {
            put(upper);
        }
        if (operation.memory != null) {
            handOnAnonVma(oldFirst, lower, upper);
            handOnAnonVma(oldSecond, lower, upper);
            handOnAnonVma(oldThird, lower, upper);
        }
    }

    /**
     * Passes on an anon_vma that a VMA received after its successors were created and before it was taken out. The list
     * of VMAs taken out without an anon_vma does not contain such a VMA.
     *
     * @param old a VMA that is taken out, or null
     * @param lower a VMA that replaces it
     * @param upper another one, or null
     */
    private static void handOnAnonVma(@Nullable VmArea old, VmArea lower, @Nullable VmArea upper) {
        AnonVma anonVma = old == null ? null : old.anonVma();
        if (old == null || anonVma == null) {
            return;
        }
        adoptIfOver(lower, anonVma, old);
        if (upper != null) {
            adoptIfOver(upper, anonVma, old);
        }
    }

    private static void adoptIfOver(VmArea to, AnonVma anonVma, VmArea from) {
        if (Addresses.overlap(to.start(), to.end(), from.start(), from.end())) {
            adopt(to, anonVma, from);
        }
    }

    /** Sets the anon_vma of a VMA that has none to that of the VMA whose private pages it continues. */
    private static void adopt(VmArea to, AnonVma anonVma, VmArea from) {
        if (to.anonVma() == null && to.backing() == from.backing() && !to.has(VmaFlags.SHARED)) {
            to.adoptAnonVma(anonVma);
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
        isSearched = false;
        if (retirement == null) {
            tree.store(vma.start(), vma.end() - 1, vma);
        } else {
            tree.store(vma.start(), vma.end() - 1, vma, retirement);
        }
    }

    /** Takes a VMA out, over whose range the caller stores another one. */
    void takeOut(@Nullable VmArea vma) {
        if (vma != null) {
            if (!vma.isFresh() && vma.anonVma() == null && mayHandOn(vma)) {
                lists.withoutAnonVma.add(vma);
            }
            counters.count(vma, pagesOf(vma), -1);
            countObject(vma, -1);
            lists.takeOut(vma);
        }
    }

    /** Returns whether the anon_vma of a VMA that is taken out passes to its successors. */
    boolean mayHandOn(VmArea vma) {
        return operation.memory != null && !vma.has(VmaFlags.SHARED);
    }

    public long pagesOf(VmArea vma) {
        return vma.length() >>> geometry.pageShift();
    }

    void countObject(VmArea vma, int sign) {
        BackingTraits traits = vma.traits;
        if (traits != null && vma.isOfObject()) {
            commitment().count(traits, sign);
        }
    }

    /** Counts a new VMA; one later call of {@link #fill} stores all VMAs that were counted. */
    public void putLater(VmArea vma) {
        counters.count(vma, pagesOf(vma), 1);
        countObject(vma, 1);
        lists.fresh.add(vma);
    }

    /** Reserves list capacity for an approximate number of VMAs. */
    public void expect(int vmas) {
        lists.expect(vmas);
    }

    /** Stores VMAs into an empty layout in one step, because separate stores would each copy a path of the tree. */
    public void fill(TreeBuilder<VmArea> vmas) {
        isSearched = false;
        tree.fill(vmas);
    }

    /**
     * Returns whether the map count stays within the limit if the given number of VMAs is added ({@code map_count}). It
     * is the number once everything in flight has completed: two VMAs that only a range in flight keeps separate count
     * as one. Such pairs are counted only if the result depends on their number, and only until the result is known, so
     * the time is proportional to the number of VMAs above the limit and to the number of joins that fail.
     */
    public boolean mayGrow(int more) {
        long surplus = counters.maps + more - layout.host.maxMapCount;
        if (surplus <= 0) {
            return true;
        }
        requireWhole();
        Set<Long> counted = new HashSet<>();
        for (InFlightOperation each : district.inFlight.operations) {
            for (PendingJoin join : each.joins()) {
                if (VmaMerge.willJoin(this, join) && counted.add(join.address()) && counted.size() >= surplus) {
                    return true;
                }
            }
        }
        return false;
    }

    /* Charges and limits. */

    private CommitCharge commitment() {
        if (commitment == null) {
            commitment = new CommitCharge();
        }
        return commitment;
    }

    /**
     * Charges memory for the VMA that is stored next; returns false for ENOMEM. Memory that this edit has removed so
     * far counts as free.
     */
    public boolean charge(long pages) {
        return commitment().charge(pages);
    }

    /** Subtracts a completed range from the counters, and releases its charges. */
    void release(InFlightOperation complete) {
        LayoutCounters uncharged = complete.uncharged();
        if (uncharged != null) {
            counters.addInFlight(uncharged, -1);
        }
        commitment().release(complete);
    }

    /** Returns the end of the heap, as of this edit. */
    public long brk() {
        return newBrk == UNCHANGED ? layout.brk() : newBrk;
    }

    /** Sets the end of the heap. The caller must have called {@code require} for the start of the heap. */
    public void setBrk(long address) {
        newBrk = address;
    }

    /** Returns the lock flags for later mappings, which mlockall sets, as of this edit. */
    public long defaultLock() {
        return newDefaultLock == UNCHANGED ? layout.defaultLock() : newDefaultLock;
    }

    public void setDefaultLock(long lock) {
        requireWhole();
        newDefaultLock = lock;
    }

    /* Shared objects and files. */

    /**
     * Returns whether a file may be mapped shared and writable, i.e. no seal forbids it. If so, no seal is added before
     * this edit is closed.
     */
    public boolean mayMapWritable(BackingTraits file) {
        Seals seals = FilePages.sealsOf(file);
        if (seals == null) {
            return true;
        }
        // Ensures the capacity first, because a mapping that is not in the list would be counted forever.
        ArrayList<Seals> more = new ArrayList<>(writable.size() + 1);
        more.addAll(writable);
        writable = more;
        boolean isAllowed = seals.tryMap();
        if (isAllowed) {
            more.add(seals);
        }
        return isAllowed;
    }

    /**
     * Creates the object of the shared mapping that is stored next, charged if {@code reserve}; returns null for
     * ENOMEM.
     */
    public @Nullable SharedAnonymous createShared(long length, boolean reserve) {
        SharedAnonymous made = commitment().shareAnonymous(length, reserve);
        if (made != null) {
            open(made);
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
        open(object);
        return object.traits(known);
    }

    /** Opens the current content of an object until this edit is closed. */
    private void open(SharedAnonymous object) {
        // Ensures the capacity first, because an open that is not in the list would never be dropped, and would keep
        // the content forever.
        ArrayList<Open> more = new ArrayList<>(contents.size() + 1);
        more.addAll(contents);
        contents = more;
        more.add(object.open());
    }

    /* The range in flight. */

    /**
     * Returns the range in flight of this edit, created at first use.
     *
     * @throws Restart if its retirement lacks a page table context. Checked here, so that the call does not visit many
     *     VMAs in vain
     */
    RetirementRun retirement() {
        if (retirement == null) {
            operation.requireContext();
            retirement = new RetirementRun(operation);
        }
        return retirement;
    }

    /**
     * Removes the VMAs of {@code [start, end)} from the tree, and leaves a reservation of the operation in flight in
     * their place. Lookups find nothing there. Allocation avoids the range until the operation completes, when no
     * translation of the old mapping is left. A new mapping needs no reservation, because it is placed and stored under
     * one hold of the layout lock. An operation that publishes in batches keeps the range by its footprint, and needs
     * no reservation.
     */
    void reserve(long start, long end) {
        RetirementRun mine = retirement();
        isSearched = false;
        if (mine.isBatched()) {
            tree.erase(start, end - 1);
        } else {
            tree.replaceByReservation(start, end - 1, mine);
        }
        mine.reserve(start, end);
    }

    /** Takes over the reservations of {@code munmap}s in a range that may be reused. */
    public void takeOver(long start, long end) {
        RetirementRun mine = retirement();
        mine.follow(district.inFlight.reusedIn(start, end));
        RangeEntry<Object> entry = tree.reservationIn(start, end - 1);
        while (entry != null) {
            long first = Addresses.higher(entry.first(), start);
            long last = Addresses.lower(entry.last(), end - 1);
            if (entry.value() != mine) {
                tree.erase(first, last, entry.value());
            }
            entry = last == end - 1 ? null : tree.reservationIn(last + 1, end - 1);
        }
    }

    /**
     * Erases the parts of a completed range's reservations that still exist. Its operation or, by early reuse, another
     * one may have stored VMAs over the other parts.
     */
    void clearReservations(InFlightOperation complete) {
        if (complete.isBatched()) {
            return;
        }
        Ranges reserved = complete.reserved();
        for (int i = 0; i < reserved.size(); i++) {
            long last = reserved.end(i) - 1;
            RangeEntry<Object> entry = tree.reservationIn(reserved.start(i), last);
            while (entry != null) {
                if (entry.value() == complete) {
                    tree.erase(entry.first(), entry.last(), complete);
                }
                entry = entry.last() == last ? null : tree.reservationIn(entry.last() + 1, last);
            }
        }
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

    /** Puts the VMAs of a range in flight because their rights were narrowed. */
    public void narrow(long start, long end) {
        retirement().occupy(start, end, false);
    }

    /** Requests that the pages of a range move to another range, which this edit mapped. The length is in bytes. */
    public void move(long from, long to, long length) {
        if (operation.memory != null) {
            retirement().move(new PageMove(from, to, length));
        }
    }

    /** Requests an action on the pages of a range. */
    public void act(PageAction action) {
        if (operation.memory != null) {
            retirement().act(action);
        }
    }

    /** Requests that a range be faulted in after the operation is complete. */
    public void populate(PopulateRange.Kind kind, long start, long end) {
        if (operation.memory != null && start != end) {
            operation.populate(new PopulateRange(kind, start, end));
        }
    }

    /* The publication. */

    /**
     * Publishes the edit, unless a backing must be asked first, a backing refused, or a resource is missing.
     *
     * @param result the result of the operation once it is published
     * @return how the attempt ended; meaningless for an edit that completes an operation
     */
    AttemptOutcome publish(long result) {
        RetirementRun mine = retirement;
        // Step 1.
        if (mine != null) {
            cutSeams(mine);
        }
        // Step 2.
        if (counters.opens != 0) {
            opens = OpenTransfer.of(operation, lists.gone, lists.displaced, lists.fresh);
            Errno refusal = opens == null ? null : opens.refusal;
            if (refusal != null) {
                operation.refused(refusal.result());
                return AttemptOutcome.DONE;
            }
        }
        if (operation.callbacks != null && !operation.callbacks.areAnswered()) {
            if (completing || isBatched()) {
                throw new IllegalStateException("a backing would be called for a range in flight: " + operation);
            }
            return AttemptOutcome.MUST_ASK;
        }
        // Step 3.
        if (changesNothing()) {
            closeIfItEndsSpace();
            tree.abort();
            published = true;
            return operation.published(result, null);
        }
        district.checkCap(counters, mine);
        // Steps 4 and 5.
        awaitCopy(mine);
        AttemptOutcome early = mine == null ? null : prepareToRetire(mine);
        if (early != null) {
            return early;
        }
        // Steps 6 and 7.
        attach(mine);
        linkFiles();
        // Step 8.
        CommitCharge charges =
                commitment != null || counters.accounted != district.counters().accounted ? commitment() : null;
        if (charges != null) {
            charges.prepare(mine);
        }
        List<VmArea> withOpens = mine == null ? withOpens() : null;
        ChangeDelivery.Prepared change = layout.listeners.prepare(lists.gone, lists.fresh);
        // Step 9.
        closeIfItEndsSpace();
        tree.commit();
        published = true;
        held = withOpens;
        // Steps 10 to 13.
        AttemptOutcome outcome = adopt(result, mine, charges);
        // Step 14.
        if (!lists.gone.isEmpty() || !lists.fresh.isEmpty()) {
            district.countChange();
        }
        if (change != null) {
            LayoutListeners.publish(change);
        }
        if (mine == null) {
            unlinkFiles(null);
        }
        return outcome;
    }

    /**
     * Does step 1 at the ends of the ranges that the operation occupies. At such a seam, two mergeable VMAs stay
     * separate only because of the operation, whose completion merges the halves ({@link VmaMerge#joinLate}).
     */
    private void cutSeams(RetirementRun mine) {
        Ranges occupied = mine.occupied();
        // Starts after the ranges of earlier batches, whose VMAs are already split.
        int first = occupied.sealed();
        for (int i = first; i < occupied.size(); i++) {
            long start = occupied.start(i);
            // An earlier batch of the operation may occupy the range that ends here.
            if (i > first || !mine.isBatched() || !mine.occupies(start - 1)) {
                cutSeam(mine, start, false);
            }
            cutSeam(mine, occupied.end(i), true);
        }
        lists.forgetPutBack();
    }

    private void cutSeam(RetirementRun mine, long address, boolean upperIsOutside) {
        VmArea whole = at(address);
        if (whole == null || whole.start() == address) {
            return;
        }
        VmArea lower = VmaMerge.part(this, whole, whole.start(), address, whole.flags());
        VmArea upper = VmaMerge.part(this, whole, address, whole.end(), whole.flags());
        if (upperIsOutside) {
            upper = asBefore(mine, upper);
        } else {
            lower = asBefore(mine, lower);
        }
        replace(whole, null, null, lower, upper);
        // Only this operation keeps the VMAs on both sides apart.
        mine.joinLater(new PendingJoin(address, true));
    }

    /**
     * If the edit took out an equal VMA only because it joined that VMA with a VMA in flight, returns the VMA that was
     * taken out; otherwise returns the given VMA.
     */
    private VmArea asBefore(RetirementRun mine, VmArea outside) {
        if (mine.occupied().overlap(outside.start(), outside.end())) {
            // Two ranges of this operation meet here, so this VMA also needs the gate.
            return outside;
        }
        List<VmArea> gone = lists.gone;
        for (int i = 0; i < gone.size(); i++) {
            int position = near + i < gone.size() ? near + i : near + i - gone.size();
            VmArea vma = gone.get(position);
            if (vma.looksLike(outside) && VmaMerge.mayShare(vma.anonVma(), outside.anonVma())) {
                near = position + 1;
                return vma;
            }
        }
        return outside;
    }

    /**
     * Returns whether there is nothing to publish, because the operation only checks, or its change was already made.
     */
    private boolean changesNothing() {
        return !completing
                && retirement == null
                && lists.gone.isEmpty()
                && lists.fresh.isEmpty()
                && commitment == null
                && brk() == layout.brk()
                && defaultLock() == layout.defaultLock();
    }

    private void closeIfItEndsSpace() {
        if (operation.endsSpace) {
            layout.close();
        }
    }

    /**
     * Does step 4, unless the edit completes an operation, for which the fork may wait, or publishes a batch. An
     * operation waits before its batches begin, and during them no fork registers a copy.
     */
    private void awaitCopy(@Nullable RetirementRun mine) {
        if (layout.copies.isEmpty() || completing) {
            return;
        }
        Gate copy = isBatched() ? null : layout.copyToAwait();
        Cut own = copy == null ? null : operation.call.cut();
        if (copy != null && (own == null || !own.has(copy))) {
            throw new Restart(AttemptOutcome.MUST_WAIT, copy);
        }
        InFlightOperation inside = InFlightOperation.retiring();
        if (inside != null && mine != null && mine.takesPagesAway()) {
            throw new IllegalStateException(operation + " was called by the retirement of " + inside
                    + ", and would have to wait for a fork's copy: nothing in flight may wait");
        }
    }

    /** Does step 5. Returns the outcome if the attempt ends here; null if it continues. */
    private @Nullable AttemptOutcome prepareToRetire(RetirementRun mine) {
        AttemptOutcome early = operation.prepare(mine);
        if (early != null) {
            return early;
        }
        List<VmArea> withOpens = withOpens();
        if (withOpens != null) {
            mine.hold(withOpens);
        }
        if (district.counters().cached != 0) {
            unlinkFiles(mine);
        }
        district.inFlight.makeRoom();
        mine.prepareToDepart();
        return null;
    }

    /**
     * Returns the removed VMAs that have opens; null if there are none. Other VMAs need no retiring bit, because the
     * release of their last reference has no effect.
     */
    private @Nullable List<VmArea> withOpens() {
        if (district.counters().opens == 0) {
            return null;
        }
        List<VmArea> displaced = lists.displaced;
        if (displaced.size() == lists.gone.size()) {
            // The list contains exactly the VMAs with an open, so the VMAs, possibly many, need not be read again.
            return displaced.isEmpty() ? null : new ArrayList<>(displaced);
        }
        List<VmArea> withOpens = null;
        for (int i = 0; i < lists.gone.size(); i++) {
            VmArea vma = lists.gone.get(i);
            if (vma.open() != null) {
                withOpens = withOpens == null ? new ArrayList<>(2) : withOpens;
                withOpens.add(vma);
            }
        }
        return withOpens;
    }

    private void attach(@Nullable RetirementRun mine) {
        if (district.counters().opens != 0) {
            layout.keepOpens(lists.gone);
        }
        for (int i = 0; i < lists.fresh.size(); i++) {
            VmArea vma = lists.fresh.get(i);
            vma.attach(
                    opens == null ? null : opens.take(i),
                    mine != null && mine.occupies(vma.start()) ? mine.gate() : null);
        }
    }

    /**
     * Links the new VMAs to their files ({@code vma_link_file}). A VMA is linked before its layout is published, and
     * unlinked after its pages are retired. A thread that removes a page from a file thus finds every entry that maps
     * it.
     */
    private void linkFiles() {
        if (operation.memory == null || counters.cached == 0) {
            return;
        }
        for (int i = 0; i < lists.fresh.size(); i++) {
            VmArea vma = lists.fresh.get(i);
            FilePages file = FilePages.of(vma);
            if (file != null && file.memory == operation.memory) {
                vma.link(file.link(vma, layout.pages(), !InFlightOperation.stopsFaultsAt(vma)));
            }
        }
    }

    /**
     * Unlinks the removed VMAs from their files ({@code unlink_file_vma}), or passes them to the range in flight that
     * retires their pages.
     */
    private void unlinkFiles(@Nullable RetirementRun run) {
        List<VmArea> linked = null;
        for (int i = 0; i < lists.gone.size(); i++) {
            VmArea vma = lists.gone.get(i);
            if (vma.isLinked()) {
                if (run == null) {
                    vma.unlink();
                } else {
                    linked = linked == null ? new ArrayList<>(2) : linked;
                    linked.add(vma);
                }
            }
        }
        if (run != null && linked != null) {
            run.keepLinked(linked);
        }
    }

    /** Does steps 10 to 13. */
    private AttemptOutcome adopt(long result, @Nullable RetirementRun mine, @Nullable CommitCharge charges) {
        AttemptOutcome outcome = completing ? AttemptOutcome.DONE : operation.published(result, mine);
        if (mine != null) {
            if (!mine.isBatched()) {
                district.inFlight.add(mine);
            }
            mine.depart();
        }
        for (int i = 0; i < lists.gone.size(); i++) {
            lists.gone.get(i).detach();
        }
        List<VmArea> without = lists.withoutAnonVma;
        if (!without.isEmpty()) {
            handOnAnonVmas(without, mine == null ? List.of() : mine.moves());
        }
        if (charges != null) {
            charges.publish(mine);
        }
        layout.adopt(district, counters, mine);
        if (newBrk != UNCHANGED) {
            layout.setBrk(newBrk);
        }
        if (newDefaultLock != UNCHANGED) {
            layout.setDefaultLock(newDefaultLock);
        }
        return outcome;
    }

    /**
     * Copies the anon_vma of each detached VMA to its successors, if the VMA received the anon_vma after the successors
     * were created.
     *
     * @param without the detached VMAs that had no anon_vma when they were taken out
     * @param moves the page moves, in ascending order of source; the anon_vma moves with the pages
     */
    private void handOnAnonVmas(List<VmArea> without, List<PageMove> moves) {
        for (int i = 0; i < without.size(); i++) {
            VmArea from = without.get(i);
            // Read after DETACHED was set, so a thread that sets the anon_vma later finds the VMA detached, and sets
            // the successor's anon_vma itself.
            AnonVma anonVma = from.anonVma();
            if (anonVma != null) {
                handOnAnonVma(anonVma, from, from.start(), from.end());
                for (int j = firstFrom(moves, from.start()); j < moves.size(); j++) {
                    PageMove move = moves.get(j);
                    if (!from.contains(move.from())) {
                        break;
                    }
                    handOnAnonVma(anonVma, from, move.to(), move.to() + move.length());
                }
            }
        }
    }

    /** Returns the index of the first move whose source is at an address or above it, or the number of moves. */
    private static int firstFrom(List<PageMove> moves, long address) {
        int low = 0;
        int high = moves.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Addresses.isBelow(moves.get(middle).from(), address)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private void handOnAnonVma(AnonVma anonVma, VmArea from, long start, long end) {
        MapleTree<VmArea> published = district.tree;
        VmArea to = published.atOrAfter(start);
        while (to != null && Addresses.isBelow(to.start(), end)) {
            adopt(to, anonVma, from);
            to = published.atOrAfter(to.end());
        }
    }

    /* The end. */

    /**
     * Undoes the effects outside of the tree, and drops the transaction. An exception of one step does not prevent the
     * other steps.
     */
    @SuppressWarnings("try") // the resource is only closed
    private void undo() {
        RetirementRun mine = retirement;
        if (mine != null && mine.isBatched()) {
            mine.undoBatch();
        }
        try (Transaction<VmArea> dropped = tree) {
            try {
                if (opens != null) {
                    opens.takeBack();
                }
            } finally {
                try {
                    for (int i = 0; i < lists.fresh.size(); i++) {
                        lists.fresh.get(i).unlink();
                    }
                } finally {
                    if (commitment != null) {
                        commitment.undo();
                    }
                }
            }
        }
    }

    @Override
    public void close() {
        try {
            try {
                if (!published) {
                    undo();
                }
            } finally {
                try {
                    lists.clear();
                } finally {
                    district.unlock();
                }
            }
            if (held != null) {
                held.forEach(VmArea::clearRetiring);
            }
            layout.listeners.deliver();
        } finally {
            for (int i = 0; i < writable.size(); i++) {
                writable.get(i).unmap();
            }
            for (int i = 0; i < contents.size(); i++) {
                contents.get(i).put();
            }
        }
    }

    /* The charges. */

    /** Uncharges the unmapped memory of a range in flight at its completion. Allocates nothing. */
    static void uncharge(Layout layout, InFlightOperation complete) {
        long bytes = complete.unmappedBytes();
        MappingDeltas objects = complete.unmappedObjects();
        if (objects != null) {
            bytes -= objects.settle();
        }
        if (bytes != 0) {
            layout.host.committed.uncharge(bytes);
        }
    }

    /**
     * The charges and uncharges of one edit: for the memory of its VMAs, and for the shared objects that these VMAs
     * map.
     *
     * <p>Memory is charged before the edit is published. Unmapped memory is uncharged when the operation completes,
     * except for the part that the edit reuses for new VMAs.
     */
    private final class CommitCharge {
        private final CommittedMemory committed = layout.host.committed;

        /**
         * Bytes charged for the VMAs of this edit, including VMAs about to be stored, in excess of the bytes charged
         * for the VMAs of the layout.
         */
        private long charged;

        /** The value of {@link #charged} at the start of the edit, which an edit that is not published restores. */
        private long chargedBefore;

        /** Bytes charged for new shared objects since the last settling. */
        private long chargedForObjects;

        /** The changes of the numbers of VMAs per shared object; null if there are none. */
        private @Nullable MappingDeltas mappings;

        /** Whether a mapping of a shared object was counted since the last settling. */
        private boolean isUnsettled;

        /** Accounted pages of the ranges that this edit completes; they are uncharged when the ranges complete. */
        private long completed;

        /** The ranges that this edit completes; null if there are none. */
        private @Nullable List<InFlightOperation> released;

        /**
         * Set at publication: bytes charged that the layout no longer holds, and that no range in flight will uncharge.
         */
        private long left;

        /** Set at publication: the memory that is uncharged when the range in flight completes. */
        private long deferredBytes;

        private @Nullable MappingDeltas deferredObjects;

        /**
         * Continues the charges of earlier batches of an operation. These batches left charges to the completion. The
         * layout's counters still include the charges of the VMAs that they unmapped.
         */
        CommitCharge() {
            if (isBatched() && retirement != null) {
                LayoutCounters uncharged = retirement.unchargedBefore();
                long held = uncharged == null ? 0 : uncharged.accounted << geometry.pageShift();
                chargedBefore = retirement.unmappedBytes() - held;
                charged = chargedBefore;
            }
        }

        /** Counts a VMA of a shared object: with sign 1 a VMA that is stored, with sign -1 a VMA that is taken out. */
        void count(BackingTraits object, int sign) {
            if (mappings == null) {
                mappings = new MappingDeltas();
            }
            mappings.add(object, sign);
            isUnsettled = true;
        }

        /** Charges memory for the VMA that is stored next; returns false if there is not enough memory. */
        boolean charge(long pages) {
            settle();
            long bytes = pages << geometry.pageShift();
            if (!committed.charge(bytes)) {
                return false;
            }
            charged += bytes;
            return true;
        }

        /**
         * Creates the object of the shared mapping that is stored next, charged if {@code reserve}; returns null for
         * ENOMEM.
         */
        @Nullable
        SharedAnonymous shareAnonymous(long length, boolean reserve) {
            settle();
            long bytes = reserve ? length : 0;
            if (!committed.charge(bytes)) {
                return null;
            }
            chargedForObjects += bytes;
            return new SharedAnonymous(
                    operation.memory, committed, layout.host.threads.tasks, layout.host.nextInode(), length, bytes);
        }

        /**
         * Uncharges the memory that this edit has removed so far, so that the edit can charge it again. Every charged
         * VMA must already be stored.
         */
        private void settle() {
            giveBack(excess());
            settleObjects(false);
        }

        /** Returns the bytes charged beyond the memory held. */
        private long excess() {
            long held = counters.accounted + completed - district.counters().accounted;
            return charged - (held << geometry.pageShift());
        }

        private void giveBack(long bytes) {
            if (bytes != 0) {
                committed.uncharge(bytes);
                charged -= bytes;
            }
        }

        private void settleObjects(boolean increasesOnly) {
            MappingDeltas deltas = mappings;
            if (deltas == null || !isUnsettled) {
                return;
            }
            isUnsettled = false;
            // Charges what the deltas owe, and uncharges what was charged for new objects, in one update, so that no
            // concurrent call sees less free memory than there is.
            long owed = increasesOnly ? deltas.settleIncreases() : deltas.settle();
            if (chargedForObjects != owed) {
                committed.uncharge(chargedForObjects - owed);
            }
            chargedForObjects = 0;
        }

        /** Requests that the unmapped memory of a range in flight be uncharged when this edit is published. */
        void release(InFlightOperation complete) {
            if (released == null) {
                released = new ArrayList<>(1);
            }
            released.add(complete);
            LayoutCounters uncharged = complete.uncharged();
            completed += uncharged == null ? 0 : uncharged.accounted;
        }

        /**
         * Computes what publication uncharges, and what the range in flight, if there is one, uncharges later.
         * Allocates the objects for this, but uncharges nothing yet.
         */
        void prepare(@Nullable InFlightOperation mine) {
            left = excess();
            if (mine != null) {
                long bytes = Math.max(0, left);
                // An earlier batch of the operation may also have unmapped objects. Its bytes are part of the excess.
                MappingDeltas earlier = mine.unmappedObjects();
                MappingDeltas fewer = mappings == null ? earlier : mappings.decreases(earlier);
                deferredBytes = bytes;
                deferredObjects = fewer;
                left -= bytes;
            }
        }

        /** Applies the prepared charges of an edit that was just published. Allocates nothing. */
        void publish(@Nullable InFlightOperation mine) {
            giveBack(left);
            if (mine != null) {
                mine.unmapped(deferredBytes, deferredObjects);
            }
            settleObjects(deferredObjects != null);
            if (released != null) {
                for (int i = 0; i < released.size(); i++) {
                    uncharge(layout, released.get(i));
                }
            }
        }

        /** Reverts the charges, because the edit is not published. */
        void undo() {
            committed.uncharge(charged - chargedBefore + chargedForObjects);
            if (mappings != null) {
                committed.uncharge(-mappings.revert());
            }
        }
    }
}
