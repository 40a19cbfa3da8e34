// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.space.BorderSearch.LockContention;
import dev.samara.core.internal.space.BorderSearch.RecentCrossings;
import dev.samara.core.internal.space.District.LockHoldTimes;
import dev.samara.core.internal.space.Identity.ChargedPages;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Resource;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
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
public final class Districts {
    /**
     * The parts of a divided layout, in address order. Immutable except for {@link #isJoinAsked}.
     *
     * <p>Each call and each lookup finds its part here, without reading any other part. The fields of a {@link
     * District} share cache lines with words that its operations write, so reading them would miss the cache each time.
     *
     * <p>A reader of several parts takes no lock. It reads the {@linkplain MapleTree#version version} of each tree, and
     * checks afterwards that no version has changed. If no version has, all trees had these versions at one instant in
     * between, because all parts die at the same instant and a version never recurs. Otherwise the reader retries. Each
     * retry means that an operation succeeded, but a reader that runs concurrently with many busy threads could retry
     * for a long time. After some retries it therefore {@linkplain #isJoinAsked requests} that the parts be joined, and
     * the next operation to start joins them. Their trees then no longer change, so the reader finishes after at most
     * one more retry per publication that was in progress.
     */
    static final class LayoutParts {
        /** The maximum number of parts of a layout. */
        static final int MOST = 16;

        /** What the tree of a part contains outside the part, in place of the mappings of other parts. */
        static final Object OUTSIDE = new Object() {
            @Override
            public String toString() {
                return "another part of the layout";
            }
        };

        /** The number of failed attempts after which a reader requests a join. */
        private static final int TRIES = 64;

        /** The result of a search during which a tree changed. */
        private static final Object CHANGED = new Object();

        private final long[] starts;
        /** All parts. The caller does not change the array. */
        final District[] districts;

        private final MapleTree<VmArea>[] trees;

        /**
         * Set by readers that fail repeatedly. Written only once, because each operation reads this word.
         *
         * <p>Written: a reader of several parts that failed many times (volatile), once for each division.
         * Read: each operation that looks for its part (volatile).
         * Invariant: final once true. An operation that reads true joins the parts. No reader waits for the join, which
         *     only ends the failures of readers.
         */
        private volatile boolean isJoinAsked;

        @SuppressWarnings({"unchecked", "rawtypes"}) // an array of trees of one type
        LayoutParts(District[] districts) {
            this.districts = districts;
            starts = new long[districts.length];
            trees = new MapleTree[districts.length];
            for (int i = 0; i < districts.length; i++) {
                starts[i] = districts[i].start;
                trees[i] = districts[i].tree;
            }
        }

        int count() {
            return starts.length;
        }

        /** Returns the number of the part that contains an address. */
        int indexOf(long address) {
            int i = starts.length - 1;
            while (i > 0 && Addresses.isBelow(address, starts[i])) {
                i--;
            }
            return i;
        }

        /** Returns whether one part contains a whole range; for an empty range, its address. */
        boolean isInOne(long start, long end) {
            int part = indexOf(start);
            return !Addresses.isBelow(end, start)
                    && (part == starts.length - 1 || !Addresses.isAbove(end, starts[part + 1]));
        }

        long start(int part) {
            return starts[part];
        }

        District district(int part) {
            return districts[part];
        }

        /** Returns the borders between parts. */
        static long[] borders(District[] parts) {
            long[] borders = new long[parts.length - 1];
            for (int i = 0; i < borders.length; i++) {
                borders[i] = parts[i + 1].start;
            }
            return borders;
        }

        /**
         * Returns one border for each chosen part: its border with the part below, or for the lowest part with the part
         * above. Without that border, the two parts are one.
         *
         * @param chosen one bit for each chosen part
         */
        long[] bordersBelow(int chosen) {
            long[] borders = new long[count()];
            int count = 0;
            for (int i = 0; i < count(); i++) {
                if ((chosen >>> i & 1) != 0) {
                    borders[count++] = start(Math.max(i, 1));
                }
            }
            return Arrays.copyOf(borders, count);
        }

