// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The ranges in flight and the tickets of one district. Guarded by its lock.
 *
 * <p>An operation asks here, in {@code Edit.claim}, for the one that it meets in its range. It waits in {@code
 * RangeWait}, without the lock.
 *
 * <p>Both lists are short: one entry for each operation in flight, or for each thread that has restarted several times.
 * They are searched linearly.
 */
public final class InFlightRanges {
    private final ArrayList<InFlightRange> ranges = new ArrayList<>();
    private final List<Ticket> tickets = new ArrayList<>();

    /**
     * Removes the addresses at which a layout may not be divided from the first ones of an array: those between the
     * ranges of one operation in flight or of one ticket, and all of them while an operation publishes in batches.
     * Returns how many are left.
     */
    int leaveOutOf(long[] borders, int count) {
        int left = count;
        for (int i = 0; i < ranges.size(); i++) {
            left = ranges.get(i).footprint().leaveOutOf(borders, left);
        }
        for (int i = 0; i < tickets.size(); i++) {
            left = tickets.get(i).leaveOutOf(borders, left);
        }
        return left;
    }

    /** Adds the ranges and tickets of the layout that was divided which lie in {@code [start, end)}. */
    void addThoseIn(InFlightRanges divided, long start, long end) {
        for (int i = 0; i < divided.ranges.size(); i++) {
            InFlightRange range = divided.ranges.get(i);
            if (Addresses.contains(start, end, range.footprint().low())) {
                ranges.add(range);
            }
        }
        for (int i = 0; i < divided.tickets.size(); i++) {
            Ticket ticket = divided.tickets.get(i);
            if (Addresses.contains(start, end, ticket.low())) {
                tickets.add(ticket);
            }
        }
    }

    /** Adds the ranges and tickets of a part that is joined. */
    void addAllOf(InFlightRanges part) {
        ranges.addAll(part.ranges);
        tickets.addAll(part.tickets);
    }

    public boolean isEmpty() {
        return ranges.isEmpty() && tickets.isEmpty();
    }

    public List<InFlightRange> ranges() {
        return ranges;
    }

    /** Reserves capacity for one more range: adding it does not fail then. */
    public void makeRoom() {
        ranges.ensureCapacity(ranges.size() + 1);
    }

    public void add(InFlightRange range) {
        ranges.add(range);
    }

    public void remove(InFlightRange range) {
        ranges.remove(range);
    }

    public void add(Ticket ticket) {
        tickets.add(ticket);
    }

    public void remove(Ticket ticket) {
        tickets.remove(ticket);
    }

    /** Returns the gate of an operation that publishes in batches and has not published all of them; null for none. */
    public @Nullable Gate publication() {
        for (int i = 0; i < ranges.size(); i++) {
            Gate gate = ranges.get(i).publication();
            if (gate != null) {
                return gate;
            }
        }
        return null;
    }

    /**
     * Returns an operation that publishes in batches and has claimed a part of a range until its completion, or null.
     */
    public @Nullable InFlightRange claimOver(long start, long end) {
        for (int i = 0; i < ranges.size(); i++) {
            InFlightRange range = ranges.get(i);
            if (range.isBatched() && range.footprint().touches(start, end)) {
                return range;
            }
        }
        return null;
    }

    /** Returns the addresses at which completions may join VMAs. */
    public List<PendingJoin> joins() {
        List<PendingJoin> joins = List.of();
        for (InFlightRange range : ranges) {
            if (!range.completionWork().joins().isEmpty()) {
                joins = joins.isEmpty()
                        ? new ArrayList<>(range.completionWork().joins().size())
                        : joins;
                joins.addAll(range.completionWork().joins());
            }
        }
        return joins;
    }

    /** Returns the gate that an operation of an age that names a range must wait for, or null. */
    public @Nullable Gate blocking(long age, long start, long end) {
        for (int i = 0; i < ranges.size(); i++) {
            InFlightRange range = ranges.get(i);
            if (range.footprint().touches(start, end)) {
                return range.gate();
            }
        }
        return ticketBefore(age, start, end);
    }

    /**
     * Returns whether a mapping may be stored over a range. It may if there are ranges in flight in it that all give up
     * their reservations ({@code munmap}), and if no older operation has a ticket for it.
     */
    public boolean mayReuse(long age, long start, long end) {
        boolean reserved = false;
        for (InFlightRange range : ranges) {
            if (range.footprint().touches(start, end)) {
                if (!range.givesUpItsRange()) {
                    return false;
                }
                reserved = true;
            }
        }
        return reserved && ticketBefore(age, start, end) == null;
    }

    /** Returns the ranges in flight that touch a range for which {@link #mayReuse} returned true. */
    public List<InFlightRange> reusedIn(long start, long end) {
        List<InFlightRange> found = new ArrayList<>(1);
        for (InFlightRange range : ranges) {
            if (range.footprint().touches(start, end)) {
                found.add(range);
            }
        }
        return found;
    }

    /**
     * Returns the end of the highest reservation below an address that may not be reused, or the floor if that is
     * higher.
     */
    public long keptBelow(long address, long floor) {
        long kept = floor;
        for (InFlightRange range : ranges) {
            if (!range.givesUpItsRange()) {
                kept = range.footprint().reserved().highestEnd(address, kept);
            }
        }
        return kept;
    }

    /**
     * Returns the start of the lowest reservation above an address that may not be reused, or the ceiling if that is
     * lower.
     */
    public long keptAbove(long address, long ceiling) {
        long kept = ceiling;
        for (InFlightRange range : ranges) {
            if (!range.givesUpItsRange()) {
                kept = range.footprint().reserved().lowestStart(address, kept);
            }
        }
        return kept;
    }

    /**
     * Returns an older operation's ticket that stops an operation, or null. Calls from a callback of an operation in
     * flight pass all tickets: waiting could be a deadlock.
     */
    @Nullable
    Ticket ticketBefore(long age, long start, long end) {
        if (tickets.isEmpty() || RetiringThread.range() != null) {
            return null;
        }
        for (int i = 0; i < tickets.size(); i++) {
            Ticket ticket = tickets.get(i);
            if (ticket.stops(age, start, end)) {
                return ticket;
            }
        }
        return null;
    }
}
