// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.FailingStore;
import dev.samara.core.internal.page.Frames;
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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A removal from a file that throws after it removed pages from the index. */
@DisplayName("A removal of pages that fails half-way")
final class UnfinishedRemovalTest {
    private static final long PAGE = 4096;
    private static final long AT = 0x20_0000;
    private static final long ELSEWHERE = 0x1000_0000;
    private static final int CHUNK_SHIFT = 4;

    /** More pages than a removal marks before its first flush. */
    private static final int PAGES = 1100;

    private static final int FRAMES = 2 * PAGES;
    private static final long RW = VmaFlags.READ | VmaFlags.WRITE;

    private final FailingStore store = new FailingStore(new DirectFrames(12, CHUNK_SHIFT, FRAMES + 1));
    private final Frames frames = new Frames(store.store(), 12, CHUNK_SHIFT, FRAMES, false);

    /** How many of the next reports of a late CPU throw. */
    private final AtomicInteger toThrow = new AtomicInteger();

    private final AtomicInteger thrown = new AtomicInteger();
    private final Cpus cpus = new Cpus();
    private final Shootdowns shootdowns = new Shootdowns(cpus, 1, message -> {
        if (toThrow.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
            thrown.incrementAndGet();
            throw new InternalError("planted");
        }
    });
    private final MachineMemory memory =
            new MachineMemory(frames, SmallMemory.rcu(), shootdowns, 16, MachineMemory.UNCHECKED, null);
    private final FilePages file = new FilePages(memory, PAGES * PAGE);
    private final PageTable table = new PageTable(Geometry.LINUX_X86_64);
    private final PageTableContext context = memory.contexts().newContext("mapper");
    private final OpenFile backing = OpenFile.named("/f").open();

    private FileLink link(long address, long flags) {
        VmArea vma = VmArea.describe(address, address + PAGES * PAGE, RW | flags, 0, backing, null, null);
        vma.attach(null, null);
        return file.link(vma, table, true);
    }