        /** Returns the VMA that covers an address, or else the next one above it; null if there is none. */
        @Nullable
        VmArea atOrAfter(long address) {
            int part = indexOf(address);
            VmArea found = trees[part].atOrAfter(address);
            if (found != null || part == trees.length - 1) {
                return found;
            }
            for (int tries = 1; ; tries++) {
                Object above = searchUpwards(part, address);
                if (above != CHANGED) {
                    return (VmArea) above;
                }
                hasFailed(tries);
            }
        }

        /** Returns the VMA that covers an address, or else the next one below it; null if there is none. */
        @Nullable
        VmArea atOrBefore(long address) {
            int part = indexOf(address);
            VmArea found = trees[part].atOrBefore(address);
            if (found != null || part == 0) {
                return found;
            }
            for (int tries = 1; ; tries++) {
                Object below = searchDownwards(part, address);
                if (below != CHANGED) {
                    return (VmArea) below;
                }
                hasFailed(tries);
            }
        }

        /**
         * Searches a part, and then the parts above it. All versions are read before the last search ends and compared
         * after it, so the result belongs to one instant. The versions are kept in stack frames, so a lookup does not
         * allocate.
         *
         * @return the first VMA at or above the address, null if there is none, or {@link #CHANGED}
         */
        private @Nullable Object searchUpwards(int part, long address) {
            MapleTree<VmArea> tree = trees[part];
            Object version = tree.version();
            Object found = tree.atOrAfter(address);
            if (found == null && part < trees.length - 1) {
                found = searchUpwards(part + 1, address);
            }
            return tree.isStillVersion(version) ? found : CHANGED;
        }

        /** As {@link #searchUpwards}, in the other direction. */
        private @Nullable Object searchDownwards(int part, long address) {
            MapleTree<VmArea> tree = trees[part];
            Object version = tree.version();
            Object found = tree.atOrBefore(address);
            if (found == null && part > 0) {
                found = searchDownwards(part - 1, address);
            }
            return tree.isStillVersion(version) ? found : CHANGED;
        }

        /**
         * Returns the layout of one instant. Reads all trees repeatedly, until a pass finds that no tree has changed
         * since the pass before it.
         */
        Snapshot<VmArea> snapshot() {
            Snapshot<VmArea>[] read = read();
            for (int tries = 1; !isStill(read); tries++) {
                hasFailed(tries);
            }
            return Snapshot.joinLater(Arrays.asList(read), starts);
        }

        @SuppressWarnings({"unchecked", "rawtypes"}) // an array of snapshots of one type
        private Snapshot<VmArea>[] read() {
            Snapshot<VmArea>[] read = new Snapshot[trees.length];
            for (int i = 0; i < trees.length; i++) {
                read[i] = trees[i].snapshot();
            }
            return read;
        }

        /** Reads all trees once more. Returns whether no tree has changed since the previous pass. */
        private boolean isStill(Snapshot<VmArea>[] read) {
            boolean isStill = true;
            for (int i = 0; i < trees.length; i++) {
                if (!trees[i].isStill(read[i])) {
                    read[i] = trees[i].snapshot();
                    isStill = false;
                }
            }
            return isStill;
        }

        /**
         * Called when an attempt of a reader has failed because a tree has changed. Requests a join after {@link
         * #TRIES} attempts.
         */
        private void hasFailed(int tries) {
            if (tries == TRIES) {
                askForJoin();
            }
        }

        /** Requests that the next operation join the parts. */
        void askForJoin() {
            isJoinAsked = true;
        }

        /** Returns whether the next operation should join the parts for a reader. */
        boolean isJoinAsked() {
            return isJoinAsked;
        }
    }

    /** The stack that the last steps of a division or of a join need, in frames. */
    private static final int DEPTH = 8;

    /** The layout is divided only if the map count and the pages of each part may grow by at least this number. */
    private static final long LEAST_GROWTH = BorderSearch.IS_FORCED ? 1 : 256;

