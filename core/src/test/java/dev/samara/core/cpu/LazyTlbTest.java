// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LazyTlb;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.PageTableRef;
import dev.samara.core.event.FlushListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.ReachableObjects;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What each strategy for CPUs in LAZY must guarantee. The machines are checked, so CPUs in LAZY walk their tables. */
@ExtendWith(OneThread.class)
@ParameterizedClass
@MethodSource("dev.samara.core.fixture.LazyStrategies#ofThisBuild")
@DisplayName("What a CPU keeps in LAZY")
final class LazyTlbTest {
    private static final long AT = 0x5000_0000L;

    private final LazyTlb strategy;
    private final SpaceFixture fixture;
    private final Machine machine;
    private final Cpu cpu;

    LazyTlbTest(LazyTlb strategy) {
        this.strategy = strategy;
        fixture = new SpaceFixture(Machine.builder()
                .memory(64 * PAGE)
                .checked(true)
                .poisonFrames(true)
                .lazyTlb(strategy)
                .reportShootdownsLongerThan(Await.LONG));
        machine = fixture.machine;
        cpu = fixture.cpu;
        write(fixture.space, cpu, 42);
    }

    @AfterEach
    void nothingIsLeft() {
        cpu.close();
        fixture.space.close();
        assertEquals(0, fixture.frames());
        assertEquals(0, held(fixture.space));
        assertEquals(List.of(), fixture.reports);
        machine.close();
    }

    private static void write(AddressSpace space, Cpu cpu, long number) {
        assertEquals(AT, space.mmap(AT, PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0));
        assertEquals(Fault.NONE, cpu.memory().store(AT, 8, number));
    }

    /**
     * Returns the number of references to the page table. The context must be given back with the last reference, not
     * earlier.
     */
    private static int held(AddressSpace space) {
        Lifetime lifetime = layoutOf(space).lifetime;
        int count = lifetime.context.holds();
        assertEquals(count == 0, layoutOf(space).pages().context.isGivenBack());
        return count;
    }

    /** Returns the expected references to the page table in addition to that of the users. */
    private int lazyReferences() {
        return strategy == LazyTlb.REFERENCE_COUNT ? 1 : 0;
    }

    private boolean keeps() {
        return strategy != LazyTlb.NONE;
    }

    private AddressSpace newSpace() {
        return machine.newSpace(SpaceFixture.GEOMETRY);
    }

    @Test
    @DisplayName("is no use of the space, and the CPU comes back to it with its translations")
    void comesBack() {
        for (int round = 0; round < 3; round++) {
            cpu.enterLazy();
            assertEquals(0, fixture.space.cpus());
            assertEquals(1 + lazyReferences(), held(fixture.space));
            cpu.switchTo(fixture.space);
            assertEquals(1, fixture.space.cpus());
            assertTrue(SpaceFixture.hits(cpu, () -> assertEquals(42, fixture.load(AT))));
        }
        cpu.switchTo(null);
        assertEquals(1, held(fixture.space));
    }

    @Test
    @DisplayName("does not outlive a way offline")
    void offline() {
        try (Cpu other = machine.claimCpu()) {
            other.switchTo(fixture.space);
            other.enterLazy();
            assertEquals(1 + lazyReferences(), held(fixture.space));
        }
        assertEquals(1, held(fixture.space));
        assertEquals(1, fixture.space.cpus());
    }

    @Test
    @DisplayName("bug 69: is the page table at most after the end of the space, and ends when the CPU goes elsewhere")
    void exitWhileLazy() {
        PageTableRef reference = fixture.space.hold();
        cpu.enterLazy();
        fixture.space.close();
        assertEquals(0, fixture.frames());
        int kept = strategy == LazyTlb.REFERENCE_COUNT || strategy == LazyTlb.HAZARD_POINTER ? 1 : 0;
        assertEquals(1 + kept, held(fixture.space));
        assertNull(reference.tryGet());
        reference.close();
        assertEquals(kept, held(fixture.space));
        // Before each refusal, the CPU walks its tables.
        for (int i = 0; i < 10; i++) {
            assertThrows(MmException.class, () -> cpu.switchTo(fixture.space));
        }
        assertEquals(kept, held(fixture.space));
        try (AddressSpace next = newSpace()) {
            cpu.switchTo(next);
            assertEquals(0, held(fixture.space));
            write(next, cpu, 7);
            assertEquals(7, fixture.load(AT));
            cpu.switchTo(null);
        }
    }

