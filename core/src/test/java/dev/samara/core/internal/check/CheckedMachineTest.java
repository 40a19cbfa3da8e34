// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.event.InvariantViolation;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.guest.PageRun;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.Watches.WatchedRange;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;

/** The tests bypass all checks to make the changes that a broken shootdown would leave. */
@ExtendWith(OneThread.class)
@DisplayName("a checked machine sees a violation when the access is made")
class CheckedMachineTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final int RW = Mman.READ | Mman.WRITE;

    private final ConcurrentLinkedQueue<Report> reports = new ConcurrentLinkedQueue<>();
    private final Machine machine = Machine.builder()
            .memory(1 << 20)
            .checked(true)
            .reportTo(reports::add)
            .build();
    private final AddressSpace space = machine.newSpace(LINUX);
    private final MachineMemory memory = MachineInternals.layoutOf(space).memory();
    private final PageTable table = MachineInternals.layoutOf(space).pages();
    private final AccessChecker checker = Objects.requireNonNull(memory.accessChecker);
    private final Cpu cpu = machine.claimCpu();
    private long at;
    private long[] leaf = {};
    private int index;

    @BeforeEach
    void mapAndEnter() {
        at = space.mmap(0, 4 * PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        cpu.switchTo(space);
        assertEquals(Fault.NONE, cpu.memory().store(at, 8, 42));
        leaf = Objects.requireNonNull(table.leaf(at));
        index = table.indexOf(at);
        cpu.enterGuest();
        assertEquals(Fault.NONE, cpu.memory().store(at, 8, 43));
    }

    @AfterEach
    void close() {
        cpu.leaveGuest();
        cpu.close();
        space.close();
        assertEquals(0, machine.statistics().framesInUse());
    }

    private void assertViolates(String invariant) {
        InvariantViolation seen =
                assertThrows(InvariantViolation.class, () -> cpu.memory().load(at, 8));
        assertEquals(invariant, seen.invariant());
        List<String> lines = String.valueOf(seen.getMessage()).lines().toList();
        assertTrue(lines.stream().anyMatch(line -> line.contains("walks to frame")), lines::toString);
        Report report = Objects.requireNonNull(reports.poll());
        assertEquals(Report.Kind.INVARIANT_BROKEN, report.kind());
        assertEquals(seen.getMessage(), report.message());
    }

    @Test
    @DisplayName("I2: the page is gone from the table, and no call is taking it away")
    void gone() {
        long pte = Leaf.getAndSet(leaf, index, Pte.NONE);
        assertViolates("I2");
        Leaf.getAndSet(leaf, index, pte);
        assertEquals(Fault.NONE, cpu.memory().load(at, 8));
    }

    @Test
    @DisplayName("I2: the right to write is gone, or the mark that it was written; reading is still allowed")
    void narrowed() {
        long pte = Leaf.get(leaf, index);
        for (long bit : new long[] {Pte.WRITE, Pte.DIRTY}) {
            Leaf.getAndSet(leaf, index, pte & ~bit);
            assertEquals(Fault.NONE, cpu.memory().load(at, 8));
            assertThrows(InvariantViolation.class, () -> cpu.memory().store(at, 8, 1));
            Leaf.getAndSet(leaf, index, pte);
        }
        assertEquals(2, reports.size());
    }

    @Test
    @DisplayName("I2: the right to read is gone; storing is still allowed, an atomic update is not, since it reads")
    void unreadable() {
        ThrowingMemory flat = new ThrowingMemory(cpu);
        long pte = Leaf.get(leaf, index);
        Leaf.getAndSet(leaf, index, pte & ~Pte.READ);
        assertEquals(Fault.NONE, cpu.memory().store(at, 8, 1));
        assertEquals(Fault.NONE, cpu.memory().storeVolatile(at, 8, 1));
        List<Executable> updates = List.of(
                () -> cpu.memory().getAndAdd(at, 8, 1),
                () -> cpu.memory().getAndSet(at, 8, 1),
                () -> cpu.memory().compareAndExchange(at, 8, 7, 2),
                () -> flat.getAndBitwiseOrInt(at, 1));
        for (Executable update : updates) {
            assertEquals("I2", assertThrows(InvariantViolation.class, update).invariant());
        }
        assertEquals(updates.size(), reports.size());
        Leaf.getAndSet(leaf, index, pte);
        assertEquals(Fault.NONE, cpu.memory().getAndAdd(at, 8, 1));
    }

    @Test
    @DisplayName("I2: every kind of access is judged")
    void everyKind() {
        byte[] bytes = new byte[8];
        ThrowingMemory flat = new ThrowingMemory(cpu);
        long pte = Leaf.getAndSet(leaf, index, Pte.NONE);
        List<Executable> accesses = List.of(
                () -> cpu.memory().load(at, 1),
                () -> cpu.memory().store(at, 2, 1),
                () -> cpu.memory().loadVolatile(at, 4),
                () -> cpu.memory().storeVolatile(at, 8, 1),
                () -> cpu.memory().getAndAdd(at, 8, 1),
                () -> cpu.memory().compareAndSet(at, 8, 1, 2),
                () -> cpu.memory().copyOut(at, bytes, 0, 8),
                () -> cpu.memory().copyIn(at, bytes, 0, 8),
                () -> cpu.memory().copy(at, at + PAGE, 8),
                () -> cpu.memory().copy(at + PAGE, at, 8),
                () -> cpu.memory().fill(at, 8, (byte) 1),
                () -> cpu.memory().string(at, bytes),
                () -> flat.loadLong(at),
                () -> flat.storeShort(at, (short) 1),
                () -> flat.loadIntAcquire(at),
                () -> flat.storeByteRelease(at, (byte) 1),
                () -> flat.compareAndSetLong(at, 1, 2),
                () -> flat.getAndAddInt(at, 1));
        for (Executable access : accesses) {
            assertEquals("I2", assertThrows(InvariantViolation.class, access).invariant());
        }
        assertEquals(accesses.size(), reports.size());
        Leaf.getAndSet(leaf, index, pte);
    }

    @Test
    @DisplayName("I2: a run is judged when it ends: at a poll, at the next run, and when the CPU leaves GUEST")
    void runs() {
        PageRun run = cpu.memory().newRun();
        List<Executable> ends = List.of(cpu::poll, () -> run.seek(at + PAGE, 8, Mman.READ), cpu::leaveGuest);
        for (Executable end : ends) {
            assertEquals(8, run.seek(at, 8, Mman.WRITE));
            long pte = Leaf.getAndSet(leaf, index, Pte.NONE);
            assertEquals("I2", assertThrows(InvariantViolation.class, end).invariant());
            Leaf.getAndSet(leaf, index, pte);
            assertThrows(IllegalStateException.class, run::buffer);
        }
        assertEquals(ends.size(), reports.size());
    }

    @Test
    @DisplayName("I2: a call excuses only its own revocation: a collection the mark, a fork the right to write")
    void kinds() {
        long id = table.number();
        long pte = Leaf.get(leaf, index);
        try (AccessChecker.Revocation mark = checker.begin("a collection", AccessChecker.MARK, id, at, at + PAGE)) {
            Leaf.getAndSet(leaf, index, pte & ~(Pte.DIRTY | Pte.ACCESSED));
            assertEquals(Fault.NONE, cpu.memory().store(at, 8, 1));
            Leaf.getAndSet(leaf, index, pte & ~Pte.WRITE);
            assertThrows(InvariantViolation.class, () -> cpu.memory().store(at, 8, 1), mark::toString);
        }
        try (AccessChecker.Revocation write = checker.begin("a fork", AccessChecker.WRITE, id, at, at + PAGE)) {
            assertEquals(Fault.NONE, cpu.memory().store(at, 8, 1));
            Leaf.getAndSet(leaf, index, Pte.NONE);
            assertThrows(InvariantViolation.class, () -> cpu.memory().load(at, 8), write::toString);
        }
        Leaf.getAndSet(leaf, index, pte);
        assertEquals(Fault.NONE, cpu.memory().store(at, 8, 1));
    }

    @Test
    @DisplayName("I2: a page is watched, and a store by the TLB would not be told of")
    void escapedWatch() {
        assertTrue(SpaceFixture.hits(cpu, () -> cpu.memory().store(at, 8, 1)));
        WatchedRange watch = new WatchedRange(at + 8, at + 15, (address, length) -> {}, thrown -> {});
        assertTrue(table.watches.add(watch, 1));
        assertEquals(Fault.NONE, cpu.memory().load(at, 8));
        assertThrows(InvariantViolation.class, () -> cpu.memory().store(at, 8, 1));
        table.watches.remove(watch);
        assertEquals(Fault.NONE, cpu.memory().store(at, 8, 1));
    }

    @Test
    @DisplayName("I2: pages may be used until the call that revokes them ends, in its range and space only")
    void beingTaken() {
        long id = table.number();
        AccessChecker.Revocation other =
                checker.begin("another page's", AccessChecker.ALL, id, at + PAGE, at + 2 * PAGE);
        AccessChecker.Revocation elsewhere = checker.begin("another space's", AccessChecker.ALL, id + 1, at, at + PAGE);
        long pte = Leaf.getAndSet(leaf, index, Pte.NONE);
        assertViolates("I2");
        AccessChecker.Revocation revocation = checker.begin("this page's", AccessChecker.ALL, id, at, at + PAGE);
        long late = machine.statistics().staleAccesses();
        assertEquals(Fault.NONE, cpu.memory().load(at, 8));
        assertEquals(late + 1, machine.statistics().staleAccesses());
        revocation.close();
        assertViolates("I2");
        Leaf.getAndSet(leaf, index, pte);
        other.close();
        elsewhere.close();
        assertThrows(IllegalStateException.class, other::close);
    }

    @Test
    @DisplayName("I1: the table has another frame, even while a call is taking the page away")
    void replaced() {
        AccessChecker.Revocation revocation =
                checker.begin("a call", AccessChecker.ALL, AccessChecker.History.ANY, 0, 0);
        long pte = Leaf.get(leaf, index);
        Leaf.getAndSet(leaf, index, Pte.present(Pte.frame(pte) + 1, pte & (Pte.RIGHTS | Pte.DIRTY | Pte.ACCESSED)));
        assertViolates("I1");
        Leaf.getAndSet(leaf, index, pte);
        revocation.close();
    }

    @Test
    @DisplayName("I3: the frame was freed, although the table still has it")
    void freed() {
        PageTableContext context = memory.contexts.borrow();
        int frame = Pte.frame(Leaf.get(leaf, index));
        memory.frames.drop(frame, context.magazine);
        assertViolates("I3");
        assertEquals(frame, memory.frames.allocate(context.magazine), "it is there again for the space to free");
        memory.contexts.giveBack(context);
    }
}
