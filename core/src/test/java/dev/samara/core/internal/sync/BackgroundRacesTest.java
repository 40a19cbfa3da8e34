// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.Rounds;
import dev.samara.testing.Share;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Threads that submit tasks, while the threads of the background start, become idle and end. */
final class BackgroundRacesTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final int ROUNDS =
            TORTURE ? 500_000 : Share.of("BackgroundRacesTest", 4).steps(20_000);
    private static final int GIVERS = 3;

    private static final Duration NEVER = Duration.ofDays(1);
    private static final Duration AT_ONCE = Duration.ofNanos(1);

    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    static {
        System.out.println("BackgroundRacesTest: -Dsamara.seed=" + SEED);
    }

    private static void givers(Background background, Giver giver) throws Exception {
        Random seeds = new Random(SEED);
        ExecutorService pool = Executors.newFixedThreadPool(GIVERS, body -> {
            Thread thread = new Thread(body);
            thread.setDaemon(true);
            return thread;
        });
        try {
            List<Future<Void>> results = new ArrayList<>();
            for (int i = 0; i < GIVERS; i++) {
                Random random = new Random(seeds.nextLong());
                Callable<Void> body = () -> {
                    giver.give(background, random);
                    return null;
                };
                results.add(pool.submit(body));
            }
            for (Future<Void> result : results) {
                result.get();
            }
        } finally {
            pool.shutdownNow();
        }
    }

    /** The steps of one thread that submits tasks. */
    private interface Giver {
        void give(Background background, Random random) throws Exception;
    }

    /**
     * Submits tasks from a single thread, so that no other call can make up for a lost task. The second task makes a
     * thread watch the first one; the third arrives when the leader has just finished both.
     */
    private static void threeAtATime(Background background, int rounds, boolean spinning, int longestDelay)
            throws Exception {
        Random random = new Random(SEED);
        Rounds left = new Rounds(rounds);
        while (left.next()) {
            FutureTask<Integer> second = new FutureTask<>(() -> 2);
            background.execute(() -> {});
            background.execute(second);
            if (spinning) {
                Await.until("the second task", second::isDone);
            }
            assertEquals(2, second.get());
            Awake.delay(random.nextInt(longestDelay));
            FutureTask<Integer> third = new FutureTask<>(() -> 3);
            background.execute(third);
            assertEquals(3, third.get());
        }
    }

    private static Background background(Duration dueAfter, Duration idleFor) {
        return new Background(
                thrown -> {
                    throw new AssertionError(thrown);
                },
                dueAfter,
                idleFor);
    }

    @Test
    @DisplayName("a task given just when the thread goes idle is not lost")
    void goingIdle() throws Exception {
        threeAtATime(background(NEVER, NEVER), ROUNDS, true, 30);
    }

    @Test
    @DisplayName("a task given just when the thread ends is not lost")
    void ending() throws Exception {
        threeAtATime(background(NEVER, AT_ONCE), ROUNDS / 10, false, 300);
    }

    @Test
    @DisplayName("a task given just when another one is taken for late is not lost")
    void overtaking() throws Exception {
        threeAtATime(background(AT_ONCE, AT_ONCE), ROUNDS / 10, false, 300);
    }

    @Test
    @DisplayName("a task given just when the standby stops waiting for a hung one is not lost")
    void standbyGoingIdle() throws Exception {
        Background background = background(AT_ONCE, NEVER);
        givers(background, (to, random) -> {
            // Each round waits for two threads.
            for (Rounds rounds = new Rounds(ROUNDS / 20); rounds.next(); ) {
                // Each task hangs until the next one runs, so a thread that stops waiting too early is noticed.
                CountDownLatch next = new CountDownLatch(1);
                FutureTask<Integer> hangs = new FutureTask<>(() -> {
                    next.await();
                    return 1;
                });
                to.execute(hangs);
                Awake.delay(random.nextInt(2000));
                to.execute(next::countDown);
                assertEquals(1, hangs.get());
            }
        });
        background.awaitQuiescence();
    }

    @Test
    @DisplayName("each giver's tasks run in its order, and each once")
    void orderOfEachGiver() throws Exception {
        Background background = background(NEVER, AT_ONCE);
        AtomicInteger ran = new AtomicInteger();
        givers(background, (to, random) -> {
            // Needs no synchronization, because the tasks run one after the other.
            int[] last = new int[1];
            for (int i = 1; i <= ROUNDS; i++) {
                int number = i;
                to.execute(() -> {
                    assertEquals(number - 1, last[0]);
                    last[0] = number;
                    ran.incrementAndGet();
                });
                Awake.delay(random.nextInt(20));
            }
        });
        background.awaitQuiescence();
        assertEquals(GIVERS * ROUNDS, ran.get());
    }

    @Test
    @DisplayName("tasks that linger, throw and give others: all run, all is reported, then all is quiet")
    void anything() throws Exception {
        AtomicInteger given = new AtomicInteger();
        AtomicInteger ran = new AtomicInteger();
        AtomicInteger thrown = new AtomicInteger();
        AtomicInteger handled = new AtomicInteger();
        Background background =
                new Background(what -> handled.incrementAndGet(), Duration.ofNanos(50_000), Duration.ofNanos(200_000));
        givers(background, (to, random) -> {
            for (int i = 0; i < ROUNDS / 4; i++) {
                give(to, random.nextLong(), given, ran, thrown);
                Awake.delay(random.nextInt(300));
                if (random.nextInt(500) == 0) {
                    to.awaitQuiescence();
                    assertTrue(to.pending() >= 0);
                }
            }
        });
        background.awaitQuiescence();
        assertEquals(0, background.pending());
        assertEquals(given.get(), ran.get());
        assertEquals(thrown.get(), handled.get());
    }

    private static void give(Background to, long seed, AtomicInteger given, AtomicInteger ran, AtomicInteger thrown) {
        given.incrementAndGet();
        to.execute(() -> {
            Random random = new Random(seed);
            Awake.delay(random.nextInt(random.nextInt(50) == 0 ? 5000 : 50));
            if (random.nextInt(3) == 0) {
                give(to, random.nextLong(), given, ran, thrown);
            }
            ran.incrementAndGet();
            if (random.nextInt(5) == 0) {
                thrown.incrementAndGet();
                throw new IllegalStateException("as drawn");
            }
        });
    }
}
