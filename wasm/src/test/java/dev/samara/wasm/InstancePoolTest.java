// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.wasm.InstancePool.Lease;
import dev.samara.wasm.InstancePool.Statistics;
import dev.samara.wasm.InstancePool.WhenEmpty;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A pool of instances")
final class InstancePoolTest {
    private static final Duration LONG = Duration.ofSeconds(60);

    private final Machine machine = Machine.builder().memory(64L << 20).build();

    /** The memories that were made; the last state of the host that was put back is that of a failing restore. */
    private final AtomicInteger made = new AtomicInteger();

    private final AtomicBoolean isFailing = new AtomicBoolean();

    @AfterEach
    void close() {
        // Fails while a memory is open.
        machine.close();
    }

    private InstancePool<LinearMemory> pool(int bound, WhenEmpty whenEmpty) {
        return InstancePool.of(
                bound,
                whenEmpty,
                () -> {
                    made.incrementAndGet();
                    return new PlainMemory(machine, 1, 4);
                },
                memory -> new InstanceCheckpoint(List.of(memory), List.of(() -> () -> {
                    if (isFailing.get()) {
                        throw new UnsupportedOperationException("the host cannot go back");
                    }
                })));
    }

    private static Lease<LinearMemory> take(InstancePool<LinearMemory> pool, Duration timeout)
            throws InterruptedException {
        return Objects.requireNonNull(pool.take(timeout), "no instance");
    }

    private static void assertClosed(LinearMemory memory) {
        assertThrows(RuntimeException.class, () -> memory.readInt(0));
    }

    @Test
    @DisplayName("lends the same instance again, in the same state, and counts the pages that requests wrote")
    void restores() throws InterruptedException {
        try (InstancePool<LinearMemory> pool = pool(2, WhenEmpty.WAIT)) {
            for (int i = 0; i < 5; i++) {
                Lease<LinearMemory> lease = take(pool, Duration.ZERO);
                assertEquals(0, lease.instance().readInt(8));
                assertEquals(1, lease.instance().pages());
                lease.instance().writeI32(8, 1);
                lease.instance().grow(1);
                lease.instance().writeI32(65_536, 1);
                assertEquals(2, lease.giveBack());
            }
            assertEquals(1, made.get());
            assertEquals(new Statistics(5, 10, 1, 0, 0, 0, 1), pool.statistics());
        }
    }

    @Test
    @DisplayName("lends no more than its bound; a take waits until its timeout, for a give-back, or for an interrupt")
    void bound() throws Exception {
        try (InstancePool<LinearMemory> pool = pool(1, WhenEmpty.WAIT)) {
            Lease<LinearMemory> lease = take(pool, Duration.ZERO);
            LinearMemory lent = lease.instance();
            assertNull(pool.take(Duration.ZERO));
            assertNull(pool.take(Duration.ofSeconds(-1)));
            assertNull(pool.take(Duration.ofNanos(1)));
            FutureTask<LinearMemory> waiting = new FutureTask<>(() -> {
                try (Lease<LinearMemory> next = take(pool, Duration.ofSeconds(Long.MAX_VALUE))) {
                    return next.instance();
                }
            });
            Thread thread = new Thread(waiting, "waits");
            thread.start();
            while (thread.getState() != Thread.State.TIMED_WAITING) {
                Thread.onSpinWait();
            }
            lease.close();
            assertSame(lent, waiting.get());

            Lease<LinearMemory> again = take(pool, LONG);
            Thread.currentThread().interrupt();
            assertThrows(InterruptedException.class, () -> pool.take(LONG));
            assertEquals(1, pool.statistics().lent());
            again.close();
            assertEquals(1, made.get());
        }
    }

    @Test
    @DisplayName("makes instances beyond its bound if it is told to, and closes them when they are given back")
    void makesMore() throws InterruptedException {
        try (InstancePool<LinearMemory> pool = pool(1, WhenEmpty.MAKE)) {
            Lease<LinearMemory> first = take(pool, LONG);
            Lease<LinearMemory> second = take(pool, LONG);
            LinearMemory kept = first.instance();
            LinearMemory more = second.instance();
            second.close();
            assertClosed(more);
            first.close();
            try (Lease<LinearMemory> again = take(pool, LONG)) {
                assertSame(kept, again.instance());
            }
            assertEquals(2, made.get());
        }
    }

    @Test
    @DisplayName("takes an instance back once, and not during a call")
    void once() throws InterruptedException {
        try (InstancePool<LinearMemory> pool = pool(1, WhenEmpty.WAIT)) {
            Lease<LinearMemory> lease = take(pool, LONG);
            LinearMemory memory = lease.instance();
            memory.enter(() -> {
                assertThrows(IllegalStateException.class, lease::close);
                memory.leave(() -> assertThrows(IllegalStateException.class, lease::close));
                memory.writeI32(0, 7);
                return 0;
            });
            assertEquals(7, lease.instance().readInt(0));
            assertNull(pool.take(Duration.ZERO));
            lease.close();
            assertThrows(IllegalStateException.class, lease::close);
            assertThrows(IllegalStateException.class, lease::instance);
            Lease<LinearMemory> next = take(pool, LONG);
            assertThrows(IllegalStateException.class, lease::close);
            assertEquals(0, next.instance().readInt(0));
            next.close();
            assertEquals(2, pool.statistics().requests());
        }
    }

