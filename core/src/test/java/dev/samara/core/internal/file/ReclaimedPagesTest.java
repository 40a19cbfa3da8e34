// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.vma.FileLink;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.VmaFlags;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A batch of pages that may be reclaimed")
final class ReclaimedPagesTest {
    private static final long PAGE = 4096;
    private static final long AT = 0x20_0000;

    private final MachineMemory memory = SmallMemory.of(300);
    private final Frames frames = memory.frames();
    private final FilePages file = new FilePages(memory, 8 * PAGE);
    private final PageTable table = new PageTable(Geometry.LINUX_X86_64);
    private final OpenFile backing = OpenFile.named("/f").open();

    private FileLink link(long flags) {
        VmArea vma = VmArea.describe(AT, AT + 8 * PAGE, VmaFlags.READ | flags, 0, backing, null, null);
        vma.attach(null, null);
        return file.link(vma, table, true);
    }

    private ReclaimCandidates batch() {
        ReclaimCandidates batch = new ReclaimCandidates(frames);
        PageIndex index = file.index();
        assertEquals(0, batch.collect(index, 0));
        return batch;
    }

    private void map(long page) {
        long address = AT + page * PAGE;
        long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
        Leaf.lock(leaf);
        try {
            int frame = file.frameAt(page);
            assertTrue(frames.isCached(frame, file.number(), page));
            assertTrue(Leaf.fill(leaf, table.indexOf(address), Pte.present(frame, Pte.READ)));
        } finally {
            Leaf.unlock(leaf);
        }
    }

    @Test
    @DisplayName(
            "loses those that were mapped, written, pinned or may be written since the first check, and they" + " stay")
    void inUseSince() throws Exception {
        for (long page = 0; page < 8; page++) {
            assertTrue(file.frameFor(page) > 0);
        }
        int[] before = new int[8];
        file.framesAt(0, 8, before);
        FileLink read = link(0);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try {
            Future<Integer> reclaimed;
            file.content().lock();
            try {
                ReclaimCandidates batch = batch();
                reclaimed = thread.submit(() -> file.present().reclaim.run(batch));
                // The first check is over, and pages are about to be removed.
                Await.until("it is about to remove pages", () -> file.content().hasQueuedThreads());
                map(1);
                frames.setDirty(before[3]);
                assertTrue(frames.pin(before[5]));
            } finally {
                file.content().unlock();
            }
            assertEquals(5, reclaimed.get());
            for (int page = 0; page < 8; page++) {
                boolean stays = page == 1 || page == 3 || page == 5;
                assertEquals(stays ? before[page] : Frames.NONE, file.frameAt(page), "page " + page);
                if (stays) {
                    assertTrue(frames.isCached(before[page], file.number(), page));
                    assertFalse(frames.isRemoved(before[page]));
                }
            }
            assertEquals(3, frames.inUse());
            assertEquals(0, file.present().reclaim.run(batch()));
        } finally {
            thread.shutdown();
            read.unlink();
        }
        frames.unpin(before[5], memory.contexts().borrow().magazine());
        file.remove(0, 8);
        assertEquals(0, frames.inUse());
    }

    @Test
    @DisplayName("loses those that were removed since it was collected, and removes all others")
    void goneSince() {
        for (long page = 0; page < 8; page++) {
            assertTrue(file.frameFor(page) > 0);
        }
        ReclaimCandidates batch = batch();
        file.remove(0, 1);
        file.remove(4, 1);
        // The new page may get a frame that the batch lists for another page.
        int again = file.frameFor(4);
        assertTrue(again > 0);
        int reclaimed = file.present().reclaim.run(batch);
        assertEquals(frames.inUse(), 7 - reclaimed);
        for (int page = 0; page < 8; page++) {
            int frame = file.frameAt(page);
            assertTrue(
                    frame == Frames.NONE || (frame == again && frames.isCached(again, file.number(), 4)),
                    "page " + page);
        }
        assertTrue(reclaimed >= 6, () -> "only " + reclaimed + " were reclaimed");
        file.remove(0, 8);
        assertEquals(0, frames.inUse());
        ReclaimCandidates stale = stale();
        assertEquals(0, file.present().reclaim.run(stale));
        assertEquals(0, frames.inUse());
    }

    /** Returns a batch whose pages were all removed. */
    private ReclaimCandidates stale() {
        assertTrue(file.frameFor(2) > 0);
        ReclaimCandidates batch = batch();
        file.remove(2, 1);
        return batch;
    }

    @Test
    @DisplayName("stays whole because of a shared mapping that may be written, linked since the first check")
    void writableSince() throws Exception {
        for (long page = 0; page < 8; page++) {
            assertTrue(file.frameFor(page) > 0);
        }
        ExecutorService thread = Executors.newSingleThreadExecutor();
        FileLink writable;
        try {
            Future<Integer> reclaimed;
            file.content().lock();
            try {
                ReclaimCandidates batch = batch();
                reclaimed = thread.submit(() -> file.present().reclaim.run(batch));
                Await.until("it is about to remove pages", () -> file.content().hasQueuedThreads());
                writable = link(VmaFlags.SHARED | VmaFlags.MAYWRITE);
            } finally {
                file.content().unlock();
            }
            assertEquals(0, reclaimed.get());
            assertEquals(8, frames.inUse());
            assertEquals(0, file.present().reclaim.run(batch()));
            writable.unlink();
            assertEquals(8, file.present().reclaim.run(batch()));
        } finally {
            thread.shutdown();
        }
        assertEquals(0, frames.inUse());
    }

    @Test
    @DisplayName("is left alone while another thread changes the size of the file")
    void besideATruncation() throws Exception {
        assertTrue(file.frameFor(0) > 0);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try {
            file.lock();
            try {
                ReclaimCandidates batch = batch();
                assertEquals(
                        PageCaches.BUSY,
                        thread.submit(() -> file.present().reclaim.run(batch)).get());
            } finally {
                file.unlock();
            }
            assertEquals(1, file.present().reclaim.run(batch()));
        } finally {
            thread.shutdown();
        }
    }
}
