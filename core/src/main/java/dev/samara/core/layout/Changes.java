// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.vma.LayoutChange;
import dev.samara.core.vma.LayoutListener;
import dev.samara.core.vma.Report;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The changes of one space, numbered under the layout lock and delivered to listeners without it.
 *
 * <p>Each listener has a queue. What is published is added to it under the layout lock, which makes the order; whoever
 * has let go of the lock sees to it that a thread of the machine works the queue off.
 */
final class Changes {
    /** So many changes wait for a slow listener; later ones are lost to it until it has caught up. */
    static final int CAPACITY = 1 << 16;

    private final Host host;

    /** Replaced under the layout lock; read without it to see whether there is anything to deliver. */
    private volatile List<Delivery> deliveries = List.of();

    /** Guarded by the layout lock. */
    private long sequence;

    Changes(Host host) {
        this.host = host;
    }

    /** Caller must hold the layout lock. */
    void add(LayoutListener listener) {
        List<Delivery> more = new ArrayList<>(deliveries);
        more.add(new Delivery(listener));
        deliveries = List.copyOf(more);
    }

    /** Caller must hold the layout lock. */
    void remove(LayoutListener listener) {
        List<Delivery> fewer = new ArrayList<>(deliveries);
        fewer.removeIf(delivery -> delivery.listener == listener);
        deliveries = List.copyOf(fewer);
    }

    /** Caller must hold the layout lock, and call {@link #deliver} after it has let go of it. */
    void publish(List<Vma> gone, List<Vma> fresh) {
        if (gone.isEmpty() && fresh.isEmpty()) {
            return;
        }
        sequence++;
        List<Delivery> to = deliveries;
        if (!to.isEmpty()) {
            LayoutChange change = new LayoutChange(sequence, ascending(gone), ascending(fresh));
            for (Delivery delivery : to) {
                delivery.add(change);
            }
        }
    }

    private static List<Vma> ascending(List<Vma> vmas) {
        List<Vma> sorted = new ArrayList<>(vmas);
        sorted.sort((one, other) -> Long.compareUnsigned(one.start(), other.start()));
        return sorted;
    }

    /** Has what was published delivered. Caller must not hold the layout lock. */
    void deliver() {
        List<Delivery> to = deliveries;
        for (int i = 0; i < to.size(); i++) {
            to.get(i).schedule();
        }
    }

    /** One listener's queue, worked off by at most one thread at a time. */
    private final class Delivery implements Runnable {
        private final LayoutListener listener;
        private final Queue<LayoutChange> queue = new ConcurrentLinkedQueue<>();
        private final AtomicInteger length = new AtomicInteger();
        private final AtomicBoolean isWorkedOff = new AtomicBoolean();

        /** Reports a loss that has just begun; null if there is nothing to report. */
        private final AtomicReference<@Nullable Runnable> loss = new AtomicReference<>();

        /** Whether changes are being lost; guarded by the layout lock. */
        private boolean losing;

        Delivery(LayoutListener listener) {
            this.listener = listener;
        }

        void add(LayoutChange change) {
            int waiting = length.get();
            boolean full = losing ? waiting > CAPACITY / 2 : waiting >= CAPACITY;
            if (full) {
                if (!losing) {
                    losing = true;
                    loss.set(() -> host.report(
                            Report.Kind.CHANGES_LOST,
                            "listener of class " + listener.getClass().getName() + " is " + waiting
                                    + " changes behind and loses those from number " + change.sequence(),
                            null));
                }
                return;
            }
            losing = false;
            length.getAndIncrement();
            queue.add(change);
        }

        void schedule() {
            Runnable report = loss.get() == null ? null : loss.getAndSet(null);
            if (report != null) {
                host.background().execute(report);
            }
            // The queue, then the flag; the thread that works it off lets go of the flag, then looks at the queue: one
            // of the two sees the other, so nothing stays in the queue.
            if (!queue.isEmpty() && isWorkedOff.compareAndSet(false, true)) {
                host.background().execute(this);
            }
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
}
