// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The districts of one layout: one for all of it, or several parts.
 *
 * <p>A layout starts undivided, and is changed under the layout lock. If threads that work in different places
 * repeatedly {@linkplain LockContention contend} for that lock, the layout is divided between those places. An
 * operation that needs a single part takes the lock of that part alone. Any other operation joins the parts first: it
 * takes the layout lock, and then the locks of all parts in address order. So an operation sees either a whole layout,
 * or a part that no other thread is changing.
 *
 * <p>A join changes no mapping. Joins and divisions build new trees. A tree that was divided or joined never changes
 * again. A reader that still uses an old tree sees the layout of the instant at which that tree was replaced, which is
 * after the start of the reader.
 */
final class Districts extends PartLookups {
    /** The stack that the last steps of a division or of a join need, in frames. */
    private static final int DEPTH = 8;

    private final LayoutState layout;

    /** The layout lock. */
    private final ReentrantLock lock;

    /**
     * The whole layout as one district; dead while the layout is divided. Guarded by the layout lock.
     *
     * <p>Written: a division and a join, holding the layout lock (plain).
     * Read: holder of the layout lock (plain).
     * Invariant: dead exactly while the layout is divided; its counters are then the counters at the division.
     */
    private District whole;

    private final BorderSearch search;

    /** Creates the one district of a layout that has its first tree. */
    Districts(LayoutState layout) {
        super(layout);
        this.layout = layout;
        search = new BorderSearch(layout.geometry().pageSize());
        lock = layout.layoutLock();
        MapleTree<VmArea> tree = Objects.requireNonNull(layout.treeAcquire());
        whole = new District(lock, tree, layout.limits(), new LayoutCounters(), new LockHoldTimes(), 0, 0);
    }

    /** Returns the whole layout as one district. Caller has locked it. */
    District whole() {
        return whole;
    }

    /** Locks the whole layout, and joins its parts. */
    District lockWhole() {
        return lockWhole(true, 0, -1);
    }

    /**
     * Locks the whole layout, and joins its parts, for an operation that needs more than one part because of its range
     * or of a neighbour of the range.
     *
     * @param start the first address of the range
     * @param end the (exclusive) end of the range; -1 if there is no range
     */
    District lockBeyond(long start, long end) {
        long pageSize = layout.geometry().pageSize();
        boolean isNear = Addresses.isBelow(pageSize, start) && Addresses.isBelow(end, -pageSize);
        return isNear ? lockWhole(true, start - pageSize, end + pageSize) : lockWhole();
    }

    /**
     * Locks the whole layout, and joins its parts.
     *
     * @param isNeeded whether an operation needs the whole layout; otherwise the layout will be divided again, or a
     *     division is not worthwhile
     * @param start the first address of the operation's range
     * @param end the (exclusive) end of the operation's range; -1 if it has no range
     */
    private District lockWhole(boolean isNeeded, long start, long end) {
        ThreadCpus.checkMayWait(District.LOCKING);
        lock.lock();
        boolean isDone = false;
        try {
            District locked = whole;
            locked.begin();
            if (locked.isDead()) {
                locked = join(isNeeded, start, end);
            }
            isDone = true;
            return locked;
        } finally {
            if (!isDone) {
                lock.unlock();
            }
        }
    }

    /**
     * Locks the part that contains a range, or the whole layout if it is not divided or no part contains the range.
     * First joins the parts if a reader requested that.
     *
     * @param start the first address
     * @param end the (exclusive) end
     */
    District lockDistrict(long start, long end) {
        for (; ; ) {
            LayoutParts known = current();
            if (known != null && known.isJoinAsked() && joinForReader()) {
                continue;
            }
            if (known != null && !known.isInOne(start, end)) {
                return lockBeyond(start, end);
            }
            District locked = known == null
                    ? lockUndivided(start, end)
                    : lockPart(known, known.district(known.indexOf(start)), start, end);
            if (locked != null) {
                return locked;
            }
        }
    }

    /** Joins the parts; returns false if that fails. The calling operation does not need the join. */
    private boolean joinForReader() {
        try {
            lockWhole().unlock();
            return true;
        } catch (Throwable thrown) {
            search.noteFailure(thrown);
            return false;
        }
    }

