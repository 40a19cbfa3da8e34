// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.Report;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.pagewalk.UnmapPages;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** A page table with frames, and threads as its CPUs. */
abstract class TlbGatherFixture {
    static final long AT = 0x40_0000;

    /** The reports of CPUs that do not acknowledge. */
    final List<Report> reports = new CopyOnWriteArrayList<>();

    final MachineMemory memory = new MachineMemory(
            SmallMemory.frames(12, 6000),
            SmallMemory.rcu(),
            new Shootdowns(
                    new Cpus(),
                    Await.LONG.toNanos(),
                    message -> reports.add(new Report(Report.Kind.LONG_WAIT, message, null)),
                    ShootdownDelivery.POLLED,
                    thrown -> {},
                    true),
            1,
            MachineMemory.UNCHECKED,
            null);

    final BarePageTable table = new BarePageTable(memory);

    /** Unmaps the page, which must not be freed before the test permits it. */
    void unmapBeside(int frame, Runnable letGo) throws InterruptedException {
        CountDownLatch taken = new CountDownLatch(1);
        Thread unmapper = new Thread(() -> {
            try (TlbGather gather = new TlbGather(memory)) {
                gather.invalidate();
                gather.free();
                UnmapPages.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, gather);
                taken.countDown();
            }
        });
        unmapper.start();
        Await.until("the page is unhooked", () -> taken.getCount() == 0, reports);
        assertEquals(Pte.NONE, table.pages.get(AT));
        for (int i = 0; i < 10_000; i++) {
            assertEquals(1, table.inUse());
            assertEquals(42, memory.frames().store().get(frame, 8, 8), "neither poisoned nor handed out");
        }
        assertTrue(unmapper.isAlive());
        assertEquals(3, table.pages.tables(), "the leaf stays where others find it");
        letGo.run();
        await("the unmap ends", unmapper);
        assertEquals(0, table.inUse());
        assertEquals(0, table.pages.tables());
    }

    void await(String what, Thread thread) {
        Await.until(what, () -> !thread.isAlive(), reports);
    }

    void awaitShootdown(Thread by) {
        Await.until("a CPU is asked", () -> memory.shootdowns().count() != 0 || !by.isAlive(), reports);
        assertEquals(1, memory.shootdowns().count());
        assertTrue(by.isAlive());
    }

    static boolean hasPendingFlush(long[] leaf) {
        Leaf.lock(leaf);
        try {
            return Leaf.hasPendingFlush(leaf);
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /**
     * Starts a thread with a CPU that polls until all is done, and then counts itself if it still has the translation.
     */
    Thread guestOf(long address, boolean uses, CountDownLatch using, CountDownLatch done, AtomicInteger known) {
        Thread guest = new Thread(() -> {
            CpuTlb cpu = uses ? table.guest(address) : table.guest();
            using.countDown();
            while (done.getCount() != 0) {
                cpu.poll();
                Awake.turn();
            }
            known.addAndGet(cpu.tlb().probe(address, 8, Pte.READ) >= 0 ? 1 : 0);
            cpu.leaveGuest();
            cpu.close();
        });
        guest.start();
        return guest;
    }
}
