// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.ReachableObjects;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.MachineMemory.IndexBudget;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.FailingStore;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.FileLink;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Page caches:")
final class FilePagesTest {
    /** A page cache and its mappings. */
    @Nested
    final class Pages {
        private static final long PAGE = 4096;

        private final MachineMemory memory = SmallMemory.of(300);
        private final MappedFile mapped = new MappedFile(memory, 10);
        private final FilePages file = mapped.file;
        private final PageTable table = mapped.table.pages;
        private final PageTableContext context = mapped.table.context;

        private int inUse() {
            return memory.frames.inUse();
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
                        file.frameAt(first + i),
                        together[i],
                        "page " + (first + i) + " of " + count + " from " + first);
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
            long at = fixture.map(0, 2, SpaceFixture.RW, Mman.SHARED, opened, 0);
            assertEquals(1, pages.mappings.size());
            fixture.map(at, 1, SpaceFixture.RW, SpaceFixture.ANONYMOUS | Mman.FIXED, null, 0);
            assertEquals(1, pages.mappings.size(), "the rest");
            assertEquals(0, fixture.space.munmap(at, 2 * PAGE));
            assertEquals(0, pages.mappings.size());
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
                for (long first :
                        new long[] {0, 1, 500, 511, 512, 1020, 5000, far - 3, (1L << 38) - 2, (1L << 38) + 5}) {
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
            FilePages other = new FilePages(memory, PAGE, false);
            int inserted = file.insert(1, file.allocate());
            int returned = file.allocate();
            file.free(returned);
            int another = other.allocate();
            int anonymous = memory.frames.allocate(context.magazine);
            for (int frame : new int[] {inserted, returned, another, anonymous, Frames.NONE, Frames.ZERO, 9999}) {
                assertThrows(IllegalArgumentException.class, () -> file.insert(2, frame), "frame " + frame);
                assertThrows(IllegalArgumentException.class, () -> file.insert(1, frame), "frame " + frame);
                assertThrows(IllegalArgumentException.class, () -> file.free(frame), "frame " + frame);
            }
            assertEquals(Frames.NONE, file.frameAt(2));
            assertEquals(inserted, file.frameAt(1));
            assertTrue(memory.frames.isCached(inserted, file.number, 1));
            assertEquals(3, inUse());
            other.free(another);
            memory.frames.drop(anonymous, context.magazine);
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
            assertEquals(FilePages.NO_MEMORY, file.frameFor(0), "which is not the end");
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
            FileLink link = mapped.link(MappedFile.AT, VmaFlags.SHARED, 2, 8);
            for (int page = 2; page < 10; page++) {
                mapped.put(MappedFile.AT + (page - 2) * PAGE, Pte.present(file.frameFor(page), Pte.READ | Pte.WRITE));
            }
            FileLink privateLink = mapped.link(MappedFile.ELSEWHERE, 0, 4, 4);
            for (int i = 0; i < 4; i++) {
                mapped.privateCopy(i);
            }
            assertEquals(12, inUse());
            file.remove(5, 2);
            assertEquals(10, inUse());
            for (int page = 2; page < 10; page++) {
                assertEquals(
                        page == 5 || page == 6,
                        table.get(MappedFile.AT + (page - 2) * PAGE) == Pte.NONE,
                        "page " + page);
            }
            assertTrue(Pte.isPresent(table.get(MappedFile.ELSEWHERE + PAGE)), "a private copy of page 5");
            file.truncate(5 * PAGE + 1);
            assertTrue(Pte.isPresent(table.get(MappedFile.ELSEWHERE + PAGE)));
            assertEquals(Pte.NONE, table.get(MappedFile.ELSEWHERE + 2 * PAGE));
            assertEquals(Pte.NONE, table.get(MappedFile.AT + 5 * PAGE));
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
            memory.frames.pin(frame);
            file.remove(3, 1);
            assertEquals(Frames.NONE, file.frameAt(3));
            assertFalse(memory.frames.isCached(frame, file.number, 3));
            assertEquals(42, file.store().get(frame, 0, 8));
            memory.frames.unpin(frame, context.magazine);
            assertEquals(0, inUse());
        }
    }

    /** A removal from a file that throws after it removed pages from the index. */
    @DisplayName("A removal of pages that fails half-way")
    @Nested
    final class UnfinishedRemovals {
        private static final long PAGE = 4096;
        private static final int CHUNK_SHIFT = 4;

        /** More pages than a removal marks before its first flush. */
        private static final int PAGES = 1100;

        private static final int FRAMES = 2 * PAGES;

        private final FailingStore store = new FailingStore(new DirectFrames(12, CHUNK_SHIFT, FRAMES + 1));
        private final Frames frames = new Frames(store.store(), 12, CHUNK_SHIFT, FRAMES, false);

        /** How many of the next reports of a late CPU throw. */
        private final AtomicInteger toThrow = new AtomicInteger();

        private final AtomicInteger thrown = new AtomicInteger();
        private final Cpus cpus = new Cpus(LazyContext.Shootdown::new);
        private final Shootdowns shootdowns = SmallMemory.shootdowns(cpus, 1, message -> {
            if (toThrow.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
                thrown.incrementAndGet();
                throw new InternalError("planted");
            }
        });
        private final MachineMemory memory = new MachineMemory(
                frames, SmallMemory.rcu(), shootdowns, 16, MachineMemory.UNCHECKED, null, SmallMemory.unlimited());
        private final MappedFile mapped = new MappedFile(memory, PAGES);
        private final FilePages file = mapped.file;
        private final PageTable table = mapped.table.pages;

        private void assertUnmapped(int from, int behind) {
            for (int page = from; page < behind; page++) {
                assertEquals(Pte.NONE, table.get(MappedFile.AT + page * PAGE), "page " + page);
            }
        }

        /**
         * Makes a truncation into the second page fail when it fills the rest of the page, after it removed pages from
         * the index.
         */
        private void failTruncation() {
            store.fail("fill", 0);
            assertThrows(FailingStore.Failure.class, () -> file.truncate(PAGE + 8));
            assertTrue(store.isOver());
        }

        @Test
        @DisplayName("is ended by a thread of the machine, also without another change of the file")
        void goesOnByItself() {
            mapped.map(8);
            mapped.link(MappedFile.ELSEWHERE, 0);
            mapped.privateCopy(0);
            mapped.privateCopy(5);
            failTruncation();
            Await.until("the removed frames and the copy beyond the end are free", () -> frames.inUse() == 2 + 1);
            assertUnmapped(2, 8);
            assertEquals(Pte.NONE, table.get(MappedFile.ELSEWHERE + 5 * PAGE));
            assertTrue(Pte.isPresent(table.get(MappedFile.ELSEWHERE)));
            assertEquals(PAGE + 8, file.size());
            file.truncate(0);
            assertEquals(0, frames.inUse());
        }