    /**
     * Locks a part. Returns null, without the lock, if the part is dead or lookups do not use it yet. The latter is
     * possible if the layout was joined after the caller found no tree, and is now being divided again.
     */
    private @Nullable District lockPart(LayoutParts known, District part, long start, long end) {
        boolean isMet = part.isContended();
        part.lock();
        long[] more = Borders.NONE;
        int idle = 0;
        boolean isOurs = false;
        try {
            if (part.isDead() || layout.treeAcquire() != null) {
                return null;
            }
            if (isMet) {
                more = search.at(part.contention(), start, end, known, part);
            }
            if (more.length == 0 && part.isDueForLook()) {
                idle = UnusedParts.idle(known, part);
            }
            isOurs = more.length == 0 && idle == 0;
        } finally {
            if (!isOurs) {
                part.unlock();
            }
        }
        if (isOurs) {
            return part;
        }
        divideAgain(known, part, more, idle);
        return null;
    }

    /**
     * Divides a layout anew, with more borders and without the borders of parts that are no longer used. The caller
     * then looks up its part again.
     *
     * @param part the caller's part
     * @param more the additional borders
     * @param idle the parts that are no longer used, one bit each
     */
    private void divideAgain(LayoutParts known, District part, long[] more, int idle) {
        District all;
        long[] unused;
        long[] unneeded;
        try {
            unused = known.bordersBelow(UnusedParts.beside(known, part));
            boolean isAlone = Integer.bitCount(idle) == known.count() - 1;
            unneeded = isAlone ? LayoutParts.borders(known.districts()) : known.bordersBelow(idle);
            all = lockWhole(false, 0, -1);
        } catch (Throwable thrown) {
            // The parts are unchanged.
            search.noteFailure(thrown);
            return;
        }
        try {
            long[] old = search.keep(unneeded, unused, more.length);
            divideAt(old, more);
            LayoutParts made = current();
            search.dividedFurther(more.length == 0 || (made != null && made.count() > old.length + 1));
        } catch (Throwable thrown) {
            search.noteFailureOfWhole(thrown);
        } finally {
            all.unlock();
        }
    }

    /**
     * Divides the layout at the old borders and at the additional ones, or, if that fails, only at the old ones. The
     * caller must meet the conditions of {@link #tryToDivide}.
     */
    private void divideAt(long[] old, long[] more) {
        tryToDivide(Borders.merged(old, more, LayoutParts.MOST - 1));
        if (!whole.isDead() && more.length != 0) {
            tryToDivide(old);
        }
    }

    /** Locks the undivided layout. Returns null, without the lock, if the layout is divided by then. */
    private @Nullable District lockUndivided(long start, long end) {
        ThreadCpus.checkMayWait(District.LOCKING);
        boolean isMet = District.isContended(lock);
        lock.lock();
        boolean isOurs = false;
        try {
            District locked = whole;
            locked.begin();
            if (!locked.isDead() && (isMet || ForcedDivision.IS_ON)) {
                divideWhereThreadsMeet(locked, start, end);
            }
            isOurs = !locked.isDead();
            return isOurs ? locked : null;
        } finally {
            if (!isOurs) {
                lock.unlock();
            }
        }
    }

    private void divideWhereThreadsMeet(District locked, long start, long end) {
        if (ForcedDivision.IS_ON) {
            if (end != -1) {
                tryToDivide(ForcedDivision.borders(locked.tree(), start, end));
            }
        } else {
            divideForContention(locked, start, end);
        }
    }

    private void divideForContention(District locked, long start, long end) {
        long[] more = search.at(search.contention(), start, end, null, locked);
        if (more.length != 0) {
            try {
                divideAt(search.earlier(), more);
            } catch (Throwable thrown) {
                search.noteFailureOfWhole(thrown);
            }
        }
    }

    /**
     * Divides the layout at the given addresses. Skips an address if it lies inside a VMA, if it lies between two
     * ranges of one operation in flight or of one ticket, or if an operation in flight publishes in batches. Does not
     * divide the layout if a fork is copying pages, a listener requires a total order, the space is closing, a limit is
     * near, or there is no memory. Caller holds the layout lock and has no edit open, and the layout is not divided.
     *
     * @param borders addresses, ascending
     */
    void tryToDivide(long[] borders) {
        try {
            divide(borders);
        } catch (Throwable thrown) {
            // The layout is unchanged, because the last step of a division is one store.
            search.noteFailureOfWhole(thrown);
        }
    }

