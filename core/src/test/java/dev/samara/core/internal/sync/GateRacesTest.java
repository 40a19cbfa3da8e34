// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.FirstFailure;
import dev.samara.core.fixture.Rounds;
import dev.samara.core.internal.sync.Gate.Waiter;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Many threads at one gate. */
@ExtendWith(FirstFailure.class)
final class GateRacesTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final int ROUNDS =
            TORTURE ? 200_000 : Share.of("GateRacesTest", 4).steps(4_000);
    private static final int THREADS = 6;

    /** Longer than a waiter spins, so that the gate opens in each phase of a wait. */
    private static final int LONGEST_DELAY = 1500;

    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    static {
        System.out.println("GateRacesTest: -Dsamara.seed=" + SEED);
    }

    /** A gate with a plain field, whose accesses are ordered by the opening. */
    private static final class Round extends Gate {
        int done;
    }

    /** Interrupts the waiting thread as soon as it is registered. */
    private static final Gate.WaitReporter INTERRUPTS = new Gate.WaitReporter() {
        @Override
        public long reportAfterNanos() {
            return 0;
        }

        @Override
        public void waitsLong(Object blocker, Thread waiter, long waitedNanos) {
            waiter.interrupt();
        }
    };

    private static final Gate.WaitReporter PATIENT = new Gate.WaitReporter() {
        @Override
        public long reportAfterNanos() {
            return Long.MAX_VALUE;
        }

        @Override
        public void waitsLong(Object blocker, Thread waiter, long waitedNanos) {}
    };

    private static ThreadFactory daemons() {
        AtomicInteger made = new AtomicInteger();
        return body -> {
            Thread thread = new Thread(body, "racer " + made.getAndIncrement());
            thread.setDaemon(true);
            return thread;
        };
    }

    /**
     * Runs one body per thread, and returns when all bodies ended. If a round takes longer than {@link Await} permits,
     * the test fails.
     *
     * @param begun how many rounds were started
     */
    private static void together(ThreadFactory threads, AtomicInteger begun, List<Callable<Void>> bodies)
            throws Exception {
        List<Thread> made = new CopyOnWriteArrayList<>();
        ExecutorService pool = Executors.newFixedThreadPool(bodies.size(), body -> {
            Thread thread = threads.newThread(body);
            made.add(thread);
            return thread;
        });
        try {
            List<Future<Void>> results = new ArrayList<>();
            for (Callable<Void> body : bodies) {
                results.add(pool.submit(body));
            }
            Await.all("a race at gates", begun::get, results, made.toArray(new Thread[0]));
        } finally {
            pool.shutdownNow();
        }
    }

    private static Callable<Void> waiter(List<Round> rounds, CyclicBarrier barrier, long seed) {
        return () -> {
            Random random = new Random(seed);
            for (Round round : rounds) {
                barrier.await();
                Awake.delay(random.nextInt(LONGEST_DELAY));
                switch (random.nextInt(3)) {
                    case 0 -> round.awaitUninterruptibly(PATIENT);
                    case 1 -> assertTrue(round.await(PATIENT));
                    default -> {
                        boolean passed = round.await(INTERRUPTS);
                        assertTrue(Thread.interrupted() || passed);
                        if (!passed) {
                            continue;
                        }
                    }
                }
                assertTrue(round.isOpen());
                assertEquals(1, round.done);
            }
            return null;
        };
    }

    private static Callable<Void> opener(List<Round> rounds, AtomicInteger begun, CyclicBarrier barrier, long seed) {
        return () -> {
            Random random = new Random(seed);
            for (Round round : rounds) {
                barrier.await();
                begun.incrementAndGet();
                Awake.delay(random.nextInt(LONGEST_DELAY));
                round.done = 1;
                Waiter waiting = round.open();
                Awake.delay(random.nextInt(50));
                Gate.wake(waiting);
                assertTrue(round.isOpen());
            }
            return null;
        };
    }

    private static void race(ThreadFactory threads, int count) throws Exception {
        List<Round> rounds = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rounds.add(new Round());
        }
        Random random = new Random(SEED);
        CyclicBarrier barrier = new CyclicBarrier(THREADS);
        List<Callable<Void>> bodies = new ArrayList<>();
        AtomicInteger begun = new AtomicInteger();
        bodies.add(opener(rounds, begun, barrier, random.nextLong()));
        while (bodies.size() < THREADS) {
            bodies.add(waiter(rounds, barrier, random.nextLong()));
        }
        together(threads, begun, bodies);
        for (Round round : rounds) {
            assertTrue(round.isOpen());
        }
    }

    @Test
    @DisplayName("no waiter is lost, whenever it comes, and each sees the stores from before the opening")
    void nobodyIsLost() throws Exception {
        race(daemons(), ROUNDS);
    }

    @Test
    @DisplayName("a waiter is not lost that registers just when the gate opens")
    void openedWhileRegistering() throws Exception {
        Gate[] gates = new Gate[10 * ROUNDS];
        Arrays.setAll(gates, round -> new Gate());
        AtomicInteger arrived = new AtomicInteger();
        Random random = new Random(SEED);
        Callable<Void> waiter = () -> {
            for (Gate gate : gates) {
                arrived.incrementAndGet();
                assertTrue(gate.await(PATIENT));
            }
            return null;
        };
        Callable<Void> opener = () -> {
            Rounds rounds = new Rounds(gates.length);
            for (int round = 0; round < gates.length; round++) {
                boolean waits = rounds.next();
                int known = round;
                if (waits) {
                    Thread self = Thread.currentThread();
                    Await.until("the waiter arrives", () -> arrived.get() > known || self.isInterrupted());
                    assertFalse(self.isInterrupted());
                }
                // About as long as the waiter spins before its registration.
                Awake.delay(80 + random.nextInt(100));
                Gate.wake(gates[round].open());
            }
            return null;
        };
        together(daemons(), arrived, List.of(waiter, opener));
    }

    @Test
    @DisplayName("no waiter is lost on virtual threads, where there are any")
    void nobodyIsLostOnVirtualThreads() throws Exception {
        ThreadFactory virtual = virtualThreads();
        if (virtual != null) {
            race(virtual, ROUNDS);
        }
    }

    private static @Nullable ThreadFactory virtualThreads() throws ReflectiveOperationException {
        if (Runtime.version().feature() < 21) {
            return null;
        }
        Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
        return (ThreadFactory)
                Class.forName("java.lang.Thread$Builder").getMethod("factory").invoke(builder);
    }

    /** Returns whether no thread stays at a round's gate, so that nothing may be left there. */
    private static boolean staysEmpty(int round) {
        return round % 2 == 0;
    }

    @Test
    @DisplayName("threads that come and are interrupted leave nothing behind, and lose no other waiter")
    void leaversBesideEachOther() throws Exception {
        int each = THREADS / 2;
        Gate[] gates = new Gate[ROUNDS];
        Arrays.setAll(gates, round -> new Gate());
        CyclicBarrier start = new CyclicBarrier(2 * each + 1);
        CyclicBarrier allLeft = new CyclicBarrier(each + 1);
        Random seeds = new Random(SEED);
        List<Callable<Void>> bodies = new ArrayList<>();
        for (int i = 0; i < each; i++) {
            Random leaver = new Random(seeds.nextLong());
            bodies.add(() -> {
                for (Gate gate : gates) {
                    start.await();
                    for (int waits = leaver.nextInt(20); waits >= 0; waits--) {
                        assertFalse(gate.await(INTERRUPTS));
                        assertTrue(Thread.interrupted());
                    }
                    allLeft.await();
                }
                return null;
            });
            Random stayer = new Random(seeds.nextLong());
            bodies.add(() -> {
                for (int round = 0; round < gates.length; round++) {
                    start.await();
                    if (staysEmpty(round)) {
                        continue;
                    }
                    Awake.delay(stayer.nextInt(LONGEST_DELAY));
                    assertTrue(gates[round].await(PATIENT));
                }
                return null;
            });
        }
        AtomicInteger begun = new AtomicInteger();
        bodies.add(() -> {
            for (int round = 0; round < gates.length; round++) {
                start.await();
                begun.incrementAndGet();
                allLeft.await();
                Waiter waiting = gates[round].open();
                int staying = 0;
                for (Waiter waiter = waiting; waiter != null; waiter = waiter.next) {
                    staying++;
                }
                assertTrue(staying <= (staysEmpty(round) ? 0 : each));
                Gate.wake(waiting);
            }
            return null;
        });
        together(daemons(), begun, bodies);
    }
}