        /** A change that first ends the removal, and the number of frames that are left then. */
        private enum Change {
            TRUNCATION(1, pages -> pages.truncate(8)),
            TRUNCATION_TO_THE_SIZE_THAT_IS(2, pages -> pages.truncate(PAGE + 8)),
            REMOVAL(1, pages -> pages.remove(0, 1)),
            REMOVAL_THAT_FINDS_NO_PAGE(2, pages -> pages.remove(100, 1)),
            HOLE(1, pages -> pages.punch(0, PAGE)),
            END(0, FilePages::close),
            GROWTH(2, pages -> {
                pages.truncate(4 * PAGE);
                assertEquals(0, pages.store().get(pages.frameAt(1), 16, 8), "the rest of the last page is zeros");
                assertEquals(Frames.NONE, pages.frameAt(2));
            }),
            RECLAIM(2, pages -> {
                assertEquals(6, Eviction.reclaim(pages, pages.present()), "those of the truncation");
            });

            private final int left;

            @SuppressWarnings("ImmutableEnumChecker") // a lambda without a state
            private final Consumer<FilePages> run;

            Change(int left, Consumer<FilePages> run) {
                this.left = left;
                this.run = run;
            }
        }

        @ParameterizedTest
        @EnumSource
        @DisplayName("is ended by each next change of the file before that begins")
        void beforeChange(Change change) {
            file.store().put(file.frameFor(1), 16, 8, 0x5ec2e7);
            mapped.map(8);
            mapped.link(MappedFile.ELSEWHERE, 0);
            int copy = mapped.privateCopy(5);
            // No thread of the machine resumes the removal while this thread holds the inode lock.
            file.lock();
            try {
                failTruncation();
                assertEquals(9, frames.inUse());
                assertTrue(frames.isRemoved(Pte.frame(table.get(MappedFile.AT + 7 * PAGE))));
                assertEquals(copy, Pte.frame(table.get(MappedFile.ELSEWHERE + 5 * PAGE)));
                change.run.accept(file);
                assertEquals(change.left, frames.inUse());
                assertUnmapped(2, 8);
                assertEquals(Pte.NONE, table.get(MappedFile.ELSEWHERE + 5 * PAGE));
                assertTrue(change != Change.END || memory.caches.size() == 0);
            } finally {
                file.unlock();
            }
            file.truncate(0);
            assertEquals(0, frames.inUse());
        }

        @Test
        @DisplayName("leaves no entry where the walk has failed between two batches, and drops each frame once")
        void failsInTheWalk() {
            mapped.map(PAGES);
            int held = file.frameAt(PAGES - 1);
            CpuTlb cpu = mapped.table.guest(MappedFile.AT);
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
            file.truncate(PAGE);
            assertTrue(file.frameFor(0) > 0);
            file.truncate(0);
            assertEquals(0, frames.inUse());
        }

        @Test
        @DisplayName(
                "records its frames before it changes anything; repeated, it leaves the pages that have come since")
        void takesOutAgain() {
            FilePages other = new FilePages(memory, 8 * PAGE, false);
            FilePages.CachedPages pages = other.present().cached;
            int[] made = new int[4];
            for (int page = 0; page < 4; page++) {
                made[page] = cached(pages, page);
            }
            Truncation.Removal removal = new Truncation.Removal(1, 6, false);
            pages.index.forEach(removal.first, removal.last, removal::add);
            assertEquals(3, removal.count);
            assertEquals(0, other.removals());
            for (int page = 0; page < 4; page++) {
                assertEquals(made[page], pages.index.get(page));
                assertFalse(frames.isRemoved(made[page]));
            }
            int late = cached(pages, 5);
            pages.takeOut(removal);
            int again = cached(pages, 2);
            pages.takeOut(removal);
            int[] after = {made[0], Frames.NONE, again, Frames.NONE, Frames.NONE, late};
            for (int page = 0; page < after.length; page++) {
                assertEquals(after[page], pages.index.get(page), "page " + page);
                assertFalse(after[page] != Frames.NONE && frames.isRemoved(after[page]));
            }
            assertEquals(0, other.removals() % 2);
            for (int i = 0; i < removal.count; i++) {
                assertTrue(frames.isRemoved(removal.frames[i]));
                frames.drop(removal.frames[i], mapped.table.context.magazine);
            }
            assertEquals(3, frames.inUse());
            memory.caches.endAll();
            assertEquals(0, frames.inUse());
            assertTrue(pages.isClosed);
            memory.caches.endAll();
            assertEquals(0, frames.inUse());
        }

        private int cached(FilePages.CachedPages pages, long page) {
            int frame = frames.allocate(mapped.table.context.magazine);
            frames.assign(frame, pages.number, page);
            pages.content.lock();
            try {
                pages.put(page, frame);
            } finally {
                pages.content.unlock();
            }
            return frame;
        }
    }

    /** A truncation that waits for a CPU, and concurrent changes of the file's mappings. */
    @Nested
    final class StalledTruncations {
        private static final long PAGE = 4096;

        /** More pages than a truncation marks before its first flush. */
        private static final int PAGES = 1100;

        private static final long LAST = MappedFile.ELSEWHERE + (PAGES - 1) * PAGE;

        private final MachineMemory memory = SmallMemory.of(PAGES + 10);
        private final MappedFile mapped = new MappedFile(memory, PAGES);
        private final FilePages file = mapped.file;

        /** Maps the whole file, shared, and accesses the first page with a CPU of this thread. */
        private CpuTlb useFile() {
            mapped.map(PAGES);
            return mapped.table.guest(MappedFile.AT);
        }

        private Thread beginTruncation() {
            Thread truncater = new Thread(() -> file.truncate(0));
            truncater.start();
            Await.until("the truncation waits for the CPU", () -> memory.shootdowns.count() == 1);
            assertEquals(PAGES, memory.frames.inUse() - copies, "none was freed");
            return truncater;
        }

        private int copies;

        private void letEnd(CpuTlb cpu, Thread truncater) {
            cpu.leaveGuest();
            Await.until("the truncation ends", () -> !truncater.isAlive());
            cpu.close();
            assertEquals(0, memory.frames.inUse());
        }

        @Test
        @DisplayName("I9: a VMA that is unlinked while a truncation waits for a CPU is garbage")
        void keepsNoLinks() {
            CpuTlb cpu = useFile();
            Thread truncater = beginTruncation();
            for (int i = 0; i < 1000; i++) {
                FileLink linked = mapped.link(MappedFile.ELSEWHERE, VmaFlags.SHARED);
                assertEquals(2, file.mappings.size());
                linked.unlink();
                assertEquals(1, file.mappings.size());
            }
            assertTrue(truncater.isAlive());
            letEnd(cpu, truncater);
        }

        @Test
        @DisplayName("P7: a private copy whose VMA is replaced while the truncation waits is found at its successor")
        void findsSuccessors() {
            CpuTlb cpu = useFile();
            FileLink linked = mapped.link(MappedFile.ELSEWHERE, 0);
            mapped.privateCopy(PAGES - 1);
            copies = 1;
            Thread truncater = beginTruncation();
            mapped.link(MappedFile.ELSEWHERE, 0);
            linked.unlink();
            letEnd(cpu, truncater);
            assertEquals(Pte.NONE, mapped.table.pages.get(LAST));
        }

