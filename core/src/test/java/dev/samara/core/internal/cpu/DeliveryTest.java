// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.SpaceFixture;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The delivery of requests by an embedder, and the reports of CPUs that do not answer. */
final class DeliveryTest {
    private static final Duration SOON = Duration.ofMillis(5);

    private static SpaceFixture fixture(ShootdownDelivery delivery, Duration patience) {
        return new SpaceFixture(Machine.builder()
                .memory(64 * SpaceFixture.PAGE)
                .poisonFrames(true)
                .reportShootdownsLongerThan(patience)
                .deliverShootdowns(delivery));
    }

    /** Unmaps a page on another thread, while the calling thread's CPU is in GUEST with a translation of the page. */
    private static Unmapping unmapInGuest(SpaceFixture fixture) {
        long at = fixture.anonymous(1);
        fixture.store(at, 1);
        fixture.cpu.enterGuest();
        assertTrue(SpaceFixture.hits(fixture.cpu, () -> fixture.load(at)));
        Unmapping waiter = new Unmapping(fixture, at);
        waiter.start();
        return waiter;
    }

    /** A thread that unmaps a page. */
    private static final class Unmapping extends Thread {
        private final SpaceFixture fixture;
        private final long at;
        private long result = -1;

        Unmapping(SpaceFixture fixture, long at) {
            this.fixture = fixture;
            this.at = at;
        }

        @Override
        public void run() {
            result = fixture.space.munmap(at, SpaceFixture.PAGE);
        }

        /** Waits until the page is unmapped. */
        void succeed() throws InterruptedException {
            join();
            assertEquals(0, result);
        }
    }

    @Test
    @DisplayName("the waiting thread notifies a CPU, once the request is there for its next poll")
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
                // An embedder must not wait here. This test does, so that the only poll precedes the return.
                Latches.await(polled);
            }
        };
        SpaceFixture fixture = fixture(delivery, Duration.ofDays(1));
        Unmapping waiter = unmapInGuest(fixture);
        delivered.await();
        fixture.cpu.poll();
        polled.countDown();
        waiter.succeed();
        assertEquals(List.of(fixture.cpu.number()), cpus);
        assertEquals(List.of(Thread.currentThread(), waiter), threads);
        fixture.cpu.leaveGuest();
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("nothing is delivered to a CPU that no thread waits for")
    void notDelivered() throws InterruptedException {
        List<Integer> cpus = new CopyOnWriteArrayList<>();
        ShootdownDelivery delivery = new ShootdownDelivery() {
            @Override
            public void deliver(int cpu, Thread thread) {
                cpus.add(cpu);
            }
        };
        SpaceFixture fixture = fixture(delivery, Duration.ofDays(1));
        try (Cpu elsewhere = fixture.machine.claimCpu()) {
            elsewhere.switchTo(fixture.machine.newSpace(SpaceFixture.GEOMETRY));
            long at = fixture.anonymous(1);
            fixture.store(at, 1);
            elsewhere.enterGuest();
            Unmapping other = new Unmapping(fixture, at);
            other.start();
            other.succeed();
            elsewhere.leaveGuest();
        }
        assertEquals(List.of(), cpus);
        fixture.closeEmpty();
    }

    @Test
    @DisplayName(
            "a CPU that does not answer is kicked again and again, with the facts, and reported once, with the request")
    void kicked() throws InterruptedException {
        CountDownLatch kickedTwice = new CountDownLatch(2);
        AtomicReference<ShootdownDelivery.@Nullable StalledCpu> last = new AtomicReference<>();
        AtomicReference<@Nullable Thread> by = new AtomicReference<>();
        ShootdownDelivery delivery = new ShootdownDelivery() {
            @Override
            public void kick(ShootdownDelivery.StalledCpu stalled) {
                last.set(stalled);
                by.set(Thread.currentThread());
                kickedTwice.countDown();
            }
        };
        SpaceFixture fixture = fixture(delivery, SOON);
        Unmapping waiter = unmapInGuest(fixture);
        kickedTwice.await();
        fixture.cpu.poll();
        waiter.succeed();
        ShootdownDelivery.StalledCpu stalled = last.get();
        assertNotNull(stalled);
        assertEquals(fixture.cpu.number(), stalled.cpu());
        assertSame(Thread.currentThread(), stalled.thread());
        assertSame(waiter, by.get());
        assertFalse(stalled.stack().isEmpty());
        assertTrue(stalled.context() > 0);
        assertTrue(stalled.generation() > 1);
        assertTrue(stalled.waited().compareTo(SOON) >= 0);
        fixture.cpu.leaveGuest();
        fixture.closeEmpty();
        assertEquals(1, fixture.reports.size());
        Report report = fixture.reports.get(0);
        assertEquals(Report.Kind.LONG_WAIT, report.kind());
        for (String part : List.of(
                "cpu " + fixture.cpu.number() + " of thread "
                        + Thread.currentThread().getName(),
                "UNMAPPED",
                "generation " + stalled.generation() + " of context " + stalled.context(),
                getClass().getName() + ".kicked")) {
            assertTrue(report.message().contains(part), report::message);
        }
    }

    @Test
    @DisplayName("an exception of a delivery is reported, and the wait goes on to its end")
    void throwing() throws InterruptedException {
        CountDownLatch kicked = new CountDownLatch(1);
        ShootdownDelivery delivery = new ShootdownDelivery() {
            @Override
            public void deliver(int cpu, Thread thread) {
                throw new IllegalStateException("deliver");
            }

            @Override
            public void kick(ShootdownDelivery.StalledCpu stalled) {
                kicked.countDown();
                throw new AssertionError("kick");
            }
        };
        SpaceFixture fixture = fixture(delivery, SOON);
        Unmapping waiter = unmapInGuest(fixture);
        kicked.await();
        assertEquals(1, fixture.frames(), "nothing is freed before the CPU has answered");
        fixture.cpu.poll();
        waiter.succeed();
        assertEquals(0, fixture.frames());
        fixture.cpu.leaveGuest();
        fixture.closeEmpty();
        List<String> thrown = fixture.reports.stream()
                .filter(report -> report.kind() == Report.Kind.CALLBACK_FAILED)
                .map(report -> String.valueOf(report.cause()))
                .distinct()
                .toList();
        assertEquals(List.of("java.lang.IllegalStateException: deliver", "java.lang.AssertionError: kick"), thrown);
    }
}
