// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.wasm.InstancePool.Lease;
import dev.samara.wasm.InstancePool.Member;
import dev.samara.wasm.InstancePool.Statistics;
import dev.samara.wasm.InstancePool.WhenEmpty;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
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

    private final AtomicInteger made = new AtomicInteger();
    private final AtomicInteger ended = new AtomicInteger();

    private final AtomicBoolean isFailing = new AtomicBoolean();

    /** What pools reported, unless a test passes a reporter of its own. */
    private final List<String> reports = new CopyOnWriteArrayList<>();

    @AfterEach
    void close() {
        // Fails while a memory is open.
        machine.close();
        assertEquals(List.of(), reports);
    }

    private InstancePool<LinearMemory> pool(int bound, WhenEmpty whenEmpty) {
        InstancePool<LinearMemory> pool = InstancePool.of(bound, whenEmpty, () -> {
            made.incrementAndGet();
            LinearMemory memory = new PlainMemory(machine, 1, 4);
            InstanceCheckpoint checkpoint = new InstanceCheckpoint(List.of(memory), List.of(() -> () -> {
                if (isFailing.get()) {
                    throw new UnsupportedOperationException("the host cannot go back");
                }
            }));
            return new Member<>(memory, checkpoint, ended::incrementAndGet);
        });
        return pool.reports((message, cause) -> reports.add(message));
    }

    private static void assertClosed(LinearMemory memory) {
        assertThrows(RuntimeException.class, () -> memory.readInt(0));
    }

    @Test
    @DisplayName("lends the same instance again, in the same state, and counts the pages that requests wrote")
    void restores() throws Exception {
        try (InstancePool<LinearMemory> pool = pool(2, WhenEmpty.WAIT)) {
            for (int i = 0; i < 5; i++) {
                Lease<LinearMemory> lease = pool.take(Duration.ZERO);
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
            Lease<LinearMemory> lease = pool.take(Duration.ZERO);
            LinearMemory lent = lease.instance();
            assertThrows(TimeoutException.class, () -> pool.take(Duration.ZERO));
            assertThrows(TimeoutException.class, () -> pool.take(Duration.ofSeconds(-1)));
            assertThrows(TimeoutException.class, () -> pool.take(Duration.ofNanos(1)));
            FutureTask<LinearMemory> waiting = new FutureTask<>(() -> {
                try (Lease<LinearMemory> next = pool.take(Duration.ofSeconds(Long.MAX_VALUE))) {
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

            Lease<LinearMemory> again = pool.take(LONG);
            Thread.currentThread().interrupt();
            assertThrows(InterruptedException.class, () -> pool.take(LONG));
            assertEquals(1, pool.statistics().lent());
            again.close();
            assertEquals(1, made.get());
        }
    }

    @Test
    @DisplayName("makes instances beyond its bound if it is told to, and closes them when they are given back")
    void makesMore() throws Exception {
        try (InstancePool<LinearMemory> pool = pool(1, WhenEmpty.MAKE)) {
            Lease<LinearMemory> first = pool.take(LONG);
            Lease<LinearMemory> second = pool.take(LONG);
            LinearMemory kept = first.instance();
            LinearMemory more = second.instance();
            second.close();
            assertClosed(more);
            first.close();
            try (Lease<LinearMemory> again = pool.take(LONG)) {
                assertSame(kept, again.instance());
            }
            assertEquals(2, made.get());
        }
    }

    @Test
    @DisplayName("takes an instance back once, and not during a call")
    void once() throws Exception {
        try (InstancePool<LinearMemory> pool = pool(1, WhenEmpty.WAIT)) {
            Lease<LinearMemory> lease = pool.take(LONG);
            LinearMemory memory = lease.instance();
            memory.enter(() -> {
                assertThrows(IllegalStateException.class, lease::close);
                memory.leave(() -> assertThrows(IllegalStateException.class, lease::close));
                memory.writeI32(0, 7);
                return 0;
            });
            assertEquals(7, lease.instance().readInt(0));
            assertThrows(TimeoutException.class, () -> pool.take(Duration.ZERO));
            lease.close();
            assertThrows(IllegalStateException.class, lease::close);
            assertThrows(IllegalStateException.class, lease::giveBack);
            assertThrows(IllegalStateException.class, lease::discard);
            assertThrows(IllegalStateException.class, lease::instance);
            Lease<LinearMemory> next = pool.take(LONG);
            assertThrows(IllegalStateException.class, lease::close);
            assertEquals(0, next.instance().readInt(0));
            next.close();
            assertEquals(2, pool.statistics().requests());
        }
    }

    @Test
    @DisplayName(
            "does not lend an instance again whose restore failed; a close reports that, and a give-back throws it")
    void failed() throws Exception {
        List<Throwable> reports = new ArrayList<>();
        try (InstancePool<LinearMemory> pool =
                pool(1, WhenEmpty.WAIT).reports((message, cause) -> reports.add(Objects.requireNonNull(cause)))) {
            isFailing.set(true);
            Lease<LinearMemory> first = pool.take(LONG);
            LinearMemory lent = first.instance();
            assertThrows(UnsupportedOperationException.class, first::giveBack);
            assertClosed(lent);
            assertThrows(IllegalStateException.class, first::giveBack);
            first.close();
            assertEquals(1, ended.get());
            Lease<LinearMemory> second = pool.take(LONG);
            assertNotSame(lent, second.instance());
            second.close();
            assertThrows(IllegalStateException.class, second::close);
            isFailing.set(false);
            assertEquals(1, reports.size());
            pool.take(Duration.ZERO).close();
            assertEquals(new Statistics(1, 0, 3, 2, 0, 0, 1), pool.statistics());
        }
        assertEquals(3, ended.get());
    }

    @Test
    @DisplayName("keeps an instance lent that is given back while its thread is in another space, and loses no place")
    void inGuest() throws Exception {
        try (Machine host = Machine.builder().memory(1 << 20).build();
                AddressSpace other = host.space(LinearMemory.PAGES_64K).build();
                InstancePool<LinearMemory> pool = pool(2, WhenEmpty.WAIT)) {
            Lease<LinearMemory> lease = pool.take(LONG);
            lease.instance().writeI32(0, 1);
            Lease<LinearMemory> idle = pool.take(LONG);
            idle.close();
            try (Guest guest = other.enter()) {
                assertThrows(IllegalStateException.class, lease::close);
                assertThrows(IllegalStateException.class, pool::close);
                guest.poll();
            }
            assertEquals(1, lease.instance().readInt(0));
            lease.close();
        }
        assertEquals(2, ended.get());
    }

    @Test
    @DisplayName("ends an instance that is discarded, even during a call, and has another place for it at once")
    void discarded() throws Exception {
        try (InstancePool<LinearMemory> pool = pool(1, WhenEmpty.WAIT)) {
            try (Lease<LinearMemory> lease = pool.take(LONG)) {
                LinearMemory memory = lease.instance();
                memory.enter(() -> {
                    memory.leave(() -> {
                        lease.discard();
                        return 0;
                    });
                    memory.writeI32(0, 1);
                    return 0;
                });
                assertClosed(memory);
                assertThrows(IllegalStateException.class, lease::discard);
            }
            assertEquals(1, ended.get());
            pool.take(Duration.ZERO).close();
            assertEquals(2, made.get());
        }
    }

    @Test
    @DisplayName("goes on after an instance could not be made")
    void notMade() throws Exception {
        AtomicBoolean fails = new AtomicBoolean(true);
        try (InstancePool<LinearMemory> pool = InstancePool.of(1, WhenEmpty.WAIT, () -> {
            if (fails.get()) {
                throw new UnsupportedOperationException("cannot be made");
            }
            LinearMemory memory = new PlainMemory(machine, 1, 1);
            return new Member<>(memory, new InstanceCheckpoint(List.of(memory), List.of()));
        })) {
            assertThrows(UnsupportedOperationException.class, () -> pool.take(LONG));
            fails.set(false);
            pool.take(Duration.ZERO).close();
        }
        assertThrows(IllegalArgumentException.class, () -> pool(0, WhenEmpty.WAIT));
    }

    @Test
    @DisplayName("reports a lease that was never given back, and makes another instance")
    void lost() throws Exception {
        AtomicReference<String> report = new AtomicReference<>();
        CountDownLatch isReported = new CountDownLatch(1);
        try (InstancePool<LinearMemory> pool = pool(1, WhenEmpty.WAIT).reports((message, cause) -> {
            report.set(message);
            isReported.countDown();
        })) {
            loseOne(pool);
            do {
                System.gc();
            } while (!isReported.await(10, TimeUnit.MILLISECONDS));
            assertEquals("an instance of a pool of 1 instances was never given back", report.get());
            assertEquals(1, pool.statistics().lost());
            pool.take(LONG).close();
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
    void collected() throws Exception {
        WeakReference<Object> pool = new WeakReference<>(used());
        while (pool.get() != null) {
            System.gc();
        }
        awaitClose();
    }

    private Object used() throws Exception {
        InstancePool<LinearMemory> pool = pool(1, WhenEmpty.WAIT);
        pool.take(LONG).close();
        return pool;
    }

    /** In a method of its own, whose frame refers to the lease. */
    private static void loseOne(InstancePool<LinearMemory> pool) throws Exception {
        assertNotNull(pool.take(LONG));
    }

    @Test
    @DisplayName("that is closed closes its instances, those that are lent when they come back, and lends no more")
    void closed() throws Exception {
        InstancePool<LinearMemory> pool = pool(2, WhenEmpty.WAIT);
        Lease<LinearMemory> lent = pool.take(LONG);
        Lease<LinearMemory> other = pool.take(LONG);
        LinearMemory idle = other.instance();
        other.close();
        assertFalse(pool.awaitReturns(Duration.ZERO));
        FutureTask<Lease<LinearMemory>> waiting = new FutureTask<>(() -> {
            try (Lease<LinearMemory> taken = pool.take(LONG)) {
                assertSame(idle, taken.instance());
                return pool.take(LONG);
            }
        });
        Thread thread = new Thread(waiting, "waits");
        thread.start();
        while (thread.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
        pool.close();
        assertEquals(
                IllegalStateException.class,
                Objects.requireNonNull(assertThrows(ExecutionException.class, waiting::get)
                                .getCause())
                        .getClass());
        assertClosed(idle);
        LinearMemory memory = lent.instance();
        memory.writeI32(0, 1);
        lent.close();
        assertTrue(pool.awaitReturns(LONG));
        assertClosed(memory);
        assertThrows(IllegalStateException.class, () -> pool.take(LONG));
        pool.close();
        assertEquals(2, ended.get());
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
                            try (Lease<LinearMemory> lease = pool.take(LONG)) {
                                LinearMemory memory = lease.instance();
                                memory.enter(() -> {
                                    assertEquals(0, memory.readInt(0));
                                    memory.writeI32(0, user);
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