        @Test
        @DisplayName("P7: pages of another mapping at the place of a VMA that has gone stay")
        void leavesOthers() {
            CpuTlb cpu = useFile();
            FileLink linked = mapped.link(MappedFile.ELSEWHERE, 0);
            Thread truncater = beginTruncation();
            linked.unlink();
            int frame = mapped.privateCopy(PAGES - 1);
            long others = mapped.table.pages.get(LAST);
            cpu.leaveGuest();
            Await.until("the truncation ends", () -> !truncater.isAlive());
            cpu.close();
            assertEquals(others, mapped.table.pages.get(LAST));
            assertEquals(1, memory.frames.inUse());
            memory.frames.drop(frame, mapped.table.context.magazine);
        }
    }

    @ExtendWith(OneThread.class)
    @DisplayName("The end of a page cache")
    @Nested
    final class Ends {
        private final SpaceFixture fixture = new SpaceFixture();
        private final Cpu cpu = fixture.cpu;
        private final AddressSpace space = fixture.space;

        @AfterEach
        void everyFrameComesBack() {
            fixture.closeEmpty();
            assertEquals(List.of(), fixture.reports);
        }

        private static String refusal(Runnable call) {
            return String.valueOf(
                            assertThrows(IllegalStateException.class, call::run).getMessage())
                    .replaceAll("page cache \\d+", "page cache");
        }

        @Test
        @DisplayName(
                "removes its pages from each mapping; accesses are SIGBUS, no backing is asked, private copies stay")
        void closed() {
            int[] asked = {0};
            PagedFile file = new PagedFile(fixture, 8) {
                @Override
                public int fault(Backing.PageRequest request) {
                    asked[0]++;
                    return super.fault(request);
                }
            };
            long shared = fixture.map(0, 8, READ, Mman.SHARED, file, 0);
            long own = fixture.map(0, 8, RW, Mman.PRIVATE, file, 0);
            for (int page = 0; page < 4; page++) {
                assertEquals(PagedFile.STAMP + page, readable(shared + page * PAGE));
            }
            fixture.memory.store(own + PAGE, 8, 77);
            int before = asked[0];
            file.cache.close();
            file.cache.close();
            assertEquals(1, fixture.frames(), "the private copy");
            assertEquals(1, fixture.mapped(shared, 8) + fixture.mapped(own, 8));
            for (long page = 0; page < 8; page++) {
                assertFault(Fault.ADRERR, cpu.memory().load(shared + page * PAGE, 8));
                assertEquals(-1, file.cache.frameAt(page));
                if (page != 1) {
                    assertFault(Fault.ADRERR, cpu.memory().store(own + page * PAGE, 8, 1));
                }
            }
            assertEquals(77, fixture.load(own + PAGE));
            long again = fixture.map(0, 1, READ, Mman.SHARED, file, 0);
            assertFault(Fault.ADRERR, cpu.memory().load(again, 8));
            assertEquals(before, asked[0]);
        }

        private long readable(long address) {
            int fault = cpu.memory().load(address, 8);
            assertTrue(fault == Fault.NONE, () -> Fault.toString(fault));
            return cpu.memory().value();
        }

        @Test
        @DisplayName("refuses new pages by name, gives their frames back, and lets everything else go on")
        void calls() {
            PageCache cache = fixture.machine.newPageCache(GEOMETRY, 4 * PAGE);
            int inserted = cache.allocate();
            int returned = cache.allocate();
            assertEquals(2, fixture.frames());
            cache.close();
            assertEquals(2, fixture.frames(), "they are not in the cache");
            assertEquals("insert was called on page cache, which is closed", refusal(() -> cache.insert(0, inserted)));
            assertEquals(1, fixture.frames());
            cache.free(returned);
            assertEquals(0, fixture.frames());
            assertThrows(IllegalArgumentException.class, () -> cache.free(returned));
            assertThrows(IllegalArgumentException.class, () -> cache.insert(0, inserted));
            assertEquals("allocate was called on page cache, which is closed", refusal(cache::allocate));
            assertEquals(4 * PAGE, cache.size());
            cache.truncate(PAGE);
            cache.remove(0, 1);
            assertEquals(PAGE, cache.size());
            assertEquals(-1, cache.frameAt(0));
        }

        @Test
        @DisplayName("while its backing reads a page makes that access SIGBUS, and is no failure of the backing")
        void whileReading() {
            PageCache cache = fixture.machine.newPageCache(GEOMETRY, 4 * PAGE);
            CachedBacking file = new CachedBacking("/f", cache) {
                @Override
                protected boolean read(long page, int frame, FrameStore store) {
                    cache.close();
                    return true;
                }
            };
            long at = fixture.map(0, 4, READ, Mman.SHARED, file, 0);
            assertFault(Fault.ADRERR, cpu.memory().load(at, 8));
            assertEquals(0, fixture.frames());
        }

        @Test
        @DisplayName("is refused in GUEST, and for a cache that ends with its memory file or shared memory")
        void refused() {
            PagedFile file = new PagedFile(fixture, 4);
            cpu.enterGuest();
            assertTrue(refusal(file.cache::close).startsWith("the closing of a page cache was called while cpu "));
            cpu.leaveGuest();
            MemoryFile memory = fixture.file(1);
            String ends = "page cache is that of a file in memory or of shared memory, and ends with it";
            assertEquals(ends, refusal(Objects.requireNonNull(memory.open().pageCache())::close));
            long shared = fixture.map(0, 1, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
            fixture.store(shared, 1);
            assertEquals(ends, refusal(cacheOf(shared)::close));
            assertEquals(1, fixture.load(shared));
            memory.close();
        }

        private PageCache cacheOf(long address) {
            Vma vma = Objects.requireNonNull(space.find(address));
            return Objects.requireNonNull(Objects.requireNonNull(vma.backing()).pageCache());
        }

        @Test
        @DisplayName("does not come with the last munmap: as long as the file is reachable, its pages stay")
        void lastMunmap() {
            PagedFile file = new PagedFile(fixture, 4);
            long at = fixture.map(0, 4, READ, Mman.SHARED, file, 0);
            readable(at);
            assertEquals(0, space.munmap(at, 4 * PAGE));
            collectThrice();
            assertEquals(1, fixture.frames());
            at = fixture.map(0, 4, READ, Mman.SHARED, file, 0);
            assertEquals(PagedFile.STAMP, fixture.load(at));
            assertEquals(1, file.reads.get());
            file.cache.close();
        }

        private void collect() {
            System.gc();
            try {
                fixture.machine.awaitQuiescence();
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
        }

        private void collectThrice() {
            for (int round = 0; round < 3; round++) {
                collect();
            }
        }

        /** Collects garbage until only a number of frames are in use. */
        private void collectUntilFrames(int frames, String left) {
            Await.until("frames in use are " + left, () -> {
                collect();
                return fixture.frames() <= frames;
            });
            assertEquals(frames, fixture.frames(), left);
        }

        @Test
        @DisplayName("comes by itself once it is unreachable and mapped nowhere, for files in memory too")
        void unreachable() {
            long kept = fixture.map(0, 1, READ, Mman.SHARED, new PagedFile(fixture, 1), 0);
            assertEquals(PagedFile.STAMP, readable(kept));
            List<Long> mapped = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                mapped.add(dropped(i % 2 == 0));
            }
            assertEquals(1 + 8 * 4, fixture.frames());
            collectThrice();
            assertEquals(1 + 8 * 4, fixture.frames(), "they are mapped");
            mapped.forEach(at -> assertEquals(0, space.munmap(at, 4 * PAGE)));
            fixture.store(fixture.anonymous(1), 1);
            // A CPU remembers the file of its last fault until it switches to another space.
            cpu.switchTo(null);
            cpu.switchTo(space);
            collectUntilFrames(2, "the page that is still mapped, and one of no file");
            assertEquals(PagedFile.STAMP, fixture.load(kept));
            assertEquals(0, space.munmap(kept, PAGE));
            cpu.switchTo(null);
            collectUntilFrames(1, "the page of no file");
        }

        @Test
        @DisplayName("comes by a later reclaim if it could not be handed to a thread")
        void notHandedOn() {
            assertEquals(0, space.munmap(dropped(false), 4 * PAGE));
            fixture.store(fixture.anonymous(1), 1);
            cpu.switchTo(null);
            cpu.switchTo(space);
            PageCaches caches = MachineInternals.layoutOf(space).memory().caches;
            Await.until("the cache is garbage", () -> {
                System.gc();
                return isRefused(caches);
            });
            assertEquals(5, fixture.frames());
            assertEquals(4, caches.reclaim());
            assertEquals(1, fixture.frames());
        }

        /** Returns whether an unreachable cache was handed to an executor that has no stack left. */
        private static boolean isRefused(PageCaches caches) {
            try {
                caches.endUnreachable(task -> {
                    throw new StackOverflowError("refused");
                });
                return false;
            } catch (StackOverflowError refused) {
                return true;
            }
        }

        private long dropped(boolean isInMemory) {
            long at = isInMemory
                    ? fixture.map(0, 4, READ, Mman.SHARED, fixture.file(4).open(), 0)
                    : fixture.map(0, 4, READ, Mman.SHARED, new PagedFile(fixture, 4), 0);
            for (int page = 0; page < 4; page++) {
                readable(at + page * PAGE);
            }
            return at;
        }
    }

