// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.Latches;
import dev.samara.core.Machine;
import dev.samara.core.Rig;
import dev.samara.core.event.Report;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.event.StalledCpu;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

/** How an embedder has CPUs find out that somebody waits, and what it is told of those that do not answer. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
final class DeliveryTest {
    private static final Duration SOON = Duration.ofMillis(5);

    private static Rig rig(ShootdownDelivery delivery, Duration patience) {
        return new Rig(Machine.builder()
                .memory(64 * Rig.PAGE)
                .poisonFrames()
                .reportShootdownsLongerThan(patience)
                .deliverShootdowns(delivery));
    }

    /** Takes a page away on another thread, while the calling one is in GUEST and has a translation of it. */
    private static Unmapping unmapInGuest(Rig rig) {
        long at = rig.anonymous(1);
        rig.store(at, 1);
        rig.cpu.enterGuest();
        assertTrue(rig.memory.probeLoad(at, 8) >= 0);
        Unmapping waiter = new Unmapping(rig, at);
        waiter.start();
        return waiter;
    }

    /** A thread that takes a page away. */
    private static final class Unmapping extends Thread {
        private final Rig rig;
        private final long at;
        private long result = -1;

        Unmapping(Rig rig, long at) {
            this.rig = rig;
            this.at = at;
        }

        @Override
        public void run() {
            result = rig.space.munmap(at, Rig.PAGE);
        }

        /** Waits until it has. */
        void succeed() throws InterruptedException {
            join();
            assertEquals(0, result);
        }
    }

    @Test
    @DisplayName("a CPU is told by who waits, once the request is there for its next poll")
    void delivered() throws InterruptedException {
        CountDownLatch delivered = new CountDownLatch(1);
        CountDownLatch polled = new CountDownLatch(1);
        List<Integer> cpus = new CopyOnWriteArrayList<>();
        List<Thread> threads = new CopyOnWriteArrayList<>();
        ShootdownDelivery delivery = new ShootdownDelivery() {
            @Override
            public void deliver(int cpu, Thread thread) {
                cpus.add(cpu);
                threads.add(thread);
                threads.add(Thread.currentThread());
                delivered.countDown();
                // An embedder must not: here the only poll has to come before this returns.
                Latches.await(polled);
            }
        };
        Rig rig = rig(delivery, Duration.ofDays(1));
        Unmapping waiter = unmapInGuest(rig);
        delivered.await();
        rig.cpu.poll();
        polled.countDown();
        waiter.succeed();
        assertEquals(List.of(rig.cpu.number()), cpus);
        assertEquals(List.of(Thread.currentThread(), waiter), threads);
        rig.cpu.leaveGuest();
        rig.closeEmpty();
        assertEquals(List.of(), rig.reports);
    }

    @Test
    @DisplayName("nothing is delivered to a CPU that nobody waits for")
    void notDelivered() throws InterruptedException {
        List<Integer> cpus = new CopyOnWriteArrayList<>();
        ShootdownDelivery delivery = new ShootdownDelivery() {
            @Override
            public void deliver(int cpu, Thread thread) {
                cpus.add(cpu);
            }
        };
        Rig rig = rig(delivery, Duration.ofDays(1));
        try (Cpu elsewhere = rig.machine.claimCpu()) {
            elsewhere.load(rig.machine.newSpace(Rig.GEOMETRY));
            long at = rig.anonymous(1);
            rig.store(at, 1);
            elsewhere.enterGuest();
            Unmapping other = new Unmapping(rig, at);
            other.start();
            other.succeed();
            elsewhere.leaveGuest();
        }
        assertEquals(List.of(), cpus);
        rig.closeEmpty();
    }

    @Test
    @DisplayName(
            "a CPU that does not answer is kicked again and again, with the facts, and reported once, with the request")
    void kicked() throws InterruptedException {
        CountDownLatch kickedTwice = new CountDownLatch(2);
        AtomicReference<@Nullable StalledCpu> last = new AtomicReference<>();
        AtomicReference<@Nullable Thread> by = new AtomicReference<>();
        ShootdownDelivery delivery = new ShootdownDelivery() {
            @Override
            public void kick(StalledCpu stalled) {
                last.set(stalled);
                by.set(Thread.currentThread());
                kickedTwice.countDown();
            }
        };
        Rig rig = rig(delivery, SOON);
        Unmapping waiter = unmapInGuest(rig);
        kickedTwice.await();
        rig.cpu.poll();
        waiter.succeed();
        StalledCpu stalled = last.get();
        assertNotNull(stalled);
        assertEquals(rig.cpu.number(), stalled.cpu());
        assertSame(Thread.currentThread(), stalled.thread());
        assertSame(waiter, by.get());
        assertFalse(stalled.stack().isEmpty());
        assertTrue(stalled.context() > 0);
        assertTrue(stalled.generation() > 1);
        assertTrue(stalled.waited().compareTo(SOON) >= 0);
        rig.cpu.leaveGuest();
        rig.closeEmpty();
        assertEquals(1, rig.reports.size());
        Report report = rig.reports.get(0);
        assertEquals(Report.Kind.LONG_WAIT, report.kind());
        for (String part : List.of(
                "cpu " + rig.cpu.number() + " of thread "
                        + Thread.currentThread().getName(),
                "UNMAPPED",
                "generation " + stalled.generation() + " of context " + stalled.context(),
                getClass().getName() + ".kicked")) {
            assertTrue(report.message().contains(part), report::message);
        }
    }

    @Test
    @DisplayName("what a delivery throws is reported, and the wait goes on to its end")
    void throwing() throws InterruptedException {
        CountDownLatch kicked = new CountDownLatch(1);
        ShootdownDelivery delivery = new ShootdownDelivery() {
            @Override
            public void deliver(int cpu, Thread thread) {
                throw new IllegalStateException("deliver");
            }

            @Override
            public void kick(StalledCpu stalled) {
                kicked.countDown();
                throw new AssertionError("kick");
            }
        };
        Rig rig = rig(delivery, SOON);
        Unmapping waiter = unmapInGuest(rig);
        kicked.await();
        assertEquals(1, rig.frames(), "nothing is freed before the CPU has answered");
        rig.cpu.poll();
        waiter.succeed();
        assertEquals(0, rig.frames());
        rig.cpu.leaveGuest();
        rig.closeEmpty();
        List<String> thrown = rig.reports.stream()
                .filter(report -> report.kind() == Report.Kind.CALLBACK_FAILED)
                .map(report -> String.valueOf(report.cause()))
                .distinct()
                .toList();
        assertEquals(List.of("java.lang.IllegalStateException: deliver", "java.lang.AssertionError: kick"), thrown);
    }
}
