// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.cpu.OwnedCpu;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.pagewalk.UnmapPages;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("I2 I3: a flush has a generation, unless no CPU but the caller's may have translations of the pages")
final class LocalFlushTest extends TlbGatherFixture {
    private static final long PAGE = BarePageTable.PAGE;

    /** More pages than the TLB of a CPU has slots. */
    private static final int MANY = 20;

    private void unmap(int pages) {
        try (TlbGather gather = new TlbGather(memory)) {
            UnmapPages.unmap(new PageWalk(table.pages), AT, AT + pages * PAGE, gather);
        }
        assertEquals(0, table.inUse());
    }

    private long generation() {
        return table.pages.context().generation().current();
    }

    /** Returns whether a CPU in GUEST has a translation of the first page. */
    private static boolean knows(CpuTlb cpu) {
        cpu.enterGuest();
        boolean is = cpu.tlb().probe(AT, 8, Pte.READ) >= 0;
        cpu.leaveGuest();
        return is;
    }

    /** Returns a CPU of this thread in KERNEL with the translations of pages. */
    private CpuTlb used(int pages) {
        CpuTlb cpu = table.guest();
        for (int i = 0; i < pages; i++) {
            table.fill(AT + i * PAGE);
            assertTrue(cpu.fill().walk(AT + i * PAGE, Pte.READ) >= 0);
        }
        cpu.leaveGuest();
        return cpu;
    }

    @Test
    @DisplayName("none where only the caller's CPU has used the pages: it drops them, and counts one flush")
    void own() {
        CpuTlb cpu = used(3);
        long before = generation();
        unmap(3);
        assertEquals(before, generation());
        assertEquals(1, cpu.counters().count(CpuCounters.FLUSHES));
        cpu.enterGuest();
        for (int i = 0; i < 3; i++) {
            assertEquals(SoftTlb.MISS, cpu.tlb().probe(AT + i * PAGE, 8, Pte.READ));
        }
        cpu.leaveGuest();
        cpu.close();
    }

    @Test
    @DisplayName("none where no CPU has used the pages")
    void nobody() {
        CpuTlb cpu = table.guest();
        cpu.leaveGuest();
        table.fill(AT);
        long before = generation();
        unmap(1);
        assertEquals(before, generation());
        assertEquals(0, cpu.counters().count(CpuCounters.FLUSHES));
        cpu.close();
    }

    @Test
    @DisplayName("one for a CPU of another thread, also out of GUEST, and for a CPU of the caller's beside its own")
    void another() throws InterruptedException {
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
    @DisplayName("one for a CPU of the caller's that is elsewhere, LAZY or in GUEST, and has used the pages")
    void elsewhere() {
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
        assertEquals(SoftTlb.MISS, cpu.tlb().probe(AT, 8, Pte.READ));
        cpu.leaveGuest();
        cpu.close();
    }

    private void fillAgain(CpuTlb cpu) {
        table.fill(AT);
        cpu.enterGuest();
        cpu.fill().forgetTable(AT);
        assertTrue(cpu.fill().walk(AT, Pte.READ) >= 0);
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("one where the bit of the caller's CPU may be another one's")
    void sharedBit() {
        List<CpuTlb> others = new ArrayList<>();
        for (int i = 0; i < Long.SIZE / 2; i++) {
            CpuTlb other = table.guest();
            other.leaveGuest();
            // Otherwise the flush would check the first of them.
            other.switchTo(null);
            others.add(other);
        }
        OwnedCpu.claim(memory.cpus(), 1, () -> {});
        CpuTlb cpu = used(1);
        long before = generation();
        unmap(1);
        assertEquals(before + 1, generation());
        assertEquals(false, knows(cpu));
        cpu.close();
        others.forEach(CpuTlb::close);
    }

    @Test
    @DisplayName("one where a listener is told of generations, and for more pages than the TLB has slots")
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
    void missed() throws InterruptedException {
        CpuTlb cpu = used(1);
        table.fill(AT + PAGE);
        cpu.enterGuest();
        assertTrue(cpu.fill().walk(AT + PAGE, Pte.READ) >= 0);
        cpu.leaveGuest();
        Thread other = new Thread(() -> {
            try (TlbGather gather = new TlbGather(memory)) {
                UnmapPages.unmap(new PageWalk(table.pages), AT + PAGE, AT + 2 * PAGE, gather);
            }
        });
        other.start();
        await("the other thread", other);
        unmap(1);
        cpu.enterGuest();
        assertEquals(SoftTlb.MISS, cpu.tlb().probe(AT, 8, Pte.READ));
        assertEquals(SoftTlb.MISS, cpu.tlb().probe(AT + PAGE, 8, Pte.READ));
        cpu.leaveGuest();
        cpu.close();
    }
}
