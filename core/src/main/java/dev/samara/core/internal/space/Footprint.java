// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Ranges;

/**
 * The ranges of an operation in flight, which other operations wait for.
 *
 * <p>Written by the operation under the layout lock until its last batch is published, and never changed afterwards.
 * Read by holders of the lock, and after publication, without a lock, by the thread that retires the operation.
 */
public final class Footprint {
    /**
     * The unmapped ranges. They are empty for lookups, but reserved for allocation.
     *
     * <p>Words: all fields of {@code Footprint}, {@code MovesAndActions}.
     * Written: the operation as holder of the district's lock, until its last batch is published (plain).
     * Read: holder of the district's lock (plain); after publication the thread that retires the operation, which
     *     published the operation or received it from the list of waiting calls or the executor (plain).
     * Invariant: the fields contain what the published batches added, and, while the operation holds the lock, what the
     *     current batch added. They never change after the last batch is published.
     */
    private Ranges reserved = Ranges.NONE;

    /** The ranges whose VMAs are in flight. */
    private Ranges occupied = Ranges.NONE;

    /** Ranges whose pages are changed while their VMAs stay. Only operations on these ranges wait. */
    private Ranges busy = Ranges.NONE;

    /**
     * The ranges that the operation keeps to itself until completion because it publishes in batches. They contain all
     * other ranges. None of them is reserved in the tree, so allocation checks {@link InFlightOperations#batchOver}.
     */
    private Ranges batched = Ranges.NONE;

    /**
     * The occupied ranges in the first batched range, and the occupied ranges in the other batched ranges. Each of the
     * two lists ascends, while the occupied ranges of all batches together need not ascend.
     */
    private Ranges inFirst = Ranges.NONE;

    private Ranges inOthers = Ranges.NONE;

    /*
     * Bounds of all ranges. Each operation checks every operation in flight, and nearly always lies outside these
     * bounds.
     */
    private long low = -1;
    private long high;

    Footprint() {}

    public Ranges reserved() {
        return reserved;
    }

    public Ranges occupied() {
        return occupied;
    }

    public Ranges busy() {
        return busy;
    }

    /** Returns the ranges that the operation keeps because it publishes in batches; none if it publishes once. */
    public Ranges batched() {
        return batched;
    }

    /** Returns the lowest address of all ranges. */
    public long low() {
        return low;
    }

    /** Returns the (exclusive) end of the highest range. */
    public long high() {
        return high;
    }

    /** Keeps a range until completion, for an operation that publishes in batches. Called before the first batch. */
    public void keepForBatches(long start, long end) {
        batched = batched.with(start, end);
        widen(start, end);
    }

    public void reserve(long start, long end) {
        reserved = reserved.with(start, end);
        widen(start, end);
    }

    void occupy(long start, long end) {
        occupied = occupied.with(start, end);
        if (batched.size() > 1) {
            if (Addresses.contains(batched.start(0), batched.end(0), start)) {
                inFirst = inFirst.with(start, end);
            } else {
                inOthers = inOthers.with(start, end);
            }
        }
        widen(start, end);
    }

    /** Adds a range whose pages are changed while its VMAs stay. */
    void keepBusy(long start, long end) {
        busy = busy.with(start, end);
        widen(start, end);
    }

    private void widen(long start, long end) {
        low = Addresses.lower(start, low);
        high = Addresses.higher(end, high);
    }

    /** Returns whether an address is in an occupied range. */
    public boolean occupies(long address) {
        return batched.size() > 1 ? inFirst.contain(address) || inOthers.contain(address) : occupied.contain(address);
    }

    public boolean touches(long start, long end) {
        if (!Addresses.overlap(low, high, start, end)) {
            return false;
        }
        return isBatched()
                ? batched.overlap(start, end)
                : reserved.overlap(start, end) || occupied.overlap(start, end) || busy.overlap(start, end);
    }

    /** Returns whether the operation publishes in batches, and keeps all of its ranges until completion. */
    boolean isBatched() {
        return !batched.isEmpty();
    }

    /** Returns whether VMAs of the operation are stored over its own reservations. */
    boolean occupiesReserved() {
        return reserved.overlap(occupied);
    }

    /** Returns whether no range is reserved, occupied or busy; some may be batched. */
    boolean isUnused() {
        return reserved.isEmpty() && occupied.isEmpty() && busy.isEmpty();
    }

    /**
     * Removes, from the first {@code count} elements of an array, the addresses between the operation's ranges; if the
     * operation may add more ranges, removes all these elements. Returns how many remain.
     */
    int leaveOutOf(long[] borders, int count) {
        boolean isKnown = Addresses.isBelow(low, high) && !isBatched();
        return isKnown ? Borders.leaveOut(borders, count, low, high) : 0;
    }

    /** Starts a batch; {@link #undoBatch} removes everything that is added afterwards. */
    void beginBatch() {
        reserved.seal();
        occupied.seal();
        inFirst.seal();
        inOthers.seal();
        busy.seal();
    }

    /** Removes what the unpublished batch added. The batched ranges stay, and so do the bounds. */
    void undoBatch() {
        reserved.unseal();
        occupied.unseal();
        inFirst.unseal();
        inOthers.unseal();
        busy.unseal();
    }
}