    /** A page of a shared object that is created while the object's last mapping is removed. */
    @Nested
    class LateSharedPages {
        private static final Geometry LINUX = Geometry.LINUX_X86_64;
        private static final long PAGE = LINUX.pageSize();
        private static final int RW = Mman.READ | Mman.WRITE;

        private final AtomicReference<@Nullable HookedFrames> store = new AtomicReference<>();
        private final Machine machine = Machine.builder()
                .memory(PAGE)
                .frameStore((shift, count) -> {
                    HookedFrames made = new HookedFrames(shift, count);
                    store.set(made);
                    return made;
                })
                .build();
        private final AddressSpace space = machine.newSpace(LINUX);

        private long mapShared() {
            return space.mmap(0, PAGE, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        }

        private int store(long address) {
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                return cpu.memory().store(address, 8, 1);
            }
        }

        /**
         * Makes a fault of another thread wait where it fills a frame for the object, and unmaps the object
         * concurrently.
         */
        private int unmapBesideAFault(long address) throws InterruptedException {
            HookedFrames.Hold hold = Objects.requireNonNull(store.get()).holdNextFill();
            AtomicInteger result = new AtomicInteger();
            Thread late = new Thread(() -> result.set(store(address)), "late");
            late.setDaemon(true);
            late.start();
            hold.reached.await();
            // No page is mapped, so neither the unmapping nor the end of the content waits for the fault.
            assertEquals(0, space.munmap(address, PAGE));
            machine.awaitQuiescence();
            hold.released.countDown();
            late.join();
            machine.awaitQuiescence();
            return result.get();
        }

        @Test
        @DisplayName(
                "I8: a fault that makes a page of a shared object, which is unmapped meanwhile, leaves no frame in it")
        void late() throws InterruptedException {
            // The only frame was written to, so it is filled with zeros before it is reused.
            long before = mapShared();
            assertEquals(Fault.NONE, store(before));
            assertEquals(0, space.munmap(before, PAGE));
            machine.awaitQuiescence();
            assertEquals(0, machine.statistics().framesInUse());
            assertEquals(Fault.MAPERR, unmapBesideAFault(mapShared()));
            assertEquals(0, machine.statistics().framesInUse());
            assertEquals(Fault.NONE, store(mapShared()));
        }

        @Test
        @DisplayName("I8: nor does one that has to reclaim a frame first, and is in no reader section then")
        void lateAfterAReclaim() throws InterruptedException {
            PageCache cache = machine.newPageCache(LINUX, PAGE);
            CachedBacking file = new CachedBacking("/f", cache) {
                @Override
                protected boolean read(long page, int frame, FrameStore of) {
                    return true;
                }
            };
            long read = space.mmap(0, PAGE, Mman.READ, Mman.SHARED, file, 0);
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                assertEquals(Fault.NONE, cpu.memory().load(read, 8));
            }
            assertEquals(0, space.munmap(read, PAGE));
            assertEquals(Fault.MAPERR, unmapBesideAFault(mapShared()));
            assertEquals(-1, cache.frameAt(0), "it was reclaimed");
            assertEquals(0, machine.statistics().framesInUse());
            assertEquals(Fault.NONE, store(mapShared()));
        }
    }

    /**
     * The heap of shared anonymous mappings of one page: the objects reachable from a space, with their sizes under
     * compressed references. The machine is unchecked, because the records of a checked machine take heap, too.
     */
    @DisplayName("A shared anonymous mapping of one page")
    @Nested
    final class SharedMappings {
        private static final int SHARED = Mman.SHARED | Mman.ANONYMOUS | Mman.FIXED;
        private static final long AT = 0x20_1000;
        private static final int COUNT = 100;

        private final Machine machine =
                Machine.builder().memory(1 << 22).checked(false).build();
        private final AddressSpace space = machine.newSpace(GEOMETRY);

        @AfterEach
        void close() {
            space.close();
            machine.close();
        }

        private void map(int flags) {
            for (int i = 0; i < COUNT; i++) {
                long at = AT + 2L * i * PAGE;
                assertEquals(at, space.mmap(at, PAGE, RW, flags, null, 0));
            }
        }

        private long perMapping(long before) {
            return (bytes(ReachableObjects.from(space)) - before) / COUNT;
        }

        private static long bytes(Set<Object> objects) {
            return objects.stream().mapToLong(SharedMappings::bytes).sum();
        }

        private static long bytes(Object object) {
            Class<?> type = object.getClass();
            if (type.isArray()) {
                return aligned(16 + Array.getLength(object) * bytes(type.getComponentType()));
            }
            long size = 12;
            for (Class<?> of = type; of != null; of = of.getSuperclass()) {
                for (Field field : of.getDeclaredFields()) {
                    if (!Modifier.isStatic(field.getModifiers())) {
                        size += bytes(field.getType());
                    }
                }
            }
            return aligned(size);
        }

