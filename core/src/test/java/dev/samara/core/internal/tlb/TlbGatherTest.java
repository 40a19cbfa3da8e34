// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.Report;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.fixture.Await;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.OwnedCpu;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * The order in which pages are removed and freed, the flushes for that, and the end of a space, which flushes no CPU.
 */
final class TlbGatherTest {
    private static final long AT = 0x40_0000;

    /** The reports of CPUs that do not acknowledge. */
    private final List<Report> reports = new CopyOnWriteArrayList<>();

    private final MachineMemory memory = new MachineMemory(
            SmallMemory.frames(12, 6000),
            SmallMemory.rcu(),
            new Shootdowns(
                    new Cpus(LazyContext.Shootdown::new),
                    Await.LONG.toNanos(),
                    message -> reports.add(new Report(Report.Kind.LONG_WAIT, message, null)),
                    ShootdownDelivery.POLLED,
                    thrown -> {},
                    true),
            1,
            MachineMemory.UNCHECKED,
            null,
            SmallMemory.unlimited());

    private final BarePageTable table = new BarePageTable(memory);

    /** Unmaps the page, which must not be freed before the test permits it. */
    private void unmapBeside(int frame, Runnable letGo) throws InterruptedException {
        CountDownLatch taken = new CountDownLatch(1);
        Thread unmapper = new Thread(() -> {
            try (TlbGather gather = new TlbGather(memory)) {
                gather.invalidate();
                gather.free();
                LeafWalks.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, gather);
                taken.countDown();
            }
        });
        unmapper.start();
        Await.until("the page is unhooked", () -> taken.getCount() == 0, reports);
        assertEquals(Pte.NONE, table.pages.get(AT));
        for (int i = 0; i < 10_000; i++) {
            assertEquals(1, table.inUse());
            assertEquals(42, memory.frames.store.get(frame, 8, 8), "neither poisoned nor handed out");
        }
        assertTrue(unmapper.isAlive());
        assertEquals(3, table.pages.tables(), "the leaf stays where others find it");
        letGo.run();
        await("the unmap ends", unmapper);
        assertEquals(0, table.inUse());
        assertEquals(0, table.pages.tables());
    }

    private void await(String what, Thread thread) {
        Await.until(what, () -> !thread.isAlive(), reports);
    }

    private static boolean hasPendingFlush(long[] leaf) {
        Leaf.lock(leaf);
        try {
            return Leaf.pendingFlushes(leaf) != 0;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Starts the teardown of a space without users. */
    private TlbGather teardown(TlbContext ended) {
        TlbGather made = TlbGather.with(memory, null);
        made.leaveOut(ended);
        made.resume();
        return made;
    }

    @Test
    @DisplayName("I3: to free before an invalidation is refused, and frees nothing")
    void order() {
        int frame = table.fill(AT);
        try (TlbGather gather = new TlbGather(memory)) {
            gather.take(Leaf.getAndSet(
                    table.pages.leafFromReserve(AT, TableReserve.NONE), table.pages.indexOf(AT), Pte.NONE));
            assertThrows(IllegalStateException.class, gather::free);
            assertEquals(1, table.inUse());
            gather.invalidate();
            gather.free();
            assertEquals(0, table.inUse());
            gather.needGracePeriod();
            assertThrows(IllegalStateException.class, gather::free, "narrowed, and nothing collected");
            gather.take(Pte.present(table.fill(AT), BarePageTable.OWN));
            assertThrows(IllegalStateException.class, gather::free, "a later addition needs another invalidation");
        }
        assertEquals(0, table.inUse(), "closing invalidates and frees frame " + frame + " and the other");
        assertSame(memory, new TlbGather(memory).memory);
    }

    @Test
    @DisplayName("I3: an invalidation waits for a CPU that has the translation, and for none if no flush is pending")
    void waitsForCpus() throws InterruptedException {
        int frame = table.fill(AT);
        memory.frames.store.put(frame, 8, 8, 42);
        CpuTlb cpu = table.guest(AT);
        unmapBeside(
                frame,
                () -> Await.until(
                        "the frame is freed once the CPU has polled",
                        () -> {
                            cpu.poll();
                            return table.inUse() == 0;
                        },
                        reports));
        assertEquals(SoftTlb.MISS, cpu.tlb.probe(AT, 8, Pte.READ));
        cpu.leaveGuest();
        cpu.close();
    }

    @Test
    @DisplayName("I3: an invalidation that fails frees nothing, and is made up for when the gather is closed")
    void failedInvalidation() throws InterruptedException {
        Shootdowns shootdowns = SmallMemory.shootdowns(new Cpus(LazyContext.Shootdown::new), 0, message -> {
            throw new IllegalStateException(message);
        });
        MachineMemory failing = new MachineMemory(
                memory.frames, memory.rcu, shootdowns, 1, MachineMemory.UNCHECKED, null, SmallMemory.unlimited());
        BarePageTable of = new BarePageTable(failing);
        of.fill(AT);
        CpuTlb cpu = of.guest(AT);
        CountDownLatch failed = new CountDownLatch(1);
        CountDownLatch acknowledged = new CountDownLatch(1);
        AtomicInteger inUse = new AtomicInteger();
        Thread unmapper = new Thread(() -> {
            try (TlbGather gather = new TlbGather(failing)) {
                LeafWalks.unmap(new PageWalk(of.pages), AT, AT + BarePageTable.PAGE, gather);
                assertThrows(IllegalStateException.class, gather::invalidate);
                assertThrows(IllegalStateException.class, gather::free);
                inUse.set(of.inUse());
                failed.countDown();
                acknowledged.await();
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException(interrupted);
            }
        });
        unmapper.start();
        Await.until("the invalidation fails", () -> failed.getCount() == 0);
        assertEquals(1, inUse.get());
        assertEquals(3, of.pages.tables());
        cpu.leaveGuest();
        acknowledged.countDown();
        await("the unmap ends", unmapper);
        assertEquals(0, of.inUse());
        assertEquals(0, of.pages.tables());
        cpu.close();
    }

    @Test
    @DisplayName(
            "I3: a gather that cannot be closed leaves nothing behind: a thread of the machine closes it as soon as"
                    + " that can be done")
    void failsAgainAndAgain() {
        Shootdowns shootdowns = SmallMemory.shootdowns(new Cpus(LazyContext.Shootdown::new), 0, message -> {
            throw new IllegalStateException(message);
        });
        MachineMemory failing = new MachineMemory(
                memory.frames, memory.rcu, shootdowns, 1, MachineMemory.UNCHECKED, null, SmallMemory.unlimited());
        BarePageTable of = new BarePageTable(failing);
        of.fill(AT);
        long[] leaf = Objects.requireNonNull(of.pages.leaf(AT));
        CpuTlb cpu = of.guest(AT);
        Thread unmapper = new Thread(() -> {
            TlbGather gather = new TlbGather(failing);
            LeafWalks.unmap(new PageWalk(of.pages), AT, AT + BarePageTable.PAGE, gather);
            assertThrows(IllegalStateException.class, gather::invalidate);
            assertThrows(IllegalStateException.class, gather::close);
            // The gather no longer belongs to this thread.
            gather.close();
            gather.rest();
        });
        List<Throwable> thrown = new ArrayList<>();
        unmapper.setUncaughtExceptionHandler((thread, failure) -> thrown.add(failure));
        unmapper.start();
        Await.until("the unmapping thread has given up", () -> !unmapper.isAlive());
        assertEquals(List.of(), thrown);
        assertEquals(1, of.inUse());
        assertEquals(3, of.pages.tables());
        cpu.leaveGuest();
        Await.until("the frame comes back", () -> of.inUse() == 0);
        Await.until("the leaf is unhooked", () -> of.pages.tables() == 0);
        assertFalse(hasPendingFlush(leaf));
        cpu.close();
    }

    @Test
    @DisplayName("I3: an invalidation waits for threads that may be copying the page")
    void waitsForCopies() throws InterruptedException {
        int frame = table.fill(AT);
        memory.frames.store.put(frame, 8, 8, 42);
        PageTableContext copier = memory.contexts.newContext("copier");
        copier.reader.readLock();
        long[] leaf = table.pages.leafFromReserve(AT, TableReserve.NONE);
        int index = table.pages.indexOf(AT);
        long pte = Leaf.get(leaf, index);
        assertTrue(Leaf.claim(leaf, index, pte, Pte.busy(pte, copier.owner, true)));
        unmapBeside(frame, () -> copier.reader.readUnlock());
        memory.contexts.discard(copier);
    }

    @Test
    @DisplayName("only private pages are freed; the zero page is not, and a cache's is noted as written")
    void kinds() {
        int cached = memory.frames.allocate(table.context.magazine);
        int clean = memory.frames.allocate(table.context.magazine);
        try (TlbGather gather = new TlbGather(memory)) {
            gather.take(Pte.present(0, Pte.ZERO | Pte.READ));
            gather.take(Pte.present(cached, Pte.READ | Pte.WRITE | Pte.DIRTY));
            gather.take(Pte.present(clean, Pte.READ | Pte.WRITE));
        }
        assertEquals(2, table.inUse());
        assertTrue(memory.frames.isDirty(cached));
        assertFalse(memory.frames.isDirty(clean));
    }

    @Test
    @DisplayName("a take-over carries a private page; a cache's page is noted as written by the thread that marked it")
    void takeOverCarries() {
        int cached = memory.frames.allocate(table.context.magazine);
        long mark = Pte.busy(Pte.present(cached, Pte.READ | Pte.WRITE | Pte.DIRTY), 5, false);
        try (TlbGather gather = new TlbGather(memory)) {
            gather.take(mark);
            gather.take(Pte.busy(Pte.present(table.fill(AT), BarePageTable.OWN), 6, true));
        }
        assertFalse(memory.frames.isDirty(cached), "it may be another's page by now");
        assertEquals(1, table.inUse());
    }

    @Test
    @DisplayName("more than fits one batch is freed on the way, each frame once")
    void batches() {
        int pages = TlbGather.MOST + 1200;
        for (int i = 0; i < pages; i++) {
            table.fill(AT + i * BarePageTable.PAGE);
        }
        assertEquals(pages, table.inUse());
        try (TlbGather gather = new TlbGather(memory)) {
            LeafWalks.unmap(new PageWalk(table.pages), AT, AT + pages * BarePageTable.PAGE, gather);
            assertFalse(gather.isFull());
            assertTrue(table.inUse() < pages, "a first part is free before the end");
        }
        assertEquals(0, table.inUse());
        assertEquals(0, table.pages.tables());
    }

    @Test
    @DisplayName("a space that a CPU uses, or is in otherwise than LAZY, is not ended without a flush")
    void exitOfAUsedSpace() {
        TlbContext context = table.pages.context;
        CpuTlb cpu = table.guest();
        cpu.leaveGuest();
        assertThrows(IllegalStateException.class, () -> teardown(context), "a CPU is a user");
        assertTrue(cpu.switchTo(null));
        assertThrows(IllegalStateException.class, () -> teardown(context), "there is a reference");
        CpuState wrong = OwnedCpu.claim(memory.cpus, 2, () -> {});
        wrong.depart();
        wrong.arrive(context);
        assertTrue(context.put());
        assertThrows(IllegalStateException.class, () -> teardown(context), "a CPU is in it, uncounted");
        memory.cpus.release(wrong);
        cpu.close();
    }

    @Test
    @DisplayName("the end of a space asks no CPU, begins no generation, and takes those off that are LAZY")
    void exit() {
        table.fill(AT);
        TlbContext context = table.pages.context;
        CpuTlb cpu = table.guest(AT);
        cpu.leaveGuest();
        cpu.enterLazy();
        CpuState lazy = OwnedCpu.claim(memory.cpus, 2, () -> {});
        lazy.depart();
        assertTrue(context.use());
        lazy.arrive(context);
        lazy.enterLazy();
        assertEquals("LAZY", lazy.state());
        long generation = context.generation();
        assertTrue(context.put());
        try (TlbGather gather = teardown(context)) {
            LeafWalks.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, gather);
        }
        assertEquals(0, table.inUse());
        assertEquals(0, table.pages.tables());
        assertEquals(generation, context.generation());
        assertEquals(0, memory.shootdowns.targets());
        assertNull(lazy.lazyContext());
        assertFalse(lazy.leaveLazy(context));
        memory.cpus.release(lazy);
        assertEquals("OFFLINE", lazy.state());
        assertFalse(cpu.leaveLazy(table.pages));
        assertFalse(cpu.switchTo(table.pages));
        cpu.close();
    }

    @Test
    @DisplayName("I3: the end of a space waits for threads that may be copying a page")
    void exitWaitsForCopies() throws InterruptedException {
        table.fill(AT);
        PageTableContext copier = memory.contexts.newContext("copier");
        copier.reader.readLock();
        long[] leaf = table.pages.leafFromReserve(AT, TableReserve.NONE);
        int index = table.pages.indexOf(AT);
        long pte = Leaf.get(leaf, index);
        assertTrue(Leaf.claim(leaf, index, pte, Pte.busy(pte, copier.owner, true)));
        TlbContext context = table.pages.context;
        assertTrue(context.put());
        CountDownLatch taken = new CountDownLatch(1);
        Thread ends = new Thread(() -> {
            try (TlbGather gather = teardown(context)) {
                LeafWalks.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, gather);
                taken.countDown();
            }
        });
        ends.start();
        Await.until("the page is unhooked", () -> taken.getCount() == 0, reports);
        // The thread reaches the grace period, and nothing after it.
        Await.stopped(ends, reports);
        assertTrue(ends.isAlive());
        assertEquals(1, table.inUse());
        copier.reader.readUnlock();
        await("the end of the space", ends);
        assertEquals(0, table.inUse());
        memory.contexts.discard(copier);
    }

    /** More pages than the TLB of a CPU has slots. */
    private static final int MANY = 20;

    private void unmap(int pages) {
        try (TlbGather gather = new TlbGather(memory)) {
            LeafWalks.unmap(new PageWalk(table.pages), AT, AT + pages * BarePageTable.PAGE, gather);
        }
        assertEquals(0, table.inUse());
    }

    private long generation() {
        return table.pages.context.generation();
    }

    /** Returns whether a CPU in GUEST has a translation of the first page. */
    private static boolean knows(CpuTlb cpu) {
        cpu.enterGuest();
        boolean is = cpu.tlb.probe(AT, 8, Pte.READ) >= 0;
        cpu.leaveGuest();
        return is;
    }

    /** Returns a CPU of this thread in KERNEL with the translations of pages. */
    private CpuTlb used(int pages) {
        CpuTlb cpu = table.guest();
        for (int i = 0; i < pages; i++) {
            table.fill(AT + i * BarePageTable.PAGE);
            assertTrue(cpu.walk(AT + i * BarePageTable.PAGE, Pte.READ) >= 0);
        }
        cpu.leaveGuest();
        return cpu;
    }

    @Test
    @DisplayName(
            "I2 I3: no generation where only the caller's CPU has used the pages: it drops them, and counts one flush")
    void ownCpu() {
        CpuTlb cpu = used(3);
        long before = generation();
        unmap(3);
        assertEquals(before, generation());
        assertEquals(1, cpu.state.counters.count(CpuCounters.FLUSHES));
        cpu.enterGuest();
        for (int i = 0; i < 3; i++) {
            assertEquals(SoftTlb.MISS, cpu.tlb.probe(AT + i * BarePageTable.PAGE, 8, Pte.READ));
        }
        cpu.leaveGuest();
        cpu.close();
    }

    @Test
    @DisplayName("I2: no generation, and no page between them dropped, where pages are far from each other")
    void ownCpuFarApart() {
        CpuTlb cpu = used(1);
        cpu.enterGuest();
        long[] far = {AT + 100 * BarePageTable.PAGE, AT + 205 * BarePageTable.PAGE};
        for (long page : far) {
            table.fill(page);
            assertTrue(cpu.walk(page, Pte.READ) >= 0);
        }
        cpu.leaveGuest();
        long before = generation();
        try (TlbGather gather = new TlbGather(memory)) {
            LeafWalks.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, gather);
            LeafWalks.unmap(new PageWalk(table.pages), far[1], far[1] + BarePageTable.PAGE, gather);
        }
        assertEquals(before, generation());
        assertEquals(false, knows(cpu));
        cpu.enterGuest();
        assertTrue(cpu.tlb.probe(far[0], 8, Pte.READ) >= 0);
        assertEquals(SoftTlb.MISS, cpu.tlb.probe(far[1], 8, Pte.READ));
        cpu.leaveGuest();
        cpu.close();
    }

    @Test
    @DisplayName("no generation where no CPU has used the pages")
    void noCpu() {
        CpuTlb cpu = table.guest();
        cpu.leaveGuest();
        table.fill(AT);
        long before = generation();
        unmap(1);
        assertEquals(before, generation());
        assertEquals(0, cpu.state.counters.count(CpuCounters.FLUSHES));
        cpu.close();
    }

    @Test
    @DisplayName(
            "a generation for a CPU of another thread, also out of GUEST, and for a CPU of the caller's beside its own")
    void anotherCpu() throws InterruptedException {
        CpuTlb cpu = used(1);
        CountDownLatch used = new CountDownLatch(1);
        CountDownLatch unmapped = new CountDownLatch(1);
        AtomicInteger known = new AtomicInteger();
        Thread other = new Thread(() -> {
            CpuTlb theirs = table.guest(AT);
            theirs.leaveGuest();
            used.countDown();
            try {
                unmapped.await();
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException(interrupted);
            }
            known.set(knows(theirs) ? 1 : 0);
            theirs.close();
        });
        other.start();
        used.await();
        long before = generation();
        unmap(1);
        assertEquals(before + 1, generation());
        unmapped.countDown();
        await("the other thread", other);
        assertEquals(0, known.get());
        assertEquals(false, knows(cpu));
        cpu.close();
    }

    @Test
    @DisplayName("a generation for a CPU of the caller's that is elsewhere, LAZY or in GUEST, and has used the pages")
    void cpuElsewhere() {
        PageTable empty = new PageTable(Geometry.LINUX_X86_64);
        CpuTlb cpu = used(1);
        cpu.switchTo(empty);
        long before = generation();
        unmap(1);
        assertEquals(before + 1, generation());
        cpu.switchTo(table.pages);
        assertEquals(false, knows(cpu));

        fillAgain(cpu);
        cpu.enterLazy();
        unmap(1);
        assertEquals(before + 2, generation());
        assertTrue(cpu.leaveLazy(table.pages));
        assertEquals(false, knows(cpu));

        fillAgain(cpu);
        cpu.enterGuest();
        unmap(1);
        assertEquals(before + 3, generation());
        assertEquals(SoftTlb.MISS, cpu.tlb.probe(AT, 8, Pte.READ));
        cpu.leaveGuest();
        cpu.close();
    }

    private void fillAgain(CpuTlb cpu) {
        table.fill(AT);
        cpu.enterGuest();
        cpu.forgetTable(AT);
        assertTrue(cpu.walk(AT, Pte.READ) >= 0);
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("a generation where the bit of the caller's CPU may be another one's")
    void sharedBit() {
        List<CpuTlb> others = new ArrayList<>();
        for (int i = 0; i < Long.SIZE / 2; i++) {
            CpuTlb other = table.guest();
            other.leaveGuest();
            // Otherwise the flush would check the first of them.
            other.switchTo(null);
            others.add(other);
        }
        OwnedCpu.claim(memory.cpus, 1, () -> {});
        CpuTlb cpu = used(1);
        long before = generation();
        unmap(1);
        assertEquals(before + 1, generation());
        assertEquals(false, knows(cpu));
        cpu.close();
        others.forEach(CpuTlb::close);
    }

    @Test
    @DisplayName("a generation where a listener is told of generations, and for more pages than the TLB has slots")
    void listenersAndLongRanges() {
        CpuTlb cpu = used(MANY);
        long before = generation();
        unmap(MANY);
        assertEquals(before + 1, generation());
        assertEquals(false, knows(cpu));

        AtomicInteger told = new AtomicInteger();
        Runnable removal = cpu.addListener((start, end, reason, generation) -> told.incrementAndGet());
        fillAgain(cpu);
        int toldBefore = told.get();
        unmap(1);
        assertEquals(before + 2, generation());
        assertEquals(false, knows(cpu));
        assertEquals(toldBefore + 1, told.get());
        removal.run();
        cpu.close();
    }

    @Test
    @DisplayName("a CPU that has missed another generation still catches up with it")
    void missedGeneration() throws InterruptedException {
        CpuTlb cpu = used(1);
        table.fill(AT + BarePageTable.PAGE);
        cpu.enterGuest();
        assertTrue(cpu.walk(AT + BarePageTable.PAGE, Pte.READ) >= 0);
        cpu.leaveGuest();
        Thread other = new Thread(() -> {
            try (TlbGather gather = new TlbGather(memory)) {
                LeafWalks.unmap(
                        new PageWalk(table.pages), AT + BarePageTable.PAGE, AT + 2 * BarePageTable.PAGE, gather);
            }
        });
        other.start();
        await("the other thread", other);
        unmap(1);
        cpu.enterGuest();
        assertEquals(SoftTlb.MISS, cpu.tlb.probe(AT, 8, Pte.READ));
        assertEquals(SoftTlb.MISS, cpu.tlb.probe(AT + BarePageTable.PAGE, 8, Pte.READ));
        cpu.leaveGuest();
        cpu.close();
    }
}
