// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** CPUs that keep a space's translations without using it, and the end of a space without users. */
@ExtendWith(OneThread.class)
@DisplayName("A LAZY CPU")
final class LazyCpuTest {
    private static final long AT = 0x5000_0000L;

    private final SpaceFixture fixture = new SpaceFixture(64);
    private final Cpu cpu = fixture.cpu;

    @AfterEach
    void everyFrameComesBack() {
        assertEquals(List.of(), fixture.reports);
    }

    private long mapAtPlace() {
        return fixture.map(AT, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
    }

    private TlbContext context() {
        return layoutOf(fixture.space).pages().context;
    }

    /**
     * Asserts that the CPU cannot switch back to the closed space, and finds a new page in another space at the same
     * address.
     */
    private void assertFindsNewPage() {
        assertClosed();
        try (AddressSpace other = fixture.machine.newSpace(SpaceFixture.GEOMETRY)) {
            assertEquals(AT, other.mmap(AT, PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0));
            cpu.switchTo(other);
            assertEquals(0, fixture.load(AT));
            cpu.switchTo(null);
        }
    }

    private void assertClosed() {
        MmException refused = assertThrows(MmException.class, () -> cpu.switchTo(fixture.space));
        assertEquals(Errno.ESRCH, refused.errno());
        assertNull(cpu.space());
    }

    @Test
    @DisplayName("refuses accesses, transitions and questions until it has gone to a space, and says so")
    void refuses() {
        long at = fixture.anonymous(1);
        fixture.store(at, 1);
        ThrowingMemory flat = new ThrowingMemory(cpu);
        cpu.enterGuest();
        assertEquals(1, flat.loadLong(at));
        assertThrows(IllegalStateException.class, cpu::enterLazy);
        cpu.leaveGuest();
        cpu.enterLazy();
        assertNull(cpu.space());
        List<Runnable> uses = List.of(
                () -> cpu.memory().load(at, 8),
                () -> cpu.memory().store(at, 8, 1),
                () -> flat.loadLong(at),
                () -> flat.storeLong(at, 2),
                () -> cpu.memory().handleFault(at, READ),
                () -> cpu.memory().pin(at, READ),
                cpu::enterGuest,
                cpu::poll,
                cpu::enterLazy);
        for (Runnable use : uses) {
            IllegalStateException thrown = assertThrows(IllegalStateException.class, use::run);
            assertTrue(String.valueOf(thrown.getMessage()).contains("LAZY: it has to switch"), thrown::toString);
        }
        cpu.switchTo(null);
        IllegalStateException thrown = assertThrows(IllegalStateException.class, cpu::enterLazy);
        assertTrue(String.valueOf(thrown.getMessage()).contains("no space"), thrown::toString);
        cpu.switchTo(fixture.space);
        assertEquals(1, fixture.load(at));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("I2: gets no request, and does not use entries that were changed meanwhile")
    void changedMeanwhile() throws Exception {
        long at = fixture.anonymous(3);
        for (long page = 0; page < 3; page++) {
            fixture.store(at + page * PAGE, page);
        }
        cpu.enterLazy();
        ExecutorService other = Executors.newSingleThreadExecutor();
        other.submit(() -> {
                    assertEquals(0, fixture.space.mprotect(at, PAGE, READ));
                    fixture.map(at + PAGE, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
                    assertEquals(0, fixture.space.munmap(at + 2 * PAGE, PAGE));
                })
                .get();
        other.shutdown();
        assertEquals(0, fixture.machine.statistics().shootdownTargets());
        assertEquals(1, fixture.frames());
        cpu.switchTo(fixture.space);
        assertFault(Fault.ACCERR, cpu.memory().store(at, 8, 7));
        assertEquals(0, fixture.load(at));
        assertEquals(0, fixture.load(at + PAGE));
        assertFault(Fault.MAPERR, cpu.memory().load(at + 2 * PAGE, 8));
        fixture.closeEmpty();
    }

    /** Returns the current generation, without the mark of a context that was given back. */
    private static long advanced(TlbContext of) {
        return of.generation() & Long.MAX_VALUE;
    }

    @Test
    @DisplayName(
            "I3: is taken off when its space is closed, which flushes nothing, and never uses its old translations")
    void takenOff() {
        mapAtPlace();
        fixture.store(AT, 42);
        cpu.enterLazy();
        TlbContext before = context();
        long generation = before.generation();
        fixture.space.close();
        assertTrue(before.isEnded());
        assertEquals(generation, advanced(before));
        assertEquals(0, fixture.frames());
        assertFindsNewPage();
        assertEquals(0, fixture.space.cpus());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("stays where it is while another CPU uses the closed space, and is taken off when that one leaves")
    void besideAUser() {
        mapAtPlace();
        fixture.store(AT, 42);
        try (Cpu second = fixture.machine.claimCpu()) {
            second.switchTo(fixture.space);
            assertFault(Fault.NONE, second.memory().load(AT, 8));
            cpu.enterLazy();
            TlbContext before = context();
            long generation = before.generation();
            fixture.space.close();
            assertFalse(before.isEnded());
            assertFault(Fault.NONE, second.memory().load(AT, 8));
            assertEquals(1, fixture.space.cpus());
            second.switchTo(null);
            assertTrue(before.isEnded());
            assertEquals(generation, advanced(before));
            assertEquals(0, fixture.frames());
            assertFindsNewPage();
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("goes to another space, to none, or offline from where it is")
    void goesElsewhere() {
        AddressSpace second = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
        cpu.enterLazy();
        cpu.switchTo(second);
        assertEquals(0, fixture.space.cpus());
        assertEquals(1, second.cpus());
        cpu.enterLazy();
        cpu.switchTo(null);
        assertEquals(0, second.cpus());
        cpu.switchTo(second);
        cpu.enterLazy();
        cpu.close();
        assertEquals(0, second.cpus());
        second.close();
        fixture.space.close();
    }

    /** The number of the latest mapping, for the threads in {@link #comesAndGoes}. */
    private volatile long begun;

    /** For each mapping that ended, the number of mappings that had ended by then. */
    private final Map<Long, Long> ended = new ConcurrentHashMap<>();

    private volatile long ends;

    /** Returns whether the page was mapped and contained its mapping's number. */
    private boolean usesPage(Cpu mine, long seed) {
        long over = ends;
        if (mine.memory().load(AT, 8) != Fault.NONE) {
            return false;
        }
        long stamp = mine.memory().value();
        assertTrue(
                stamp <= begun && ended.getOrDefault(stamp, Long.MAX_VALUE) > over,
                () -> "seed " + seed + ": read " + stamp + ", which had ended");
        // Adds the right to write to the translation.
        mine.memory().getAndAdd(AT + 8, 8, 1);
        return stamp != 0;
    }

    /** How often a page was mapped and contained its mapping's number, and whether the threads met often enough. */
    private final AtomicInteger found = new AtomicInteger();

    private volatile boolean isEnough;

    /** The space of {@link #begun}. */
    private volatile AddressSpace current = fixture.space;

    /** Repeatedly switches to the current space, uses it and leaves it. */
    private void comesAndGoes(long seed, int rounds) {
        Random random = new Random(seed);
        try (Cpu mine = fixture.machine.claimCpu()) {
            for (int i = 0; i < rounds || !isEnough; i++) {
                while (!MachineInternals.trySwitchTo(mine, current)) {
                    if (Thread.interrupted()) {
                        return;
                    }
                    Awake.turn();
                }
                mine.enterGuest();
                try {
                    for (int use = random.nextInt(4); use >= 0; use--) {
                        found.addAndGet(usesPage(mine, seed) ? 1 : 0);
                        mine.poll();
                    }
                } finally {
                    // Other threads may wait for this CPU, even if its thread failed.
                    mine.leaveGuest();
                }
                switch (random.nextInt(5)) {
                    case 0, 1 -> mine.enterLazy();
                    case 2, 3 -> mine.switchTo(null);
                    default -> {}
                }
                Awake.delay(random.nextInt(2_000));
            }
        }
    }

    @Test
    @DisplayName("I2, I3: CPUs that go to a space and leave it beside its close meet no free page")
    void besideCloses() throws Exception {
        cpu.switchTo(null);
        ExecutorService others = Executors.newFixedThreadPool(2);
        CountDownLatch ready = new CountDownLatch(2);
        List<Future<?>> users = new ArrayList<>();
        for (long seed = 1; seed <= 2; seed++) {
            long of = seed;
            users.add(others.submit(() -> {
                ready.countDown();
                comesAndGoes(of, 10_000);
            }));
        }
        ready.await();
        Random random = new Random(3);
        int contexts = 0;
        try {
            while (!users.get(0).isDone() || !users.get(1).isDone()) {
                long round = begun + 1;
                begun = round;
                AddressSpace space = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
                assertEquals(AT, space.mmap(AT, PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0));
                current = space;
                cpu.switchTo(space);
                fixture.store(AT, round);
                cpu.switchTo(null);
                Awake.delay(random.nextInt(2_000));
                TlbContext before = layoutOf(space).pages().context;
                space.close();
                if (before.isEnded()) {
                    long next = ends + 1;
                    ended.put(round, next);
                    ends = next;
                    contexts++;
                }
                // Either a page was found and a space was closed without users, or a user failed.
                isEnough = (contexts > 0 && found.get() > 0) || users.stream().anyMatch(Future::isDone);
            }
        } finally {
            // If this thread failed, the other threads wait for spaces that it no longer creates.
            others.shutdownNow();
        }
        for (Future<?> user : users) {
            user.get();
        }
        fixture.closeEmpty();
    }
}
