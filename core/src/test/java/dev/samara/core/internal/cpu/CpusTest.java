// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.fixture.Await;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class CpusTest {
    private static final int MANY = 130;

    private final LinkedBlockingQueue<String> reports = new LinkedBlockingQueue<>();
    private final Cpus cpus = new Cpus(LazyContext.Shootdown::new);
    private final Shootdowns shootdowns = shootdowns(true);
    private final TlbContext context = new TlbContext();
    private final List<ExecutorService> threads = new ArrayList<>();

    private Shootdowns shootdowns(boolean elides) {
        return new Shootdowns(cpus, Long.MAX_VALUE, reports::add, ShootdownDelivery.POLLED, thrown -> {}, elides);
    }

    @AfterEach
    void end() {
        threads.forEach(ExecutorService::shutdown);
    }

    /** A CPU with its own thread. */
    private static final class Owned {
        final ExecutorService thread;
        final CpuState state;
        final Thread owner;

        Owned(Cpus cpus, ExecutorService thread) throws Exception {
            this.thread = thread;
            state = thread.submit(() -> OwnedCpu.claim(cpus, 0, () -> {})).get();
            owner = Objects.requireNonNull(state.owner());
        }

        void does(Runnable what) throws Exception {
            thread.submit(what).get();
        }
    }

    private Owned owned(Cpus of) throws Exception {
        ExecutorService thread = Executors.newSingleThreadExecutor(task -> new Thread(task, "owner"));
        threads.add(thread);
        return new Owned(of, thread);
    }

    private Owned guest(Cpus of, TlbContext in, long flushedTo) throws Exception {
        Owned cpu = owned(of);
        cpu.does(() -> {
            load(cpu.state, in);
            cpu.state.flushedTo(flushedTo);
            cpu.state.enterGuest(in.id);
        });
        return cpu;
    }

    /** Switches a CPU from its current context to another one. */
    private static void load(CpuState cpu, TlbContext next) {
        cpu.depart();
        if (!next.use()) {
            throw new IllegalStateException("it has been ended");
        }
        cpu.arrive(next);
    }

    /** Waits until a thread requests a flush from a CPU. */
    private static void awaitRequest(CpuState cpu) {
        Await.until("the CPU is asked to flush", cpu::isPending);
    }

    /**
     * Shoots at many CPUs of the calling thread, all in GUEST, and returns the numbers of those that had to
     * acknowledge.
     */
    private Set<Integer> shot(long mask) {
        Set<Integer> numbers = new TreeSet<>();
        List<CpuState> all = new ArrayList<>();
        long generation = context.advance();
        for (int i = 0; i < MANY; i++) {
            int number = i;
            all.add(OwnedCpu.claim(cpus, 0, () -> {
                assertTrue(numbers.add(number), "once");
                all.get(number).flushedTo(generation);
            }));
            load(all.get(i), context);
            all.get(i).enterGuest(context.id);
        }
        shootdowns.shoot(context, generation, mask);
        for (CpuState cpu : all) {
            cpu.leaveGuest(context.id);
            cpus.release(cpu);
        }
        return numbers;
    }

    @Test
    @DisplayName("the lowest number that is free is given")
    void numbers() {
        List<CpuState> all = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            all.add(OwnedCpu.claim(cpus, 0, () -> {}));
            assertEquals(i, all.get(i).number);
        }
        for (int free : new int[] {3, 1}) {
            cpus.release(all.get(free));
        }
        assertEquals(1, OwnedCpu.claim(cpus, 0, () -> {}).number);
        assertEquals(3, OwnedCpu.claim(cpus, 0, () -> {}).number);
        assertEquals(5, OwnedCpu.claim(cpus, 0, () -> {}).number);
        cpus.release(all.get(3));
        assertEquals(6, OwnedCpu.claim(cpus, 0, () -> {}).number, "a CPU that is off takes no other off");
    }

    @Test
    @DisplayName("each of the first 32 has a bit of its own, and the others have 32 bits in common")
    void bits() {
        Set<Long> own = new HashSet<>();
        Set<Long> common = new HashSet<>();
        for (int number = 0; number < MANY; number++) {
            CpuState cpu = OwnedCpu.claim(cpus, 0, () -> {});
            assertEquals(1, Long.bitCount(cpu.bit));
            assertEquals(number >= 32, cpu.sharesBit);
            assertTrue(number < 32 ? own.add(cpu.bit) : common.add(cpu.bit) == number < 64);
        }
        assertEquals(32, own.size());
        assertEquals(32, common.size());
        common.retainAll(own);
        assertEquals(Set.of(), common);
    }

    @Test
    @DisplayName("all CPUs of a bit are reached and no others; the caller's own acknowledge at once, without a wait")
    void masks() {
        assertEquals(Set.of(), shot(0));
        assertEquals(Set.of(0), shot(1));
        assertEquals(Set.of(5, 31), shot(1L << 5 | 1L << 31));
        assertEquals(Set.of(32, 64, 96, 128), shot(1L << 32));
        assertEquals(Set.of(7, 40, 72, 104), shot(1L << 7 | 1L << 40));
        assertEquals(Set.of(63, 95, 127), shot(1L << 63));
        assertEquals(MANY, shot(-1).size());
        assertEquals(0, shootdowns.count());
        assertEquals(0, shootdowns.targets());
    }

    @Test
    @DisplayName("a shootdown that is begun and not waited for is over when all CPUs of a shared bit are done")
    void begunForSharedBit() throws Exception {
        long before = context.generation();
        List<Owned> sharing = new ArrayList<>();
        for (int number = 0; number < 3 * 32; number++) {
            if (number % 32 == 0 && number != 0) {
                sharing.add(guest(cpus, context, before));
            } else {
                OwnedCpu.claim(cpus, 0, () -> {});
            }
        }
        Owned first = sharing.get(0);
        Owned second = sharing.get(1);
        assertEquals(first.state.bit, second.state.bit);
        long generation = context.advance();
        Shootdowns.Begun begun = Objects.requireNonNull(shootdowns.begin(context, generation, first.state.bit));
        assertFalse(begun.isDone());
        first.does(() -> first.state.flushedTo(generation));
        assertTrue(second.state.isPending());
        assertFalse(begun.isDone());
        second.does(() -> second.state.flushedTo(generation));
        assertTrue(begun.isDone());
    }

    /** Returns a CPU between two spaces. Any shootdown that checks this CPU asks it. */
    private CpuState between(Cpus of) throws Exception {
        Owned cpu = owned(of);
        cpu.does(cpu.state::depart);
        return cpu.state;
    }

    /** Returns whether a shootdown by this thread asks a CPU that is between two spaces. */
    private static boolean isAsked(Shootdowns of, TlbContext in, CpuState switching) {
        of.shoot(in, in.advance(), -1);
        boolean isAsked = switching.isPending();
        switching.clearPending();
        return isAsked;
    }

    @Test
    @DisplayName("P13: while no CPU is in the context, or only the caller's, no CPU of a cpumask of several is asked")
    void elided() throws Exception {
        CpuState switching = between(cpus);
        assertFalse(isAsked(shootdowns, context, switching), "no CPU");
        CpuState own = OwnedCpu.claim(cpus, 0, () -> {});
        load(own, context);
        assertFalse(isAsked(shootdowns, context, switching), "the caller's");
        Owned other = owned(cpus);
        other.does(() -> assertTrue(isAsked(shootdowns, context, switching), "another thread's"));
        other.does(() -> load(other.state, context));
        assertTrue(isAsked(shootdowns, context, switching), "two");
        other.does(other.state::depart);
        assertFalse(isAsked(shootdowns, context, switching), "one has left");
    }

    @Test
    @DisplayName("all CPUs of a cpumask are asked if flushes are not elided")
    void notElided() throws Exception {
        assertTrue(isAsked(shootdowns(false), context, between(cpus)));
    }

    @Test
    @DisplayName("P19: only those in GUEST in the context that are behind are asked, and waited for")
    void waitsForThoseBehind() throws Exception {
        long generation = context.advance();
        Owned behind = guest(cpus, context, generation - 1);
        Owned done = guest(cpus, context, generation);
        Owned elsewhere = guest(cpus, new TlbContext(), 0);
        Owned kernel = guest(cpus, context, 0);
        kernel.does(() -> kernel.state.leaveGuest(context.id));
        Owned notInTheMask = guest(cpus, context, 0);
        Thread shooter = new Thread(() -> shootdowns.shoot(context, generation, ~notInTheMask.state.bit));
        shooter.start();
        awaitRequest(behind.state);
        Await.until("the shooter has counted its targets", () -> shootdowns.targets() != 0);
        assertEquals(1, shootdowns.count());
        assertEquals(1, shootdowns.targets());
        for (Owned other : List.of(done, elsewhere, kernel, notInTheMask)) {
            assertFalse(other.state.isPending());
        }
        assertTrue(shooter.isAlive());
        behind.does(behind.state::clearPending);
        assertFalse(behind.state.isPending());
        behind.does(() -> behind.state.flushedTo(generation));
        shooter.join();
        shootdowns.shoot(context, generation, behind.state.bit);
        assertFalse(behind.state.isPending(), "a CPU that is done is not asked again");
    }

    @Test
    @DisplayName("a CPU that leaves GUEST, goes to another context or ends with its thread is waited for no longer")
    void othersWaysOut() throws Exception {
        TlbContext other = new TlbContext();
        for (int way = 0; way < 4; way++) {
            long generation = context.advance();
            Owned cpu = guest(cpus, context, generation - 1);
            assertEquals(1, context.cpus());
            Thread shooter = new Thread(() -> shootdowns.shoot(context, generation, cpu.state.bit));
            shooter.start();
            awaitRequest(cpu.state);
            switch (way) {
                case 0 -> cpu.does(() -> cpu.state.leaveGuest(context.id));
                case 1 -> cpu.does(cpu.state::offline);
                case 2 ->
                    cpu.does(() -> {
                        load(cpu.state, other);
                        cpu.state.enterGuest(other.id);
                    });
                default -> {
                    cpu.thread.shutdown();
                    cpu.owner.join();
                }
            }
            shooter.join();
            if (way < 3) {
                cpu.does(() -> {
                    cpu.state.leaveGuest(0);
                    cpus.release(cpu.state);
                });
            }
            assertEquals(0, context.cpus());
            assertEquals(0, other.cpus());
        }
        assertEquals(0, OwnedCpu.claim(cpus, 0, () -> {}).number, "a CPU that has ended was taken off");
    }

    @Test
    @DisplayName(
            "a space of which an ended thread's CPU was the last user is torn down once, by a thread of the machine")
    void deadLastUser() throws Exception {
        List<String> calls = new ArrayList<>();
        TlbContext ending = new TlbContext(
                new TlbContext.Teardown() {
                    @Override
                    public void now() {
                        calls.add("now");
                    }

                    @Override
                    public void later() {
                        calls.add("later");
                    }
                },
                () -> {},
                true);
        Owned last = guest(cpus, ending, 0);
        assertFalse(ending.put());
        last.thread.shutdown();
        last.owner.join();
        cpus.releaseDead();
        cpus.release(last.state);
        assertTrue(ending.isEnded());
        assertEquals(List.of("later"), calls);
    }

    /** Returns the context of a space whose teardown, and whose last release, run actions. */
    private static TlbContext ending(Runnable end, Runnable lastRelease) {
        TlbContext.Teardown teardown = new TlbContext.Teardown() {
            @Override
            public void now() {
                end.run();
            }

            @Override
            public void later() {
                end.run();
            }
        };
        return new TlbContext(teardown, lastRelease, true);
    }

    @Test
    @DisplayName("a CPU that is gone ends its space and releases its page table without the monitor")
    void withoutMonitor() throws Exception {
        Cpus counting = new Cpus(LazyContext.Counted::new);
        List<String> ends = new ArrayList<>();
        Runnable end = () -> ends.add(Thread.holdsLock(counting) ? "with the monitor" : "without");
        TlbContext used = ending(end, () -> {});
        TlbContext kept = ending(() -> {}, end);
        Owned user = guest(counting, used, 0);
        Owned lazy = owned(counting);
        lazy.does(() -> {
            load(lazy.state, kept);
            lazy.state.enterLazy();
        });
        assertFalse(used.put());
        kept.release();
        assertEquals(List.of(), ends);
        for (Owned each : List.of(user, lazy)) {
            each.thread.shutdown();
            each.owner.join();
        }
        counting.releaseDead();
        assertEquals(List.of("without", "without"), ends);
    }

    @Test
    @DisplayName("of two threads that find a CPU gone at once, one gives up what it has")
    void foundByTwo() throws Exception {
        AtomicInteger ends = new AtomicInteger();
        AtomicInteger releases = new AtomicInteger();
        int rounds = 20_000;
        CyclicBarrier together = new CyclicBarrier(2);
        for (int round = 0; round < rounds; round += 100) {
            Cpus counting = new Cpus(LazyContext.Counted::new);
            for (int i = 0; i < 100; i++) {
                TlbContext kept = ending(ends::incrementAndGet, releases::incrementAndGet);
                CpuOwner owner = new CpuOwner(this, reports::add);
                CpuState lost = counting.claim(owner, 0, OwnedCpu.flush(() -> {}));
                load(lost, kept);
                lost.enterLazy();
                assertTrue(lost.leaveLazy(kept));
                assertFalse(kept.put());
                kept.release();
                OwnedCpu.lose(owner);
            }
            Callable<Void> look = () -> {
                together.await();
                counting.releaseDead();
                return null;
            };
            ExecutorService other = Executors.newSingleThreadExecutor();
            threads.add(other);
            Future<Void> beside = other.submit(look);
            look.call();
            beside.get();
            other.shutdown();
        }
        assertEquals(rounds, ends.get());
        assertEquals(rounds, releases.get());
        assertEquals(rounds, reports.size());
    }

    @Test
    @DisplayName("a CPU that is idle is not dead, although its last thread has ended, nor is one that is lent again")
    void idleOfEnded() throws Exception {
        CpuOwner[] made = new CpuOwner[1];
        Thread first = new Thread(() -> {
            made[0] = OwnedCpu.owner();
            made[0].rest();
        });
        first.start();
        first.join();
        CpuOwner owner = made[0];
        CpuState state = cpus.claim(owner, 0, OwnedCpu.flush(() -> {}));
        assertFalse(owner.isMine());
        assertNull(owner.thread());
        assertFalse(state.isGone());
        owner.own();
        assertTrue(owner.isMine());
        assertEquals(Thread.currentThread(), owner.thread());
        assertFalse(state.isGone());
        owner.rest();
        Thread last = new Thread(owner::own);
        last.start();
        last.join();
        assertTrue(state.isGone());
    }

    @Test
    @DisplayName("a CPU that gives its TLB up keeps the ends of spaces that it could not begin with it")
    void endsOutliveTheTlb() {
        Cpus second = new Cpus(LazyContext.Shootdown::new);
        CpuOwner owner = OwnedCpu.owner();
        List<Integer> ends = new ArrayList<>();
        AtomicInteger overflows = new AtomicInteger(2);
        List<Cpus> memories = List.of(cpus, second);
        for (int i = 0; i < memories.size(); i++) {
            int number = i;
            TlbContext left = ending(
                    () -> {
                        if (overflows.getAndDecrement() > 0) {
                            throw new StackOverflowError();
                        }
                        ends.add(number);
                    },
                    () -> {});
            CpuState state = memories.get(i).claim(owner, 1, OwnedCpu.flush(() -> {}));
            load(state, left);
            assertFalse(left.put());
            state.depart();
            memories.get(i).release(state);
            assertThrows(StackOverflowError.class, () -> owner.endLeft(true));
        }
        owner.endLeft(true);
        assertEquals(List.of(1, 0), ends);
    }

    @Test
    @DisplayName("a CPU whose thread has ended is taken off when another is claimed, and gives up its space")
    void deadOnClaim() throws Exception {
        Owned first = guest(cpus, context, 0);
        Owned second = guest(cpus, context, 0);
        first.thread.shutdown();
        first.owner.join();
        assertEquals(0, OwnedCpu.claim(cpus, 0, () -> {}).number);
        assertEquals(1, context.cpus());
        assertEquals(2, OwnedCpu.claim(cpus, 0, () -> {}).number);
        assertFalse(second.state.isGone());
    }

    /** Returns the message that refuses a wait of the CPU's thread; empty if the thread may wait. */
    private static String refused(Owned cpu) throws Exception {
        return cpu.thread
                .submit(() -> {
                    try {
                        ThreadCpus.checkMayWait("sleep");
                        return "";
                    } catch (IllegalStateException e) {
                        return String.valueOf(e.getMessage());
                    }
                })
                .get();
    }

    @Test
    @DisplayName("a call that may wait is refused to a thread with a CPU in GUEST, of any machine, and to no other")
    void outsideGuest() throws Exception {
        Owned cpu = guest(cpus, context, 0);
        Cpus second = new Cpus(LazyContext.Shootdown::new);
        ThreadCpus.checkMayWait("sleep");
        String refused = refused(cpu);
        assertTrue(refused.startsWith("sleep was called while cpu 0 of thread owner is in GUEST"), refused);
        CpuState other =
                cpu.thread.submit(() -> OwnedCpu.claim(second, 0, () -> {})).get();
        cpu.does(() -> cpu.state.leaveGuest(context.id));
        assertEquals("", refused(cpu));
        cpu.does(() -> other.enterGuest(context.id));
        assertEquals(refused, refused(cpu));
        cpu.does(() -> {
            other.leaveGuest(context.id);
            second.release(other);
            cpus.release(cpu.state);
        });
        assertEquals("", refused(cpu));
    }

    @Test
    @DisplayName(
            "a CPU that stays in GUEST, and has flushed beyond the generation that is waited for, is not waited for")
    void flushedBeyond() throws Exception {
        long generation = context.advance();
        Owned cpu = guest(cpus, context, context.advance());
        ExecutorService shooter = Executors.newSingleThreadExecutor();
        threads.add(shooter);
        Future<?> shot = shooter.submit(() -> shootdowns.shoot(context, generation, cpu.state.bit));
        Await.result("the shootdown to an earlier generation", shot, List.of());
        assertEquals(0, shootdowns.count());
        cpu.does(() -> cpu.state.leaveGuest(context.id));
    }

    @Test
    @DisplayName("two shooters at once are both done when the CPU, which stays in GUEST, flushes once")
    void twoShooters() throws Exception {
        Owned cpu = guest(cpus, context, context.generation());
        ExecutorService shooters = Executors.newFixedThreadPool(2);
        threads.add(shooters);
        List<Future<?>> shots = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            long generation = context.advance();
            shots.add(shooters.submit(() -> shootdowns.shoot(context, generation, cpu.state.bit)));
        }
        Await.until("both have asked the CPU", () -> shootdowns.count() == 2);
        cpu.does(() -> {
            cpu.state.clearPending();
            cpu.state.flushedTo(context.generation());
        });
        for (Future<?> shot : shots) {
            Await.result("a shootdown to a generation that the CPU has reached", shot, List.of());
        }
        cpu.does(() -> cpu.state.leaveGuest(context.id));
    }
}