    @Test
    @DisplayName("is not the page table of a space in which nothing was mapped, after its end")
    void emptySpace() {
        AddressSpace empty = newSpace();
        cpu.switchTo(empty);
        cpu.enterLazy();
        empty.close();
        assertThrows(MmException.class, () -> cpu.switchTo(empty));
        cpu.switchTo(fixture.space);
        assertEquals(0, held(empty));
    }

    @Test
    @DisplayName("a CPU that was LAZY in many spaces keeps the last one only")
    void manySpaces() {
        List<AddressSpace> spaces = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            AddressSpace space = newSpace();
            spaces.add(space);
            cpu.switchTo(space);
            write(space, cpu, i);
            cpu.enterLazy();
        }
        for (int i = 0; i < 12; i++) {
            assertEquals(i == 11 ? 1 + lazyReferences() : 1, held(spaces.get(i)), "space " + i);
        }
        for (int i = 0; i < 12; i++) {
            cpu.switchTo(spaces.get(i));
            assertEquals(i, fixture.load(AT));
            cpu.enterLazy();
        }
        for (int i = 0; i < 12; i++) {
            spaces.get(i).close();
        }
        cpu.switchTo(null);
        for (int i = 0; i < 12; i++) {
            assertEquals(0, held(spaces.get(i)), "space " + i);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("of a CPU whose thread has ended is given up, before the end of the space or after it")
    void deadCpu(boolean endsFirst) throws InterruptedException {
        cpu.switchTo(null);
        AddressSpace space = newSpace();
        Thread dead = new Thread(() -> {
            Cpu left = machine.claimCpu();
            left.switchTo(space);
            write(space, left, 1);
            left.enterLazy();
        });
        dead.start();
        dead.join();
        assertEquals(1 + lazyReferences(), held(space));
        if (endsFirst) {
            space.close();
        }
        try (Cpu next = machine.claimCpu()) {
            next.switchTo(fixture.space);
        }
        space.close();
        assertEquals(0, held(space));
        assertEquals(1, fixture.frames());
    }

    @Test
    @DisplayName("I2: changes that it has missed are seen after the way back, and no request is sent")
    void changedMeanwhile() throws InterruptedException {
        cpu.enterLazy();
        Thread other = new Thread(() -> assertEquals(0, fixture.space.munmap(AT, PAGE)));
        other.start();
        other.join();
        assertEquals(0, machine.statistics().shootdownTargets());
        cpu.switchTo(fixture.space);
        assertFault(Fault.MAPERR, cpu.memory().load(AT, 8));
    }

    @Test
    @DisplayName("SWITCHING: an access by a callback of the teardown, between two spaces, is refused")
    void switching() {
        AddressSpace ending = newSpace();
        AtomicInteger refused = new AtomicInteger();
        cpu.switchTo(ending);
        write(ending, cpu, 1);
        ending.addNotifier(new MmuNotifier() {
            @Override
            public void invalidate(long start, long end, Reason reason) {
                assertThrows(IllegalStateException.class, () -> cpu.memory().load(AT, 8));
                refused.incrementAndGet();
            }
        });
        ending.close();
        assertEquals(0, refused.get());
        cpu.enterLazy();
        assertEquals(1, refused.get());
        assertThrows(IllegalStateException.class, () -> cpu.memory().load(AT, 8));
        cpu.switchTo(null);
        assertEquals(0, held(ending));
    }

    @Test
    @DisplayName("membarrier: waits for CPUs in GUEST in the space until they poll, and for no others")
    void membarrier() throws InterruptedException {
        cpu.enterLazy();
        assertEquals(0, fixture.space.membarrier());
        assertEquals(0, machine.statistics().shootdownTargets());
        cpu.switchTo(fixture.space);
        AtomicInteger done = new AtomicInteger();
        try (AddressSpace elsewhere = newSpace()) {
            cpu.enterGuest();
            assertThrows(IllegalStateException.class, fixture.space::membarrier);
            Thread caller = new Thread(() -> {
                assertEquals(0, elsewhere.membarrier());
                done.set(1);
                assertEquals(0, fixture.space.membarrier());
                done.set(2);
            });
            caller.start();
            // No request is made before the first call returned.
            Await.until("a request", () -> machine.statistics().shootdownTargets() != 0, fixture.reports, caller);
            assertEquals(1, done.get());
            cpu.poll();
            caller.join();
            assertEquals(2, done.get());
            assertTrue(SpaceFixture.hits(cpu, () -> assertEquals(42, fixture.load(AT))), "nothing was flushed");
            cpu.leaveGuest();
        }
    }

    @Test
    @DisplayName("membarrier: tells flush listeners nothing")
    void membarrierIsNoFlush() {
        AtomicInteger told = new AtomicInteger();
        cpu.onFlush(new FlushListener() {
            @Override
            public void flushed(long start, long end, MmuNotifier.Reason reason, long generation) {
                told.incrementAndGet();
            }
        });
        assertEquals(0, fixture.space.membarrier());
        cpu.enterGuest();
        cpu.poll();
        cpu.leaveGuest();
        assertEquals(0, told.get());
        fixture.space.close();
        assertEquals(Errno.ESRCH.result(), fixture.space.membarrier());
    }

    @ParameterizedTest
    @ValueSource(ints = {128, 129})
    @DisplayName("membarrier: a CPU that has missed more than 128 of them drops everything when it enters GUEST")
    void manyMembarriers(int calls) {
        cpu.enterGuest();
        cpu.leaveGuest();
        List<String> told = new ArrayList<>();
        cpu.onFlush(new FlushListener() {
            @Override
            public void flushed(long start, long end, MmuNotifier.Reason reason, long generation) {
                told.add(start + " to " + end);
            }
        });
        for (int i = 0; i < calls; i++) {
            assertEquals(0, fixture.space.membarrier());
        }
        cpu.enterGuest();
        cpu.leaveGuest();
        assertEquals(calls > 128 ? List.of("0 to -1") : List.of(), told);
        fixture.space.close();
    }

    /** The ways in which a CPU becomes LAZY. */
    private enum Way {
        DIRECT,
        END_OF_A_BORROW,
        END_WITHOUT_USERS,
        LEAVE_WITHOUT_USERS
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    @DisplayName("leads from no other object of the CPU to the space that it has left")
    void noOtherField(Way way) {
        goLazy(way);
        assertNull(cpu.space());
        Object context = layoutOf(fixture.space).pages().context;
        // The machine's list of open references is excluded.
        assertEquals(
                keeps(),
                ReachableObjects.from(List.of(MachineInternals.SPACE_REFERENCES), cpu)
                        .contains(context));
        Set<Object> found = ReachableObjects.from(List.of(MachineInternals.SPACE_REFERENCES, LazyContext.class), cpu);
        for (Object part : List.of(
                fixture.space, layoutOf(fixture.space), layoutOf(fixture.space).pages(), context)) {
            assertFalse(found.contains(part), () -> "" + ReachableObjects.pathTo(part, cpu));
        }
    }

    private void goLazy(Way way) {
        if (way == Way.DIRECT) {
            cpu.enterLazy();
            return;
        }
        cpu.switchTo(null);
        BorrowedSpace borrowed = cpu.use(fixture.space, () -> {});
        assertEquals(42, fixture.load(AT));
        switch (way) {
            case END_WITHOUT_USERS -> borrowed.putUsers().close();
            case LEAVE_WITHOUT_USERS -> borrowed.putUsers().leave().close();
            default -> borrowed.close();
        }
    }
}
