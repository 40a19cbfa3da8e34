// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.housekeeping;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.HousekeepingAgent;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.event.Report;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.agrona.concurrent.Agent;
import org.agrona.concurrent.AgentInvoker;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The test's thread makes all steps, except in tests that create other threads. */
@DisplayName("a machine whose housekeeping the embedder invokes")
final class InvokedHousekeepingTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final int RW = Mman.READ | Mman.WRITE;

    private final List<Report> reports = new CopyOnWriteArrayList<>();

    /** The threads on which callbacks ran. */
    private final Set<Thread> ranOn = Collections.synchronizedSet(new HashSet<>());

    private final MachineBuilder builder =
            Machine.builder().memory(1 << 22).reportTo(reports::add).invokedHousekeeping(true);

    /** Runs tasks in place, i.e. within a step. */
    private final Executor inPlace = task -> {
        ranOn.add(Thread.currentThread());
        task.run();
    };

    @AfterEach
    void reportsNothing() {
        assertEquals(List.of(), reports);
    }

    /** Returns an Agrona agent. */
    private static Agent agent(HousekeepingAgent housekeeping) {
        return new Agent() {
            @Override
            public int doWork() {
                return housekeeping.doWork();
            }

            @Override
            public String roleName() {
                return "housekeeping";
            }
        };
    }

    private static AgentInvoker invoker(Machine machine) {
        AgentInvoker invoker = new AgentInvoker(
                thrown -> {
                    throw new AssertionError(thrown);
                },
                null,
                agent(machine.housekeeping()));
        invoker.start();
        return invoker;
    }

    private static void complete(AgentInvoker invoker, CompletableFuture<?> future) {
        Await.until("the completion", () -> {
            invoker.invoke();
            return future.isDone();
        });
    }

    private static long mapAndWrite(Machine machine, AddressSpace space, CountingBacking backing) {
        long at = space.mmap(0, 4 * PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        assertTrue(at > 0);
        assertTrue(space.mmap(at + 4 * PAGE, PAGE, RW, Mman.PRIVATE | Mman.FIXED, backing, 0) > 0);
        // Its open is closed in a callback after a grace period.
        Backing file = machine.newFile("/file", 1, LINUX, PAGE).open();
        assertTrue(space.mmap(at + 3 * PAGE, PAGE, RW, Mman.PRIVATE | Mman.FIXED, file, 0) > 0);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            cpu.memory().store(at, 8, 1);
        }
        return at;
    }

    @Test
    @DisplayName("does everything on one thread: unmaps, asynchronous unmaps, closes, fork, quiescence, the end")
    void oneThread() throws InterruptedException {
        Machine machine = builder.executor(inPlace).build();
        AgentInvoker invoker = invoker(machine);
        AddressSpace space = machine.newSpace(LINUX);
        CountingBacking backing = new CountingBacking("b", 1);
        for (int round = 0; round < 20; round++) {
            long at = mapAndWrite(machine, space, backing);
            CompletableFuture<Long> unmapped = space.munmapAsync(at, 2 * PAGE);
            // Waits for the range in flight, and must make its steps, because no other thread does.
            assertEquals(0, space.munmap(at, 5 * PAGE));
            complete(invoker, unmapped);
        }
        space.fork().close();
        machine.awaitQuiescence();
        assertEquals(backing.opens(), backing.closes());
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
        invoker.close();
        machine.close();
        assertEquals(Set.of(Thread.currentThread()), ranOn);
        assertFalse(MachineInternals.hasThread(machine), "no thread of the machine");
    }

    @Test
    @DisplayName("completes an asynchronous call in steps only")
    void stepsComplete() {
        Machine machine = builder.build();
        AddressSpace space = machine.newSpace(LINUX);
        long at = space.mmap(0, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        CompletableFuture<Long> unmapped = space.munmapAsync(at, PAGE);
        complete(invoker(machine), unmapped);
        assertEquals(0, unmapped.join());
        space.close();
    }

    @Test
    @DisplayName("joins an asynchronous call by steps, and gets it")
    void joins() throws Exception {
        Machine machine = builder.executor(inPlace).build();
        AddressSpace space = machine.newSpace(LINUX);
        for (int way = 0; way < 3; way++) {
            long at = mapAndWrite(machine, space, new CountingBacking("b", 1));
            CompletableFuture<Long> unmapped = space.munmapAsync(at, 5 * PAGE);
            long result = way == 0 ? unmapped.join() : way == 1 ? unmapped.get() : unmapped.get(1, TimeUnit.MINUTES);
            assertEquals(0, result);
        }
        long at = mapAndWrite(machine, space, new CountingBacking("b", 1));
        CompletableFuture<Long> unmapped = space.munmapAsync(at, 5 * PAGE);
        assertThrows(TimeoutException.class, () -> unmapped.get(0, TimeUnit.NANOSECONDS));
        Thread.currentThread().interrupt();
        assertThrows(InterruptedException.class, unmapped::get);
        Thread.currentThread().interrupt();
        assertEquals(0, unmapped.join());
        assertTrue(Thread.interrupted(), "the flag stays");
        space.close();
    }

    @Test
    @DisplayName("refuses a wait for an asynchronous call to a thread whose CPU is in GUEST")
    void joinsInGuest() {
        Machine machine = builder.executor(inPlace).build();
        AddressSpace space = machine.newSpace(LINUX);
        long at = mapAndWrite(machine, space, new CountingBacking("b", 1));
        CompletableFuture<Long> unmapped = space.munmapAsync(at, 5 * PAGE);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            cpu.enterGuest();
            assertThrows(IllegalStateException.class, unmapped::join);
            assertThrows(IllegalStateException.class, unmapped::get);
            assertThrows(IllegalStateException.class, () -> unmapped.get(1, TimeUnit.MINUTES));
            assertFalse(unmapped.isDone());
            cpu.leaveGuest();
            assertEquals(0, unmapped.join());
            cpu.enterGuest();
            assertEquals(0, unmapped.join(), "complete");
            cpu.leaveGuest();
        }
        space.close();
    }

    @Test
    @DisplayName("waits for room behind grace periods by steps of its own")
    void atTheBound() throws InterruptedException {
        Machine machine = builder.executor(inPlace).boundGracePeriods(2, false).build();
        AddressSpace space = machine.newSpace(LINUX);
        CountingBacking backing = new CountingBacking("b", 1);
        List<CompletableFuture<Long>> unmapped = new ArrayList<>();
        for (int round = 0; round < 50; round++) {
            long at = mapAndWrite(machine, space, backing);
            unmapped.add(space.munmapAsync(at, 2 * PAGE));
            unmapped.add(space.munmapAsync(at + 2 * PAGE, 3 * PAGE));
        }
        machine.awaitQuiescence();
        unmapped.forEach(each -> assertEquals(0, each.join()));
        assertEquals(backing.opens(), backing.closes());
        space.close();
    }

    @Test
    @DisplayName("refuses a wait for quiescence to a callback, which would wait for itself")
    void callbackWaits() throws InterruptedException {
        Machine machine = builder.executor(inPlace).build();
        AddressSpace space = machine.newSpace(LINUX);
        long at = space.mmap(0, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        CompletableFuture<Void> asked = space.munmapAsync(at, PAGE)
                .thenAccept(result -> assertThrows(IllegalStateException.class, machine::awaitQuiescence));
        machine.awaitQuiescence();
        asked.join();
        space.close();
    }

    @Test
    @DisplayName("refuses a wait for quiescence, or for a call, to code that a step calls when it asks")
    void askedCodeWaits() throws InterruptedException {
        AtomicReference<Runnable> inKick = new AtomicReference<>(() -> {});
        Machine machine = builder.reportTo(report -> {})
                .reportShootdownsLongerThan(Duration.ofNanos(1))
                .deliverShootdowns(new ShootdownDelivery() {
                    @Override
                    public void kick(ShootdownDelivery.StalledCpu stalled) {
                        Objects.requireNonNull(inKick.get()).run();
                    }
                })
                .build();
        AddressSpace space = machine.newSpace(LINUX);
        long at = space.mmap(0, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        List<Throwable> refused = new ArrayList<>();
        try (OtherCpu guest = new OtherCpu(space)) {
            guest.call(cpu -> {
                cpu.memory().store(at, 8, 1);
                cpu.enterGuest();
                return 0;
            });
            CompletableFuture<Long> unmapped = space.munmapAsync(at, PAGE);
            Thread stepper = Thread.currentThread();
            inKick.set(() -> {
                if (Thread.currentThread() != stepper) {
                    // The retirement's first attempt, on a thread of the machine.
                    return;
                }
                refused.add(assertThrows(IllegalStateException.class, machine::awaitQuiescence));
                refused.add(assertThrows(IllegalStateException.class, unmapped::join));
            });
            Await.until("a kick by a step", () -> {
                step(machine.housekeeping());
                return !refused.isEmpty();
            });
            guest.call(cpu -> {
                cpu.leaveGuest();
                return 0;
            });
            assertEquals(0, unmapped.join());
        }
        machine.awaitQuiescence();
        space.close();
    }

    @Test
    @DisplayName("waits within a callback for another operation, by steps within the step")
    void stepInAStep() throws InterruptedException {
        Machine machine = builder.executor(inPlace).build();
        AddressSpace space = machine.newSpace(LINUX);
        long one = space.mmap(0, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        long two = space.mmap(0, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        CompletableFuture<Long> nested = space.munmapAsync(one, PAGE).thenApply(result -> {
            CompletableFuture<Long> other = space.munmapAsync(two, PAGE);
            return space.munmap(two, PAGE) + other.join();
        });
        machine.awaitQuiescence();
        assertEquals(0, nested.join());
        space.close();
    }

    @Test
    @DisplayName("is stepped by several threads at a time")
    void manyInvokers() throws InterruptedException {
        Machine machine = builder.build();
        AtomicInteger isOver = new AtomicInteger();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            Thread thread = new Thread(() -> {
                HousekeepingAgent agent = machine.housekeeping();
                while (isOver.get() == 0) {
                    step(agent);
                }
            });
            threads.add(thread);
            thread.start();
        }
        AddressSpace space = machine.newSpace(LINUX);
        CountingBacking backing = new CountingBacking("b", 1);
        for (int round = 0; round < 300; round++) {
            long at = mapAndWrite(machine, space, backing);
            CompletableFuture<Long> unmapped = space.munmapAsync(at, 2 * PAGE);
            assertEquals(0, space.munmap(at, 5 * PAGE));
            assertEquals(0, unmapped.join());
        }
        machine.awaitQuiescence();
        assertEquals(backing.opens(), backing.closes());
        isOver.set(1);
        for (Thread thread : threads) {
            Await.until("the end of a thread", () -> !thread.isAlive(), thread);
        }
        space.close();
    }

    private static void step(HousekeepingAgent agent) {
        try {
            agent.doWork();
        } catch (Exception thrown) {
            throw new AssertionError(thrown);
        }
    }

    @Test
    @DisplayName("gives out its agent, and one that has a thread does not")
    void agent() {
        Machine machine = builder.build();
        assertSame(machine.housekeeping(), machine.housekeeping());
        try (Machine other = builder.invokedHousekeeping(false).build()) {
            assertThrows(IllegalStateException.class, other::housekeeping);
        }
        machine.close();
    }

    @Test
    @DisplayName("an executor of the embedder runs callbacks also where a thread does the housekeeping")
    void executorWithThread() throws InterruptedException {
        AtomicInteger idles = new AtomicInteger();
        Machine machine = builder.invokedHousekeeping(false)
                .executor(inPlace)
                .housekeeping(moved -> idles.incrementAndGet())
                .build();
        AddressSpace space = machine.newSpace(LINUX);
        CountingBacking backing = new CountingBacking("b", 1);
        long at = mapAndWrite(machine, space, backing);
        assertEquals(0, space.munmap(at, 5 * PAGE));
        machine.awaitQuiescence();
        assertEquals(backing.opens(), backing.closes());
        assertFalse(ranOn.contains(Thread.currentThread()));
        Await.until("the thread of the steps has idled", () -> idles.get() > 0);
        space.close();
    }

    @Test
    @DisplayName("a task that the executor refuses runs on a thread of the machine, and the refusal is reported")
    void refusals() throws InterruptedException {
        RejectedExecutionException planted = new RejectedExecutionException("planted");
        Machine machine = builder.executor(task -> {
                    throw planted;
                })
                .build();
        AddressSpace space = machine.newSpace(LINUX);
        CountingBacking backing = new CountingBacking("b", 1);
        long at = mapAndWrite(machine, space, backing);
        assertEquals(0, space.munmap(at, 5 * PAGE));
        machine.awaitQuiescence();
        assertEquals(backing.opens(), backing.closes());
        assertTrue(reports.size() > 0);
        reports.forEach(report -> assertSame(planted, report.cause()));
        reports.clear();
        space.close();
        machine.awaitQuiescence();
        reports.clear();
    }

    @Test
    @DisplayName("a task is given to the executor in a step, and not by the thread that has it, which may hold locks")
    void givenInAStep() throws InterruptedException {
        Machine machine = builder.executor(inPlace).build();
        AddressSpace space = machine.newSpace(LINUX);
        CountingBacking backing = new CountingBacking("b", 1);
        long at = mapAndWrite(machine, space, backing);
        assertEquals(0, space.munmap(at, 5 * PAGE));
        assertEquals(1, backing.opens());
        assertEquals(0, backing.closes());
        machine.awaitQuiescence();
        assertEquals(1, backing.closes());
        space.close();
    }

    @Test
    @DisplayName("an executor that takes a task and throws nevertheless runs it once")
    void takesAndThrows() throws InterruptedException {
        RejectedExecutionException planted = new RejectedExecutionException("planted");
        Machine machine = builder.executor(task -> {
                    task.run();
                    throw planted;
                })
                .build();
        AddressSpace space = machine.newSpace(LINUX);
        CountingBacking backing = new CountingBacking("b", 1);
        long at = mapAndWrite(machine, space, backing);
        assertEquals(0, space.munmap(at, 5 * PAGE));
        machine.awaitQuiescence();
        assertEquals(backing.opens(), backing.closes());
        space.close();
        machine.awaitQuiescence();
        reports.clear();
    }
}
