// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The ranges in flight and the tickets of one space. Guarded by the layout lock.
 *
 * <p>Both lists are short: one entry for each operation in flight, or for each thread that has restarted several times.
 * They are searched linearly.
 */
public final class InFlightRanges {
    private final ArrayList<InFlightRange> transits = new ArrayList<>();
    private final List<Ticket> intents = new ArrayList<>();

    public boolean isEmpty() {
        return transits.isEmpty() && intents.isEmpty();
    }

    public List<InFlightRange> transits() {
        return transits;
    }

    /** Reserves capacity for one more range: adding it does not fail then. */
    public void makeRoom() {
        transits.ensureCapacity(transits.size() + 1);
    }

    public void add(InFlightRange transit) {
        transits.add(transit);
    }

    public void remove(InFlightRange transit) {
        transits.remove(transit);
    }

    public void add(Ticket intent) {
        intents.add(intent);
    }

    public void remove(Ticket intent) {
        intents.remove(intent);
    }

    /** Returns the addresses at which completions may join VMAs. */
    public List<InFlightRange.Join> joins() {
        List<InFlightRange.Join> joins = List.of();
        for (InFlightRange transit : transits) {
            if (!transit.joins().isEmpty()) {
                joins = new ArrayList<>(joins);
                joins.addAll(transit.joins());
            }
        }
        return joins;
    }

    /** Returns the gate that an operation of an age that names a range must wait for, or null. */
    public @Nullable Gate blocking(long age, long start, long end) {
        for (int i = 0; i < transits.size(); i++) {
            InFlightRange transit = transits.get(i);
            if (transit.touches(start, end)) {
                return transit.gate();
            }
        }
        return intentBefore(age, start, end);
    }

    /**
     * Returns whether a mapping may be stored over a range. It may if there are ranges in flight in it, all of which
     * give up their reservations ({@code munmap}), and no older operation has a ticket for it.
     */
    public boolean mayReuse(long age, long start, long end) {
        boolean reserved = false;
        for (InFlightRange transit : transits) {
            if (transit.touches(start, end)) {
                if (!transit.givesUpItsRange()) {
                    return false;
                }
                reserved = true;
            }
        }
        return reserved && intentBefore(age, start, end) == null;
    }

    /** Returns the ranges in flight that touch a range for which {@link #mayReuse} returned true. */
    public List<InFlightRange> reusedIn(long start, long end) {
        List<InFlightRange> found = new ArrayList<>(1);
        for (InFlightRange transit : transits) {
            if (transit.touches(start, end)) {
                found.add(transit);
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
        for (InFlightRange transit : transits) {
            Ranges reserved = transit.reserved();
            for (int i = 0; i < reserved.size() && !transit.givesUpItsRange(); i++) {
                long end = reserved.end(i);
                if (Long.compareUnsigned(end, address) <= 0 && Long.compareUnsigned(end, kept) > 0) {
                    kept = end;
                }
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
        for (InFlightRange transit : transits) {
            Ranges reserved = transit.reserved();
            for (int i = 0; i < reserved.size() && !transit.givesUpItsRange(); i++) {
                long start = reserved.start(i);
                if (Long.compareUnsigned(start, address) > 0 && Long.compareUnsigned(start, kept) < 0) {
                    kept = start;
                }
            }
        }
        return kept;
    }

    /**
     * Returns an older operation's ticket that stops an operation, or null. Calls from a callback of an operation in
     * flight pass all tickets: waiting could be a deadlock.
     */
    @Nullable
    Ticket intentBefore(long age, long start, long end) {
        if (intents.isEmpty() || RetiringThread.range() != null) {
            return null;
        }
        for (int i = 0; i < intents.size(); i++) {
            Ticket intent = intents.get(i);
            if (intent.stops(age, start, end)) {
                return intent;
            }
        }
        return null;
    }
}
