// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;

/**
 * Taken by an operation after several restarts. It contains the ranges that the operation's latest attempt needed.
 * Operations that started later and need one of these ranges wait for it. It opens when the operation has published or
 * failed. Like a range in flight, it belongs to one district, so no border separates its ranges.
 */
public final class Ticket extends Gate {
    /**
     * Words: all fields but the gate.
     * Written: holder of the district's lock (plain).
     * Read: holder of the district's lock (plain).
     * Invariant: the ranges that the latest attempt needed, and whether other operations can find the ticket.
     */
    private final long age;

    /** The operation, for messages. */
    private final Object operation;

    /** The ranges that the latest attempt needed. */
    private final Ranges named = new Ranges();

    /* The bounds of these ranges. */
    private long low = -1;
    private long high;

    /** Whether other operations can find this ticket. Guarded by the lock of the district that lists the ticket. */
    private boolean left;

    /**
     * Creates a ticket that no other operation can find yet.
     *
     * @param age the position of the operation's first attempt among the operations of its space
     * @param operation the operation, for messages
     */
    public Ticket(long age, Object operation) {
        this.age = age;
        this.operation = operation;
    }

    public boolean isLeft() {
        return left;
    }

    public void leave() {
        left = true;
    }

    /** Returns whether an operation with a given age and range must wait. */
    boolean stops(long otherAge, long start, long end) {
        return age < otherAge && named.overlap(start, end);
    }

    /** Clears the ranges of an earlier attempt. Caller must hold the lock of the district that lists the ticket. */
    public void restart() {
        named.clear();
        low = -1;
        high = 0;
    }

    /** Adds a range that the attempt needs. Caller must hold the lock of the district that lists the ticket. */
    public void name(long start, long end) {
        named.add(start, end);
        low = Addresses.lower(low, start);
        high = Addresses.higher(high, end);
    }

    /** Returns whether the latest attempt needed a range. */
    public boolean hasRanges() {
        return Addresses.isBelow(low, high);
    }

    /** Returns the lowest address of its ranges. */
    public long low() {
        return low;
    }

    /** Returns the (exclusive) end of its highest range. */
    public long high() {
        return high;
    }

    /**
     * Removes, from the first {@code count} elements of an array, the addresses between the ticket's ranges; if the
     * ticket has no ranges, removes all these elements. Returns how many remain.
     */
    int leaveOutOf(long[] borders, int count) {
        return hasRanges() ? Borders.leaveOut(borders, count, low, high) : 0;
    }

    @Override
    public String toString() {
        return operation + ", which has started first";
    }
}
