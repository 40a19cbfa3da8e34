// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.vma.FileLink;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A page cache and its mappings. */
final class FilePagesTest {
    private static final long PAGE = 4096;
    private static final long AT = 0x20_0000;
    private static final long RW = VmaFlags.READ | VmaFlags.WRITE;

    private final MachineMemory memory = SmallMemory.of(300);
    private final FilePages file = new FilePages(memory, 10 * PAGE);
    private final PageTable table = new PageTable(Geometry.LINUX_X86_64);
    private final OpenFile backing = OpenFile.named("/f").open();
    private final PageTableContext context = memory.contexts().newContext("mapper");

    private VmArea attached(long flags, long page, long pages) {
        VmArea vma = VmArea.describe(AT, AT + pages * PAGE, RW | flags, page, backing, null, null);
        vma.attach(null, null);
        return vma;
    }

    /**
     * Installs a frame as a fault does. Returns false if the cache no longer contains the frame, or if the entry is not
     * empty.
     */
    private boolean map(long address, long page, int frame) {
        long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
        Leaf.lock(leaf);
        try {
            return memory.frames().isCached(frame, file.number(), page)
                    && Leaf.compareAndSet(
                            leaf, table.indexOf(address), Pte.NONE, Pte.present(frame, Pte.READ | Pte.WRITE));
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private int inUse() {
        return memory.frames().inUse();
    }

    private long get(long page, int offset) {
        int frame = file.frameAt(page);
        return frame == Frames.NONE ? 0 : file.store().get(frame, offset, 8);
    }

    private void put(long page, int offset, long value) {
        file.store().put(file.frameFor(page), offset, 8, value);
    }

    private void assertSameAsSingly(long first, int count) {
        int[] together = new int[count + 1];
        Arrays.fill(together, -7);
        file.framesAt(first, count, together);
        for (int i = 0; i < count; i++) {
            assertEquals(
                    file.frameAt(first + i), together[i], "page " + (first + i) + " of " + count + " from " + first);
        }
        assertEquals(-7, together[count], "nothing more is written");
    }

    @Test
    @DisplayName("knows a mapping until it is unmapped, or replaced by another one")
    void linked() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        MemoryFile mapped = fixture.machine.newFile("/file", 7, SpaceFixture.GEOMETRY, 2 * PAGE);
        Backing opened = mapped.open();
        FilePages pages = (FilePages) Objects.requireNonNull(opened.pageCache());
        long at = fixture.map(0, 2, SpaceFixture.RW, MapFlags.SHARED, opened, 0);
        assertEquals(1, pages.linked());
        fixture.map(at, 1, SpaceFixture.RW, SpaceFixture.ANONYMOUS | MapFlags.FIXED, null, 0);
        assertEquals(1, pages.linked(), "the rest");
        assertEquals(0, fixture.space.munmap(at, 2 * PAGE));
        assertEquals(0, pages.linked());
        mapped.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a lookup of many pages equals a lookup of each, across the ends of nodes and of the file")
    void framesOfMany() {
        file.truncate(1L << 50);
        long far = (1L << 30) + 511;
        for (long page :
                new long[] {0, 1, 7, 509, 510, 511, 512, 513, 1023, 1024, 1600, far, far + 1, (1L << 38) - 1}) {
            assertTrue(file.frameFor(page) > 0);
        }
        for (int count : new int[] {1, 2, 15, 16, 511, 512, 513, 1500}) {
            for (long first : new long[] {0, 1, 500, 511, 512, 1020, 5000, far - 3, (1L << 38) - 2, (1L << 38) + 5}) {
                assertSameAsSingly(first, count);
            }
        }
        assertSameAsSingly(Long.MAX_VALUE >>> 12, 1);
        assertSameAsSingly(3, 0);
        file.truncate(511 * PAGE + 1);
        for (int count : new int[] {1, 2, 16, 512, 1500}) {
            for (long first : new long[] {0, 500, 511, 512, far}) {
                assertSameAsSingly(first, count);
            }
        }
        int[] target = new int[3];
        file.framesAt(510, 3, target);
        assertTrue(target[0] > 0);
        assertTrue(target[1] > 0);
        assertEquals(Frames.NONE, target[2], "beyond the end");
        file.truncate(0);
        assertEquals(0, inUse());
    }

    @Test
    @DisplayName("a page is in memory once it was requested, with one frame for all, up to the end of the file")
    void frames() {
        assertEquals(Frames.NONE, file.frameAt(3));
        int frame = file.frameFor(3);
        assertEquals(frame, file.frameFor(3));
        assertEquals(frame, file.frameAt(3));
        assertNotEquals(Frames.NONE, file.frameFor(9));
        assertEquals(Frames.NONE, file.frameFor(10));
        assertEquals(Frames.NONE, file.frameFor(-1));
        assertEquals(Frames.NONE, file.frameAt(-1));
        assertEquals(Frames.NONE, file.frameFor(Long.MAX_VALUE));
        assertEquals(2, inUse());
        file.truncate(0);
        assertEquals(0, inUse());
    }

    @Test
    @DisplayName("the first insertion of a page wins; the others get its frame, and theirs is free again")
    void insertTwice() {
        int one = file.allocate();
        int other = file.allocate();
        assertEquals(one, file.insert(4, one));
        assertEquals(one, file.insert(4, other));
        assertEquals(1, inUse());
        assertEquals(Frames.NONE, file.insert(10, file.allocate()), "beyond the end");
        assertEquals(Frames.NONE, file.insert(-1, file.allocate()));
        assertEquals(1, inUse());
        file.free(file.allocate());
        assertEquals(1, inUse());
    }

    @Test
    @DisplayName("frames that are foreign, inserted or given back already are refused, and nothing has changed")
    void misuse() {
        FilePages other = new FilePages(memory, PAGE);
        int inserted = file.insert(1, file.allocate());
        int returned = file.allocate();
        file.free(returned);
        int another = other.allocate();
        int anonymous = memory.frames().allocate(context.magazine());
        for (int frame : new int[] {inserted, returned, another, anonymous, Frames.NONE, Frames.ZERO, 9999}) {
            assertThrows(IllegalArgumentException.class, () -> file.insert(2, frame), "frame " + frame);
            assertThrows(IllegalArgumentException.class, () -> file.insert(1, frame), "frame " + frame);
            assertThrows(IllegalArgumentException.class, () -> file.free(frame), "frame " + frame);
        }
        assertEquals(Frames.NONE, file.frameAt(2));
        assertEquals(inserted, file.frameAt(1));
        assertTrue(memory.frames().isCached(inserted, file.number(), 1));
        assertEquals(3, inUse());
        other.free(another);
        memory.frames().drop(anonymous, context.magazine());
        file.truncate(0);
        assertEquals(0, inUse());
    }

    @Test
    @DisplayName("without a free frame there is no page, and the next request finds one once there is memory")
    void exhausted() {
        List<Integer> taken = new ArrayList<>();
        for (int frame = file.allocate(); frame != Frames.NONE; frame = file.allocate()) {
            taken.add(frame);
        }
        assertEquals(300, taken.size());
        assertEquals(NoFrame.NO_MEMORY, file.frameFor(0), "which is not the end");
        taken.forEach(file::free);
        assertNotEquals(Frames.NONE, file.frameFor(0));
    }

    @Test
    @DisplayName("truncation to a part of a page: later pages go, the rest of the last page becomes zeros")
    void truncated() {
        for (int page = 0; page < 10; page++) {
            put(page, 0, 100 + page);
            put(page, 4088, 200 + page);
        }
        file.truncate(3 * PAGE + 8);
        assertEquals(3 * PAGE + 8, file.size());
        assertEquals(4, file.pages());
        assertEquals(4, inUse());
        assertEquals(103, get(3, 0));
        assertEquals(0, get(3, 4088));
        assertEquals(202, get(2, 4088));
        file.truncate(8 * PAGE);
        assertEquals(0, get(3, 4088), "nor do they come back");
        assertEquals(Frames.NONE, file.frameAt(5));
        assertNotEquals(Frames.NONE, file.frameFor(7));
        file.truncate(0);
        assertEquals(0, inUse());
        file.truncate(1);
        assertEquals(1, file.pages());
        assertThrows(IllegalArgumentException.class, () -> file.truncate(-1));
        file.truncate(PAGE + 1);
        assertEquals(2, file.pages());
    }

    @Test
    @DisplayName("sizes near the largest, and removals that reach beyond all pages")
    void farEnd() {
        file.truncate(Long.MAX_VALUE);
        long last = Long.MAX_VALUE / PAGE;
        put(last, 0, 7);
        put(last, 4080, 8);
        put(2, 0, 9);
        file.truncate(Long.MAX_VALUE - 100);
        assertEquals(7, get(last, 0));
        file.remove(last, Long.MAX_VALUE);
        assertEquals(Frames.NONE, file.frameAt(last));
        file.punch(Long.MAX_VALUE - 5000, 5000);
        assertEquals(9, get(2, 0));
        file.remove(1, Long.MAX_VALUE);
        assertEquals(0, inUse());
        put(last, 0, 7);
        file.punch(0, Long.MAX_VALUE);
        assertEquals(0, get(last, 0));
        file.truncate(0);
        assertEquals(0, inUse());
        file.remove(-1, 5);
        file.remove(0, 0);
        file.remove(0, -1);
    }

    @Test
    @DisplayName("a hole zeros parts of pages and removes whole pages, also across the end of the file")
    void punched() {
        file.truncate(9 * PAGE + 100);
        for (int page = 0; page < 10; page++) {
            put(page, 0, 100 + page);
            put(page, 2048, 150 + page);
            put(page, 4088, 200 + page);
        }
        file.punch(PAGE + 8, 2 * PAGE);
        assertEquals(101, get(1, 0));
        assertEquals(0, get(1, 2048));
        assertEquals(0, get(1, 4088));
        assertEquals(Frames.NONE, file.frameAt(2));
        assertEquals(0, get(3, 0));
        assertEquals(153, get(3, 2048));
        file.punch(4 * PAGE + 2048, 8);
        assertEquals(104, get(4, 0));
        assertEquals(0, get(4, 2048));
        assertEquals(204, get(4, 4088));
        assertEquals(9, inUse());
        file.punch(5 * PAGE, 1);
        assertEquals(0, get(5, 0));
        file.punch(8 * PAGE, 2 * PAGE);
        assertEquals(Frames.NONE, file.frameAt(8));
        assertEquals(Frames.NONE, file.frameAt(9), "the rest of it can be seen through mappings");
        assertEquals(9 * PAGE + 100, file.size());
        file.punch(20 * PAGE, PAGE);
        file.punch(9 * PAGE, Long.MAX_VALUE - 9 * PAGE);
        assertEquals(7, inUse());
    }

    @Test
    @DisplayName("a removed page leaves every mapping; only truncation removes private copies")
    void unmapped() {
        VmArea shared = attached(VmaFlags.SHARED, 2, 8);
        FileLink link = file.link(shared, table, true);
        for (int page = 2; page < 10; page++) {
            assertTrue(map(AT + (page - 2) * PAGE, page, file.frameFor(page)));
        }
        PageTable privately = new PageTable(Geometry.LINUX_X86_64);
        FileLink privateLink = file.link(attached(0, 4, 4), privately, true);
        for (int i = 0; i < 4; i++) {
            long[] leaf = privately.leafFromReserve(AT, TableReserve.NONE);
            int frame = memory.frames().allocate(context.magazine());
            Leaf.fill(leaf, i, Pte.present(frame, Pte.OWN | Pte.EXCLUSIVE | Pte.READ));
        }
        assertEquals(12, inUse());
        file.remove(5, 2);
        assertEquals(10, inUse());
        for (int page = 2; page < 10; page++) {
            assertEquals(page == 5 || page == 6, table.get(AT + (page - 2) * PAGE) == Pte.NONE, "page " + page);
        }
        assertTrue(Pte.isPresent(privately.get(AT + PAGE)), "a private copy of page 5");
        file.truncate(5 * PAGE + 1);
        assertTrue(Pte.isPresent(privately.get(AT + PAGE)));
        assertEquals(Pte.NONE, privately.get(AT + 2 * PAGE));
        assertEquals(Pte.NONE, table.get(AT + 5 * PAGE));
        assertEquals(3 + 2, inUse(), "pages 2 to 4 and copies of 4 and 5");
        file.truncate(0);
        assertEquals(0, inUse());
        link.unlink();
        privateLink.unlink();
    }

    @Test
    @DisplayName("a pinned page that is removed keeps its memory until the pin ends, and is no page of the cache")
    void pinned() {
        put(3, 0, 42);
        int frame = file.frameAt(3);
        memory.frames().pin(frame);
        file.remove(3, 1);
        assertEquals(Frames.NONE, file.frameAt(3));
        assertFalse(memory.frames().isCached(frame, file.number(), 3));
        assertEquals(42, file.store().get(frame, 0, 8));
        memory.frames().unpin(frame, context.magazine());
        assertEquals(0, inUse());
    }

    /** Maps the pages of a file one by one, as faults do, and checks each page. */
    private final class Mapper implements Runnable {
        private final AtomicBoolean stop;
        private final AtomicReference<@Nullable Throwable> failure;

        Mapper(AtomicBoolean stop, AtomicReference<@Nullable Throwable> failure) {
            this.stop = stop;
            this.failure = failure;
        }

        @Override
        public void run() {
            PageTableContext own = memory.contexts().newContext("fault");
            try {
                for (int i = 0; !stop.get(); i++) {
                    fault(i % 10, own);
                }
            } catch (Throwable thrown) {
                failure.compareAndSet(null, thrown);
            } finally {
                memory.contexts().discard(own);
            }
        }

        private void fault(long page, PageTableContext own) {
            long address = AT + page * PAGE;
            file.frameFor(page);
            own.reader().readLock();
            try {
                int frame = file.frameAt(page);
                if (frame != Frames.NONE) {
                    map(address, page, frame);
                }
                long pte = table.get(address);
                if (Pte.isPresent(pte)) {
                    long seen = file.store().get(Pte.frame(pte), 0, 8);
                    assertTrue(seen == 0 || seen == page, () -> "page " + page + " is " + Long.toHexString(seen));
                    file.store().put(Pte.frame(pte), 0, 8, page);
                }
            } finally {
                own.reader().readUnlock();
            }
        }
    }

    @Test
    @DisplayName("P7: faults beside truncation, holes and removal never find a page of another place, or a free one")
    void besideFaults() throws InterruptedException {
        FileLink link = file.link(attached(VmaFlags.SHARED, 0, 10), table, true);
        AtomicBoolean stop = new AtomicBoolean();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        List<Thread> threads = List.of(new Thread(new Mapper(stop, failure)), new Thread(new Mapper(stop, failure)));
        threads.forEach(Thread::start);
        for (int i = 0; i < 3000 && failure.get() == null; i++) {
            switch (i % 4) {
                case 0 -> file.truncate(i % 10 * PAGE);
                case 1 -> file.truncate(10 * PAGE);
                case 2 -> file.remove(i % 7, 3);
                default -> file.punch(i % 9 * PAGE, PAGE);
            }
        }
        stop.set(true);
        for (Thread thread : threads) {
            thread.join();
        }
        assertNull(failure.get());
        file.truncate(0);
        for (int page = 0; page < 10; page++) {
            assertEquals(Pte.NONE, table.get(AT + page * PAGE));
        }
        assertEquals(0, inUse());
        link.unlink();
    }
}