    @Test
    @DisplayName("does not lend an instance again whose restore failed, but makes another one")
    void failed() throws InterruptedException {
        try (InstancePool<LinearMemory> pool = pool(1, WhenEmpty.WAIT)) {
            Lease<LinearMemory> lease = take(pool, LONG);
            LinearMemory lent = lease.instance();
            isFailing.set(true);
            assertThrows(UnsupportedOperationException.class, lease::close);
            isFailing.set(false);
            assertClosed(lent);
            assertThrows(IllegalStateException.class, lease::close);
            try (Lease<LinearMemory> next = take(pool, Duration.ZERO)) {
                assertNotSame(lent, next.instance());
            }
            assertEquals(new Statistics(1, 0, 2, 1, 0, 0, 1), pool.statistics());
        }
    }

    @Test
    @DisplayName("goes on after an instance could not be made")
    void notMade() throws InterruptedException {
        AtomicBoolean fails = new AtomicBoolean(true);
        try (InstancePool<LinearMemory> pool = InstancePool.of(
                1,
                WhenEmpty.WAIT,
                () -> {
                    if (fails.get()) {
                        throw new UnsupportedOperationException("cannot be made");
                    }
                    return new PlainMemory(machine, 1, 1);
                },
                memory -> new InstanceCheckpoint(List.of(memory), List.of()))) {
            assertThrows(UnsupportedOperationException.class, () -> pool.take(LONG));
            fails.set(false);
            take(pool, Duration.ZERO).close();
        }
        assertThrows(IllegalArgumentException.class, () -> pool(0, WhenEmpty.WAIT));
    }

    @Test
    @DisplayName("reports a lease that was never given back, and makes another instance")
    void lost() throws InterruptedException {
        AtomicReference<String> report = new AtomicReference<>();
        CountDownLatch isReported = new CountDownLatch(1);
        try (InstancePool<LinearMemory> pool = pool(1, WhenEmpty.WAIT).reports(message -> {
            report.set(message);
            isReported.countDown();
        })) {
            loseOne(pool);
            do {
                System.gc();
            } while (!isReported.await(10, TimeUnit.MILLISECONDS));
            assertEquals("an instance of pool of 1 instances was never given back", report.get());
            assertEquals(1, pool.statistics().lost());
            take(pool, LONG).close();
            assertEquals(2, made.get());
        }
        awaitClose();
    }

    /** Closes the machine, whose memories are released some time after the collection. */
    private void awaitClose() {
        boolean isOpen = true;
        while (isOpen) {
            System.gc();
            try {
                machine.close();
                isOpen = false;
            } catch (IllegalStateException unreleased) {
                Thread.onSpinWait();
            }
        }
    }

    @Test
    @DisplayName("that nobody closed is collected with its idle instances")
    void collected() throws InterruptedException {
        WeakReference<Object> pool = new WeakReference<>(used());
        while (pool.get() != null) {
            System.gc();
        }
        awaitClose();
    }

    private Object used() throws InterruptedException {
        InstancePool<LinearMemory> pool = pool(1, WhenEmpty.WAIT);
        take(pool, LONG).close();
        return pool;
    }

    /** In a method of its own, whose frame refers to the lease. */
    private static void loseOne(InstancePool<LinearMemory> pool) throws InterruptedException {
        assertNotNull(pool.take(LONG));
    }

    @Test
    @DisplayName("that is closed closes its instances, those that are lent when they come back, and lends no more")
    void closed() throws InterruptedException {
        InstancePool<LinearMemory> pool = pool(2, WhenEmpty.WAIT);
        Lease<LinearMemory> lent = take(pool, LONG);
        Lease<LinearMemory> other = take(pool, LONG);
        LinearMemory idle = other.instance();
        other.close();
        pool.close();
        assertClosed(idle);
        LinearMemory memory = lent.instance();
        memory.writeI32(0, 1);
        lent.close();
        assertClosed(memory);
        assertThrows(IllegalStateException.class, () -> pool.take(LONG));
        pool.close();
    }

    private static ExecutorService executor(boolean isVirtual) throws ReflectiveOperationException {
        return isVirtual
                ? (ExecutorService) Executors.class
                        .getMethod("newVirtualThreadPerTaskExecutor")
                        .invoke(null)
                : Executors.newFixedThreadPool(8);
    }

    @Test
    @DisplayName("lends an instance to one thread at a time, platform or virtual, in the first state")
    void threads() throws Exception {
        boolean hasVirtual = Runtime.version().feature() >= 21;
        for (boolean isVirtual : hasVirtual ? new boolean[] {false, true} : new boolean[] {false}) {
            ExecutorService executor = executor(isVirtual);
            try (InstancePool<LinearMemory> pool = pool(3, WhenEmpty.WAIT)) {
                List<Future<?>> tasks = new ArrayList<>();
                for (int i = 1; i <= 8; i++) {
                    int user = i;
                    tasks.add(executor.submit(() -> {
                        for (int request = 0; request < 300; request++) {
                            try (Lease<LinearMemory> lease = take(pool, LONG)) {
                                LinearMemory memory = lease.instance();
                                memory.enter(() -> {
                                    assertEquals(0, memory.readInt(0));
                                    memory.writeI32(0, user);
                                    Thread.yield();
                                    assertEquals(user, memory.readInt(0));
                                    return 0;
                                });
                            }
                        }
                        return null;
                    }));
                }
                for (Future<?> task : tasks) {
                    task.get();
                }
                Statistics done = pool.statistics();
                assertEquals(2400, done.requests());
                assertEquals(2400, done.pages());
                assertTrue(done.made() <= 3, done.toString());
                assertEquals(0, done.lent());
            } finally {
                executor.shutdown();
            }
        }
    }
}
