// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Resource;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The districts of one layout: one for all of it, or several parts.
 *
 * <p>A layout begins undivided, and is changed under the layout lock. If threads {@linkplain Meetings meet} at that
 * lock again and again and work in different places, the layout is divided between the places. An operation that needs
 * a single part takes the lock of that part alone. Any other operation joins the parts first: it takes the layout lock,
 * and then the locks of all parts in the order of addresses. So an operation sees a whole layout, or a part that no
 * other thread changes.
 *
 * <p>A join changes no mapping. Its tree is a new one, and so are the trees of a division: a tree that was divided or
 * joined never changes again. A reader that goes by an old tree finds the layout of the instant at which that tree was
 * replaced, which is after the reader has begun.
 */
final class Districts {
    /** The most parts of a layout. */
    static final int MOST = 16;

    /** The map count of a part may grow by at least this number, or the layout is not divided. */
    private static final long LEAST_GROWTH = ForcedDivision.IS_ON ? 1 : 256;

    /** More pages than any space has; the sums of caps do not overflow. */
    private static final long MANY_PAGES = 1L << 44;

    /** The frames of stack that the last steps of a division and of a join need. */
    private static final int DEPTH = 8;

    private static final long[] NO_BORDERS = {};

    /** Readings of all trees without a lock, before a snapshot takes the locks. */
    private static final int TRIES = 64;

    private static final VarHandle PARTS;

