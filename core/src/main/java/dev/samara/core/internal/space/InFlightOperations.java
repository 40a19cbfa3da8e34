// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The operations in flight and the tickets of one district. Guarded by its lock.
 *
 * <p>{@code Edit.claim} looks here for an operation in flight in its own range. {@code RangeWait} then waits for that
 * operation, without the lock.
 *
 * <p>Both lists are short: one entry for each operation in flight, or for each thread whose operation restarted several
 * times. They are searched linearly.
 */
public final class InFlightOperations {
    /**
     * Taken by an operation after several restarts. It contains the ranges that the operation's latest attempt needed.
     * Operations that started later and need one of these ranges wait for it. It opens when the operation has published
     * or failed. Like a range in flight, it belongs to one district, so no border separates its ranges.
     */
    public static final class Ticket extends Gate {
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
            return hasRanges() ? BorderSearch.leaveOut(borders, count, low, high) : 0;
        }

        @Override
        public String toString() {
            return operation + ", which has started first";
        }
    }

    /**
     * Words: all fields.
     * Written: holder of the district's lock (plain).
     * Read: holder of the district's lock (plain).
     * Invariant: the ranges in the list are disjoint, except that a mapping may be stored early over the reservation of
     *     a {@code munmap}.
     */
    public final ArrayList<InFlightOperation> operations = new ArrayList<>();

    private final List<Ticket> tickets = new ArrayList<>();

    /**
     * Removes, from the first {@code count} elements of an array, the addresses at which a layout must not be divided:
     * addresses between the ranges of one operation in flight or of one ticket, and all addresses while an operation
     * publishes in batches. Returns how many remain.
     */
    int leaveOutOf(long[] borders, int count) {
        int left = count;
        for (int i = 0; i < operations.size(); i++) {
            left = operations.get(i).leaveOutOf(borders, left);
        }
        for (int i = 0; i < tickets.size(); i++) {
            left = tickets.get(i).leaveOutOf(borders, left);
        }
        return left;
    }

    /** Adds the operations and tickets of a divided layout that lie in {@code [start, end)}. */
    void addThoseIn(InFlightOperations divided, long start, long end) {
        for (int i = 0; i < divided.operations.size(); i++) {
            InFlightOperation each = divided.operations.get(i);
            if (Addresses.contains(start, end, each.low())) {
                operations.add(each);
            }
        }
        for (int i = 0; i < divided.tickets.size(); i++) {
            Ticket ticket = divided.tickets.get(i);
            if (Addresses.contains(start, end, ticket.low())) {
                tickets.add(ticket);
            }
        }
    }

    /** Adds the operations and tickets of a part that is joined. */
    void addAllOf(InFlightOperations part) {
        operations.addAll(part.operations);
        tickets.addAll(part.tickets);
    }

    public boolean isEmpty() {
        return operations.isEmpty() && tickets.isEmpty();
    }

    /** Reserves capacity for one more operation, so that adding it does not fail. */
    public void makeRoom() {
        operations.ensureCapacity(operations.size() + 1);
    }

    public void add(InFlightOperation each) {
        operations.add(each);
    }

    public void remove(InFlightOperation each) {
        operations.remove(each);
    }

    public void add(Ticket ticket) {
        tickets.add(ticket);
    }

    public void remove(Ticket ticket) {
        tickets.remove(ticket);
    }

    /** Returns the gate of an operation that has not yet published all of its batches; null if there is none. */
    public @Nullable Gate publication() {
        for (int i = 0; i < operations.size(); i++) {
            Gate gate = operations.get(i).publication();
            if (gate != null) {
                return gate;
            }
        }
        return null;
    }

    /**
     * Returns an operation that publishes in batches and keeps part of a range until its completion; null if there is
     * none.
     */
    public @Nullable InFlightOperation batchOver(long start, long end) {
        for (int i = 0; i < operations.size(); i++) {
            InFlightOperation each = operations.get(i);
            if (each.isBatched() && each.touches(start, end)) {
                return each;
            }
        }
        return null;
    }

    /** Returns the addresses at which completions may join VMAs. */
    public List<PendingJoin> joins() {
        List<PendingJoin> joins = List.of();
        for (InFlightOperation each : operations) {
            if (!each.joins().isEmpty()) {
                joins = joins.isEmpty() ? new ArrayList<>(each.joins().size()) : joins;
                joins.addAll(each.joins());
            }
        }
        return joins;
    }

    /** Returns the gate that an operation with a given age and range must wait for; null if there is none. */
    public @Nullable Gate blocking(long age, long start, long end) {
        for (int i = 0; i < operations.size(); i++) {
            InFlightOperation each = operations.get(i);
            if (each.touches(start, end)) {
                return each.gate();
            }
        }
        return ticketBefore(age, start, end);
    }

    /**
     * Returns whether a mapping may be stored over a range that is in flight. It may if all operations in flight there
     * give up their reservations ({@code munmap}), and no older operation has a ticket for the range. Returns false if
     * nothing is in flight there.
     */
    public boolean mayReuse(long age, long start, long end) {
        boolean reserved = false;
        for (InFlightOperation each : operations) {
            if (each.touches(start, end)) {
                if (!each.givesUpItsRange()) {
                    return false;
                }
                reserved = true;
            }
        }
        return reserved && ticketBefore(age, start, end) == null;
    }

    /** Returns the operations in flight that touch a range for which {@link #mayReuse} returned true. */
    public List<InFlightOperation> reusedIn(long start, long end) {
        List<InFlightOperation> found = new ArrayList<>(1);
        for (InFlightOperation each : operations) {
            if (each.touches(start, end)) {
                found.add(each);
            }
        }
        return found;
    }

    /**
     * Returns the highest end of a reservation that is below an address and may not be reused, or the floor if that is
     * higher.
     */
    public long keptBelow(long address, long floor) {
        long kept = floor;
        for (InFlightOperation each : operations) {
            if (!each.givesUpItsRange()) {
                kept = each.reserved().highestEnd(address, kept);
            }
        }
        return kept;
    }

    /**
     * Returns the lowest start of a reservation that is above an address and may not be reused, or the ceiling if that
     * is lower.
     */
    public long keptAbove(long address, long ceiling) {
        long kept = ceiling;
        for (InFlightOperation each : operations) {
            if (!each.givesUpItsRange()) {
                kept = each.reserved().lowestStart(address, kept);
            }
        }
        return kept;
    }

    /**
     * Returns an older operation's ticket that stops an operation; null if there is none. Tickets do not stop calls
     * from a callback of an operation in flight, because waiting there could be a deadlock.
     */
    @Nullable
    Ticket ticketBefore(long age, long start, long end) {
        if (tickets.isEmpty() || InFlightOperation.retiring() != null) {
            return null;
        }
        for (int i = 0; i < tickets.size(); i++) {
            Ticket ticket = tickets.get(i);
            if (ticket.age < age && ticket.named.overlap(start, end)) {
                return ticket;
            }
        }
        return null;
    }
}
