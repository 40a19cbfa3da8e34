// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A CPU in GUEST must acknowledge requests, so each call that would delay the acknowledgement is refused. */
@DisplayName("I9: in GUEST, nothing is done that may have to wait")
class GuestRulesTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int PRIVATE = Mman.PRIVATE | Mman.ANONYMOUS;

    private final ConcurrentLinkedQueue<Report> reports = new ConcurrentLinkedQueue<>();
    private final Machine machine =
            Machine.builder().memory(1 << 20).reportTo(reports::add).build();
    private final AddressSpace space = machine.newSpace(LINUX);
    private final long at = space.mmap(0, 4 * PAGE, RW, PRIVATE, null, 0);

    @Test
    @DisplayName("operations, forks and changes of files are refused, and change nothing")
    void operations() {
        MemoryFile file = machine.newFile("/f", 1, LINUX, PAGE);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            cpu.enterGuest();
            assertThrows(IllegalStateException.class, () -> space.munmap(at, PAGE));
            assertThrows(IllegalStateException.class, space::fork);
            assertThrows(IllegalStateException.class, () -> file.truncate(0));
            assertThrows(IllegalStateException.class, () -> file.pwrite(new byte[8], 0, 8, 0));
            assertThrows(IllegalStateException.class, () -> cpu.switchTo(null));
            assertThrows(IllegalStateException.class, cpu::enterGuest);
            assertEquals(Fault.NONE, cpu.memory().store(at, 8, 1), "its waits are outside of the section");
            cpu.leaveGuest();
            assertThrows(IllegalStateException.class, cpu::leaveGuest);
            assertThrows(IllegalStateException.class, cpu::poll);
        }
        assertNotNull(space.find(at));
        assertEquals(PAGE, file.size());
        space.close();
    }

    @Test
    @DisplayName("a second CPU of the thread may fault where that cannot wait, and not where it may")
    void secondCpu() {
        try (Cpu first = machine.claimCpu();
                Cpu second = machine.claimCpu();
                AddressSpace child = child()) {
            first.switchTo(space);
            second.switchTo(child);
            first.enterGuest();
            assertEquals(Fault.NONE, second.memory().store(at + PAGE, 8, 1));
            // The parent shares the page, so the store must copy it, and a copy waits for CPUs.
            assertThrows(IllegalStateException.class, () -> second.memory().store(at, 8, 2));
            first.leaveGuest();
            assertEquals(Fault.NONE, second.memory().store(at, 8, 2));
            assertEquals(1, space.cpus());
        }
        assertEquals(0, space.cpus());
        space.close();
    }

    private AddressSpace child() {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            cpu.memory().store(at, 8, 1);
        }
        return space.fork();
    }

    @Test
    @DisplayName("all rights that a fault is for are given, in GUEST as outside")
    void allRights() {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            assertEquals(Fault.NONE, cpu.memory().handleFault(at, Mman.READ));
            cpu.enterGuest();
            assertEquals(Fault.NONE, cpu.memory().handleFault(at, RW));
            long faults = cpu.statistics().minorFaults();
            assertEquals(Fault.NONE, cpu.memory().store(at, 8, 1));
            assertEquals(faults, cpu.statistics().minorFaults());
            assertEquals(Fault.ACCERR, cpu.memory().handleFault(at, RW | Mman.EXEC));
            cpu.leaveGuest();
        }
        space.close();
    }

    @Test
    @DisplayName("a listener can make no access and no transition, may come and go, and its failure is reported")
    void listeners() {
        List<String> told = new ArrayList<>();
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            cpu.onFlush((start, end, reason, generation) -> {
                told.add("first " + Long.toHexString(end - start));
                cpu.leaveGuest();
            });
            cpu.onFlush((start, end, reason, generation) -> cpu.memory().load(at, 8));
            cpu.onFlush((start, end, reason, generation) -> space.munmap(at, PAGE));
            cpu.onFlush((start, end, reason, generation) -> told.add("last " + reason));
            cpu.enterGuest();
            assertEquals(List.of("first ffffffffffffffff", "last UNMAPPED"), told);
            cpu.memory().store(at, 8, 1);
            cpu.leaveGuest();
            assertEquals(0, space.mprotect(at, PAGE, Mman.READ));
            told.clear();
            cpu.enterGuest();
            assertEquals(List.of("first 1000", "last PROTECTED"), told);
            assertEquals(Fault.ACCERR, cpu.memory().store(at, 8, 1));
            cpu.leaveGuest();
        }
        assertEquals(6, reports.size());
        reports.forEach(report -> assertEquals(Report.Kind.CALLBACK_FAILED, report.kind()));
        assertNotNull(space.find(at));
        space.close();
    }

    @Test
    @DisplayName("no thread waits for a CPU whose thread has ended in GUEST, and its number is used again")
    void deadThread() throws InterruptedException {
        Thread dead = new Thread(() -> {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(space);
            cpu.enterGuest();
            cpu.memory().store(at, 8, 1);
        });
        dead.start();
        dead.join();
        assertEquals(0, space.munmap(at, PAGE));
        assertEquals(0, machine.statistics().framesInUse());
        assertEquals(0, space.cpus());
        space.close();
    }

    @Test
    @DisplayName("a TLB of one entry could not tell the two pages of an access apart")
    void leastTlb() {
        assertThrows(IllegalArgumentException.class, () -> Machine.builder().tlbEntries(1));
        Machine small = Machine.builder().memory(1 << 20).tlbEntries(2).build();
        AddressSpace of = small.newSpace(LINUX);
        long there = of.mmap(0, 2 * PAGE, RW, PRIVATE, null, 0);
        try (Cpu cpu = small.claimCpu()) {
            cpu.switchTo(of);
            cpu.enterGuest();
            ThrowingMemory flat = new ThrowingMemory(cpu);
            flat.storeInt(there + PAGE - 4, 1);
            flat.storeInt(there + PAGE, 2);
            assertEquals(1 | 2L << 32, flat.loadLong(there + PAGE - 4));
            flat.storeLong(there + PAGE - 4, 3 | 4L << 32);
            assertEquals(3, flat.loadInt(there + PAGE - 4));
            assertEquals(4, flat.loadInt(there + PAGE));
            cpu.leaveGuest();
        }
        of.close();
    }
}