        private static long bytes(Class<?> type) {
            return !type.isPrimitive() || type == int.class || type == float.class
                    ? 4
                    : type == long.class || type == double.class
                            ? 8
                            : type == short.class || type == char.class ? 2 : 1;
        }

        private static long aligned(long size) {
            return (size + 7) & -8;
        }

        @Test
        @DisplayName("takes at most 600 bytes")
        void untouched() {
            long before = bytes(ReachableObjects.from(space));
            map(SHARED);
            long bytes = perMapping(before);
            assertTrue(bytes > 300 && bytes <= 600, () -> bytes + " bytes");
        }

        @Test
        @DisplayName("takes at most 1,104 bytes once its page was used")
        void touched() {
            // Creates the page tables, and what the thread needs for a fault.
            assertEquals(AT - PAGE, space.mmap(AT - PAGE, PAGE, RW, SHARED | Mman.POPULATE, null, 0));
            long before = bytes(ReachableObjects.from(space));
            map(SHARED | Mman.POPULATE);
            assertEquals(COUNT + 1, machine.statistics().framesInUse());
            long bytes = perMapping(before);
            assertTrue(bytes > 600 && bytes <= 1104, () -> bytes + " bytes");
        }

        @Test
        @DisplayName("leaves nothing after it is unmapped, and after the space is closed")
        void closed() throws InterruptedException {
            map(SHARED);
            assertEquals(0, space.madvise(AT, PAGE, Mman.POPULATE_WRITE));
            assertEquals(COUNT, counted().get("FilePages"));
            assertEquals(0, space.munmap(AT, COUNT * PAGE));
            machine.awaitQuiescence();
            assertEquals(COUNT / 2, counted().get("FilePages"));
            space.close();
            machine.awaitQuiescence();
            assertEquals(Map.of(), counted());
            assertEquals(0, machine.statistics().framesInUse());
        }

        /**
         * Returns the number of objects of files and VMAs that are reachable from the machine and the space, by class.
         */
        private Map<String, Integer> counted() {
            Map<String, Integer> counts = new TreeMap<>();
            List<String> packages = List.of(FilePages.class.getPackageName(), VmArea.class.getPackageName());
            for (Object object : ReachableObjects.from(machine, space)) {
                // The machine counts the pages of its host files, of which there are none.
                if (packages.contains(object.getClass().getPackageName())
                        && !(object instanceof Eviction.CachedBytes)) {
                    counts.merge(object.getClass().getSimpleName(), 1, Integer::sum);
                }
            }
            return counts;
        }
    }

    /** Finds frames by page numbers. */
    @Nested
    final class Index {
        private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

        /** The last page of the largest file with the smallest pages. */
        private static final long LAST = Long.MAX_VALUE >>> 9;

        private final IndexBudget budget = SmallMemory.unlimited();
        private final PageIndex index = new PageIndex(Long.MAX_VALUE, budget);

        @Test
        @DisplayName("it has the pages that were put and not removed: at the start, at edges of levels and at the end")
        void againstAModel() {
            System.out.println("FilePagesTest.Index: -Dsamara.seed=" + SEED);
            Random random = new Random(SEED);
            TreeMap<Long, Integer> model = new TreeMap<>();
            for (int step = 0; step < 5000; step++) {
                long page = place(random);
                if (random.nextInt(4) < 3) {
                    index.put(page, step);
                    model.put(page, step);
                } else {
                    long last = random.nextInt(10) == 0 ? Long.MAX_VALUE : page + random.nextInt(2000);
                    List<Integer> gone = new ArrayList<>();
                    removeAll(page, last, gone::add);
                    var range = model.subMap(page, true, last, true);
                    assertEquals(new ArrayList<>(range.values()), gone, () -> "in order; -Dsamara.seed=" + SEED);
                    range.clear();
                }
                assertEquals(index.bytes(), budget.used(), () -> "charged; -Dsamara.seed=" + SEED);
                long asked = random.nextBoolean() && !model.isEmpty() ? model.firstKey() : place(random);
                assertEquals(model.getOrDefault(asked, Frames.NONE), index.get(asked), () -> "-Dsamara.seed=" + SEED);
                int most = random.nextInt(2000);
                Long next = model.ceilingKey(asked);
                long absent = next == null ? most : Math.min(most, next - asked);
                assertEquals(absent, index.absent(asked, most), () -> "-Dsamara.seed=" + SEED);
            }
            model.forEach((page, frame) -> assertEquals(frame, index.get(page)));
            assertReadTogether(model, random);
            removeAll(0, Long.MAX_VALUE, frame -> assertTrue(model.containsValue(frame)));
            model.keySet().forEach(page -> assertEquals(Frames.NONE, index.get(page)));
            assertEquals(0, budget.used());
        }

        @Test
        @DisplayName("all nodes are charged if there are several; a cleared page keeps its nodes until they are pruned")
        void charged() {
            index.put(511, 1);
            assertEquals(0, budget.used(), "the first leaf");
            index.put(512, 2);
            long two = budget.used();
            assertEquals(2 * 512 * Integer.BYTES + 512 * Long.BYTES, two);
            index.clear(512);
            assertEquals(two, budget.used());
            index.prune(512, 512);
            assertEquals(0, budget.used());
            index.put(LAST, 3);
            assertEquals(index.bytes(), budget.used());
            index.removeIf(0, 511, frame -> true);
            assertEquals(index.bytes(), budget.used());
            index.removeIf(0, LAST, frame -> true);
            assertEquals(0, budget.used());
        }

        /** Looks up present and absent pages together, in ascending order, some of them twice. */
        private void assertReadTogether(Map<Long, Integer> model, Random random) {
            List<Long> asked = new ArrayList<>(model.keySet());
            for (int i = 0; i < 1000; i++) {
                asked.add(place(random));
            }
            long[] pages = asked.stream().mapToLong(Long::longValue).sorted().toArray();
            int[] frames = new int[pages.length];
            index.get(pages, pages.length, frames);
            for (int i = 0; i < pages.length; i++) {
                int frame = frames[i];
                long page = pages[i];
                assertEquals(model.getOrDefault(page, Frames.NONE), frame, () -> page + "; -Dsamara.seed=" + SEED);
            }
        }

        /** Removes a range as a removal does: lists the frames before it removes them. */
        private void removeAll(long first, long last, IntConsumer consumer) {
            List<Integer> listed = new ArrayList<>();
            index.forEach(first, last, listed::add);
            List<Integer> gone = new ArrayList<>();
            index.removeIf(first, last, gone::add);
            assertEquals(gone, listed);
            gone.forEach(consumer::accept);
        }

        private static long place(Random random) {
            int level = random.nextInt(7);
            long edge = level == 6 ? LAST - 600 : 1L << (9 * level);
            return Math.max(0, Math.min(LAST, edge + random.nextInt(1200) - 600));
        }

