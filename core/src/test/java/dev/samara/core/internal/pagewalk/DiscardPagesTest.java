// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.WaitReporter;
import dev.samara.core.internal.tlb.BarePageTable;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.internal.tlb.TlbGather;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Removing pages without removing the mapping. */
final class DiscardPagesTest {
    private static final long AT = 0x40_0000;
    private static final long LEAF = 512 * BarePageTable.PAGE;
    private static final DiscardPages.Choice ALL = (pte, address) -> true;

    private final MachineMemory memory = SmallMemory.of(4000);
    private final BarePageTable table = new BarePageTable(memory);

    private DiscardPages discarding() {
        return new DiscardPages(memory, Pte.NONE);
    }

    private DiscardPages guarding() {
        return new DiscardPages(memory, Pte.GUARD);
    }

    @Test
    @DisplayName("P2: an entry is busy, and its page in use, until no CPU can translate to it; then it is empty")
    void busyUntilInvalidated() throws InterruptedException {
        int frame = table.fill(AT);
        CpuTlb cpu = table.guest(AT);
        CountDownLatch marked = new CountDownLatch(1);
        Thread discarder = new Thread(() -> {
            try (DiscardPages discarding = discarding()) {
                discarding.discard(table.pages, AT, AT + BarePageTable.PAGE, ALL);
                marked.countDown();
            }
        });
        discarder.start();
        marked.await();
        for (int i = 0; i < 10_000; i++) {
            long pte = table.pages.get(AT);
            assertTrue(Pte.isBusy(pte), () -> Pte.toString(pte));
            assertEquals(frame, Pte.frame(pte));
            assertEquals(1, table.inUse());
        }
        Gate gate = memory.owners().gateOf(table.pages.get(AT));
        assertFalse(gate.isOpen(), "a fault that finds it can wait");
        cpu.leaveGuest();
        gate.awaitUninterruptibly(new Patient());
        assertTrue(gate.isOpen());
        assertEquals(Pte.NONE, table.pages.get(AT));
        discarder.join();
        assertEquals(0, table.inUse());
        cpu.close();
    }

    /** A wait that is not reported. */
    private static final class Patient implements WaitReporter {
        @Override
        public long reportAfterNanos() {
            return Long.MAX_VALUE;
        }

        @Override
        public void waitsLong(Object blocker, Thread waiter, long nanos) {
            throw new AssertionError(waiter + " waits for " + blocker);
        }
    }

    @Test
    @DisplayName("only chosen entries are taken, by their addresses; guards and empty entries are not asked about")
    void chosen() {
        for (int i = 0; i < 6; i++) {
            table.fill(AT + LEAF + (i - 3) * BarePageTable.PAGE);
        }
        table.put(AT, Pte.GUARD);
        List<Long> asked = new ArrayList<>();
        try (DiscardPages discarding = discarding()) {
            discarding.discard(table.pages, AT, AT + LEAF + 2 * BarePageTable.PAGE, (pte, address) -> {
                asked.add(address);
                return (address >> 12) % 2 == 0;
            });
        }
        List<Long> expected = new ArrayList<>();
        for (int i = -3; i < 2; i++) {
            expected.add(AT + LEAF + i * BarePageTable.PAGE);
        }
        assertEquals(expected, asked);
        assertEquals(6 - 2, table.inUse());
        assertEquals(Pte.GUARD, table.pages.get(AT));
        assertEquals(Pte.NONE, table.pages.get(AT + LEAF));
        assertTrue(Pte.isPresent(table.pages.get(AT + LEAF + BarePageTable.PAGE)));
    }

    @Test
    @DisplayName("guards are put over pages and where there is none, to the ends of the range and no further")
    void guards() {
        table.fill(AT + 3 * BarePageTable.PAGE);
        table.fill(AT + LEAF);
        table.fill(AT + LEAF + 5 * BarePageTable.PAGE);
        try (DiscardPages guarding = guarding()) {
            guarding.guard(
                    table.pages, AT + 2 * BarePageTable.PAGE, AT + LEAF + 2 * BarePageTable.PAGE, TableReserve.NONE);
        }
        for (long at = AT; at < AT + 2 * LEAF; at += BarePageTable.PAGE) {
            boolean within = at >= AT + 2 * BarePageTable.PAGE && at < AT + LEAF + 2 * BarePageTable.PAGE;
            assertEquals(within, table.pages.get(at) == Pte.GUARD, "at " + Long.toHexString(at));
        }
        assertEquals(1, table.inUse());
    }

