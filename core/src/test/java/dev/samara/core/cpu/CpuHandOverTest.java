// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.fixture.Refusal.assertRefused;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.Rounds;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A CPU that a thread hands over to another one")
final class CpuHandOverTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final Cpu cpu = fixture.cpu;
    private final ExecutorService other = Executors.newSingleThreadExecutor();

    @AfterEach
    void end() {
        other.shutdown();
        fixture.close();
    }

    /** Makes another thread claim the CPU, use it, and hand it over. */
    private void elsewhere(Runnable use) throws Exception {
        Future<?> done = other.submit(() -> {
            cpu.claim();
            use.run();
            cpu.handOver();
        });
        done.get();
    }

    @Test
    @DisplayName("keeps its space, its translations, its listeners and the results of its last access")
    void keeps() throws Exception {
        long at = fixture.anonymous(2);
        ThrowingMemory flat = new ThrowingMemory(cpu);
        flat.storeLong(at, 5);
        assertFault(Fault.NONE, cpu.memory().load(at, 8));
        AtomicInteger flushes = new AtomicInteger();
        cpu.onFlush((start, end, reason, generation) -> flushes.incrementAndGet());
        long misses = cpu.statistics().tlbMisses();
        cpu.handOver();
        elsewhere(() -> {
            assertEquals(fixture.space, cpu.space());
            assertEquals(5, cpu.memory().value());
            cpu.enterGuest();
            assertEquals(5, flat.loadLong(at));
            cpu.leaveGuest();
            assertEquals(misses, cpu.statistics().tlbMisses());
            assertEquals(0, fixture.space.munmap(at, PAGE));
            assertFault(Fault.MAPERR, cpu.memory().load(at, 8));
            assertEquals(1, flushes.get());
        });
        cpu.claim();
        assertEquals(at, cpu.memory().faultAddress());
        assertFault(Fault.NONE, cpu.memory().load(at + PAGE, 8));
    }

    @Test
    @DisplayName("is refused to its former owner, to other threads, and in GUEST; nothing is changed then")
    void refused() throws Exception {
        long at = fixture.anonymous(1);
        String mine = "owned by " + Thread.currentThread().getName();
        other.submit(() -> {
                    assertRefused(IllegalStateException.class, cpu::handOver, mine);
                    assertRefused(IllegalStateException.class, cpu::claim, mine);
                })
                .get();
        assertRefused(IllegalStateException.class, cpu::claim, mine);
        cpu.enterGuest();
        assertRefused(IllegalStateException.class, cpu::handOver, "is in GUEST");
        cpu.leaveGuest();
        fixture.store(at, 1);
        cpu.handOver();
        String text = "owned by no thread";
        assertRefused(IllegalStateException.class, () -> cpu.memory().load(at, 8), text);
        assertRefused(IllegalStateException.class, () -> cpu.switchTo(null), text);
        assertRefused(IllegalStateException.class, cpu::handOver, text);
        assertRefused(IllegalStateException.class, cpu::enterGuest, text);
        assertRefused(IllegalStateException.class, cpu::close, text);
        elsewhere(() -> assertFault(Fault.NONE, cpu.memory().load(at, 8)));
        cpu.claim();
        assertEquals(1, fixture.load(at));
    }

    @Test
    @DisplayName("delays no operation while no thread owns it, and finds what changed once it is claimed")
    void shootdowns() throws Exception {
        long at = fixture.anonymous(3);
        cpu.enterGuest();
        fixture.store(at, 1);
        fixture.store(at + PAGE, 2);
        cpu.leaveGuest();
        cpu.handOver();
        assertEquals(1, fixture.space.cpus());
        assertEquals(0, fixture.space.munmap(at, PAGE));
        assertEquals(0, fixture.space.mprotect(at + PAGE, PAGE, Mman.READ));
        elsewhere(() -> {
            cpu.enterGuest();
            assertFault(Fault.MAPERR, cpu.memory().load(at, 8));
            assertFault(Fault.ACCERR, cpu.memory().store(at + PAGE, 8, 3));
            assertRefused(IllegalStateException.class, () -> fixture.space.munmap(at, PAGE), "GUEST");
            cpu.leaveGuest();
        });
        // The CPU counts only for the thread that owns it.
        assertEquals(0, fixture.space.munmap(at + PAGE, PAGE));
        cpu.claim();
    }

    @Test
    @DisplayName("without a space, or LAZY in one, is handed over as any other")
    void withoutSpace() throws Exception {
        long at = fixture.anonymous(1);
        fixture.store(at, 9);
        cpu.enterLazy();
        cpu.handOver();
        elsewhere(() -> {
            assertNull(cpu.space());
            cpu.switchTo(fixture.space);
            assertFault(Fault.NONE, cpu.memory().load(at, 8));
            cpu.switchTo(null);
        });
        cpu.claim();
        cpu.switchTo(fixture.space);
        assertEquals(9, fixture.load(at));
        Cpu fresh = fixture.machine.claimCpu();
        fresh.handOver();
        other.submit(() -> {
                    fresh.claim();
                    fresh.switchTo(fixture.space);
                    assertFault(Fault.NONE, fresh.memory().load(at, 8));
                    fresh.close();
                })
                .get();
    }

    @Test
    @DisplayName("outlives the thread that handed it over, and no thread claims one whose owner has ended")
    void endedOwner() throws Exception {
        List<Cpu> made = new ArrayList<>();
        Thread first = new Thread(() -> {
            Cpu handed = fixture.machine.claimCpu();
            handed.switchTo(fixture.space);
            handed.handOver();
            Cpu lost = fixture.machine.claimCpu();
            lost.switchTo(fixture.space);
            made.addAll(List.of(handed, lost));
        });
        first.start();
        first.join();
        // A switch to a space first takes the CPUs of ended threads offline, and discards their contexts.
        try (Cpu mine = fixture.machine.claimCpu()) {
            mine.switchTo(fixture.space);
            assertEquals(3, fixture.space.cpus());
        }
        assertRefused(IllegalStateException.class, made.get(1)::claim, "owned by " + first.getName());
        long at = fixture.anonymous(1);
        Cpu handed = made.get(0);
        handed.claim();
        assertFault(Fault.NONE, handed.memory().store(at, 8, 4));
        handed.close();
        assertEquals(1, fixture.space.cpus());
        assertEquals(4, fixture.load(at));
    }

    @Test
    @DisplayName("that several threads claim at once becomes one thread's, and the others' errors name a thread")
    void atOnce() throws Exception {
        int threads = 2;
        AtomicInteger rounds = new AtomicInteger(5_000);
        AtomicInteger ready = new AtomicInteger();
        AtomicInteger tried = new AtomicInteger();
        AtomicInteger owners = new AtomicInteger();
        List<Future<?>> all = new ArrayList<>();
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        long at = fixture.anonymous(1);
        fixture.store(at, 0);
        cpu.handOver();
        for (int i = 0; i < threads; i++) {
            all.add(pool.submit(() -> {
                Rounds mine = new Rounds(rounds.get());
                for (int round = 1; round <= rounds.get(); round++) {
                    if (!mine.next()) {
                        // The other thread cannot leave this round's meeting before this store, so it also ends after
                        // this round.
                        rounds.set(round);
                    }
                    meet(ready, threads * round);
                    boolean isOwner = claims();
                    if (isOwner) {
                        owners.incrementAndGet();
                        fixture.store(at, fixture.load(at) + 1);
                    }
                    meet(tried, threads * round);
                    if (isOwner) {
                        cpu.handOver();
                    }
                }
            }));
        }
        try {
            for (Future<?> each : all) {
                each.get();
            }
        } finally {
            pool.shutdownNow();
        }
        assertEquals(rounds.get(), owners.get());
        cpu.claim();
        assertEquals(rounds.get(), fixture.load(at));
    }

    private boolean claims() {
        try {
            cpu.claim();
            return true;
        } catch (IllegalStateException refused) {
            assertTrue(String.valueOf(refused.getMessage()).contains("owned by pool-"), refused::toString);
            return false;
        }
    }

    /** Waits without parking until all threads arrived: a thread that must be woken up is too late for a race. */
    private static void meet(AtomicInteger here, int all) {
        here.incrementAndGet();
        Thread self = Thread.currentThread();
        Await.until("all threads are here", () -> here.get() >= all || self.isInterrupted());
        if (here.get() < all) {
            throw new IllegalStateException("interrupted: another thread has failed");
        }
    }

    @Test
    @DisplayName("is passed on thousands of times beside unmappings: no store is lost, and no unmapped page is found")
    void ring() throws Exception {
        // Counted by the first thread.
        Rounds passes = new Rounds(4_000);
        passes.next();
        AtomicBoolean isEnding = new AtomicBoolean();
        long count = fixture.anonymous(1);
        fixture.store(count, 0);
        List<SynchronousQueue<Cpu>> queues = List.of(new SynchronousQueue<>(), new SynchronousQueue<>());
        List<Future<?>> all = new ArrayList<>();
        ExecutorService pool = Executors.newFixedThreadPool(2);
        for (int i = 0; i < 2; i++) {
            SynchronousQueue<Cpu> from = queues.get(i);
            SynchronousQueue<Cpu> to = queues.get(1 - i);
            boolean isFirst = i == 0;
            all.add(pool.submit(() -> {
                boolean isLastPass;
                do {
                    Cpu mine = from.take();
                    mine.claim();
                    long gone = fixture.anonymous(1);
                    mine.enterGuest();
                    fixture.store(count, fixture.load(count) + 1);
                    fixture.store(gone, 1);
                    mine.leaveGuest();
                    mine.handOver();
                    assertEquals(0, fixture.space.munmap(gone, PAGE));
                    mine.claim();
                    assertFault(Fault.MAPERR, mine.memory().load(gone, 8));
                    mine.handOver();
                    if (isFirst) {
                        isEnding.set(!passes.next());
                    }
                    isLastPass = isEnding.get();
                    if (isFirst || !isLastPass) {
                        to.put(mine);
                    }
                } while (!isLastPass);
                return null;
            }));
        }
        cpu.handOver();
        queues.get(0).put(cpu);
        try {
            for (Future<?> each : all) {
                each.get();
            }
        } finally {
            pool.shutdownNow();
        }
        cpu.claim();
        assertEquals(2L * passes.count(), fixture.load(count));
    }
}