        @Test
        @DisplayName("a node goes with its last page, and so do the levels that no page needs any more")
        void givesNodesBack() {
            assertEquals(1, index.nodes());
            for (int leaf = 0; leaf < 600; leaf++) {
                index.put(leaf * 512L, leaf);
            }
            assertEquals(600 + 2 + 1, index.nodes(), "leaves, their parents, and the top");
            removeAll(512, 10 * 512, frame -> assertTrue(frame >= 1 && frame <= 10));
            assertEquals(590 + 2 + 1, index.nodes(), "a hole");
            removeAll(20 * 512 + 1, 21 * 512 - 1, frame -> assertEquals(Frames.NONE, frame));
            assertEquals(590 + 2 + 1, index.nodes(), "nothing was taken out");
            removeAll(512 * 512, Long.MAX_VALUE, frame -> assertTrue(frame >= 512));
            assertEquals(502 + 1, index.nodes(), "one level less");
            assertEquals(511, index.get(511 * 512));
            removeAll(1, Long.MAX_VALUE, frame -> assertTrue(frame > 0));
            assertEquals(1, index.nodes(), "one leaf");
            assertEquals(0, index.get(0));
            index.put(LAST, 9);
            assertEquals(0, index.get(0));
            removeAll(0, 0, frame -> assertEquals(0, frame));
            assertEquals(9, index.get(LAST));
            removeAll(0, Long.MAX_VALUE, frame -> assertEquals(9, frame));
            assertEquals(1, index.nodes(), "as new");
            assertEquals(Frames.NONE, index.get(LAST));
            assertEquals(Frames.NONE, index.get(Long.MAX_VALUE));
        }

        @Test
        @DisplayName("a page that is cleared leaves its node, which goes with the next pruning if it is empty")
        void clearedAndPruned() {
            index.put(0, 1);
            index.put(512, 2);
            index.put(1024, 3);
            int nodes = index.nodes();
            index.clear(512);
            index.clear(1024);
            index.clear(LAST);
            assertEquals(Frames.NONE, index.get(512));
            assertEquals(nodes, index.nodes());
            index.put(512, 2);
            index.prune(512, 1024);
            assertEquals(2, index.get(512));
            assertEquals(nodes - 1, index.nodes());
            index.clear(512);
            index.prune(512, 512);
            assertEquals(1, index.nodes());
            assertEquals(1, index.get(0));
        }

        @Test
        @DisplayName("collects pages in ascending order, from any page and as many as there is room for")
        void collected() {
            List<Long> in = List.of(0L, 3L, 511L, 512L, 600L, 1023L, 512L * 512, (1L << 36) + 5, LAST);
            for (int i = 0; i < in.size(); i++) {
                index.put(in.get(i), i);
            }
            for (long from : new long[] {0, 1, 3, 4, 512, 513, 1024, 1L << 27, (1L << 36) + 6, LAST, Long.MAX_VALUE}) {
                for (int room = 1; room <= in.size() + 1; room++) {
                    long[] pages = new long[room];
                    int[] frames = new int[room];
                    int count = index.collect(from, pages, frames, 0, pages.length);
                    List<Long> expected =
                            in.stream().filter(page -> page >= from).limit(room).toList();
                    assertEquals(expected.size(), count);
                    for (int i = 0; i < count; i++) {
                        assertEquals(expected.get(i), pages[i]);
                        assertEquals(in.indexOf(pages[i]), frames[i]);
                    }
                }
            }
        }

        @Test
        @DisplayName("pages that a choice refuses stay, and so do their nodes")
        void chosen() {
            for (int page = 0; page < 3 * 512; page++) {
                index.put(page, page);
            }
            index.removeIf(1, 3 * 512 - 2, frame -> frame / 512 == 1 || frame % 2 == 1);
            for (int page = 0; page < 3 * 512; page++) {
                boolean stays = page == 3 * 512 - 1 || (page / 512 != 1 && page % 2 == 0);
                assertEquals(stays ? page : Frames.NONE, index.get(page));
            }
            assertEquals(3, index.nodes());
        }

        @Test
        @DisplayName(
                "lookups beside nodes that come and go find each page that stays, and never the frame of another page")
        void besideNodesThatGo() throws InterruptedException {
            index.put(3, 3);
            AtomicBoolean stop = new AtomicBoolean();
            AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
            Thread reader = new Thread(() -> {
                try {
                    int[] together = new int[4];
                    while (!stop.get()) {
                        assertEquals(3, index.get(3));
                        index.get(0, 4, together);
                        assertEquals(3, together[3]);
                        for (long page : new long[] {600, 512 * 512, LAST}) {
                            int found = index.get(page);
                            assertTrue(found == Frames.NONE || found == (int) (page % 1000) + 1000);
                        }
                    }
                } catch (Throwable thrown) {
                    failure.set(thrown);
                }
            });
            reader.start();
            for (int round = 0; round < 3000; round++) {
                for (long page : new long[] {600, 512 * 512, LAST}) {
                    index.put(page, (int) (page % 1000) + 1000);
                    assertEquals((int) (page % 1000) + 1000, index.get(page));
                }
                removeAll(4 + 512L * 512 * (round % 2), Long.MAX_VALUE, frame -> assertTrue(frame >= 1000));
            }
            stop.set(true);
            reader.join();
            assertNull(failure.get());
        }

        @Test
        @DisplayName("a small file has a small leaf, which grows with the file and keeps its pages")
        void small() {
            PageIndex small = new PageIndex(3, SmallMemory.unlimited());
            int[] frames = new int[6];
            small.get(0, 6, frames);
            assertArrayEquals(new int[] {-1, -1, -1, -1, -1, -1}, frames);
            assertEquals(9, small.absent(0, 9));
            small.put(2, 12);
            assertEquals(2, small.absent(0, 9));
            assertEquals(600, small.absent(3, 600));
            assertEquals(Frames.NONE, small.get(0));
            assertEquals(12, small.get(2));
            assertEquals(Frames.NONE, small.get(3));
            small.get(1, 4, frames);
            assertArrayEquals(new int[] {-1, 12, -1, -1}, Arrays.copyOf(frames, 4));
            small.get(new long[] {1, 2, 3, 700}, 4, frames);
            assertArrayEquals(new int[] {-1, 12, -1, -1}, Arrays.copyOf(frames, 4));
            small.put(5, 15);
            assertEquals(12, small.get(2));
            assertEquals(15, small.get(5));
            small.put(512, 512);
            List<Integer> listed = new ArrayList<>();
            small.forEach(0, Long.MAX_VALUE, listed::add);
            assertEquals(List.of(12, 15, 512), listed);
            assertEquals(3, small.nodes());
            small.removeIf(0, Long.MAX_VALUE, frame -> true);
            assertEquals(1, small.nodes());
            small.put(0, 10);
            assertEquals(1, small.collect(0, new long[3], frames, 0, 3));
            assertEquals(10, frames[0]);
        }
    }

    /** Finds the VMAs that map the pages of a file. */
    @Nested
    final class Mappings {
        private static final long SEED = Long.getLong("samara.seed", System.nanoTime());
        private static final long RW = VmaFlags.READ | VmaFlags.WRITE;

        private final PageTable table = new PageTable(Geometry.LINUX_X86_64);
        private final OpenFile file = OpenFile.named("/f").open();
        private final ReverseMap map = new ReverseMap(vma -> {});

