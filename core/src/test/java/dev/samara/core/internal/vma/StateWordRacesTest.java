// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Two threads that count at one word lose nothing, and the end comes once")
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class StateWordRacesTest {
    private static final int ROUNDS = 100;
    private static final int STEPS = 5_000;

    private final ExecutorService pool = Executors.newFixedThreadPool(2);
    private final AtomicInteger ends = new AtomicInteger();

    private static final class Thing extends Attachable {}

    private final class CountedOpen extends Open {
        @Override
        protected void ended() {
            ends.incrementAndGet();
        }
    }

    @AfterEach
    void end() throws InterruptedException {
        pool.shutdown();
        assertTrue(pool.awaitTermination(10, TimeUnit.SECONDS));
    }

    /** Where two threads wait for each other without parking, so that both run when they go on. */
    private static final class Start {
        private final AtomicInteger arrivals = new AtomicInteger();
        private final AtomicBoolean hasFailed = new AtomicBoolean();

        void meet(int round) {
            arrivals.incrementAndGet();
            while (arrivals.get() < 2 * (round + 1) && !hasFailed.get()) {
                Thread.onSpinWait();
            }
        }
    }

    /** Has both threads take a step often, beginning together in each round; returns what the steps have counted. */
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
    @DisplayName("shares of an open, given out and given up")
    void shares() throws Exception {
        Open open = new CountedOpen();
        int shared = race(() -> {
            open.share();
            open.drop();
            return 1;
        });
        assertEquals(2 * ROUNDS * STEPS, shared);
        assertEquals(0, ends.get(), "the maker has its share");
        open.drop();
        assertEquals(1, ends.get());
    }

    @Test
    @DisplayName("shares given out by one thread and given up by the other")
    void handedOver() throws Exception {
        Open open = new CountedOpen();
        for (int i = 0; i < ROUNDS * STEPS; i++) {
            open.share();
        }
        AtomicInteger threads = new AtomicInteger();
        ThreadLocal<Boolean> isGiver = ThreadLocal.withInitial(() -> threads.getAndIncrement() == 0);
        race(() -> {
            if (isGiver.get()) {
                open.share();
            } else {
                open.drop();
            }
            return 1;
        });
        for (int i = 0; i < ROUNDS * STEPS; i++) {
            assertEquals(0, ends.get());
            open.drop();
        }
        assertEquals(0, ends.get());
        open.drop();
        assertEquals(1, ends.get());
    }

    @Test
    @DisplayName("keeps, taken and released")
    void keeps() throws Exception {
        Thing thing = new Thing();
        Life.attach(thing, new CountedOpen(), null);
        int kept = race(() -> {
            boolean isKept = Life.keep(thing);
            Life.release(thing);
            return isKept ? 1 : 0;
        });
        assertEquals(2 * ROUNDS * STEPS, kept);
        assertEquals(0, Life.keeps(thing));
        Life.detach(thing);
        assertEquals(0, ends.get());
        Life.unhold(thing);
        assertEquals(1, ends.get());
    }

    @Test
    @DisplayName("references taken until the object is detached, where the hold is ended at once: one end per object")
    void keptBesideTheEnd() throws Exception {
        for (int round = 0; round < ROUNDS; round++) {
            Thing thing = new Thing();
            Life.attach(thing, new CountedOpen(), null);
            Start start = new Start();
            AtomicBoolean isOver = new AtomicBoolean();
            Future<Boolean> keeper = pool.submit(() -> {
                start.meet(0);
                boolean wasOver;
                boolean isKept;
                do {
                    wasOver = isOver.get();
                    isKept = Life.keep(thing);
                    if (isKept) {
                        Life.release(thing);
                    }
                } while (isKept && !wasOver);
                return isKept;
            });
            start.meet(0);
            Life.detach(thing);
            Life.unhold(thing);
            isOver.set(true);
            assertFalse(keeper.get(), "kept after it was detached");
            assertEquals(round + 1, ends.get());
            assertEquals(0, Life.keeps(thing));
        }
    }
}
