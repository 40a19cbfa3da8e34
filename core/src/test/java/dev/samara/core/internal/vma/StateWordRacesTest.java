// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.samara.core.fixture.Await;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Two threads that count at one word lose nothing, and the end comes once")
final class StateWordRacesTest {
    private static final int ROUNDS = 100;
    private static final int STEPS = 5_000;

    private final ExecutorService pool = Executors.newFixedThreadPool(2);
    private final AtomicInteger ends = new AtomicInteger();

    private static VmArea fresh() {
        return VmArea.describe(0, 0x1000, 0, 0, null, null, null);
    }

    private final class CountedOpen extends VmArea.Open {
        @Override
        protected void ended() {
            ends.incrementAndGet();
        }
    }

    @AfterEach
    void end() {
        pool.shutdown();
        Await.until("the threads end", pool::isTerminated);
    }

    /**
     * A barrier at which two threads wait for each other without parking, so that both are running when they continue.
     */
    private static final class Start {
        private final AtomicInteger arrivals = new AtomicInteger();
        private final AtomicBoolean hasFailed = new AtomicBoolean();

        void meet(int round) {
            arrivals.incrementAndGet();
            Await.until("both have arrived", () -> arrivals.get() >= 2 * (round + 1) || hasFailed.get());
        }
    }

    /**
     * Makes both threads take a step many times, and start each round together. Returns the sum of the steps' counts.
     */
    private int race(Callable<Integer> step) throws Exception {
        Start start = new Start();
        Callable<Integer> steps = () -> {
            int counted = 0;
            try {
                for (int round = 0; round < ROUNDS; round++) {
                    start.meet(round);
                    for (int i = 0; i < STEPS; i++) {
                        counted += step.call();
                    }
                }
            } catch (IllegalStateException lost) {
                start.hasFailed.set(true);
                throw lost;
            }
            return counted;
        };
        Future<Integer> one = pool.submit(steps);
        Future<Integer> other = pool.submit(steps);
        return one.get() + other.get();
    }

    @Test
    @DisplayName("shares of an open, got and put")
    void shares() throws Exception {
        VmArea.Open open = new CountedOpen();
        int shared = race(() -> {
            open.get();
            open.put();
            return 1;
        });
        assertEquals(2 * ROUNDS * STEPS, shared);
        assertEquals(0, ends.get(), "the maker has its share");
        open.put();
        assertEquals(1, ends.get());
    }

    @Test
    @DisplayName("shares got by one thread and put by the other")
    void handedOver() throws Exception {
        VmArea.Open open = new CountedOpen();
        for (int i = 0; i < ROUNDS * STEPS; i++) {
            open.get();
        }
        AtomicInteger threads = new AtomicInteger();
        ThreadLocal<Boolean> isGiver = ThreadLocal.withInitial(() -> threads.getAndIncrement() == 0);
        race(() -> {
            if (isGiver.get()) {
                open.get();
            } else {
                open.put();
            }
            return 1;
        });
        for (int i = 0; i < ROUNDS * STEPS; i++) {
            assertEquals(0, ends.get());
            open.put();
        }
        assertEquals(0, ends.get());
        open.put();
        assertEquals(1, ends.get());
    }

    @Test
    @DisplayName("references, acquired and released")
    void references() throws Exception {
        VmArea vma = fresh();
        vma.attach(new CountedOpen(), null);
        int acquired = race(() -> {
            boolean isAcquired = vma.acquire();
            vma.release();
            return isAcquired ? 1 : 0;
        });
        assertEquals(2 * ROUNDS * STEPS, acquired);
        assertEquals(0, vma.references());
        vma.detach();
        assertEquals(0, ends.get());
        vma.clearRetiring();
        assertEquals(1, ends.get());
    }

    @Test
    @DisplayName("references taken until the object is detached, where the hold is ended at once: one end per object")
    void acquiredBesideTheEnd() throws Exception {
        for (int round = 0; round < ROUNDS; round++) {
            VmArea vma = fresh();
            vma.attach(new CountedOpen(), null);
            Start start = new Start();
            AtomicBoolean isOver = new AtomicBoolean();
            Future<Boolean> reader = pool.submit(() -> {
                start.meet(0);
                boolean wasOver;
                boolean isAcquired;
                do {
                    wasOver = isOver.get();
                    isAcquired = vma.acquire();
                    if (isAcquired) {
                        vma.release();
                    }
                } while (isAcquired && !wasOver);
                return isAcquired;
            });
            start.meet(0);
            vma.detach();
            vma.clearRetiring();
            isOver.set(true);
            assertFalse(reader.get(), "acquired after it was detached");
            assertEquals(round + 1, ends.get());
            assertEquals(0, vma.references());
        }
    }
}