    private void divide(long[] wanted) {
        District from = whole;
        long[] borders = wanted.clone();
        int possible = from.inFlight().leaveOutOf(borders, borders.length);
        int count = Borders.leaveOutCrossed(borders, possible, from.tree()) + 1;
        PartBounds bounds = PartBounds.of(
                layout.host().maxMapCount(), layout.privileges().held(), from.limits(), from.counters(), count);
        if (count == 1
                || layout.isClosing()
                || layout.listeners().needsOneOrder()
                || !layout.copies().isEmpty()
                || bounds == null) {
            return;
        }
        Snapshot<VmArea> all = from.tree().snapshot();
        Limits limits = from.limits().ofPart();
        District[] made = new District[count];
        ChargedPages charged = new ChargedPages(from.counters(), count);
        for (int i = 0; i < count; i++) {
            long start = i == 0 ? 0 : borders[i - 1];
            long end = i == count - 1 ? -1 : borders[i];
            ReentrantLock own = layout.host().newLock();
            LayoutLock.identify(own, layout.lifetime().identity());
            Snapshot<VmArea> part = all.within(start, i == count - 1 ? -1 : end - 1, LayoutParts.OUTSIDE);
            made[i] = new District(
                    own,
                    new MapleTree<>(own, part),
                    limits,
                    start,
                    end,
                    bounds.first().copy(),
                    bounds.cap(),
                    charged,
                    i);
            made[i].inFlight().addThoseIn(from.inFlight(), start, end);
        }
        LayoutParts parts = new LayoutParts(made);
        // A new district with an empty tree, because the old tree would keep VMAs reachable.
        District divided = new District(
                lock,
                new MapleTree<>(lock),
                from.limits(),
                from.counters(),
                from.holdTimes(),
                from.moves(),
                from.changes());
        divided.die();
        layout.notePeak();
        StackReserve.check(DEPTH);
        // From here on nothing fails.
        layout.lifetime().identity().chargeParts(charged);
        layout.countIn(charged);
        // Stores the parts first, and then null for the tree, so that a thread that finds no tree finds the parts.
        // Before the second store, no thread uses the parts, because lookups use the tree.
        setPartsRelease(parts);
        layout.publishTree(null);
        from.die();
        whole = divided;
    }

    /**
     * Joins the parts. Caller holds the layout lock, and the layout is divided. The parameters are those of {@link
     * #lockWhole(boolean, long, long)}.
     */
    private District join(boolean isNeeded, long start, long end) {
        District[] from = Objects.requireNonNull(partsAcquire()).districts();
        int locked = 0;
        try {
            while (locked < from.length) {
                from[locked].lock();
                locked++;
            }
            Snapshot<VmArea> all = from[0].tree().snapshot();
            LayoutCounters counters = whole.counters().copy();
            LockHoldTimes holdTimes = whole.holdTimes();
            long moves = whole.moves();
            long changes = whole.changes();
            long operations = 0;
            for (int i = 0; i < from.length; i++) {
                if (i > 0) {
                    all = Snapshot.join(all, from[i].start(), from[i].tree().snapshot());
                }
                from[i].addGainTo(counters);
                moves += from[i].moves();
                changes += from[i].changes();
                // Does not count the lock that the join itself took.
                operations += from[i].operations() - 1;
            }
            District joined =
                    new District(lock, new MapleTree<>(lock, all), whole.limits(), counters, holdTimes, moves, changes);
            for (District part : from) {
                joined.inFlight().addAllOf(part.inFlight());
            }
            long[] borders = LayoutParts.borders(from);
            long[] kept = isNeeded && end != -1 ? Borders.outside(borders, start, end) : borders;
            RecentCrossings known = search.crossingsAfter(kept.length != borders.length, operations, start, end);
            StackReserve.check(DEPTH);
            // From here on nothing fails.
            search.joined(kept, known);
            for (District part : from) {
                part.die();
                holdTimes.add(part.holdTimes());
            }
            whole = joined;
            // Stores the tree first, and then null for the parts, so that a thread that finds no parts finds the tree.
            layout.publishTree(joined.tree());
            setPartsRelease(null);
            layout.lifetime().identity().charged(counters.accounted);
            layout.lifetime().identity().chargeParts(null);
            layout.mapped().set(counters.total);
            layout.countIn(null);
            search.joinedAfter(isNeeded, operations);
            return joined;
        } finally {
            while (locked > 0) {
                from[--locked].unlock();
            }
        }
    }

    boolean isLockedByThisThread() {
        if (lock.isHeldByCurrentThread()) {
            return true;
        }
        LayoutParts known = partsAcquire();
        return known != null && known.isLockedByThisThread();
    }

    /** As {@link BorderSearch#requireNoFailure}. */
    void requireNoFailure() {
        search.requireNoFailure();
    }
}
