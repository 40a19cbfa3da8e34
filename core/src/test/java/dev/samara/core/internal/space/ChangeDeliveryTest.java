// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.Report;
import dev.samara.core.internal.space.LayoutListeners.ChangeDelivery;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A listener to which two threads publish at the same time")
final class ChangeDeliveryTest {
    private static final int CAPACITY = ChangeDelivery.CAPACITY;
    private static final int PAGE = 0x1000;

    /** The bits of a VMA's address above this one identify the thread that published it. */
    private static final int SHIFT = 40;

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final MachineState host = new MachineState(new MachineState.Settings(
            100,
            0,
            MachineState.UNLIMITED,
            Long.MAX_VALUE,
            Long.MAX_VALUE,
            new MachineThreads(reports::add, Long.MAX_VALUE, null, null, false),
            null));
    private final LayoutListeners listeners = new LayoutListeners(host);
    private final Semaphore begun = new Semaphore(0);
    private final Semaphore released = new Semaphore(0);

    /** Checks each change by its number and its thread. Called by one thread at a time. */
    private final class Judge implements LayoutListener {
        private final List<String> mistakes = new ArrayList<>();
        private final long[] next = new long[2];
        private final long[] lost = new long[2];
        private final long earlier;
        private long received;
        private long last;

        Judge(long earlier) {
            this.earlier = earlier;
            last = earlier;
        }

        @Override
        public void changed(LayoutListener.Change change) {
            if (received == 0) {
                begun.release();
                released.acquireUninterruptibly();
            }
            received++;
            long address = change.after().get(0).start();
            int thread = (int) (address >>> SHIFT);
            long number = (address & (1L << SHIFT) - 1) / PAGE;
            if (change.sequence() <= last) {
                mistakes.add("number " + change.sequence() + " after " + last);
            }
            last = change.sequence();
            if (number < next[thread]) {
                mistakes.add("change " + number + " after " + next[thread]);
            }
            lost[thread] += number - next[thread];
            next[thread] = number + 1;
            if (last - earlier - received < lost[0] + lost[1]) {
                mistakes.add("a loss before " + last + " without a gap");
            }
        }
    }

    private ChangeDelivery.@Nullable Prepared prepare(int thread, long number) {
        long start = ((long) thread << SHIFT) + number * PAGE;
        List<VmArea> fresh = List.of(VmArea.describe(start, start + PAGE, VmaFlags.READ, 0, null, null, null));
        return listeners.prepare(List.of(), fresh);
    }

    private void publish(int thread, long number) {
        LayoutListeners.publish(prepare(thread, number));
        listeners.deliver();
    }

    /** Makes two threads publish changes in quick succession. All changes are prepared in advance. */
    private void together(int from, int to) throws Exception {
        CyclicBarrier start = new CyclicBarrier(2);
        List<Callable<@Nullable Void>> bodies = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            int thread = i;
            bodies.add(() -> {
                List<ChangeDelivery.@Nullable Prepared> prepared = new ArrayList<>();
                for (int number = from; number < to; number++) {
                    prepared.add(prepare(thread, number));
                }
                start.await();
                for (ChangeDelivery.Prepared change : prepared) {
                    LayoutListeners.publish(change);
                    listeners.deliver();
                }
                return null;
            });
        }
        ExecutorService pool = Executors.newFixedThreadPool(2);
        try {
            for (Future<@Nullable Void> result : pool.invokeAll(bodies)) {
                result.get();
            }
        } finally {
            pool.shutdown();
        }
    }

    @Test
    @DisplayName("receives exactly as many as may wait, and the number of each other change is skipped")
    void full() throws Exception {
        Judge judge = new Judge(100);
        listeners.add(judge, LayoutListener.Order.BY_RANGE, judge.earlier);
        publish(0, 0);
        begun.acquire();
        publish(1, 0);
        together(1, CAPACITY);
        released.release();
        host.threads.background.awaitQuiescence();
        assertEquals(CAPACITY + 1, judge.received);
        assertEquals(100 + CAPACITY + 1, judge.last, "the loss is at the end");
        publish(0, CAPACITY);
        host.threads.background.awaitQuiescence();
        assertEquals(100 + 2 * CAPACITY + 1, judge.last);
        assertEquals(1, reports.size());
        assertEquals(Report.Kind.CHANGES_LOST, reports.get(0).kind());
        String message = reports.get(0).message();
        assertTrue(message.contains("number " + (100 + CAPACITY + 2)), message);
    }

    @Test
    @DisplayName("has a gap before each change that follows a lost one of its thread")
    void whileItCatchesUp() throws Exception {
        Judge judge = new Judge(0);
        listeners.add(judge, LayoutListener.Order.BY_RANGE, judge.earlier);
        publish(0, 0);
        begun.acquire();
        publish(1, 0);
        together(1, CAPACITY);
        released.release();
        together(CAPACITY, 5 * CAPACITY);
        host.threads.background.awaitQuiescence();
        publish(0, 5 * CAPACITY);
        host.threads.background.awaitQuiescence();
        assertEquals(List.of(), judge.mistakes.subList(0, Math.min(3, judge.mistakes.size())));
        assertEquals(10 * CAPACITY + 1, judge.last);
        assertTrue(!reports.isEmpty());
    }
}
