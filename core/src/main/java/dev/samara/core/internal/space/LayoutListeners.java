// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.Report;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.MpscQueue;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
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
    /**
     * The queue of one listener. Operations add their changes under the lock of the layout part that they changed. At
     * most one thread at a time drains the queue.
     *
     * <p>A change is numbered when it leaves the queue: its number is the previous change's plus one, plus one for each
     * change lost in between. So numbers ascend, with a gap only where changes were lost, regardless of the order in
     * which parts publish. The changes of one part are queued or lost one at a time, and a queued change carries the
     * count of earlier losses. So the gap for a loss precedes every later change of that part.
     */
    public static final class ChangeDelivery extends Housekeeping.Waiter {
        /**
         * The maximum number of changes that wait for a slow listener. At this number the listener loses later changes,
         * until half of the waiting ones are delivered.
         */
        static final int CAPACITY = 1 << 16;

        /** The bit of {@link #accepted} that is set while changes are being lost. */
        private static final long LOSING = 1;

        /** How much one change adds to {@link #accepted}. */
        private static final long ONE = 2;

        private final MachineState host;
        final LayoutListener listener;
        private final LayoutListener.Order order;

        /** The number of changes that were published before the listener was added. */
        private final long earlier;

        /**
         * The producers are threads that hold the lock of a part. The consumer is the thread that set {@link
         * #isDraining}.
         *
         * <p>Written: threads that publish, each holding the lock of a part, are the producers ({@code
         * MpscQueue.offer}).
         * Read: the thread that delivers is the consumer ({@code poll}); any thread that released the lock ({@code
         *     isEmpty}).
         * Pairs: with {@code isDraining}.
         * Invariant: changes of overlapping ranges in the order of publication (P47); in a layout that is not divided,
         *     all changes.
         */
        private final MpscQueue<Prepared> queue = new MpscQueue<>();

        /**
         * Twice the number of changes that were queued or are about to be, plus {@link #LOSING}.
         *
         * <p>Written: threads that publish, each holding the lock of a part (compare-and-set).
         * Read: these threads; the thread that reports a loss (volatile).
         * Invariant: the number of changes that were queued or are about to be, shifted left by one. Bit 0 is set while
         *     changes are being lost. The number exceeds {@code taken} by at most {@code CAPACITY}. The thread that
         *     sets the bit reports the loss.
         */
        private final AtomicLong accepted = new AtomicLong();

        /**
         * The number of changes that left the queue.
         *
         * <p>Written: the thread that delivers (volatile).
         * Read: that thread; threads that publish, each holding the lock of a part; the thread that reports a loss
         *     (volatile).
         * Invariant: the number of changes that left the queue; only grows. A thread that reads it after {@code
         *     accepted}, and then changes {@code accepted} by compare-and-set, did not underestimate the number of
         *     waiting changes.
         */
        private final AtomicLong taken = new AtomicLong();

        /**
         * The number of changes that were not queued.
         *
         * <p>Written: threads that publish, each holding the lock of a part (get-and-add).
         * Read: these threads, before they queue a change (volatile).
         * Invariant: the number of changes that were not queued; only grows.
         */
        private final AtomicLong lost = new AtomicLong();

        /**
         * The highest {@link Prepared#lostEarlier} of the changes that left the queue. Used only by the draining
         * thread.
         *
         * <p>Written: the thread that delivers (plain).
         * Read: the thread that delivers (plain).
         * Pairs: handed on with {@code isDraining}.
         * Invariant: the number of losses that the latest change number includes; only grows.
         */
        private long lostBefore;

        /**
         * Written: a thread that schedules a delivery (compare-and-set); the thread that delivers (volatile).
         * Read: a thread that schedules a delivery (compare-and-set).
         * Pairs: a publisher fills the queue, then tests the flag; the delivering thread clears the flag, then tests
         *     the queue. A thread that closes the registration held the lock after each publisher that found the
         *     listener. It also tests the flag, because such a publisher may no longer find the listener when it
         *     schedules deliveries.
         * Invariant: at most one thread delivers to a listener.
         */
        private final AtomicBoolean isDraining = new AtomicBoolean();

        private final Loss loss = new Loss();

        ChangeDelivery(MachineState host, LayoutListener listener, LayoutListener.Order order, long earlier) {
            this.host = host;
            this.listener = listener;
            this.order = order;
            this.earlier = earlier;
        }

        /**
         * Queues a change, or loses it. Caller holds the lock of the part, and has checked that there is enough stack.
         */
        private void add(Prepared change) {
            // Read after each earlier loss of this part, which the part's lock orders, and before any loss that a full
            // queue causes now.
            change.lostEarlier = lost.get();
            if (accept()) {
                try {
                    queue.offer(change);
                } catch (OutOfMemoryError | StackOverflowError exhausted) {
                    giveBack();
                }
            }
        }

        /** Claims a place in the queue for a change. Returns false if there is none; the change is then lost. */
        private boolean accept() {
            for (; ; ) {
                long known = accepted.get();
                // Read before the bit is set, because afterwards other threads also lose changes, and the report names
                // the first lost change.
                long before = lost.get();
                long waiting = waiting(known);
                if (isLosing(known) ? waiting > CAPACITY / 2 : waiting >= CAPACITY) {
                    if (isLosing(known) || accepted.compareAndSet(known, known | LOSING)) {
                        lose(known, before);
                        return false;
                    }
                } else if (accepted.compareAndSet(known, (known & ~LOSING) + ONE)) {
                    return true;
                }
            }
        }

        /** Frees the place in the queue of a change that could not be queued. The change is then lost. */
        private void giveBack() {
            long known;
            long before;
            do {
                known = accepted.get();
                before = lost.get();
            } while (!accepted.compareAndSet(known, (known - ONE) | LOSING));
            lose(known - ONE, before);
        }

        /**
         * Loses a change.
         *
         * @param known the value of {@link #accepted} before the loss, without the lost change
         * @param before how many changes were lost before {@link #LOSING} was set, if this call has set it
         */
        private void lose(long known, long before) {
            lost.getAndIncrement();
            if (!isLosing(known)) {
                loss.begin(earlier + (known >>> 1) + before + 1);
            }
        }

        private static boolean isLosing(long known) {
            return (known & LOSING) != 0;
        }

        private long waiting(long known) {
            return (known >>> 1) - taken.get();
        }

        /** Schedules the delivery of queued changes, and the report of a loss. Caller holds no lock of the layout. */
        void schedule() {
            loss.schedule();
            // Reads the queue, then the flag. The draining thread clears the flag, then reads the queue. At least one
            // of the two sees the other's write, because offer ends with a fence. So no change stays in the queue.
            if (!queue.isEmpty() && isDraining.compareAndSet(false, true)) {
                host.threads.submit(this);
            }
        }

        @Override
        public void run() {
            try {
                for (Prepared change = queue.poll(); change != null; change = queue.poll()) {
                    long count = taken.get() + 1;
                    taken.set(count);
                    lostBefore = Math.max(lostBefore, change.lostEarlier);
                    deliver(change, earlier + count + lostBefore);
                }
            } finally {
                isDraining.set(false);
                schedule();
            }
        }

        private void deliver(Prepared change, long number) {
            LayoutListener.Change event;
            try {
                event = new LayoutListener.Change(number, change.before, change.after);
            } catch (OutOfMemoryError exhausted) {
                loss.begin(number);
                return;
            }
            try {
                listener.changed(event);
            } catch (Throwable thrown) {
                host.report(Report.Kind.CALLBACK_FAILED, name(), thrown);
            }
        }

        private String name() {
            return "listener of class " + listener.getClass().getName();
        }

        /**
         * The event of a change for one listener, created before the change is published. It has no number yet, because
         * changes of other parts may be queued before it.
         */
        public static final class Prepared {
            private final ChangeDelivery delivery;
            private final List<Vma> before;
            private final List<Vma> after;

            /**
             * The event of this change for another listener. Used only by the publishing thread.
             *
             * <p>Words: {@code next}, {@code lostEarlier}.
             * Written: the thread that publishes, holding the lock of the part, before it queues the event (plain).
             * Read: that thread ({@code next}); the thread that delivers, after it removed the event from the queue
             *     ({@code lostEarlier}) (plain).
             * Invariant: of a {@code Prepared}: {@code lostEarlier} is at least the number of changes of the part that
             *     the listener lost before this one.
             */
            private @Nullable Prepared next;

            /** The number of changes that the listener lost before this one. Written before this change is queued. */
            private long lostEarlier;

            /**
             * Creates an event.
             *
             * @param delivery the queue of the listener
             * @param before an unmodifiable list, ascending
             * @param after an unmodifiable list, ascending
             * @param next the event for another listener; null if there is none
             */
            Prepared(ChangeDelivery delivery, List<Vma> before, List<Vma> after, @Nullable Prepared next) {
                this.delivery = delivery;
                this.before = before;
                this.after = after;
                this.next = next;
            }

            /**
             * Queues the event, as {@link ChangeDelivery#add} does. Returns the event for another listener; null if
             * there is none.
             */
            @Nullable
            Prepared queue() {
                Prepared other = next;
                next = null;
                delivery.add(this);
                return other;
            }
        }

        /** The report of a loss. Not sent by the thread that drains the queue, because that thread may hang. */
        private final class Loss extends Housekeeping.Waiter {
            /**
             * The number of the first change of a loss; 0 if there is nothing to report.
             *
             * <p>Written: set by a thread that publishes, holding the lock of a part, or by the thread that delivers
             *     (compare-and-set); cleared by the thread that reports (get-and-set).
             * Read: any thread that released the lock (volatile).
             * Pairs: with {@code isScheduled}.
             * Invariant: the number of the first change of a loss that is not reported yet.
             */
            private final AtomicLong from = new AtomicLong();

            /**
             * Written: a thread that schedules the report of a loss (compare-and-set); the thread that reports, before
             *     it takes the number (volatile).
             * Read: a thread that schedules the report (compare-and-set).
             * Pairs: a publisher sets the number, then tests the flag; the reporting thread clears the flag, then takes
             *     the number.
             * Invariant: the report is handed to at most one thread of the machine at a time, because it may be in the
             *     list of waiting calls.
             */
            private final AtomicBoolean isScheduled = new AtomicBoolean();

            /** Records the first change of a loss, unless another loss is still to be reported. */
            void begin(long number) {
                from.compareAndSet(0, number);
            }

            void schedule() {
                if (from.get() != 0 && isScheduled.compareAndSet(false, true)) {
                    host.threads.submit(this);
                }
            }

            @Override
            public void run() {
                isScheduled.set(false);
                long first = from.getAndSet(0);
                if (first != 0) {
                    host.report(
                            Report.Kind.CHANGES_LOST,
                            name() + " is " + waiting(accepted.get()) + " changes behind and loses those from number "
                                    + first,
                            null);
                }
            }
        }
    }

    /** The stack that {@link #publish} needs, in frames. */
    private static final int DEPTH = StackReserve.around(MpscQueue.DEPTH, 7);

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
    ChangeDelivery add(LayoutListener listener, LayoutListener.Order order, long published) {
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
            if (all.get(i).order == LayoutListener.Order.TOTAL) {
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
