// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.LayoutChange;
import dev.samara.core.internal.fault.Populate;
import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.space.Counters;
import dev.samara.core.internal.space.EditLists;
import dev.samara.core.internal.space.InFlightGate;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.InFlightRanges;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Limits;
import dev.samara.core.internal.space.PageAction;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.Life;
import dev.samara.core.internal.vma.Open;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.BackingTraits;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.RangeEntry;
import dev.samara.maple.Transaction;
import dev.samara.maple.TreeBuilder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One attempt of an operation to change a layout, or its completion: a tree transaction and what goes with it.
 *
 * <p>From opening to closing the layout lock is held. What was changed is published by {@link #finish} in one step; an
 * edit that is closed without it, because it must wait, because a backing must be asked first, or because something
 * threw, leaves no trace. An operation that fails half-way as Linux does finishes like any other, since what it has
 * done so far stays.
 */
public final class Edit implements AutoCloseable {
    /** What a call that has no other answer returns when it has succeeded. */
    public static final long DONE = 0;

    /** No operation tests for more mappings than so many below the limit. */
    private static final int LIMIT_IS_NEAR = 8;

    public final Layout layout;
    public final Geometry geometry;
    public final Limits limits;

    /** As the layout will be when this edit is published and complete. */
    public final Counters counters;

    final Transaction<Vma> tree;

    private final Operation operation;
    private final boolean completing;

    private final EditLists lists;
    private final List<Vma> gone;
    private final ArrayList<Vma> fresh;

    /** What it charges and gives back; null as long as that is nothing. */
    private @Nullable CommitCharge commitment;

    /** What must be completed later, or null. */
    private @Nullable InFlightRange transit;

    /** What has left the tree and is not in transit, held until the lock has been let go; null for nothing. */
    private @Nullable List<Vma> held;

    /** Which opens its new VMAs have, as soon as that is known. */
    private OpenTransfer opens = OpenTransfer.NONE;

    /** Shares of contents that do not end before this is closed. */
    private final ArrayList<Open> contents = new ArrayList<>(0);

    private long brk;
    private long defaultLock;
    private boolean finished;

    /** Opens an attempt of an operation. */
    Edit(Operation operation) {
        this(operation, false);
    }

    /** Opens the completion of an operation that has been published. */
    static Edit completing(Operation operation) {
        return new Edit(operation, true);
    }

    private Edit(Operation operation, boolean completing) {
        this.operation = operation;
        this.completing = completing;
        layout = operation.layout();
        geometry = layout.geometry();
        limits = layout.limits();
        layout.lock();
        try {
            if (!completing) {
                if (!operation.endsSpace()) {
                    layout.host().spaces().checkOpen();
                }
                operation.begin();
            }
            lists = layout.lists();
            gone = lists.gone;
            fresh = lists.fresh;
            counters = layout.draftCounters();
            brk = layout.brk();
            defaultLock = layout.defaultLock();
            tree = layout.tree().begin();
        } catch (Throwable refused) {
            layout.unlock();
            throw refused;
        }
    }

    /**
     * Says which range an operation is about; it waits first, by leaving this edit, if that is in transit.
     *
     * @param end behind the range; one that does not lie above {@code start} stands for the end of all addresses
     */
    public void claim(long start, long end) {
        long stop = Long.compareUnsigned(end, start) > 0 ? end : -1L;
        operation.name(start, stop);
        InFlightRanges inTransit = layout.inTransit();
        if (!inTransit.isEmpty()) {
            Gate gate = inTransit.blocking(operation, start, stop);
            if (gate != null) {
                throw new Restart(gate);
            }
        }
    }

    /** The VMA that covers an address, or null. */
    public @Nullable Vma at(long address) {
        return tree.get(address);
    }

    /** The VMA that covers an address or is the next above it, or null ({@code find_vma}). */
    public @Nullable Vma atOrAfter(long address) {
        return tree.atOrAfter(address);
    }

    /**
     * The first VMA that overlaps {@code [start, end)}, or null; a range that is empty or runs down overlaps nothing.
     */
    public @Nullable Vma firstIn(long start, long end) {
        Vma vma = Long.compareUnsigned(start, end) < 0 ? atOrAfter(start) : null;
        return vma != null && Long.compareUnsigned(vma.start(), end) < 0 ? vma : null;
    }

    /** The last VMA that lies wholly below an address at which one starts or none is, or null. */
    public @Nullable Vma before(long address) {
        return address == 0 ? null : tree.atOrBefore(address - 1);
    }

    /** Whether nothing is mapped in {@code [start, end)}, and nothing reserved. */
    public boolean isFree(long start, long end) {
        return tree.isFree(start, end - 1);
    }

    /** The VMA that ends at an address, or null; one in transit counts as none, and is tried at its completion. */
    @Nullable
    Vma neighbourBefore(long address) {
        Vma before = before(address);
        return before == null || before.end() != address ? null : unlessInTransit(before, address);
    }

    /** The VMA that begins at an address, or null; one in transit counts as none, and is tried at its completion. */
    @Nullable
    Vma neighbourAfter(long address) {
        Vma after = at(address);
        return after == null || after.start() != address ? null : unlessInTransit(after, address);
    }

    /** The same for a join that comes late: what one transit has cut another one may have to join. */
    @Nullable
    Vma neighbourBefore(InFlightRange.Join join) {
        Vma before = before(join.address());
        return before == null || before.end() != join.address() ? null : unlessInTransit(before, join);
    }

    /** The same on the other side. */
    @Nullable
    Vma neighbourAfter(InFlightRange.Join join) {
        Vma after = at(join.address());
        return after == null || after.start() != join.address() ? null : unlessInTransit(after, join);
    }

    private static @Nullable Vma unlessInTransit(Vma neighbour, InFlightRange.Join join) {
        InFlightRange other = transitOf(neighbour);
        if (other == null) {
            return neighbour;
        }
        other.joinLater(join);
        return null;
    }

    private @Nullable Vma unlessInTransit(Vma neighbour, long address) {
        InFlightRange other = transitOf(neighbour);
        if (other == null) {
            return neighbour;
        }
        // Of no harm if this edit is never published: the other one merely looks there.
        other.joinLater(address);
        return null;
    }

    /** The transit that a VMA belongs to, or null. */
    public static @Nullable InFlightRange transitOf(Vma vma) {
        InFlightRange of = Life.gateOf(vma) instanceof InFlightGate gate ? gate.transit() : null;
        return of == null || of.isCompleting() ? null : of;
    }

    /** Puts VMAs where others, or nothing, were; the new ones together cover the old ones exactly or lie in a hole. */
    public void replace(@Nullable Vma oldFirst, @Nullable Vma oldSecond, @Nullable Vma oldThird, Vma... fresh) {
        takeOut(oldFirst);
        takeOut(oldSecond);
        takeOut(oldThird);
        for (Vma vma : fresh) {
            put(vma);
        }
        if (layout.memoryOrNull() != null) {
            Identities.handOn(oldFirst, fresh);
            Identities.handOn(oldSecond, fresh);
            Identities.handOn(oldThird, fresh);
        }
    }

    /** Puts a VMA where another was, whose pages and identity have gone elsewhere. */
    public void replaceByEmptied(Vma old, Vma emptied) {
        takeOut(old);
        put(emptied);
    }

    /** Counts a new VMA, of which {@link #fill} puts all that were counted. */
    public void putLater(Vma vma) {
        counters.count(vma, pagesOf(vma), 1);
        countObject(vma, 1);
        fresh.add(vma);
    }

    /** Says how many VMAs will be put, about. */
    public void expect(int vmas) {
        fresh.ensureCapacity(vmas);
    }

    /** Puts VMAs into an empty layout: all at once, since one by one each would copy its path. */
    public void fill(TreeBuilder<Vma> vmas) {
        tree.fill(vmas);
    }

    /** Puts a VMA over a range that is free or already taken out. */
    public void put(Vma vma) {
        counters.count(vma, pagesOf(vma), 1);
        countObject(vma, 1);
        if (Life.isFresh(vma)) {
            fresh.add(vma);
        } else {
            removeLast(gone, vma);
        }
        if (transit == null) {
            tree.store(vma.start(), vma.end() - 1, vma);
        } else {
            tree.store(vma.start(), vma.end() - 1, vma, transit);
        }
    }

    private void takeOut(@Nullable Vma vma) {
        if (vma == null) {
            return;
        }
        counters.count(vma, pagesOf(vma), -1);
        countObject(vma, -1);
        if (Life.isFresh(vma)) {
            removeLast(fresh, vma);
        } else {
            gone.add(vma);
            if (vma.anonIdentity() == null && mayHandOn(vma)) {
                lists.withoutIdentity.add(vma);
            }
        }
    }

    private boolean mayHandOn(Vma vma) {
        return layout.memoryOrNull() != null && !vma.has(VmaFlags.SHARED);
    }

    private static void removeLast(List<Vma> list, Vma vma) {
        for (int i = list.size() - 1; i >= 0; i--) {
            if (list.get(i) == vma) {
                list.remove(i);
                return;
            }
        }
        throw new IllegalStateException("not known to this edit: " + vma);
    }

    /** Takes out what is mapped in a range that no VMA crosses, and that is about to be covered by a new one. */
    public void displace(long start, long end) {
        Vma vma = firstIn(start, end);
        for (; vma != null; vma = firstIn(vma.end(), end)) {
            takeOut(vma);
            noteDisplaced(vma);
        }
    }

    private void noteDisplaced(Vma vma) {
        if (Life.openOf(vma) != null) {
            lists.displaced.add(vma);
        }
    }

    /**
     * Unmaps a range that no VMA crosses: what was mapped there is reserved until completion.
     *
     * @param isMoved whether it is mapped elsewhere by the same edit, and so is not given back
     */
    public void unmap(long start, long end, boolean isMoved) {
        Vma vma = firstIn(start, end);
        if (vma == null) {
            return;
        }
        InFlightRange leaving = transit();
        long first = vma.start();
        long last = first;
        for (; vma != null; vma = firstIn(last, end)) {
            if (!isMoved) {
                leaving.countUnmapped(vma, pagesOf(vma));
            }
            if (isMoved && vma.anonIdentity() != null && mayHandOn(vma)) {
                // It may have been given after what takes its place was made.
                lists.withoutIdentity.add(vma);
            }
            takeOut(vma);
            noteDisplaced(vma);
            last = vma.end();
        }
        tree.replaceByReservation(first, last - 1, leaving);
        leaving.reserve(first, last);
    }

    /** Whether something was unmapped in a range. */
    public boolean hasUnmapped(long start, long end) {
        return transit != null && transit.reserved().overlap(start, end);
    }

    /** Marks a range as one of which the VMAs replace something, or were moved: faults wait there until completion. */
    public void gate(long start, long end) {
        transit().occupy(start, end, true);
    }

    /** Says that the pages of a range go where another begins, which this edit has mapped. */
    public void move(long from, long to, long length) {
        if (layout.memoryOrNull() != null) {
            transit().move(new InFlightRange.Move(from, to, length));
        }
    }

    /** Says what is done to the pages of a range. */
    public void act(PageAction action) {
        if (layout.memoryOrNull() != null) {
            transit().act(action);
        }
    }

    /** Has a range faulted in once the operation is complete. */
    public void populate(Populate.Kind kind, long start, long end) {
        if (layout.memoryOrNull() != null && start != end) {
            operation.populate(new Populate(kind, start, end));
        }
    }

    /** Marks a range as one in which rights were taken away. */
    public void narrow(long start, long end) {
        transit().occupy(start, end, false);
    }

    /** What this edit leaves to be completed. */
    private InFlightRange transit() {
        if (transit == null) {
            transit = new InFlightRange(operation);
        }
        return transit;
    }

    /**
     * Says which range a new mapping is for. Where early reuse is allowed, and nothing but {@code munmap}s is in flight
     * there, it waits for none of them.
     *
     * @return whether there are such {@code munmap}s
     */
    public boolean claimOrReuse(long start, long end) {
        if (layout.reusesEarly() && layout.inTransit().mayReuse(operation, start, end)) {
            operation.name(start, end);
            return true;
        }
        claim(start, end);
        return false;
    }

    /** Takes over what {@code munmap}s have reserved in a range that may be reused. */
    public void reuseEarly(long start, long end) {
        transit().follow(layout.inTransit().reusedIn(start, end));
        RangeEntry<Object> entry = tree.reservationIn(start, end - 1);
        while (entry != null) {
            long first = Long.compareUnsigned(entry.first(), start) < 0 ? start : entry.first();
            long last = Long.compareUnsigned(entry.last(), end - 1) < 0 ? entry.last() : end - 1;
            if (entry.value() != transit) {
                tree.erase(first, last, entry.value());
            }
            entry = last == end - 1 ? null : tree.reservationIn(last + 1, end - 1);
        }
    }

    public long pagesOf(Vma vma) {
        return geometry.pages(vma.length());
    }

    /** Whether so many more VMAs may come into being by splits. */
    public boolean mayMapMore(int more) {
        return maps() + more <= layout.host().maxMapCount();
    }

    /**
     * How many mappings there will be once everything is complete; what is kept apart only while it is in transit
     * counts as one. Far from the limit, where the difference decides nothing, they are not looked for.
     */
    public long maps() {
        boolean isFar = counters.maps < layout.host().maxMapCount() - LIMIT_IS_NEAR;
        return isFar ? counters.maps : counters.maps - layout.inTransit().countJoins(this);
    }

    /** Why a backing does not let a VMA be cut, or null. */
    public @Nullable Errno refusalToCut(Vma vma, long address) {
        return vma.isSpecial() ? Errno.EINVAL : operation.questions().maySplit(vma, address, inLayout(vma));
    }

    /** A VMA, or if this edit has made it, one of the same backing that it took out for it; null if there is none. */
    private @Nullable Vma inLayout(Vma vma) {
        return Life.isFresh(vma) ? relative(vma, gone) : vma;
    }

    /** One of some VMAs that has the same backing as another, or null. */
    static @Nullable Vma relative(Vma vma, List<Vma> others) {
        for (Vma other : others) {
            if (other.backing() == vma.backing()) {
                return other;
            }
        }
        return null;
    }

    /**
     * Charges memory that a VMA put next will hold; false means ENOMEM. What the edit has taken away so far is free
     * again by then.
     */
    public boolean charge(long pages) {
        return commitment().charge(counters, pages);
    }

    /** Makes the object of a shared mapping that is put next, charged unless it is not to be; null means ENOMEM. */
    public @Nullable SharedAnonymous shareAnonymous(long length, boolean reserve) {
        SharedAnonymous made = commitment().shareAnonymous(counters, length, reserve);
        if (made != null) {
            open(made);
        }
        return made;
    }

    /**
     * What a new mapping of a backing has: of a shared object its content of now, which does not end before this edit
     * is closed. The one that was known when its traits were asked for may have ended since.
     */
    public BackingTraits current(BackingTraits known) {
        if (!(known.backing() instanceof SharedAnonymous object)) {
            return known;
        }
        open(object);
        return object.traits(known);
    }

    private void open(SharedAnonymous object) {
        // Room first: a share that nobody drops would keep the content for ever.
        contents.ensureCapacity(contents.size() + 1);
        contents.add(object.open());
    }

    private void countObject(Vma vma, int sign) {
        if (vma.traits() != null && vma.traits().backing() instanceof SharedAnonymous object) {
            commitment().count(object, sign);
        }
    }

    private CommitCharge commitment() {
        if (commitment == null) {
            commitment = new CommitCharge(layout);
        }
        return commitment;
    }

    /** The lower of two addresses. */
    public static long lower(long one, long other) {
        return Long.compareUnsigned(one, other) < 0 ? one : other;
    }

    /** Where the heap ends, in this edit. */
    public long brk() {
        return brk;
    }

    public void setBrk(long newBrk) {
        brk = newBrk;
    }

    /** What mlockall asks of later mappings, in this edit. */
    public long defaultLock() {
        return defaultLock;
    }

    public void setDefaultLock(long lock) {
        defaultLock = lock;
    }

    /** Takes a transit that is complete off the counters. */
    void release(InFlightRange complete) {
        Counters uncharged = complete.uncharged();
        if (uncharged != null) {
            counters.subtract(uncharged);
        }
        commitment().release(complete);
    }

    /**
     * Publishes the change, unless a backing must be asked first or has refused.
     *
     * @param result what the operation returns
     * @return that, or the negated errno of a refusal
     */
    long finish(long result) {
        InFlightRange mine = transit;
        if (mine != null) {
            isolate(mine.occupied());
        }
        if (counters.opens != 0) {
            opens = OpenTransfer.of(operation, gone, lists.displaced, fresh);
        }
        Errno refusal = opens.refusal();
        if (refusal != null) {
            operation.refused(refusal.result());
            return refusal.result();
        }
        if (!operation.isAnswered()) {
            if (completing) {
                throw new IllegalStateException("a completion has nothing to ask: " + operation);
            }
            return result;
        }
        refuseToWaitForCopy(mine);
        if (mine != null && !prepareToRetire(mine)) {
            return result;
        }
        for (int i = 0; i < fresh.size(); i++) {
            Vma vma = fresh.get(i);
            Life.attach(vma, opens.take(i), mine != null && mine.occupied().contain(vma.start()) ? mine.gate() : null);
        }
        Linking.link(layout, fresh);
        boolean charges = commitment != null || counters.accounted != layout.counters().accounted;
        if (charges) {
            commitment().prepare(counters, mine);
        }
        List<Vma> withOpens = mine == null ? withOpens() : null;
        LayoutChange change = layout.changes().prepare(gone, fresh);
        tree.commit();
        // From here on it is published, whatever is thrown: what is mapped has its opens. Nothing up to the adoption of
        // the counters allocates, so none of it fails for want of memory.
        finished = true;
        held = withOpens;
        if (!completing) {
            operation.published(result, mine);
        }
        if (mine != null) {
            layout.inTransit().add(mine);
            mine.depart();
        }
        for (int i = 0; i < gone.size(); i++) {
            Life.detach(gone.get(i));
        }
        Identities.handOn(lists.withoutIdentity, fresh, mine == null ? List.of() : mine.moves());
        if (charges) {
            commitment().publish(mine);
        }
        layout.adopt(counters, mine, brk, defaultLock);
        layout.changes().publish(gone, fresh, change);
        if (mine == null) {
            Linking.unlink(gone, null);
        }
        return result;
    }

    /**
     * Takes what retiring needs, so that it does not fail for want of that; false if the operation has to see to it
     * first.
     */
    private boolean prepareToRetire(InFlightRange mine) {
        if (!operation.prepare(mine)) {
            return false;
        }
        if (mine.takesPagesAway() && !layout.copies().isEmpty()) {
            mine.note(List.copyOf(layout.copies()));
        }
        List<Vma> withOpens = withOpens();
        if (withOpens != null) {
            mine.hold(withOpens);
        }
        Linking.unlink(gone, mine);
        layout.inTransit().makeRoom();
        mine.prepareToDepart();
        return true;
    }

    /** Whether it has been published. */
    boolean isFinished() {
        return finished;
    }

    /**
     * Who is called by what retires an operation must not wait for a fork's copy, which may wait for that operation;
     * after publication it is too late to say so.
     */
    private void refuseToWaitForCopy(@Nullable InFlightRange mine) {
        InFlightRange inside = InFlightRange.ofThisThread();
        if (inside != null
                && mine != null
                && mine.takesPagesAway()
                && !layout.copies().isEmpty()) {
            throw new IllegalStateException(operation + " was called by what retires " + inside
                    + ", and would have to wait for a fork's copy: nothing that is in transit may wait");
        }
    }

    /** Cuts the VMAs that reach across an end of a range in transit, so that what lies outside is nobody's. */
    private void isolate(Ranges ranges) {
        for (int i = 0; i < ranges.size(); i++) {
            cutSeam(ranges.start(i), false, ranges);
            cutSeam(ranges.end(i), true, ranges);
        }
    }

    private void cutSeam(long address, boolean upperIsOutside, Ranges ranges) {
        Vma whole = at(address);
        if (whole == null || whole.start() == address) {
            return;
        }
        int pageShift = geometry.pageShift();
        Vma lower = MergeRules.part(whole, whole.start(), address, whole.flags(), pageShift);
        Vma upper = MergeRules.part(whole, address, whole.end(), whole.flags(), pageShift);
        if (upperIsOutside) {
            upper = asBefore(upper, ranges);
        } else {
            lower = asBefore(lower, ranges);
        }
        replace(whole, null, null, lower, upper);
        transit().addSeam(address);
    }

    /**
     * The VMA that was there before this edit and has merely been joined with what is in transit, or else the new one.
     */
    private Vma asBefore(Vma outside, Ranges ranges) {
        if (ranges.overlap(outside.start(), outside.end())) {
            // Two ranges of this transit meet here: it needs the gate too.
            return outside;
        }
        for (Vma vma : gone) {
            if (vma.start() == outside.start()
                    && vma.end() == outside.end()
                    && vma.backing() == outside.backing()
                    && vma.pageOffset() == outside.pageOffset()
                    && MergeRules.haveSameFlags(vma, outside)) {
                return vma;
            }
        }
        return outside;
    }

    /** VMAs without an open need not be held: nothing happens when the last keep of one ends. Null for none. */
    private @Nullable List<Vma> withOpens() {
        List<Vma> withOpens = null;
        for (int i = 0; i < gone.size(); i++) {
            Vma vma = gone.get(i);
            if (Life.openOf(vma) != null) {
                if (withOpens == null) {
                    withOpens = new ArrayList<>(2);
                }
                withOpens.add(vma);
            }
        }
        return withOpens;
    }

    /**
     * Takes back what is outside of the tree, and drops the transaction. A step that throws does not prevent the
     * others.
     */
    @SuppressWarnings("try") // it is there to be closed
    private void undo() {
        try (Transaction<Vma> dropped = tree) {
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
            if (!finished) {
                undo();
            }
        } finally {
            lists.clear();
            layout.unlock();
        }
    }

    @Override
    public void close() {
        try {
            leave();
            if (held != null) {
                held.forEach(Life::unhold);
            }
            layout.changes().deliver();
        } finally {
            contents.forEach(Open::drop);
        }
    }
}