        private VmArea vma(long page, long pages) {
            return VmArea.describe(0x10_0000, 0x10_0000 + (pages << 12), RW, page, file, null, null);
        }

        private List<VmArea> visited(long first, long last) {
            List<VmArea> found = new ArrayList<>();
            map.visit(first, last, link -> found.add(link.vma));
            return found;
        }

        private Set<VmArea> found(long first, long last) {
            List<VmArea> found = visited(first, last);
            Set<VmArea> once = new HashSet<>(found);
            assertEquals(found.size(), once.size(), "each once");
            return once;
        }

        @Test
        @DisplayName("a lookup finds exactly the VMAs that map a page of the range, after any links and unlinks")
        void againstAModel() {
            System.out.println("FilePagesTest.Mappings: -Dsamara.seed=" + SEED);
            Random random = new Random(SEED);
            Map<VmArea, ReverseMap.Link> linked = new HashMap<>();
            for (int step = 0; step < 4000; step++) {
                if (random.nextInt(5) < 3 || linked.isEmpty()) {
                    VmArea vma = vma(random.nextInt(300), 1 + random.nextInt(random.nextBoolean() ? 4 : 200));
                    linked.put(vma, map.link(vma, table, true));
                } else {
                    List<VmArea> all = new ArrayList<>(linked.keySet());
                    VmArea vma = all.get(random.nextInt(all.size()));
                    map.unlink(linked.remove(vma));
                }
                long first = random.nextInt(320);
                long last = first + random.nextInt(40);
                Set<VmArea> expected = linked.keySet().stream()
                        .filter(vma -> vma.pageOffset() <= last && first < vma.pageOffset() + (vma.length() >>> 12))
                        .collect(Collectors.toSet());
                assertEquals(expected, found(first, last), () -> "-Dsamara.seed=" + SEED);
            }
            linked.values().forEach(map::unlink);
            assertTrue(map.isEmpty());
            assertEquals(Set.of(), found(0, Long.MAX_VALUE));
        }

        @Test
        @DisplayName("page numbers are unsigned: the largest is found, and a VMA across the middle")
        void unsigned() {
            VmArea last = vma(-1, 1);
            VmArea middle = vma(Long.MAX_VALUE, 2);
            VmArea zero = vma(0, 1);
            map.link(last, table, true);
            map.link(middle, table, true);
            map.link(zero, table, true);
            assertEquals(Set.of(last), found(-1, -1));
            assertEquals(Set.of(middle), found(Long.MIN_VALUE, Long.MIN_VALUE));
            assertEquals(Set.of(middle), found(Long.MAX_VALUE, Long.MAX_VALUE));
            assertEquals(Set.of(zero), found(0, 0));
            assertEquals(Set.of(zero, middle, last), found(0, -1));
        }

        @Test
        @DisplayName("W22: of 20,000 VMAs of one file, a lookup of one page visits the two that map it")
        void manySplits() {
            List<VmArea> own = new ArrayList<>();
            VmArea whole = vma(0, 20_000);
            map.link(whole, table, true);
            for (int page = 0; page < 20_000; page++) {
                VmArea split = vma(page, 1);
                own.add(split);
                map.link(split, table, true);
            }
            for (int page = 0; page < 20_000; page += 617) {
                assertEquals(Set.of(whole, own.get(page)), found(page, page));
            }
            assertEquals(20_001, visited(0, 19_999).size());
        }

        @Test
        @DisplayName("a second unlink is refused")
        void unlinkedTwice() {
            ReverseMap.Link link = map.link(vma(3, 2), table, true);
            map.unlink(link);
            assertThrows(IllegalStateException.class, () -> map.unlink(link));
            assertEquals(Set.of(), found(0, 100));
        }

        @Test
        @DisplayName(
                "P7: a VMA that takes another's place beside a lookup is not missed, also where the lookup has passed")
        void replacedInFrontOfALookup() {
            VmArea first = vma(0, 1);
            VmArea replaced = vma(8, 4);
            VmArea successor = vma(9, 1);
            map.link(first, table, true);
            VmArea second = vma(16, 1);
            map.link(second, table, true);
            ReverseMap.Link old = map.link(replaced, table, true);
            Set<VmArea> seen = new HashSet<>();
            map.visit(0, 100, link -> {
                VmArea vma = link.vma;
                if (vma == second) {
                    map.link(successor, table, true);
                    map.unlink(old);
                }
                seen.add(link.vma);
            });
            assertTrue(seen.contains(replaced) || seen.contains(successor), seen::toString);
            assertEquals(Set.of(first, second, successor), found(0, 100));
        }

        @Test
        @DisplayName("I8: a VMA that is unlinked in two lookups that overlap leaves the map with the last of them")
        void unlinkedInOverlappingLookups() {
            ReverseMap.Link first = map.link(vma(0, 1), table, true);
            ReverseMap.Link second = map.link(vma(1, 1), table, true);
            ReverseMap.Link third = map.link(vma(2, 1), table, true);
            map.visit(0, 0, outer -> {
                map.unlink(first);
                map.visit(0, 1, inner -> {
                    // The inner lookup finds two links.
                    if (inner == second) {
                        map.unlink(second);
                    }
                });
                assertEquals(3, map.size(), "the outer lookup is under way");
                map.unlink(third);
            });
            assertEquals(0, map.size());
            assertTrue(map.isEmpty());
        }
    }

    @ExtendWith(OneThread.class)
    @DisplayName("A write-back")
    @Nested
    final class WriteBacks extends ReclaimFixture {
        private static final int PAGE_BYTES = (int) PAGE;
        private static final int PAGES = 16;

        private final ByteBuffer buffer = ByteBuffer.allocateDirect(8 * PAGE_BYTES);

        /** The saved bytes of a file, and the runs that were written. */
        private final ByteBuffer saved = ByteBuffer.allocate(PAGES * PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);

        private final List<String> runs = new ArrayList<>();

        private long save(long offset, ByteBuffer bytes) {
            runs.add(offset + "+" + bytes.remaining());
            saved.position((int) offset).put(bytes);
            return 0;
        }

        private long writeBack(PagedFile file) {
            return pages(file).writeBack(0, Long.MAX_VALUE, true, buffer, this::save);
        }

        private static FilePages pages(PagedFile file) {
            return (FilePages) file.cache;
        }

        private long map(PagedFile file) {
            return fixture.map(0, PAGES, RW, Mman.SHARED, file, 0);
        }

        @Test
        @DisplayName("writes each page once that was written since the last one")
        void writtenPages() {
            PagedFile file = file(PAGES);
            long at = map(file);
            for (long page = 0; page < 3; page++) {
                fixture.store(at + page * PAGE + 8, page + 1);
            }
            fixture.load(at + 4 * PAGE);
            fixture.store(at + 10 * PAGE, 11);
            assertEquals(0, writeBack(file));
            assertEquals(List.of("0+" + 3 * PAGE, 10 * PAGE + "+" + PAGE), runs);
            assertEquals(2, saved.getLong(PAGE_BYTES + 8));
            assertEquals(PagedFile.STAMP + 1, saved.getLong(PAGE_BYTES));
            assertEquals(11, saved.getLong(10 * PAGE_BYTES));
            runs.clear();
            assertEquals(0, writeBack(file));
            assertEquals(List.of(), runs);
            fixture.store(at + PAGE, 7);
            assertEquals(8, file.cache.pwrite(new byte[8], 0, 8, 4 * PAGE));
            assertEquals(0, writeBack(file));
            assertEquals(List.of(PAGE + "+" + PAGE, 4 * PAGE + "+" + PAGE), runs);
            assertEquals(7, saved.getLong(PAGE_BYTES));
        }

