// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.lang.reflect.RecordComponent;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Statistics of a machine, a space and a CPU")
class StatisticsTest {
    private final SpaceFixture fixture = new SpaceFixture();

    @AfterEach
    void close() {
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("A first store is a miss and a minor fault; a hit counts nothing")
    void faultsAndMisses() {
        long address = fixture.anonymous(2);
        CpuStatistics before = fixture.cpu.statistics();
        fixture.store(address, 1);
        CpuStatistics after = fixture.cpu.statistics();
        assertEquals(before.minorFaults() + 1, after.minorFaults());
        assertEquals(before.tlbMisses() + 1, after.tlbMisses());
        assertEquals(before.majorFaults(), after.majorFaults());
        fixture.store(address + 8, 2);
        fixture.load(address);
        CpuStatistics outside = new CpuStatistics(
                after.minorFaults(),
                after.majorFaults(),
                after.tlbMisses(),
                after.flushes(),
                after.accessesOutsideGuest() + 2);
        assertEquals(outside, fixture.cpu.statistics());
        fixture.memory.load(0x1000, 8);
        assertEquals(after.minorFaults(), fixture.cpu.statistics().minorFaults(), "an access that failed");
    }

    /** Returns how many misses are counted for an action. */
    private long misses(Runnable action) {
        long before = fixture.cpu.statistics().tlbMisses();
        action.run();
        return fixture.cpu.statistics().tlbMisses() - before;
    }

    @Test
    @DisplayName("A store to a watched page, which no TLB keeps, is one miss in each form")
    @SuppressWarnings("try") // used only for its close
    void missesOfWatchedPages() {
        long address = fixture.anonymous(2);
        fixture.store(address, 1);
        fixture.store(address + PAGE, 1);
        GuestMemory memory = fixture.memory;
        try (Watchpoint watch = fixture.space.watch(address, 2 * PAGE, (start, length) -> {})) {
            assertEquals(1, misses(() -> memory.store(address, 8, 2)));
            assertEquals(1, misses(() -> memory.store(address, 8, 2)));
            assertEquals(1, misses(() -> memory.getAndAdd(address, 8, 2)));
            assertEquals(1, misses(() -> memory.compareAndSet(address, 8, 0, 2)));
            assertEquals(1, misses(() -> memory.storePair(address, 1, 2)));
            assertEquals(2, misses(() -> memory.store(address + PAGE - 4, 8, 2)), "across two pages");
            assertEquals(0, misses(() -> memory.load(address, 8)));
        }
        assertEquals(1, misses(() -> memory.store(address, 8, 2)));
        assertEquals(0, misses(() -> memory.store(address, 8, 2)));
        assertEquals(1, misses(() -> memory.store(address + PAGE - 4, 8, 2)), "only the second page misses");
        assertEquals(0, misses(() -> memory.store(address + PAGE - 4, 8, 2)));
    }

    @Test
    @DisplayName("A store across two pages of which neither was accessed is two misses and two faults")
    void missesAcross() {
        long address = fixture.anonymous(2);
        long faults = fixture.cpu.statistics().minorFaults();
        assertEquals(2, misses(() -> fixture.memory.store(address + PAGE - 4, 8, 2)));
        assertEquals(faults + 2, fixture.cpu.statistics().minorFaults());
    }

    @Test
    @DisplayName("A forced access counts one miss for each page, as an access with rights does")
    void missesOfForcedAccesses() {
        long address = fixture.anonymous(3);
        byte[] bytes = new byte[(int) (3 * PAGE)];
        fixture.cpu.switchTo(null);
        long before = fixture.space.statistics().tlbMisses();
        assertEquals(bytes.length, fixture.space.write(address, bytes, 0, bytes.length));
        assertEquals(before + 3, fixture.space.statistics().tlbMisses());
        assertEquals(0, fixture.space.mprotect(address, 3 * PAGE, 0));
        assertEquals(bytes.length, fixture.space.writeForced(address, bytes, 0, bytes.length));
        assertEquals(before + 6, fixture.space.statistics().tlbMisses());
        assertEquals(bytes.length, fixture.space.readForced(address, bytes, 0, bytes.length));
        assertEquals(before + 9, fixture.space.statistics().tlbMisses());
        fixture.cpu.switchTo(fixture.space);
    }

    @Test
    @DisplayName("A page that its backing has to fetch is a major fault")
    void majorFaults() {
        PagedFile file = new PagedFile(fixture, 4);
        long address = fixture.map(0, 4, READ, Mman.SHARED, file, 0);
        fixture.memory.load(address, 8);
        assertEquals(1, fixture.cpu.statistics().majorFaults());
        assertEquals(1, fixture.space.statistics().majorFaults());
        assertEquals(1, fixture.machine.statistics().majorFaults());
        assertEquals(0, fixture.machine.statistics().minorFaults());
        file.cache.close();
    }

    @Test
    @DisplayName("A fault that copies a page for a write is counted once more; one that gets a page of zeros is not")
    void copiesOnWrite() {
        long address = fixture.anonymous(2);
        fixture.load(address);
        fixture.store(address, 1);
        fixture.store(address + PAGE, 2);
        assertEquals(0, fixture.machine.statistics().copiesOnWrite());
        AddressSpace child = fixture.space.fork();
        long before = fixture.machine.statistics().minorFaults();
        fixture.store(address, 3);
        fixture.store(address, 4);
        assertEquals(1, fixture.machine.statistics().copiesOnWrite());
        assertEquals(before + 1, fixture.machine.statistics().minorFaults());
        child.close();
        PagedFile file = new PagedFile(fixture, 4);
        long mapped = fixture.map(0, 4, RW, Mman.PRIVATE, file, 0);
        fixture.store(mapped, 5);
        assertEquals(2, fixture.machine.statistics().copiesOnWrite());
        file.cache.close();
    }

    @Test
    @DisplayName("A space counts what CPUs did in it, also after they have gone to another space")
    void spaces() {
        fixture.store(fixture.anonymous(1), 1);
        SpaceStatistics first = fixture.space.statistics();
        assertEquals(1, first.minorFaults());
        assertEquals(1, first.tlbMisses());
        try (AddressSpace other = fixture.machine.newSpace(SpaceFixture.GEOMETRY)) {
            assertEquals(new SpaceStatistics(0, 0, 0, 0, 0, 0, 0), other.statistics());
            fixture.cpu.switchTo(other);
            assertEquals(first, fixture.space.statistics(), "the CPU has handed its counts over");
            long address = other.mmap(0, PAGE, SpaceFixture.RW, SpaceFixture.ANONYMOUS, null, 0);
            fixture.store(address, 1);
            assertEquals(1, other.statistics().minorFaults());
            fixture.cpu.enterLazy();
            assertEquals(1, other.statistics().minorFaults(), "LAZY");
            fixture.cpu.switchTo(other);
            assertEquals(1, other.statistics().minorFaults(), "again");
            fixture.cpu.switchTo(null);
            assertEquals(1, other.statistics().minorFaults(), "handed over");
        }
        assertEquals(first, fixture.space.statistics());
        assertEquals(2, fixture.machine.statistics().minorFaults());
        assertEquals(2, fixture.cpu.statistics().minorFaults());
    }

    @Test
    @DisplayName("A closed space keeps its numbers")
    void closed() {
        fixture.store(fixture.anonymous(1), 1);
        fixture.cpu.switchTo(null);
        fixture.space.close();
        assertEquals(1, fixture.space.statistics().minorFaults());
    }

    @Test
    @DisplayName("The events of closed CPUs, and of CPUs whose threads have ended, stay")
    void endedCpus() throws Exception {
        long address = fixture.anonymous(2);
        FutureTask<CpuStatistics> closing = new FutureTask<>(() -> {
            try (Cpu cpu = fixture.machine.claimCpu()) {
                cpu.switchTo(fixture.space);
                cpu.memory().store(address, 8, 1);
                return cpu.statistics();
            }
        });
        FutureTask<Cpu> dying = new FutureTask<>(() -> {
            Cpu cpu = fixture.machine.claimCpu();
            cpu.switchTo(fixture.space);
            cpu.memory().store(address + PAGE, 8, 1);
            return cpu;
        });
        for (FutureTask<?> task : new FutureTask<?>[] {closing, dying}) {
            Thread thread = new Thread(task, "stores");
            thread.start();
            thread.join();
        }
        assertEquals(1, closing.get().minorFaults());
        assertEquals(2, fixture.machine.statistics().minorFaults());
        assertEquals(2, fixture.space.statistics().minorFaults());
        Cpu dead = dying.get();
        assertThrows(IllegalStateException.class, dead::statistics, "owned by another thread");
        // Takes the CPU of the ended thread offline.
        try (Cpu next = fixture.machine.claimCpu()) {
            next.switchTo(fixture.space);
        }
        assertEquals(2, fixture.machine.statistics().minorFaults());
        assertEquals(2, fixture.space.statistics().minorFaults());
    }

    @Test
    @DisplayName("A munmap flushes the TLB of another thread's CPU by one shootdown")
    void shootdowns() throws Exception {
        long address = fixture.anonymous(1);
        MachineStatistics before = fixture.machine.statistics();
        CountDownLatch isInGuest = new CountDownLatch(1);
        AtomicBoolean isUnmapped = new AtomicBoolean();
        try (OtherCpu other = new OtherCpu(fixture.space)) {
            Future<CpuStatistics> guest = other.submit(cpu -> {
                cpu.enterGuest();
                cpu.memory().store(address, 8, 1);
                isInGuest.countDown();
                while (!isUnmapped.get()) {
                    cpu.poll();
                }
                cpu.leaveGuest();
                return cpu.statistics();
            });
            isInGuest.await();
            assertEquals(before.framesInUse() + 1, fixture.machine.statistics().framesInUse());
            assertEquals(0, fixture.space.munmap(address, PAGE));
            isUnmapped.set(true);
            assertEquals(1, guest.get().flushes());
            SpaceStatistics after = fixture.space.statistics();
            assertEquals(1, after.shootdowns());
            assertEquals(1, after.shootdownTargets());
            assertEquals(1, after.flushes());
        }
        MachineStatistics after = fixture.machine.statistics();
        assertEquals(before.shootdowns() + 1, after.shootdowns());
        assertEquals(before.shootdownTargets() + 1, after.shootdownTargets());
        assertEquals(before.flushes() + 1, after.flushes());
        assertEquals(before.framesInUse(), after.framesInUse());
    }

    @Test
    @DisplayName("Grace periods that a thread has waited for, or has polled")
    void gracePeriods() {
        long before = fixture.machine.statistics().gracePeriods();
        Rcu rcu = fixture.layout().memory().rcu;
        rcu.synchronize();
        assertEquals(before + 1, fixture.machine.statistics().gracePeriods());
        assertTrue(rcu.poll(rcu.startPoll()));
        assertEquals(before + 2, fixture.machine.statistics().gracePeriods());
    }

    @Test
    @DisplayName("Without memory all numbers are 0")
    void withoutMemory() throws ReflectiveOperationException {
        Machine machine = Machine.builder().build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        for (Record statistics : List.of(space.statistics(), machine.statistics())) {
            for (RecordComponent number : statistics.getClass().getRecordComponents()) {
                assertEquals(0L, number.getAccessor().invoke(statistics), number.getName());
            }
        }
    }
}
