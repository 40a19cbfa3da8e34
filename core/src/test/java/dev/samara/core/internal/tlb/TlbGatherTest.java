// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.pagewalk.UnmapPages;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The order in which pages are removed and freed. */
final class TlbGatherTest extends TlbGatherFixture {
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
        assertSame(memory, new TlbGather(memory).memory());
    }

    @Test
    @DisplayName("I3: an invalidation waits for a CPU that has the translation, and for none if no flush is pending")
    void waitsForCpus() throws InterruptedException {
        int frame = table.fill(AT);
        memory.frames().store().put(frame, 8, 8, 42);
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
        assertEquals(SoftTlb.MISS, cpu.tlb().probe(AT, 8, Pte.READ));
        cpu.leaveGuest();
        cpu.close();
    }

    @Test
    @DisplayName("I3: an invalidation that fails frees nothing, and is made up for when the gather is closed")
    void failedInvalidation() throws InterruptedException {
        Shootdowns shootdowns = new Shootdowns(new Cpus(), 0, message -> {
            throw new IllegalStateException(message);
        });
        MachineMemory failing =
                new MachineMemory(memory.frames(), memory.rcu(), shootdowns, 1, MachineMemory.UNCHECKED, null);
        BarePageTable of = new BarePageTable(failing);
        of.fill(AT);
        CpuTlb cpu = of.guest(AT);
        CountDownLatch failed = new CountDownLatch(1);
        CountDownLatch acknowledged = new CountDownLatch(1);
        AtomicInteger inUse = new AtomicInteger();
        Thread unmapper = new Thread(() -> {
            try (TlbGather gather = new TlbGather(failing)) {
                UnmapPages.unmap(new PageWalk(of.pages), AT, AT + BarePageTable.PAGE, gather);
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
        Shootdowns shootdowns = new Shootdowns(new Cpus(), 0, message -> {
            throw new IllegalStateException(message);
        });
        MachineMemory failing =
                new MachineMemory(memory.frames(), memory.rcu(), shootdowns, 1, MachineMemory.UNCHECKED, null);
        BarePageTable of = new BarePageTable(failing);
        of.fill(AT);
        long[] leaf = Objects.requireNonNull(of.pages.leaf(AT));
        CpuTlb cpu = of.guest(AT);
        Thread unmapper = new Thread(() -> {
            TlbGather gather = new TlbGather(failing);
            UnmapPages.unmap(new PageWalk(of.pages), AT, AT + BarePageTable.PAGE, gather);
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
    @DisplayName("I2: a discard of an empty range waits for CPUs that may still have translations taken by another one")
    void emptiedByAnother() throws InterruptedException {
        table.fill(AT);
        CpuTlb cpu = table.guest(AT);
        try (TlbGather first = new TlbGather(memory)) {
            UnmapPages.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, first);
            Thread second = new Thread(() -> {
                try (TlbGather gather = new TlbGather(memory)) {
                    UnmapPages.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, gather);
                }
            });
            second.start();
            awaitShootdown(second);
            assertTrue(cpu.tlb().probe(AT, 8, Pte.READ) >= 0, "it has not acknowledged");
            cpu.poll();
            await("the second one is acknowledged", second);
            assertEquals(SoftTlb.MISS, cpu.tlb().probe(AT, 8, Pte.READ));
        }
        cpu.leaveGuest();
        cpu.close();
    }

    @Test
    @DisplayName("I2: more CPUs than a mask has bits drop the removed translations, and keep the rest")
    void manyCpus() {
        table.fill(AT);
        table.fill(AT + BarePageTable.PAGE);
        List<CpuTlb> cpus = new ArrayList<>();
        for (int i = 0; i < 150; i++) {
            CpuTlb cpu = table.guest(AT);
            assertTrue(cpu.fill().walk(AT + BarePageTable.PAGE, Pte.READ) >= 0);
            cpus.add(cpu);
        }
        try (TlbGather gather = new TlbGather(memory)) {
            UnmapPages.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, gather);
        }
        for (CpuTlb cpu : cpus) {
            assertEquals(SoftTlb.MISS, cpu.tlb().probe(AT, 8, Pte.READ));
            assertTrue(cpu.tlb().probe(AT + BarePageTable.PAGE, 8, Pte.READ) >= 0);
            cpu.leaveGuest();
            cpu.close();
        }
        assertEquals(1, table.inUse());
    }

    @Test
    @DisplayName("I3: an invalidation waits for threads that may be copying the page")
    void waitsForCopies() throws InterruptedException {
        int frame = table.fill(AT);
        memory.frames().store().put(frame, 8, 8, 42);
        PageTableContext copier = memory.contexts().newContext("copier");
        copier.reader().readLock();
        long[] leaf = table.pages.leafFromReserve(AT, TableReserve.NONE);
        int index = table.pages.indexOf(AT);
        long pte = Leaf.get(leaf, index);
        assertTrue(Leaf.compareAndSet(leaf, index, pte, Pte.busy(pte, copier.owner(), true)));
        unmapBeside(frame, () -> copier.reader().readUnlock());
        memory.contexts().discard(copier);
    }

    @Test
    @DisplayName("only private pages are freed; the zero page is not, and a cache's is noted as written")
    void kinds() {
        int cached = memory.frames().allocate(table.context.magazine());
        int clean = memory.frames().allocate(table.context.magazine());
        try (TlbGather gather = new TlbGather(memory)) {
            gather.take(Pte.present(0, Pte.ZERO | Pte.READ));
            gather.take(Pte.present(cached, Pte.READ | Pte.WRITE | Pte.DIRTY));
            gather.take(Pte.present(clean, Pte.READ | Pte.WRITE));
        }
        assertEquals(2, table.inUse());
        assertTrue(memory.frames().isDirty(cached));
        assertFalse(memory.frames().isDirty(clean));
    }

    @Test
    @DisplayName("a take-over carries a private page; a cache's page is noted as written by the thread that marked it")
    void takeOverCarries() {
        int cached = memory.frames().allocate(table.context.magazine());
        long mark = Pte.busy(Pte.present(cached, Pte.READ | Pte.WRITE | Pte.DIRTY), 5, false);
        try (TlbGather gather = new TlbGather(memory)) {
            gather.take(mark);
            gather.take(Pte.busy(Pte.present(table.fill(AT), BarePageTable.OWN), 6, true));
        }
        assertFalse(memory.frames().isDirty(cached), "it may be another's page by now");
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
            UnmapPages.unmap(new PageWalk(table.pages), AT, AT + pages * BarePageTable.PAGE, gather);
            assertFalse(gather.isFull());
            assertTrue(table.inUse() < pages, "a first part is free before the end");
        }
        assertEquals(0, table.inUse());
        assertEquals(0, table.pages.tables());
    }

    @Test
    @DisplayName("I2: an invalidation of several leaves asks the CPUs of each: of the first, of the last, and of both")
    void severalLeaves() throws InterruptedException {
        long leaf = 512 * BarePageTable.PAGE;
        for (int cpus = 1; cpus <= 3; cpus++) {
            boolean usesFirst = (cpus & 1) != 0;
            boolean usesLast = (cpus & 2) != 0;
            for (int i = 0; i < 3; i++) {
                table.fill(AT + i * leaf);
            }
            CountDownLatch using = new CountDownLatch(2);
            CountDownLatch done = new CountDownLatch(1);
            AtomicInteger known = new AtomicInteger();
            List<Thread> guests = new ArrayList<>();
            guests.add(guestOf(AT, usesFirst, using, done, known));
            guests.add(guestOf(AT + 2 * leaf, usesLast, using, done, known));
            Await.until("the CPUs use the pages", () -> using.getCount() == 0, reports);
            long before = memory.shootdowns().targets();
            Thread unmapper = new Thread(() -> {
                try (TlbGather gather = new TlbGather(memory)) {
                    UnmapPages.unmap(new PageWalk(table.pages), AT, AT + 3 * leaf, gather);
                }
            });
            unmapper.start();
            try {
                await("the CPUs acknowledge", unmapper);
                assertEquals(
                        before + Integer.bitCount(cpus), memory.shootdowns().targets());
            } finally {
                done.countDown();
            }
            for (Thread guest : guests) {
                await("the CPU ends", guest);
            }
            assertEquals(0, known.get(), "translations that are left");
            assertEquals(0, table.inUse());
        }
    }
}
