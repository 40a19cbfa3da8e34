// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.sync.Ranges;
import java.util.AbstractSet;
import java.util.Iterator;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** Replaces parts of a machine by a test's. Called before the machine has a space. */
public final class MachineSeams {
    private MachineSeams() {}

    /** Has the layout locks of the spaces created by a test. */
    public static void lockWith(MachineState machine, Supplier<ReentrantLock> locks) {
        machine.lockWith(locks);
    }

    /** Has a machine find no memory to remove a space from its list, after it has ended. */
    public static void neverUnlist(Spaces spaces) {
        spaces.listIn(list -> new AbstractSet<>() {
            @Override
            public boolean add(Spaces.RegisteredSpace entry) {
                return list.add(entry);
            }

            @Override
            public boolean remove(Object entry) {
                throw new OutOfMemoryError("a test's");
            }

            @Override
            public Iterator<Spaces.RegisteredSpace> iterator() {
                return list.iterator();
            }

            @Override
            public int size() {
                return list.size();
            }
        });
    }

    /** Has a test's clock tell the time of the reaps of a machine with a policy for low memory. */
    public static void timeReapsBy(MachineState machine, LongSupplier nanos) {
        Objects.requireNonNull(machine.reapTurns(), "no policy").timeBy(nanos);
    }

    /** Calls a hook in the retire phase of each operation, as a notifier that each space of the machine has. */
    public static void retireWith(MachineState machine, RetirementHook hook) {
        machine.notifyInEachSpace((start, end, reason) -> {
            InFlightRange range = RetiringThread.range();
            // A reap calls notifiers too, and is no operation in flight.
            if (range != null && isLast(range, start, end, reason)) {
                hook.retire(range);
            }
        });
    }

    /** Returns whether a notifier is called for the last of an operation's ranges. */
    private static boolean isLast(InFlightRange range, long start, long end, MmuNotifier.Reason reason) {
        boolean isOccupied = reason == MmuNotifier.Reason.REPLACED || reason == MmuNotifier.Reason.PROTECTED;
        boolean isBusy = reason == MmuNotifier.Reason.DISCARDED;
        Ranges last;
        if (!range.footprint().occupied().isEmpty()) {
            last = isOccupied ? range.footprint().occupied() : Ranges.NONE;
        } else if (!range.footprint().busy().isEmpty()) {
            last = isBusy ? range.footprint().busy() : Ranges.NONE;
        } else {
            last = range.footprint().reserved();
        }
        int count = last.size();
        return count != 0 && last.start(count - 1) == start && last.end(count - 1) == end;
    }
}
