// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.LayoutChange;
import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.Report;
import dev.samara.core.internal.sync.SpscQueue;
import dev.samara.core.internal.sync.WaitingCall;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The changes of one space, numbered under the layout lock and delivered to listeners without it.
 *
 * <p>Each listener has a queue. A published change is added to it under the layout lock, which makes the order. After
 * the unlock, the publishing thread schedules the delivery on a thread of the machine.
 */
public final class Changes {
    /**
     * The number of changes that may wait for a slow listener. The listener loses later ones until half of them are
     * delivered.
     */
    static final int CAPACITY = 1 << 16;

    private final MachineState host;

    /** Replaced under the layout lock; read without it to see whether there is anything to deliver. */
    private volatile List<Delivery> deliveries = List.of();

    /** Guarded by the layout lock. */
    private long sequence;

    Changes(MachineState host) {
        this.host = host;
    }

    /** Adds a listener and returns its removal. Both need the layout lock. */
    Runnable add(LayoutListener listener) {
        Delivery added = new Delivery(listener);
        List<Delivery> more = new ArrayList<>(deliveries);
        more.add(added);
        deliveries = List.copyOf(more);
        return () -> remove(added);
    }

    private void remove(Delivery removed) {
        List<Delivery> fewer = new ArrayList<>(deliveries);
        fewer.remove(removed);
        deliveries = List.copyOf(fewer);
    }

    /** Returns whether there is a listener. Caller must hold the layout lock. */
    boolean hasListener() {
        return !deliveries.isEmpty();
    }

    /** Counts changes that were published without a listener. Caller must hold the layout lock. */
    void skip(long unheard) {
        sequence += unheard;
    }

    /**
     * Returns the event of a change that is about to be published, or null if there is no listener. Caller must hold
     * the layout lock.
     */
    public @Nullable LayoutChange prepare(List<VmArea> gone, List<VmArea> fresh) {
        if ((gone.isEmpty() && fresh.isEmpty()) || deliveries.isEmpty()) {
            return null;
        }
        return new LayoutChange(sequence + 1, ascending(gone), ascending(fresh));
    }

    /**
     * Numbers a change, and queues its prepared event; an exception for one listener does not stop the others. Caller
     * must hold the layout lock, and call {@link #deliver} after it has unlocked it.
     */
    public void publish(List<VmArea> gone, List<VmArea> fresh, @Nullable LayoutChange change) {
        if (!gone.isEmpty() || !fresh.isEmpty()) {
            sequence++;
        }
        if (change != null) {
            List<Delivery> to = deliveries;
            for (int i = 0; i < to.size(); i++) {
                to.get(i).add(change);
            }
        }
    }

    private static List<Vma> ascending(List<VmArea> vmas) {
        List<Vma> sorted = new ArrayList<>(vmas);
        sorted.sort((one, other) -> Long.compareUnsigned(one.start(), other.start()));
        return sorted;
    }

    /** Schedules the delivery of published changes. Caller must not hold the layout lock. */
    public void deliver() {
        List<Delivery> to = deliveries;
        for (int i = 0; i < to.size(); i++) {
            to.get(i).schedule();
        }
    }

    /** One listener's queue, drained by at most one thread at a time. */
    private final class Delivery extends WaitingCall {
        private final LayoutListener listener;

        /** The producer is the holder of the layout lock, the consumer the thread that has set {@link #isWorkedOff}. */
        private final SpscQueue<LayoutChange> queue = new SpscQueue<>();

        private final AtomicInteger length = new AtomicInteger();
        private final AtomicBoolean isWorkedOff = new AtomicBoolean();

        private final Loss loss = new Loss(this);

        /** Whether changes are being lost; guarded by the layout lock. */
        private boolean losing;

        Delivery(LayoutListener listener) {
            this.listener = listener;
        }

        void add(LayoutChange change) {
            int waiting = length.get();
            boolean isFull = losing ? waiting > CAPACITY / 2 : waiting >= CAPACITY;
            if (isFull || !offer(change)) {
                if (!losing) {
                    losing = true;
                    loss.from.set(change.sequence());
                }
                return;
            }
            losing = false;
        }

        /** Returns false if there is no memory for an entry of the queue. */
        private boolean offer(LayoutChange change) {
            length.getAndIncrement();
            try {
                queue.offer(change);
                return true;
            } catch (OutOfMemoryError exhausted) {
                length.getAndDecrement();
                return false;
            }
        }

        void schedule() {
            loss.schedule();
            // The queue, then the flag. The draining thread clears the flag, then reads the queue. One of the two sees
            // the other's write, so no change stays in the queue: isEmpty begins with a fence.
            if (!queue.isEmpty() && isWorkedOff.compareAndSet(false, true)) {
                host.submit(this);
            }
        }

        @Override
        protected boolean isReady() {
            return true;
        }

        @Override
        public void run() {
            try {
                for (LayoutChange change = queue.poll(); change != null; change = queue.poll()) {
                    length.getAndDecrement();
                    deliver(change);
                }
            } finally {
                isWorkedOff.set(false);
                schedule();
            }
        }

        private void deliver(LayoutChange change) {
            try {
                listener.changed(change);
            } catch (Throwable thrown) {
                String name = listener.getClass().getName();
                host.report(Report.Kind.CALLBACK_FAILED, "listener of class " + name, thrown);
            }
        }
    }

    /**
     * The report that a listener loses changes. Not made by the thread that drains the queue, since that thread may
     * hang.
     */
    private final class Loss extends WaitingCall {
        private final Delivery delivery;

        /** The number of the first change of a new loss; 0 if there is nothing to report. */
        private final AtomicLong from = new AtomicLong();

        private final AtomicBoolean isScheduled = new AtomicBoolean();

        Loss(Delivery delivery) {
            this.delivery = delivery;
        }

        void schedule() {
            if (from.get() != 0 && isScheduled.compareAndSet(false, true)) {
                host.submit(this);
            }
        }

        @Override
        protected boolean isReady() {
            return true;
        }

        @Override
        public void run() {
            isScheduled.set(false);
            long first = from.getAndSet(0);
            if (first != 0) {
                String name = delivery.listener.getClass().getName();
                host.report(
                        Report.Kind.CHANGES_LOST,
                        "listener of class " + name + " is " + delivery.length.get()
                                + " changes behind and loses those from number " + first,
                        null);
            }
        }
    }
}
