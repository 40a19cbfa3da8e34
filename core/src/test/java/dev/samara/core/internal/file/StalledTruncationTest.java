// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.internal.vma.FileLink;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A truncation that waits for a CPU, and concurrent changes of the file's mappings. */
final class StalledTruncationTest {
    private static final long PAGE = 4096;
    private static final long AT = 0x20_0000;
    private static final long ELSEWHERE = 0x1000_0000;

    /** More pages than a truncation marks before its first flush. */
    private static final int PAGES = 1100;

    private static final long RW = VmaFlags.READ | VmaFlags.WRITE;

    private final MachineMemory memory = SmallMemory.of(PAGES + 10);
    private final FilePages file = new FilePages(memory, PAGES * PAGE);
    private final PageTable table = new PageTable(Geometry.LINUX_X86_64);
    private final PageTableContext context = memory.contexts().newContext("mapper");
    private final OpenFile backing = OpenFile.named("/f").open();
    private final List<String> reports = new ArrayList<>();

    private VmArea vma(long address, long flags) {
        VmArea vma = VmArea.describe(address, address + PAGES * PAGE, RW | flags, 0, backing, null, null);
        vma.attach(null, null);
        return vma;
    }

    private void put(long address, long pte) {
        long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
        Leaf.lock(leaf);
        assertTrue(Leaf.fill(leaf, table.indexOf(address), pte));
        Leaf.unlock(leaf);
    }

    /** Maps the whole file, shared, and accesses the first page with a CPU of this thread. */
    private CpuTlb useFile() {
        file.link(vma(AT, VmaFlags.SHARED), table, true);
        for (int page = 0; page < PAGES; page++) {
            put(AT + page * PAGE, Pte.present(file.frameFor(page), Pte.READ | Pte.WRITE));
        }
        CpuTlb cpu = new CpuTlb(
                memory.cpus(),
                new CpuOwner(memory, message -> {}),
                memory,
                1,
                12,
                new SoftTlb(12, 16),
                thrown -> reports.add("" + thrown));
        cpu.switchTo(table);
        cpu.enterGuest();
        assertTrue(cpu.fill().walk(AT, Pte.READ) >= 0);
        return cpu;
    }

    private Thread beginTruncation() {
        Thread truncater = new Thread(() -> file.truncate(0));
        truncater.start();
        Await.until(
                "the truncation waits for the CPU", () -> memory.shootdowns().count() == 1);
        assertEquals(PAGES, memory.frames().inUse() - copies, "none was freed");
        return truncater;
    }

    private int copies;

    private void letEnd(CpuTlb cpu, Thread truncater) {
        cpu.leaveGuest();
        Await.until("the truncation ends", () -> !truncater.isAlive());
        cpu.close();
        assertEquals(0, memory.frames().inUse());
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("I9: a VMA that is unlinked while a truncation waits for a CPU is garbage")
    void keepsNoLinks() {
        CpuTlb cpu = useFile();
        Thread truncater = beginTruncation();
        for (int i = 0; i < 1000; i++) {
            FileLink linked = file.link(vma(ELSEWHERE, VmaFlags.SHARED), table, true);
            assertEquals(2, file.linked());
            linked.unlink();
            assertEquals(1, file.linked());
        }
        assertTrue(truncater.isAlive());
        letEnd(cpu, truncater);
    }

    @Test
    @DisplayName("P7: a private copy whose VMA is replaced while the truncation waits is found at its successor")
    void findsSuccessors() {
        CpuTlb cpu = useFile();
        FileLink linked = file.link(vma(ELSEWHERE, 0), table, true);
        put(
                ELSEWHERE + (PAGES - 1) * PAGE,
                Pte.present(memory.frames().allocate(context.magazine()), Pte.OWN | Pte.READ | Pte.WRITE));
        copies = 1;
        Thread truncater = beginTruncation();
        file.link(vma(ELSEWHERE, 0), table, true);
        linked.unlink();
        letEnd(cpu, truncater);
        assertEquals(Pte.NONE, table.get(ELSEWHERE + (PAGES - 1) * PAGE));
    }

    @Test
    @DisplayName("P7: pages of another mapping at the place of a VMA that has gone stay")
    void leavesOthers() {
        CpuTlb cpu = useFile();
        FileLink linked = file.link(vma(ELSEWHERE, 0), table, true);
        Thread truncater = beginTruncation();
        linked.unlink();
        int frame = memory.frames().allocate(context.magazine());
        long others = Pte.present(frame, Pte.OWN | Pte.READ | Pte.WRITE);
        put(ELSEWHERE + (PAGES - 1) * PAGE, others);
        cpu.leaveGuest();
        Await.until("the truncation ends", () -> !truncater.isAlive());
        cpu.close();
        assertEquals(others, table.get(ELSEWHERE + (PAGES - 1) * PAGE));
        assertEquals(1, memory.frames().inUse());
        memory.frames().drop(frame, context.magazine());
    }
}