    @Test
    @DisplayName("P25, P30: an entry that a discard takes over from another is freed once, by the last one")
    void takenOver() {
        table.fill(AT);
        table.fill(AT + BarePageTable.PAGE);
        try (DiscardPages first = discarding()) {
            first.discard(table.pages, AT, AT + LEAF, ALL);
            try (DiscardPages second = discarding()) {
                second.discard(table.pages, AT, AT + BarePageTable.PAGE, ALL);
                assertTrue(Pte.isBusy(table.pages.get(AT)));
                first.finish();
                assertEquals(1, table.inUse(), "the one that was not taken over");
                assertTrue(Pte.isBusy(table.pages.get(AT)), "and this one is the other's");
            }
            assertEquals(0, table.inUse());
            assertEquals(Pte.NONE, table.pages.get(AT));
        }
        assertEquals(0, table.inUse());
    }

    @Test
    @DisplayName("P30: a guard that is being put in survives that its entry is taken over by a truncation")
    void guardTakenOver() {
        table.fill(AT);
        try (DiscardPages guarding = guarding();
                DiscardPages truncating = discarding()) {
            guarding.guard(table.pages, AT, AT + BarePageTable.PAGE, TableReserve.NONE);
            truncating.discard(table.pages, AT, AT + LEAF, ALL);
            guarding.finish();
            truncating.finish();
        }
        assertEquals(Pte.GUARD, table.pages.get(AT));
        assertEquals(0, table.inUse());
    }

    @Test
    @DisplayName("P30: a guard takes over the entry that a truncation was at")
    void guardTakesOver() {
        table.fill(AT);
        try (DiscardPages guarding = guarding();
                DiscardPages truncating = discarding()) {
            truncating.discard(table.pages, AT, AT + LEAF, ALL);
            guarding.guard(table.pages, AT, AT + BarePageTable.PAGE, TableReserve.NONE);
            truncating.finish();
        }
        assertEquals(Pte.GUARD, table.pages.get(AT));
        assertEquals(0, table.inUse());
    }

    @Test
    @DisplayName("P30: guards beside discards of the same pages: all are there at the end, and no frame is left")
    void guardsBesideDiscards() throws InterruptedException {
        for (int round = 0; round < 300; round++) {
            for (int i = 0; i < 20; i++) {
                table.fill(AT + i * BarePageTable.PAGE);
            }
            Thread other = new Thread(() -> {
                try (DiscardPages truncating = discarding()) {
                    truncating.discard(table.pages, AT, AT + LEAF, ALL);
                }
            });
            other.start();
            try (DiscardPages guarding = guarding()) {
                guarding.guard(table.pages, AT, AT + 20 * BarePageTable.PAGE, TableReserve.NONE);
            }
            other.join();
            for (int i = 0; i < 20; i++) {
                assertEquals(
                        Pte.GUARD, table.pages.get(AT + i * BarePageTable.PAGE), "page " + i + " of round " + round);
            }
            assertEquals(0, table.inUse());
            try (TlbGather gather = new TlbGather(memory)) {
                UnmapPages.unmap(new PageWalk(table.pages), AT, AT + LEAF, gather);
            }
        }
        assertEquals(0, table.pages.tables());
    }

    @Test
    @DisplayName("more pages than fit one batch, and a range of a TiB with pages at its ends")
    void large() {
        for (int i = 0; i < 2500; i++) {
            table.fill(AT + i * BarePageTable.PAGE);
        }
        table.fill(AT + (1L << 40));
        try (DiscardPages discarding = discarding()) {
            discarding.discard(table.pages, 0, AT + (1L << 40) + BarePageTable.PAGE, ALL);
            assertTrue(table.inUse() < 1500, "a first part is free before the end");
        }
        assertEquals(0, table.inUse());
    }

    @Test
    @DisplayName("an unreachable page is dropped; a thread that waits for an operation is woken at its end")
    void dropped() {
        int frame = memory.frames().allocate(table.context.magazine());
        try (DiscardPages discarding = discarding()) {
            discarding.dropWhenFinished(new int[] {frame, Frames.NONE}, 1);
            assertEquals(1, table.inUse());
            discarding.finish();
            assertEquals(0, table.inUse());
        }
        assertEquals(0, table.inUse(), "once");
        table.fill(AT);
        Gate gate;
        try (DiscardPages discarding = discarding()) {
            discarding.discard(table.pages, AT, AT + LEAF, ALL);
            gate = memory.owners().gateOf(table.pages.get(AT));
            assertFalse(gate.isOpen());
        }
        assertTrue(gate.isOpen());
    }

    @Test
    @DisplayName("P30: a copy's entry is taken over with its page, and the copy's last step fails")
    void overACopy() {
        int frame = table.fill(AT);
        long[] leaf = table.pages.leafFromReserve(AT, TableReserve.NONE);
        int index = table.pages.indexOf(AT);
        long present = table.pages.get(AT);
        long copied = Pte.busy(present, table.context.owner(), true);
        assertTrue(Leaf.compareAndSet(leaf, index, present, copied));
        try (DiscardPages discarding = discarding()) {
            discarding.discard(table.pages, AT, AT + LEAF, ALL);
            assertFalse(Leaf.compareAndSet(leaf, index, copied, Pte.present(frame, BarePageTable.OWN)));
        }
        assertEquals(Pte.NONE, table.pages.get(AT));
        assertEquals(0, table.inUse());
    }

