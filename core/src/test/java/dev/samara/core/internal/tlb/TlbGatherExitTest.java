// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.OwnedCpu;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.pagewalk.UnmapPages;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The end of a space, which flushes no CPU. */
final class TlbGatherExitTest extends TlbGatherFixture {
    @Test
    @DisplayName("a space that a CPU uses, or is in otherwise than LAZY, is not ended without a flush")
    void exitOfAUsedSpace() {
        TlbContext context = table.pages.context();
        CpuTlb cpu = table.guest();
        cpu.leaveGuest();
        assertThrows(IllegalStateException.class, () -> new TlbGather(memory, context), "a CPU is a user");
        assertTrue(cpu.switchTo(null));
        assertThrows(IllegalStateException.class, () -> new TlbGather(memory, context), "there is a reference");
        CpuState wrong = OwnedCpu.claim(memory.cpus(), 2, () -> {});
        wrong.depart();
        wrong.arrive(context);
        assertTrue(context.users().put());
        assertThrows(IllegalStateException.class, () -> new TlbGather(memory, context), "a CPU is in it, uncounted");
        memory.cpus().release(wrong);
        cpu.close();
    }

    @Test
    @DisplayName("the end of a space asks no CPU, begins no generation, and takes those off that are LAZY")
    void exit() {
        table.fill(AT);
        TlbContext context = table.pages.context();
        CpuTlb cpu = table.guest(AT);
        cpu.leaveGuest();
        cpu.enterLazy();
        CpuState lazy = OwnedCpu.claim(memory.cpus(), 2, () -> {});
        lazy.depart();
        assertTrue(context.use());
        lazy.arrive(context);
        lazy.enterLazy();
        assertEquals("LAZY", lazy.state());
        long generation = context.generation().current();
        assertTrue(context.users().put());
        try (TlbGather gather = new TlbGather(memory, context)) {
            UnmapPages.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, gather);
        }
        assertEquals(0, table.inUse());
        assertEquals(0, table.pages.tables());
        assertEquals(generation, context.generation().current());
        assertEquals(0, memory.shootdowns().targets());
        assertNull(lazy.lazyContext());
        assertFalse(lazy.leaveLazy(context));
        memory.cpus().release(lazy);
        assertEquals("OFFLINE", lazy.state());
        assertFalse(cpu.leaveLazy(table.pages));
        assertFalse(cpu.switchTo(table.pages));
        cpu.close();
    }

    @Test
    @DisplayName("I3: the end of a space waits for threads that may be copying a page")
    void exitWaitsForCopies() throws InterruptedException {
        table.fill(AT);
        PageTableContext copier = memory.contexts().newContext("copier");
        copier.reader().readLock();
        long[] leaf = table.pages.leafFromReserve(AT, TableReserve.NONE);
        int index = table.pages.indexOf(AT);
        long pte = Leaf.get(leaf, index);
        assertTrue(Leaf.compareAndSet(leaf, index, pte, Pte.busy(pte, copier.owner(), true)));
        TlbContext context = table.pages.context();
        assertTrue(context.users().put());
        CountDownLatch taken = new CountDownLatch(1);
        Thread ends = new Thread(() -> {
            try (TlbGather gather = new TlbGather(memory, context)) {
                UnmapPages.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, gather);
                taken.countDown();
            }
        });
        ends.start();
        Await.until("the page is unhooked", () -> taken.getCount() == 0, reports);
        // The thread reaches the grace period, and nothing after it.
        Await.stopped(ends, reports);
        assertTrue(ends.isAlive());
        assertEquals(1, table.inUse());
        copier.reader().readUnlock();
        await("the end of the space", ends);
        assertEquals(0, table.inUse());
        memory.contexts().discard(copier);
    }
}
