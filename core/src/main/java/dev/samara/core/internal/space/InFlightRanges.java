// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.MergeRules;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Ticket;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is in transit in one space, and who insists on being next. Guarded by the layout lock.
 *
 * <p>Both lists are as long as there are operations in transit, or threads that have waited several times: a few. They
 * are searched from one end to the other.
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

    /** Makes room for one more transit: adding it does not fail then. */
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

    /** Where VMAs may be joined once what is in transit is complete. */
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

    /** How many times two VMAs of an edit are there only because something in transit keeps them apart. */
    public int countJoins(Edit edit) {
        Set<Long> counted = new HashSet<>();
        for (InFlightRange.Join join : joins()) {
            if (MergeRules.willJoin(edit, join)) {
                counted.add(join.address());
            }
        }
        return counted.size();
    }

    /** What an operation that names a range has to wait for first, or null. */
    public @Nullable Gate blocking(Operation operation, long start, long end) {
        for (int i = 0; i < transits.size(); i++) {
            InFlightRange transit = transits.get(i);
            if (transit.touches(start, end)) {
                return transit.gate();
            }
        }
        return intentBefore(operation, start, end);
    }

    /**
     * Whether a mapping may be stored over what is in flight in a range: something is, all of it are reservations of
     * {@code munmap}, and no older operation insists on the range.
     */
    public boolean mayReuse(Operation operation, long start, long end) {
        boolean reserved = false;
        for (InFlightRange transit : transits) {
            if (transit.touches(start, end)) {
                if (!transit.givesUpItsRange()) {
                    return false;
                }
                reserved = true;
            }
        }
        return reserved && intentBefore(operation, start, end) == null;
    }

    /** The transits that have something in a range of which {@link #mayReuse} has said that it may be reused. */
    public List<InFlightRange> reusedIn(long start, long end) {
        List<InFlightRange> found = new ArrayList<>(1);
        for (InFlightRange transit : transits) {
            if (transit.touches(start, end)) {
                found.add(transit);
            }
        }
        return found;
    }

    /** The end of the highest reservation below an address that may not be reused, or a floor if that is higher. */
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

    /** The start of the lowest reservation above an address that may not be reused, or a ceiling if that is lower. */
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
     * An older operation's intent, which calls from a callback of an operation in transit pass (else they might wait in
     * a circle).
     */
    @Nullable
    Ticket intentBefore(Operation operation, long start, long end) {
        if (intents.isEmpty() || InFlightRange.ofThisThread() != null) {
            return null;
        }
        for (int i = 0; i < intents.size(); i++) {
            Ticket intent = intents.get(i);
            if (intent.stops(operation, start, end)) {
                return intent;
            }
        }
        return null;
    }
}