    @Test
    @DisplayName(
            "leaves all of whose pages are taken go too, and not those of which a page stays, or was not asked for")
    void wholeLeaves() {
        for (int i = 0; i < 4; i++) {
            table.fill(AT + i * LEAF);
        }
        table.fill(AT + LEAF + BarePageTable.PAGE);
        int before = table.pages.tables();
        try (DiscardPages discarding = discarding()) {
            discarding.discard(
                    table.pages,
                    AT,
                    AT + 3 * LEAF + BarePageTable.PAGE,
                    (pte, address) -> address != AT + LEAF + BarePageTable.PAGE);
        }
        assertEquals(before - 2, table.pages.tables());
        assertTrue(Pte.isPresent(table.pages.get(AT + LEAF + BarePageTable.PAGE)));
        assertEquals(1, table.inUse());
    }

    @Test
    @DisplayName("I2: a CPU that comes to a translation just before it is taken drops it too")
    void comesJustBefore() {
        table.fill(AT);
        CpuTlb cpu = table.guest();
        try (DiscardPages discarding = discarding()) {
            discarding.discard(
                    table.pages,
                    AT,
                    AT + BarePageTable.PAGE,
                    (pte, address) -> cpu.fill().walk(AT, Pte.READ) >= 0);
        }
        assertEquals(SoftTlb.MISS, cpu.tlb().probe(AT, 8, Pte.READ));
        assertEquals(0, table.inUse());
        cpu.leaveGuest();
        cpu.close();
    }

    @Test
    @DisplayName(
            "that a cache's page was written is noted before its entry is marked, and never of the frame's next page")
    void written() {
        int frame = memory.frames().allocate(table.context.magazine());
        table.put(AT, Pte.present(frame, Pte.READ | Pte.WRITE | Pte.DIRTY));
        try (DiscardPages truncating = discarding()) {
            truncating.discard(table.pages, AT, AT + BarePageTable.PAGE, ALL);
            assertTrue(memory.frames().isDirty(frame));
            // Does what a truncation does if it completes before the unmapping continues.
            memory.frames().drop(frame, table.context.magazine());
            assertEquals(frame, memory.frames().allocate(table.context.magazine()));
            assertFalse(memory.frames().isDirty(frame));
            try (TlbGather gather = new TlbGather(memory)) {
                UnmapPages.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, gather);
            }
            assertFalse(memory.frames().isDirty(frame), "this page was not written");
        }
        assertFalse(memory.frames().isDirty(frame));
        assertEquals(1, table.inUse());
    }

    @Test
    @DisplayName(
            "P2: a discard that fails again and again leaves no mark: it ends as soon as it can, and its number stays"
                    + " its own")
    void failsAgainAndAgain() {
        Shootdowns shootdowns = new Shootdowns(new Cpus(), 0, message -> {
            throw new IllegalStateException(message);
        });
        MachineMemory failing =
                new MachineMemory(memory.frames(), memory.rcu(), shootdowns, 1, MachineMemory.UNCHECKED, null);
        BarePageTable of = new BarePageTable(failing);
        of.fill(AT);
        int removed = memory.frames().allocate(of.context.magazine());
        CpuTlb cpu = of.guest(AT);
        Thread discarder = new Thread(() -> {
            DiscardPages discarding = new DiscardPages(failing, Pte.NONE);
            discarding.discard(of.pages, AT, AT + BarePageTable.PAGE, ALL);
            discarding.dropWhenFinished(new int[] {removed}, 1);
            assertThrows(IllegalStateException.class, discarding::finish);
            assertThrows(IllegalStateException.class, discarding::close);
        });
        discarder.start();
        Await.until("the discarding thread has given up", () -> !discarder.isAlive());
        long mark = of.pages.get(AT);
        assertTrue(Pte.isBusy(mark), () -> Pte.toString(mark));
        assertEquals(2, of.inUse());
        Gate gate = failing.owners().gateOf(mark);
        try (TlbGather other = new TlbGather(failing)) {
            assertNotEquals(Pte.owner(mark), other.context().owner());
        }
        assertFalse(gate.isOpen());
        cpu.leaveGuest();
        Await.until("the discard is tried again", gate::isOpen);
        assertEquals(Pte.NONE, of.pages.get(AT));
        Await.until("the frames come back", () -> of.inUse() == 0);
        cpu.close();
    }
}