    static {
        try {
            PARTS = MethodHandles.lookup().findVarHandle(Districts.class, "parts", LayoutParts.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private static final Object OUTSIDE = new Object() {
        @Override
        public String toString() {
            return "another part of the layout";
        }
    };

    private final Layout layout;

    /** The layout lock. */
    private final ReentrantLock lock;

    /** The parts; null while the layout is not divided. Written under the layout lock. */
    @SuppressWarnings("UnusedVariable") // through PARTS
    private @Nullable LayoutParts parts;

    /** All of the layout; dead while the layout is divided. Guarded by the layout lock. */
    private District whole;

    private final Meetings meetings = new Meetings();

    /**
     * What a division or a join has thrown that no operation needs, but for the lack of memory or stack. Any thread
     * writes it, and {@link #requireNoFailure} tells of one of them.
     */
    private volatile @Nullable Throwable failure;

    Districts(Layout layout, ReentrantLock lock, MapleTree<VmArea> tree, Limits limits) {
        this.layout = layout;
        this.lock = lock;
        whole = new District(lock, tree, limits, new Counters(), new LockHoldTimes(), 0, 0);
    }

    private @Nullable LayoutParts partsAcquire() {
        return (LayoutParts) PARTS.getAcquire(this);
    }

    private void setPartsRelease(@Nullable LayoutParts next) {
        PARTS.setRelease(this, next);
    }

    ReentrantLock layoutLock() {
        return lock;
    }

    /**
     * Returns the parts; null if the layout is not divided. The layout is divided from the store of no tree on, and
     * whole from the store of a tree on. If a join has come between the two loads, the caller finds a tree next time.
     */
    @Nullable
    LayoutParts current() {
        return layout.treeAcquire() != null ? null : partsAcquire();
    }

    /** Returns all of the layout. Caller has it locked. */
    District whole() {
        return whole;
    }

    /** Locks the whole layout, and joins its parts. */
    District lockWhole() {
        Cpus.checkMayWait(District.LOCKING);
        lock.lock();
        boolean isDone = false;
        try {
            District locked = whole;
            locked.begin();
            if (locked.isDead()) {
                locked = join();
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
     * Locks the part that has a range; the whole layout if it is not divided, or has no such part.
     *
     * @param start the first address
     * @param end after the last address
     */
    District lock(long start, long end) {
        for (; ; ) {
            LayoutParts known = current();
            if (known != null && !known.isInOne(start, end)) {
                return lockWhole();
            }
            District locked = known == null
                    ? lockUndivided(start, end)
                    : lockPart(known, known.district(known.indexOf(start)), start, end);
            if (locked != null) {
                return locked;
            }
        }
    }

    /**
     * Locks a part; returns null, without the lock, if it is dead, or lookups do not go by it yet. The caller may have
     * found no tree long ago: since then the layout was joined, and is being divided again.
     */
    private @Nullable District lockPart(LayoutParts known, District part, long start, long end) {
        boolean isMet = part.isContended();
        part.lock();
        long[] borders = NO_BORDERS;
        boolean isAlone = false;
        boolean isOurs = false;
        try {
            if (part.isDead() || layout.treeAcquire() != null) {
                return null;
            }
            borders = isMet ? bordersAt(part.meetings(), part.tree(), start, end) : NO_BORDERS;
            isAlone = borders.length == 0 && part.isDueForLook() && isAlone(known, part);
            isOurs = borders.length == 0 && !isAlone;
        } finally {
            if (!isOurs) {
                part.unlock();
            }
        }
        if (isOurs) {
            return part;
        }
        if (isAlone) {
            joinIdle();
        } else {
            divideFurther(known, borders);
        }
        return null;
    }

    /**
     * Returns where threads that have met at a lock would divide its tree, in ascending order; often nowhere. The
     * caller has the lock. A failure is that of the division, not that of the caller's operation.
     */
    private long[] bordersAt(Meetings met, MapleTree<VmArea> tree, long start, long end) {
        try {
            if (!met.mayDivide(start, end)) {
                return NO_BORDERS;
            }
            long[] borders = met.borders(tree, layout.geometry().pageSize());
            met.clear();
            return borders;
        } catch (Throwable thrown) {
            noteFailure(met, thrown);
            return NO_BORDERS;
        }
    }

    /** Notes that a division or a join which no operation needs has failed. Caller has the lock of the meetings. */
    private void noteFailure(Meetings met, Throwable thrown) {
        met.clear();
        if (!(thrown instanceof OutOfMemoryError || thrown instanceof StackOverflowError)) {
            failure = thrown;
        }
    }

    /** Joins the parts of a layout of which one alone is used; the caller finds the whole. */
    private void joinIdle() {
        try {
            lockWhole().unlock();
        } catch (Throwable thrown) {
            failedToJoin(thrown);
        }
    }

    /** As {@link #noteFailure}, without a lock. The parts are as they were. */
    private void failedToJoin(Throwable thrown) {
        if (!(thrown instanceof OutOfMemoryError || thrown instanceof StackOverflowError)) {
            failure = thrown;
        }
    }

    /** Returns whether no operation has taken the lock of another part since the last look of this part. */
    private static boolean isAlone(LayoutParts known, District part) {
        long others = 0;
        for (int i = 0; i < known.count(); i++) {
            District other = known.district(i);
            others += other == part ? 0 : other.operations();
        }
        return part.seesNoMore(others);
    }

    /** Divides a layout anew, also at other borders. The caller finds its part by the parts. */
    private void divideFurther(LayoutParts known, long[] more) {
        District all;
        try {
            all = lockWhole();
        } catch (Throwable thrown) {
            failedToJoin(thrown);
            return;
        }
        try {
            long[] borders = Arrays.copyOf(more, more.length + known.count());
            int count = more.length;
            for (int i = 1; i < known.count(); i++) {
                // Of a part without operations, one border is left out.
                if (known.district(i).operations() != 0 && known.district(i - 1).operations() != 0) {
                    borders[count++] = known.start(i);
                }
            }
            if (count < MOST) {
                tryToDivide(Addresses.sorted(borders, count));
            }
        } catch (Throwable thrown) {
            noteFailure(meetings, thrown);
        } finally {
            all.unlock();
        }
    }

    /** Locks the layout; returns null, without the lock, if it is divided meanwhile. */
    private @Nullable District lockUndivided(long start, long end) {
        Cpus.checkMayWait(District.LOCKING);
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
            tryToDivide(bordersAt(meetings, locked.tree(), start, end));
        }
    }

    /**
     * Divides the layout, unless a VMA, an operation in flight, a fork that copies or a listener of one order is in the
     * way, a limit is near, or there is no memory. Caller holds the layout lock, has no edit open, and the layout is
     * not divided.
     *
     * @param borders addresses, ascending
     */
    void tryToDivide(long[] borders) {
        try {
            divide(borders);
        } catch (Throwable thrown) {
            // The layout is as it was: the last step of a division is one store.
            noteFailure(meetings, thrown);
        }
    }

    private void divide(long[] borders) {
        District from = whole;
        int count = borders.length + 1;
        if (count == 1) {
            return;
        }
        Counters[] bounds = bounds(from.counters(), count);
        if (bounds == null
                || layout.isClosing()
                || layout.changes().needsOneOrder()
                || !layout.copies().isEmpty()
                || !from.inFlight().mayDivide(borders)
                || crossesAny(from.tree(), borders)) {
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
            MachineState.identify(own, layout.lifetime().identity());
            Snapshot<VmArea> part = all.within(start, i == count - 1 ? -1 : end - 1, OUTSIDE);
            made[i] = new District(
                    own, new MapleTree<>(own, part), limits, start, end, bounds[0].copy(), bounds[1], charged, i);
            made[i].inFlight().addThoseIn(from.inFlight(), start, end);
        }
        LayoutParts parts = new LayoutParts(made);
        // In place of the old tree, which would keep VMAs reachable.
        District divided = new District(
                lock,
                new MapleTree<>(lock),
                from.limits(),
                from.counters(),
                from.holdTimes(),
                from.moves(),
                from.changes());
        divided.die();
        layout.notePeaks();
        StackReserve.check(DEPTH);
        // From here on nothing fails.
        layout.lifetime().identity().chargeParts(charged);
        layout.countIn(charged);
        // The parts, then no tree: a thread that finds no tree finds the parts. No thread uses them before, since
        // lookups go by the tree until then.
        setPartsRelease(parts);
        layout.publishTree(null);
        from.die();
        whole = divided;
    }

    /** Returns whether a VMA lies across one of these addresses, which may come from an earlier look at the layout. */
    private static boolean crossesAny(MapleTree<VmArea> tree, long[] borders) {
        for (long border : borders) {
            VmArea there = tree.get(border);
            if (there != null && there.start() != border) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns the counters with which a part begins, and those up to which it may grow; null if a limit is near.
     */
    private Counters @Nullable [] bounds(Counters counters, int count) {
        Limits limits = whole.limits();
        Counters growth = new Counters();
        growth.maps = (layout.host().maxMapCount() - 16 - counters.maps) / count;
        growth.total = growth(limits, Resource.AS, counters.total, count);
        if (growth.maps < LEAST_GROWTH || growth.total < LEAST_GROWTH) {
            return null;
        }
        growth.data =
                limits.bytes(Resource.DATA) == 0 ? MANY_PAGES : growth(limits, Resource.DATA, counters.data, count);
        growth.locked = limits.mayHoldLocked(layout.privileges().held(), MANY_PAGES)
                ? MANY_PAGES
                : growth(limits, Resource.MEMLOCK, counters.locked, count);
        Counters first = counters.copy();
        for (int i = 1; i < count; i++) {
            first.addAll(growth);
        }
        Counters cap = first.copy();
        cap.addAll(growth);
        return new Counters[] {first, cap};
    }

    private static long growth(Limits limits, Resource resource, long pages, int count) {
        long most = Math.min(limits.pages(resource), MANY_PAGES * count);
        return Math.max(0, (most - pages) / count);
    }

    /** Joins the parts. Caller holds the layout lock, and the layout is divided. */
    private District join() {
        District[] from = Objects.requireNonNull(partsAcquire()).districts();
        int locked = 0;
        try {
            while (locked < from.length) {
                from[locked].lock();
                locked++;
            }
            Snapshot<VmArea> all = from[0].tree().snapshot();
            Counters counters = whole.counters().copy();
            LockHoldTimes holdTimes = whole.holdTimes();
            long moves = whole.moves();
            long changes = whole.changes();
            for (int i = 0; i < from.length; i++) {
                if (i > 0) {
                    all = Snapshot.join(all, from[i].start(), from[i].tree().snapshot());
                }
                from[i].addGainTo(counters);
                moves += from[i].moves();
                changes += from[i].changes();
            }
            District joined =
                    new District(lock, new MapleTree<>(lock, all), whole.limits(), counters, holdTimes, moves, changes);
            for (District part : from) {
                joined.inFlight().addAllOf(part.inFlight());
            }
            StackReserve.check(DEPTH);
            // From here on nothing fails.
            for (District part : from) {
                part.die();
                holdTimes.add(part.holdTimes());
            }
            whole = joined;
            // The tree, then no parts: a thread that finds no parts finds the tree.
            layout.publishTree(joined.tree());
            setPartsRelease(null);
            layout.lifetime().identity().charged(counters.accounted);
            layout.lifetime().identity().chargeParts(null);
            layout.mapped().set(counters.total);
            layout.countIn(null);
            meetings.joined(from);
            return joined;
        } finally {
            while (locked > 0) {
                from[--locked].unlock();
            }
        }
    }

    /** Throws an AssertionError if a division has failed for another reason than the lack of memory or stack. */
    void requireNoFailure() {
        Throwable thrown = failure;
        if (thrown != null) {
            throw new AssertionError("a division has failed", thrown);
        }
    }

    boolean isLockedByThisThread() {
        if (lock.isHeldByCurrentThread()) {
            return true;
        }
        LayoutParts known = partsAcquire();
        for (int i = 0; known != null && i < known.count(); i++) {
            if (known.district(i).isLockedByThisThread()) {
                return true;
            }
        }
        return false;
    }

    /** Returns the VMA that covers an address, or null, for a reader that has found no tree of the whole layout. */
    @Nullable
    VmArea find(long address) {
        for (; ; ) {
            LayoutParts known = current();
            if (known != null) {
                return known.tree(known.indexOf(address)).get(address);
            }
            MapleTree<VmArea> tree = layout.treeAcquire();
            if (tree != null) {
                return tree.get(address);
            }
        }
    }

    /** As {@link #find}, or the next VMA above the address. */
    @Nullable
    VmArea atOrAfter(long address) {
        for (; ; ) {
            LayoutParts known = current();
            if (known != null) {
                int part = known.indexOf(address);
                VmArea found = known.tree(part).atOrAfter(address);
                return found != null || part == known.count() - 1
                        ? found
                        : snapshot().atOrAfter(address);
            }
            MapleTree<VmArea> tree = layout.treeAcquire();
            if (tree != null) {
                return tree.atOrAfter(address);
            }
        }
    }

    /** As {@link #find}, or the next VMA below the address. */
    @Nullable
    VmArea atOrBefore(long address) {
        for (; ; ) {
            LayoutParts known = current();
            if (known != null) {
                int part = known.indexOf(address);
                VmArea found = known.tree(part).atOrBefore(address);
                return found != null || part == 0 ? found : snapshot().atOrBefore(address);
            }
            MapleTree<VmArea> tree = layout.treeAcquire();
            if (tree != null) {
                return tree.atOrBefore(address);
            }
        }
    }

    /**
     * Returns the layout of one instant. Reads all trees twice: if both readings find the same roots, all these roots
     * were current between the readings. All parts die at one instant, and a root never comes back. Takes the locks of
     * the parts, for a moment, if they change again and again.
     */
    Snapshot<VmArea> snapshot() {
        for (int tries = 0; ; tries++) {
            MapleTree<VmArea> tree = layout.treeAcquire();
            if (tree != null) {
                return tree.snapshot();
            }
            LayoutParts known = current();
            Snapshot<VmArea> all = known == null ? null : tries < TRIES ? known.readTwice() : known.readLocked();
            if (all != null) {
                return all;
            }
        }
    }
}