    /** More pages than any space has, but so few that sums of caps do not overflow. */
    private static final long MANY_PAGES = 1L << 44;

    private static final VarHandle PARTS = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "parts", VarHandle.class, Districts.class, LayoutParts.class);

    private final Layout layout;

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

    /**
     * The parts; null while the layout is not divided. Written under the layout lock.
     *
     * <p>Written: a division and a join, holding the layout lock (release).
     * Read: any thread (acquire).
     * Pairs: with {@code tree} of {@code Layout}, and with the locks of the parts: an operation reads this field,
     *     locks a part, and starts over if the part is dead. A join locks all parts before it marks them as dead.
     * Invariant: the parts of a divided layout, which together cover all addresses; null while the layout is not
     *     divided. All parts of a division die under one hold of all their locks.
     */
    @SuppressWarnings("UnusedVariable") // through PARTS
    private @Nullable LayoutParts parts;

    final BorderSearch search;

    /** Creates the one district of a layout that has its first tree. */
    Districts(Layout layout) {
        this.layout = layout;
        search = new BorderSearch(layout.geometry.pageSize());
        lock = layout.lock;
        MapleTree<VmArea> tree = Objects.requireNonNull(layout.treeAcquire());
        whole = new District(lock, tree, layout.limits, new LayoutCounters(), new LockHoldTimes(), 0, 0);
    }

    @Nullable
    LayoutParts partsAcquire() {
        return (LayoutParts) PARTS.getAcquire(this);
    }

    void setPartsRelease(@Nullable LayoutParts next) {
        PARTS.setRelease(this, next);
    }

    /**
     * Returns the parts; null if the layout is not divided. From the store of null as the tree on, the layout is
     * divided; from the store of a tree on, it is whole. If a join happens between the two loads of this method, it
     * returns null, and the caller finds a tree when it retries.
     */
    @Nullable
    LayoutParts current() {
        return layout.treeAcquire() != null ? null : partsAcquire();
    }

    /**
     * Returns the VMA that covers an address; null if there is none. Called by a reader that found no tree of the whole
     * layout, as are the following methods. If the layout was joined in the meantime, the reader starts over.
     */
    @Nullable
    VmArea find(long address) {
        LayoutParts known = current();
        return known != null ? known.trees[known.indexOf(address)].get(address) : layout.find(address);
    }

    /** Does the same as {@link #find}, but returns the next VMA above the address if no VMA covers it. */
    @Nullable
    VmArea atOrAfter(long address) {
        LayoutParts known = current();
        return known != null ? known.atOrAfter(address) : layout.findNext(address);
    }

    /** Does the same as {@link #find}, but returns the next VMA below the address if no VMA covers it. */
    @Nullable
    VmArea atOrBefore(long address) {
        LayoutParts known = current();
        return known != null ? known.atOrBefore(address) : layout.atOrBefore(address);
    }

    /** Returns the layout of one instant. */
    Snapshot<VmArea> snapshot() {
        LayoutParts known = current();
        return known != null ? known.snapshot() : layout.snapshot();
    }

    /** Returns the whole layout as one district. Caller has locked it. */
    District whole() {
        return whole;
    }

    /** Locks the whole layout, and joins its parts. */
    public District lockWhole() {
        return lockWhole(true, 0, -1);
    }

    /**
     * Locks the whole layout, and joins its parts, for an operation that needs more than one part because of its range
     * or of a neighbour of the range.
     *
     * @param start the first address of the range
     * @param end the (exclusive) end of the range; -1 if there is no range
     */
    public District lockBeyond(long start, long end) {
        long pageSize = layout.geometry.pageSize();
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
        try {
            District locked = whole;
            locked.begin();
            if (locked.isDead()) {
                locked = join(isNeeded, start, end);
            }
            return locked;
        } catch (Throwable thrown) {
            lock.unlock();
            throw thrown;
        }
    }

    /**
     * Locks the part that contains a range, or the whole layout if it is not divided or no part contains the range.
     * First joins the parts if a reader requested that. The caller has checked that this thread may wait.
     *
     * @param start the first address
     * @param end the (exclusive) end
     */
    public District lockDistrict(long start, long end) {
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

    /** Returns whether a thread holds a lock or is parked for it. Racy, benign because it affects only speed. */
    private static boolean isContended(ReentrantLock lock) {
        return lock.isLocked() || lock.hasQueuedThreads();
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
        boolean isMet = isContended(part.lock);
        part.lock();
        long[] more = BorderSearch.NONE;
        int idle = 0;
        boolean isOurs = false;
        try {
            if (part.isDead() || layout.treeAcquire() != null) {
                return null;
            }
            if (isMet) {
                more = search.at(part.contention, start, end, known, part);
            }
            if (more.length == 0 && part.isDueForLook()) {
                idle = part.idle(known);
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
            unused = known.bordersBelow(part.unusedBeside(known));
            boolean isAlone = Integer.bitCount(idle) == known.count() - 1;
            unneeded = isAlone ? LayoutParts.borders(known.districts) : known.bordersBelow(idle);
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
        tryToDivide(BorderSearch.merged(old, more, LayoutParts.MOST - 1));
        if (!whole.isDead() && more.length != 0) {
            tryToDivide(old);
        }
    }

    /** Locks the undivided layout. Returns null, without the lock, if the layout is divided by then. */
    private @Nullable District lockUndivided(long start, long end) {
        boolean isMet = isContended(lock);
        lock.lock();
        boolean isOurs = false;
        try {
            District locked = whole;
            locked.begin();
            if (!locked.isDead() && (isMet || BorderSearch.IS_FORCED)) {
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
        if (BorderSearch.IS_FORCED) {
            if (end != -1) {
                tryToDivide(BorderSearch.around(locked.tree, start, end));
            }
            return;
        }
        long[] more = search.at(search.contention, start, end, null, locked);
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
        int possible = from.inFlight.leaveOutOf(borders, borders.length);
        int count = BorderSearch.leaveOutCrossed(borders, possible, from.tree) + 1;
        LayoutCounters growth =
                growth(layout.host.maxMapCount, layout.privileges.held(), from.limits, from.counters(), count);
        if (count == 1
                || layout.isClosing()
                || layout.listeners.needsOneOrder()
                || !layout.copies.isEmpty()
                || growth == null) {
            return;
        }
        Snapshot<VmArea> all = from.tree.snapshot();
        Limits limits = from.limits.copy(true);
        LayoutCounters first = grown(from.counters(), growth, count - 1);
        LayoutCounters cap = grown(from.counters(), growth, count);
        District[] made = new District[count];
        ChargedPages charged = new ChargedPages(from.counters(), count);
        for (int i = 0; i < count; i++) {
            long start = i == 0 ? 0 : borders[i - 1];
            long end = i == count - 1 ? -1 : borders[i];
            ReentrantLock own = layout.host.newLock();
            LayoutLock.identify(own, layout.lifetime.identity);
            Snapshot<VmArea> part = all.within(start, i == count - 1 ? -1 : end - 1, LayoutParts.OUTSIDE);
            MapleTree<VmArea> tree = new MapleTree<>(own, part);
            made[i] = new District(own, tree, limits, start, end, first.copy(), cap, charged, i, new LockHoldTimes());
            made[i].inFlight.addThoseIn(from.inFlight, start, end);
        }
        LayoutParts parts = new LayoutParts(made);
        // A new district with an empty tree, because the old tree would keep VMAs reachable.
        District divided = new District(
                lock,
                new MapleTree<>(lock),
                from.limits,
                from.counters(),
                from.holdTimes,
                from.moves(),
                from.changes());
        divided.die();
        layout.lifetime.identity.beforeFall();
        StackReserve.check(DEPTH);
        // From here on nothing fails.
        layout.countIn(charged);
        // Stores the parts first, and then null for the tree, so that a thread that finds no tree finds the parts.
        // Before the second store, no thread uses the parts, because lookups use the tree.
        setPartsRelease(parts);
        layout.publishTree(null);
        from.die();
        whole = divided;
    }

    /**
     * Returns how far each of {@code count} parts of a layout may grow, such that the layout's limits are enforced
     * exactly; null if a limit is near. Caller holds the layout lock.
     *
     * @param maxMapCount {@code vm.max_map_count}
     * @param held the privileges of the space, as bits
     */
    static @Nullable LayoutCounters growth(
            int maxMapCount, int held, Limits limits, LayoutCounters counters, int count) {
        LayoutCounters growth = new LayoutCounters();
        growth.maps = (maxMapCount - 16 - counters.maps) / count;
        growth.total = growth(limits, Resource.AS, counters.total, count);
        if (growth.maps < LEAST_GROWTH || growth.total < LEAST_GROWTH) {
            return null;
        }
        growth.data =
                limits.bytes(Resource.DATA) == 0 ? MANY_PAGES : growth(limits, Resource.DATA, counters.data, count);
        growth.locked = limits.mayHoldLocked(held, MANY_PAGES)
                ? MANY_PAGES
                : growth(limits, Resource.MEMLOCK, counters.locked, count);
        return growth;
    }

    private static long growth(Limits limits, Resource resource, long pages, int count) {
        long most = Math.min(limits.pages(resource), MANY_PAGES * count);
        return Math.max(0, (most - pages) / count);
    }

    /** Returns the counters that a layout reaches if some parts grow as far as they may. */
    static LayoutCounters grown(LayoutCounters counters, LayoutCounters growth, int parts) {
        LayoutCounters grown = counters.copy();
        grown.addAll(growth, parts);
        return grown;
    }

    /**
     * Joins the parts. Caller holds the layout lock, and the layout is divided. The parameters are those of {@link
     * #lockWhole(boolean, long, long)}.
     */
    private District join(boolean isNeeded, long start, long end) {
        District[] from = Objects.requireNonNull(partsAcquire()).districts;
        int locked = 0;
        try {
            while (locked < from.length) {
                from[locked].lock();
                locked++;
            }
            Snapshot<VmArea> all = from[0].tree.snapshot();
            LayoutCounters counters = whole.counters().copy();
            LockHoldTimes holdTimes = whole.holdTimes;
            long moves = whole.moves();
            long changes = whole.changes();
            long operations = 0;
            for (int i = 0; i < from.length; i++) {
                if (i > 0) {
                    all = Snapshot.join(all, from[i].start, from[i].tree.snapshot());
                }
                from[i].addGainTo(counters);
                moves += from[i].moves();
                changes += from[i].changes();
                // Does not count the lock that the join itself took.
                operations += from[i].operations() - 1;
            }
            District joined =
                    new District(lock, new MapleTree<>(lock, all), whole.limits, counters, holdTimes, moves, changes);
            for (District part : from) {
                joined.inFlight.addAllOf(part.inFlight);
            }
            long[] borders = LayoutParts.borders(from);
            long[] kept = isNeeded && end != -1 ? BorderSearch.outside(borders, start, end) : borders;
            RecentCrossings known = search.crossingsAfter(kept.length != borders.length, operations, start, end);
            StackReserve.check(DEPTH);
            // From here on nothing fails.
            search.joined(kept, known);
            for (District part : from) {
                part.die();
                holdTimes.add(part.holdTimes);
            }
            whole = joined;
            // Stores the tree first, and then null for the parts, so that a thread that finds no parts finds the tree.
            layout.publishTree(joined.tree);
            setPartsRelease(null);
            layout.lifetime.identity.count(counters);
            layout.countIn(null);
            search.joinedAfter(isNeeded, operations);
            return joined;
        } finally {
            while (locked > 0) {
                from[--locked].unlock();
            }
        }
    }

    public boolean isLockedByThisThread() {
        if (lock.isHeldByCurrentThread()) {
            return true;
        }
        LayoutParts known = partsAcquire();
        for (int i = 0; known != null && i < known.districts.length; i++) {
            if (known.districts[i].lock.isHeldByCurrentThread()) {
                return true;
            }
        }
        return false;
    }
}
