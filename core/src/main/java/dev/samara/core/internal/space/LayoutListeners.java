// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.ChangeOrder;
import dev.samara.core.event.LayoutListener;
import dev.samara.core.internal.sync.MpscQueue;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The listeners of one space, and the delivery of its changes to them.
 *
 * <p>Each listener has a {@linkplain ChangeDelivery queue}. The publishing thread adds a change to it under the lock of
 * the changed part. Two operations on overlapping ranges never hold the locks of their parts at the same time, so their
 * changes are queued in publication order (P47). In an undivided layout this holds for all changes. After it unlocks,
 * the publishing thread schedules the delivery on one of the machine's threads; so does a thread that removed the
 * listener.
 */
public final class LayoutListeners {
    /** The stack that {@link #publish} needs, in frames. */
    private static final int DEPTH = MpscQueue.DEPTH + 7;

    private final MachineState host;

    /**
     * Replaced under the layout lock, while the layout is not divided. Read under the lock of a part, and without a
     * lock to check whether there is anything to deliver.
     *
     * <p>Written: holder of the layout lock, while the layout is not divided (volatile).
     * Read: holder of the layout lock, or of the lock of a part; any thread that released the lock (volatile).
     * Pairs: a part is published, in {@code parts}, after all writes before its division.
     * Invariant: the listeners; a list that is never changed.
     */
    private volatile List<ChangeDelivery> deliveries = List.of();

    LayoutListeners(MachineState host) {
        this.host = host;
    }

    /**
     * Adds a listener and returns its queue. Caller holds the lock of the whole layout.
     *
     * @param published the number of changes of the layout until now
     */
    ChangeDelivery add(LayoutListener listener, ChangeOrder order, long published) {
        ChangeDelivery added = new ChangeDelivery(host, listener, order, published);
        List<ChangeDelivery> more = new ArrayList<>(deliveries);
        more.add(added);
        deliveries = List.copyOf(more);
        return added;
    }

    /**
     * Removes a listener, unless it was removed before. Caller holds the lock of the whole layout, and {@linkplain
     * ChangeDelivery#schedule schedules} the last delivery after the unlock, because a thread that queued a change
     * before this may no longer find the listener in {@link #deliver}.
     */
    void remove(ChangeDelivery removed) {
        List<ChangeDelivery> fewer = new ArrayList<>(deliveries);
        fewer.remove(removed);
        deliveries = List.copyOf(fewer);
    }

    /** Returns whether a listener prevents a division of the layout. Caller holds the layout lock. */
    boolean needsOneOrder() {
        List<ChangeDelivery> all = deliveries;
        for (int i = 0; i < all.size(); i++) {
            if (all.get(i).order() == ChangeOrder.TOTAL) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns the events of a change that is about to be published; null if there is no listener or no change. Ensures
     * that there is enough stack to publish them. Caller holds the lock of the part.
     *
     * @return the event for one listener, which links to the events for the other listeners
     */
    public ChangeDelivery.@Nullable Prepared prepare(List<VmArea> gone, List<VmArea> fresh) {
        List<ChangeDelivery> to = deliveries;
        if (to.isEmpty() || (gone.isEmpty() && fresh.isEmpty())) {
            return null;
        }
        StackReserve.check(DEPTH);
        List<Vma> before = ascending(gone);
        List<Vma> after = ascending(fresh);
        ChangeDelivery.Prepared first = null;
        for (int i = to.size() - 1; i >= 0; i--) {
            first = new ChangeDelivery.Prepared(to.get(i), before, after, first);
        }
        return first;
    }

    /**
     * Queues prepared events. Caller holds the lock of the part under which they were prepared, and calls {@link
     * #deliver} after it has unlocked the part. Does not fail.
     */
    public static void publish(ChangeDelivery.@Nullable Prepared prepared) {
        ChangeDelivery.Prepared change = prepared;
        while (change != null) {
            change = change.queue();
        }
    }

    private static List<Vma> ascending(List<VmArea> vmas) {
        List<Vma> sorted = new ArrayList<>(vmas);
        sorted.sort((one, other) -> Long.compareUnsigned(one.start(), other.start()));
        return List.copyOf(sorted);
    }

    /** Schedules the delivery of published changes. Caller holds no lock of the layout. */
    public void deliver() {
        List<ChangeDelivery> to = deliveries;
        for (int i = 0; i < to.size(); i++) {
            to.get(i).schedule();
        }
    }
}