        @Test
        @DisplayName("of a range writes no other page")
        void range() {
            PagedFile file = file(PAGES);
            long at = map(file);
            for (long page = 0; page < PAGES; page++) {
                fixture.store(at + page * PAGE, page);
            }
            assertEquals(0, pages(file).writeBack(3, 12, true, buffer, this::save));
            assertEquals(List.of(3 * PAGE + "+" + 8 * PAGE, 11 * PAGE + "+" + 2 * PAGE), runs);
            assertThrows(
                    IllegalArgumentException.class,
                    () -> pages(file).writeBack(0, 3, true, buffer, (offset, bytes) -> {
                        throw new IllegalArgumentException("a writer");
                    }));
            runs.clear();
            assertEquals(0, writeBack(file));
            assertEquals(
                    List.of("0+" + 3 * PAGE, 13 * PAGE + "+" + 3 * PAGE), runs, "nothing is lost by the exception");
        }

        @Test
        @DisplayName("writes what it has copied, and no byte more, though the file grows before the write")
        void growthMeanwhile() {
            PagedFile file = file(PAGES);
            file.cache.truncate(2 * PAGE + 100);
            long at = map(file);
            fixture.store(at, 1);
            fixture.store(at + 2 * PAGE + 8, 1);
            assertEquals(0, pages(file).writeBack(0, Long.MAX_VALUE, true, buffer, (offset, bytes) -> {
                file.cache.truncate(PAGES * PAGE);
                return save(offset, bytes);
            }));
            assertEquals(List.of("0+" + PAGE, 2 * PAGE + "+100"), runs);
        }

        @Test
        @DisplayName("sees a store that comes while the page is written: the page is dirty again")
        void storeMeanwhile() {
            PagedFile file = file(PAGES);
            long at = map(file);
            fixture.store(at, 1);
            fixture.store(at + PAGE, 1);
            assertEquals(0, pages(file).writeBack(0, 1, true, buffer, (offset, bytes) -> {
                fixture.store(at, 2);
                assertEquals(8, file.cache.pwrite(new byte[] {3, 0, 0, 0, 0, 0, 0, 0}, 0, 8, PAGE));
                return save(offset, bytes);
            }));
            assertEquals(1, saved.getLong(0));
            assertEquals(1, saved.getLong(PAGE_BYTES));
            assertEquals(0, writeBack(file));
            assertEquals(2, saved.getLong(0));
            assertEquals(3, saved.getLong(PAGE_BYTES));
        }

        @Test
        @DisplayName("that meets a page with the most pins that there can be writes the others, and fails")
        void pins() {
            PagedFile file = file(PAGES);
            long at = map(file);
            fixture.store(at, 1);
            fixture.store(at + PAGE, 2);
            int frame = file.cache.frameAt(0);
            Frames frames = pages(file).memory.frames;
            int pins = 0;
            while (frames.pin(frame)) {
                pins++;
            }
            assertResult(Errno.EAGAIN, writeBack(file));
            assertEquals(List.of(PAGE + "+" + PAGE), runs);
            while (pins-- > 0) {
                frames.unpin(frame);
            }
            assertEquals(0, writeBack(file));
            assertEquals(1, saved.getLong(0));
        }

        @Test
        @DisplayName("that fails leaves the page dirty: it is not reclaimed, and written by the next one")
        void failure() {
            PagedFile file = file(PAGES);
            long at = map(file);
            fixture.store(at, 1);
            fixture.store(at + 9 * PAGE, 10);
            assertEquals(0, space.munmap(at, PAGES * PAGE));
            assertResult(Errno.ENOSPC, pages(file).writeBack(0, Long.MAX_VALUE, true, buffer, (offset, bytes) -> {
                fillAgain();
                return offset == 0 ? Errno.ENOSPC.result() : save(offset, bytes);
            }));
            assertEquals(List.of(9 * PAGE + "+" + PAGE), runs);
            int reads = file.reads.get();
            fixture.store(fixture.anonymous(1), 1);
            assertEquals(0, writeBack(file));
            assertEquals(1, saved.getLong(0));
            assertEquals(reads, file.reads.get());
        }

        @Test
        @DisplayName("finds what was written through mappings that are gone, narrower or elsewhere")
        void changedMappings() {
            PagedFile file = file(PAGES);
            long at = map(file);
            for (long page = 0; page < 4; page++) {
                fixture.store(at + page * PAGE, page + 1);
            }
            assertEquals(0, space.munmap(at, PAGE));
            assertEquals(0, space.mprotect(at + PAGE, PAGE, SpaceFixture.READ));
            long to = fixture.anonymous(1);
            assertEquals(to, space.mremap(at + 2 * PAGE, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, to));
            assertEquals(0, space.madvise(at + 3 * PAGE, PAGE, Mman.DONTNEED));
            assertEquals(0, writeBack(file));
            assertEquals(List.of("0+" + 4 * PAGE), runs);
            for (int page = 0; page < 4; page++) {
                assertEquals(page + 1, saved.getLong(page * PAGE_BYTES));
            }
        }

        @Test
        @DisplayName("takes nothing from a collection of written pages, nor does a collection from it")
        void collections() {
            PagedFile file = file(PAGES);
            long at = map(file);
            fixture.store(at, 1);
            assertEquals(0, writeBack(file));
            List<Long> pages = new ArrayList<>();
            assertEquals(1, space.collectDirty(at, PAGES * PAGE, pages::add));
            assertEquals(0, space.collectDirty(at, PAGES * PAGE, pages::add));
            assertEquals(List.of(at), pages);
            fixture.store(at, 2);
            assertEquals(1, space.collectDirty(at, PAGES * PAGE, pages::add));
            assertEquals(0, writeBack(file));
            assertEquals(2, saved.getLong(0));
            assertEquals(0, space.collectDirty(at, PAGES * PAGE, pages::add));
        }

        @Test
        @DisplayName("writes a page that is pinned for writing each time, until the pin is released")
        void pinned() {
            PagedFile file = file(PAGES);
            long at = map(file);
            try (PinnedFrame pin = fixture.pin(at, WRITE)) {
                assertEquals(0, writeBack(file));
                SpaceFixture.write(pin, 5);
                assertEquals(0, writeBack(file));
                assertEquals(5, saved.getLong(0));
                SpaceFixture.write(pin, 6);
            }
            assertEquals(0, writeBack(file));
            assertEquals(6, saved.getLong(0));
            runs.clear();
            assertEquals(0, writeBack(file));
            assertEquals(List.of(), runs);
        }
    }
}
