// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.Report;
import dev.samara.core.internal.space.LayoutListeners.ChangeDelivery;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A listener that is too far behind")
final class SlowListenerTest {
    private static final int CAPACITY = ChangeDelivery.CAPACITY;

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final Semaphore reported = new Semaphore(0);
    private final MachineState host = new MachineState(new MachineState.Settings(
            100,
            0,
            MachineState.UNLIMITED,
            Long.MAX_VALUE,
            Long.MAX_VALUE,
            new MachineThreads(
                    report -> {
                        reports.add(report);
                        reported.release();
                    },
                    Long.MAX_VALUE,
                    null,
                    null,
                    false),
            null));
    private final LayoutListeners listeners = new LayoutListeners(host);
    private final List<VmArea> some = List.of(VmArea.describe(0, 0x1000, VmaFlags.READ, 0, null, null, null));

    /** One permit for each change that the slow listener may process. */
    private final Semaphore permits = new Semaphore(0);

    private final Semaphore begun = new Semaphore(0);
    private final Semaphore taken = new Semaphore(0);
    private final AtomicLong last = new AtomicLong();
    private final AtomicInteger gaps = new AtomicInteger();

    private final LayoutListener slow = new LayoutListener() {
        @Override
        public void changed(LayoutListener.Change change) {
            begun.release();
            permits.acquireUninterruptibly();
            if (change.sequence() != last.get() + 1) {
                gaps.incrementAndGet();
            }
            last.set(change.sequence());
            taken.release();
        }

        @Override
        public String toString() {
            return "the slow one";
        }
    };

    private void publish(int count) {
        for (int i = 0; i < count; i++) {
            LayoutListeners.publish(listeners.prepare(List.of(), some));
        }
        listeners.deliver();
    }

    /** Makes the listener hold change 1, and fills the queue with further changes. */
    @BeforeEach
    void fill() throws InterruptedException {
        listeners.add(slow, LayoutListener.Order.TOTAL, 0);
        publish(1);
        begun.acquire();
        publish(CAPACITY);
    }

    @Test
    @DisplayName("loses changes, which is reported once while it does, and sees it by the numbers")
    void loses() throws InterruptedException {
        publish(1);
        publish(2);
        reported.acquire();
        assertEquals(Report.Kind.CHANGES_LOST, reports.get(0).kind());
        assertTrue(reports.get(0).message().contains(SlowListenerTest.class.getName()), reports::toString);
        assertTrue(reports.get(0).message().contains("number " + (CAPACITY + 2)), reports::toString);
        permits.release(2 * CAPACITY);
        host.threads.background.awaitQuiescence();
        assertEquals(0, gaps.get(), "the loss is at the end");
        assertEquals(CAPACITY + 1, last.get());
        publish(5);
        host.threads.background.awaitQuiescence();
        assertEquals(1, gaps.get());
        assertEquals(CAPACITY + 4 + 5, last.get());
        assertEquals(CAPACITY + 1 + 5, taken.availablePermits());
        assertEquals(1, reports.size());
    }

    @Test
    @DisplayName("goes on losing until it has taken half of its backlog, and is reported again when it loses again")
    void hysteresis() throws InterruptedException {
        publish(3);
        reported.acquire();
        permits.release(10);
        begun.acquire(10);
        publish(3);
        permits.release(CAPACITY / 2 - 10);
        begun.acquire(CAPACITY / 2 - 10);
        publish(1);
        assertEquals(1, reports.size());
        publish(CAPACITY);
        reported.acquire();
        permits.release(3 * CAPACITY);
        host.threads.background.awaitQuiescence();
        assertEquals(1, gaps.get());
        assertEquals(2, reports.size());
        assertEquals(CAPACITY + CAPACITY / 2 + 1, taken.availablePermits());
    }

    @Test
    @DisplayName("does no harm to another")
    void others() throws InterruptedException {
        List<Long> told = new CopyOnWriteArrayList<>();
        listeners.add(change -> told.add(change.sequence()), LayoutListener.Order.TOTAL, CAPACITY + 1);
        publish(3);
        reported.acquire();
        permits.release(2 * CAPACITY);
        host.threads.background.awaitQuiescence();
        assertEquals(List.of(CAPACITY + 2L, CAPACITY + 3L, CAPACITY + 4L), told);
    }

    @Test
    @DisplayName("is not reported by the publishing thread, under the layout lock, but by the machine after that")
    void afterTheLock() throws InterruptedException {
        LayoutListeners.publish(listeners.prepare(List.of(), some));
        assertEquals(1, host.threads.background.pending(), "the delivery");
        listeners.deliver();
        reported.acquire();
        permits.release(2 * CAPACITY);
        host.threads.background.awaitQuiescence();
        assertEquals(1, reports.size());
    }
}