    private void put(long address, long pte) {
        long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
        Leaf.lock(leaf);
        try {
            assertTrue(Leaf.fill(leaf, table.indexOf(address), pte));
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Maps the first pages of the file, shared. */
    private void mapFile(int pages) {
        link(AT, VmaFlags.SHARED);
        for (int page = 0; page < pages; page++) {
            put(AT + page * PAGE, Pte.present(file.frameFor(page), Pte.READ | Pte.WRITE));
        }
    }

    private int privateCopy(long page) {
        int copy = frames.allocate(context.magazine());
        put(ELSEWHERE + page * PAGE, Pte.present(copy, Pte.OWN | Pte.READ | Pte.WRITE));
        return copy;
    }

    private void assertUnmapped(int from, int behind) {
        for (int page = from; page < behind; page++) {
            assertEquals(Pte.NONE, table.get(AT + page * PAGE), "page " + page);
        }
    }

    /**
     * Makes a truncation into the second page fail when it fills the rest of the page, after it removed pages from the
     * index.
     */
    private void failTruncation() {
        store.fail("fill", 0);
        assertThrows(FailingStore.Failure.class, () -> file.truncate(PAGE + 8));
        assertTrue(store.isOver());
    }

    @Test
    @DisplayName("is ended by a thread of the machine, also without another change of the file")
    void goesOnByItself() {
        mapFile(8);
        link(ELSEWHERE, 0);
        privateCopy(0);
        privateCopy(5);
        failTruncation();
        Await.until("the removed frames and the copy beyond the end are free", () -> frames.inUse() == 2 + 1);
        assertUnmapped(2, 8);
        assertEquals(Pte.NONE, table.get(ELSEWHERE + 5 * PAGE));
        assertTrue(Pte.isPresent(table.get(ELSEWHERE)));
        assertEquals(PAGE + 8, file.size());
        file.truncate(0);
        assertEquals(0, frames.inUse());
    }

    private void endsWith(Consumer<FilePages> change, int left) {
        mapFile(8);
        link(ELSEWHERE, 0);
        int copy = privateCopy(5);
        // No thread of the machine resumes the removal while this thread holds the inode lock.
        file.lock();
        try {
            failTruncation();
            assertEquals(9, frames.inUse());
            assertTrue(frames.isRemoved(Pte.frame(table.get(AT + 7 * PAGE))));
            assertEquals(copy, Pte.frame(table.get(ELSEWHERE + 5 * PAGE)));
            change.accept(file);
            assertEquals(left, frames.inUse());
            assertUnmapped(2, 8);
            assertEquals(Pte.NONE, table.get(ELSEWHERE + 5 * PAGE));
        } finally {
            file.unlock();
        }
        file.truncate(0);
        assertEquals(0, frames.inUse());
    }

    @Test
    @DisplayName("is ended by the next truncation before that begins")
    void beforeATruncation() {
        endsWith(pages -> pages.truncate(8), 1);
    }

    @Test
    @DisplayName("is ended by a truncation to the size that the file has")
    void beforeTheSameTruncation() {
        endsWith(pages -> pages.truncate(PAGE + 8), 2);
    }

    @Test
    @DisplayName("is ended by the next removal, also one of other pages")
    void beforeARemoval() {
        endsWith(pages -> pages.remove(0, 1), 1);
    }

    @Test
    @DisplayName("is ended by the next removal, also one that finds no page")
    void beforeAnEmptyRemoval() {
        endsWith(pages -> pages.remove(100, 1), 2);
    }

    @Test
    @DisplayName("is ended by the punching of a hole")
    void beforeAHole() {
        endsWith(pages -> pages.punch(0, PAGE), 1);
    }

    @Test
    @DisplayName("is ended by the closing of the file")
    void beforeTheEnd() {
        endsWith(FilePages::close, 0);
        assertEquals(0, memory.caches().size());
    }

    @Test
    @DisplayName("is ended before the file grows, and so is the zeroing of the rest of the last page")
    void beforeGrowth() {
        file.store().put(file.frameFor(1), 16, 8, 0x5ec2e7);
        endsWith(
                pages -> {
                    pages.truncate(4 * PAGE);
                    assertEquals(0, pages.store().get(pages.frameAt(1), 16, 8));
                    assertEquals(Frames.NONE, pages.frameAt(2));
                },
                2);
    }

    @Test
    @DisplayName("is ended before pages are reclaimed")
    void beforeAReclaim() {
        endsWith(
                pages -> {
                    ReclaimCandidates batch = new ReclaimCandidates(frames);
                    assertEquals(0, batch.collect(pages.index(), 0));
                    assertEquals(6, pages.present().reclaim.run(batch), "those of the truncation");
                },
                2);
    }

    @Test
    @DisplayName("leaves no entry where the walk has failed between two batches, and drops each frame once")
    void failsInTheWalk() {
        mapFile(PAGES);
        int held = file.frameAt(PAGES - 1);
        List<Throwable> reports = new ArrayList<>();
        CpuTlb cpu =
                new CpuTlb(cpus, new CpuOwner(cpus, message -> {}), cpus, 1, 12, new SoftTlb(12, 16), reports::add);
        cpu.switchTo(table);
        cpu.enterGuest();
        assertTrue(cpu.fill().walk(AT, Pte.READ) >= 0);
        toThrow.set(1);
        AtomicReference<@Nullable Throwable> caught = new AtomicReference<>();
        Thread truncater = new Thread(() -> file.truncate(0));
        truncater.setUncaughtExceptionHandler((thread, failure) -> caught.set(failure));
        truncater.start();
        Await.until("the walk has failed", () -> thrown.get() == 1);
        assertTrue(frames.isRemoved(held));
        cpu.leaveGuest();
        Await.until("the truncation has failed", () -> !truncater.isAlive());
        assertInstanceOf(InternalError.class, caught.get());
        Await.until("all frames are free", () -> frames.inUse() == 0);
        assertUnmapped(0, PAGES);
        assertFalse(frames.isRemoved(held));
        cpu.close();
        assertEquals(List.of(), reports);
        file.truncate(PAGE);
        assertTrue(file.frameFor(0) > 0);
        file.truncate(0);
        assertEquals(0, frames.inUse());
    }

    @Test
    @DisplayName("records its frames before it changes anything; repeated, it leaves the pages that have come since")
    void takesOutAgain() {
        FilePages other = new FilePages(memory, 8 * PAGE);
        CachedPages pages = other.present().cached;
        int[] made = new int[4];
        for (int page = 0; page < 4; page++) {
            made[page] = cached(pages, page);
        }
        Removal removal = new Removal(1, 6, false, 1);
        pages.collect(removal);
        assertEquals(3, removal.count());
        assertEquals(0, pages.removals());
        for (int page = 0; page < 4; page++) {
            assertEquals(made[page], pages.index().get(page));
            assertFalse(frames.isRemoved(made[page]));
        }
        int late = cached(pages, 5);
        pages.takeOut(removal);
        int again = cached(pages, 2);
        pages.takeOut(removal);
        int[] after = {made[0], Frames.NONE, again, Frames.NONE, Frames.NONE, late};
        for (int page = 0; page < after.length; page++) {
            assertEquals(after[page], pages.index().get(page), "page " + page);
            assertFalse(after[page] != Frames.NONE && frames.isRemoved(after[page]));
        }
        assertTrue(removal.isOut());
        assertEquals(0, pages.removals() % 2);
        for (int i = 0; i < removal.count(); i++) {
            assertTrue(frames.isRemoved(removal.frame(i)));
            frames.drop(removal.frame(i), context.magazine());
        }
        assertEquals(3, frames.inUse());
        memory.caches().endAll();
        assertEquals(0, frames.inUse());
        assertTrue(pages.isClosed());
        memory.caches().endAll();
        assertEquals(0, frames.inUse());
    }

    private int cached(CachedPages pages, long page) {
        int frame = frames.allocate(context.magazine());
        frames.assign(frame, pages.number(), page);
        pages.content().lock();
        try {
            pages.put(page, frame);
        } finally {
            pages.content().unlock();
        }
        return frame;
    }

    @Test
    @DisplayName("puts all pages of a reclaim back if the lookup of the mappings fails")
    void failsInAReclaim() {
        for (int page = 0; page < 8; page++) {
            assertTrue(file.frameFor(page * 600L % PAGES) > 0);
        }
        ReclaimCandidates batch = new ReclaimCandidates(frames);
        assertEquals(0, batch.collect(file.index(), 0));
        int size = batch.size();
        int[] before = new int[PAGES];
        file.framesAt(0, PAGES, before);
        assertThrows(
                InternalError.class,
                () -> batch.takeOut(file.index(), () -> {
                    assertEquals(Frames.NONE, file.frameAt(0));
                    assertTrue(frames.isRemoved(before[0]));
                    throw new InternalError("planted");
                }));
        for (int page = 0; page < PAGES; page++) {
            assertEquals(before[page], file.frameAt(page));
            assertTrue(before[page] == Frames.NONE || frames.isCached(before[page], file.number(), page));
        }
        assertTrue(batch.isEmpty());
        assertEquals(size, frames.inUse());
        file.truncate(0);
        assertEquals(0, frames.inUse());
    }
}
