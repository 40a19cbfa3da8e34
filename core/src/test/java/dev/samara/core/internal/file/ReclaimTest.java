// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.Pte;
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
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Reclaims:")
final class ReclaimTest {
    @DisplayName("Before memory is used up")
    @Nested
    final class Files extends ReclaimFixture {
        @Test
        @DisplayName("pages of files that can be read again are reclaimed, from many files, reachable or not")
        void manyFiles() {
            List<PagedFile> files = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                files.add(file(16));
                long at = read(files.get(i), 16, READ, i % 2 == 0 ? Mman.PRIVATE : Mman.SHARED);
                assertEquals(0, space.munmap(at, 16 * PAGE));
            }
            for (PagedFile file : files) {
                assertEquals(0, space.munmap(read(file, 16, READ, Mman.SHARED), 16 * PAGE));
            }
        }

        @Test
        @DisplayName("each kind of access that needs a frame begins anew when there is one")
        void kindsOfFaults() {
            long anonymous = fixture.anonymous(2);
            PagedFile file = file(2);
            long copied = read(file, 1, RW, Mman.PRIVATE);
            fixture.store(anonymous, 1);
            MemoryFile memory = fixture.file(1);
            long shared = fixture.map(0, 2, RW, Mman.SHARED, memory.open(), 0);
            memory.truncate(2 * PAGE);
            AddressSpace child = space.fork();
            fill();
            fixture.store(anonymous, 2);
            fillAgain();
            fixture.store(anonymous + PAGE, 3);
            fillAgain();
            fixture.store(copied, 4);
            fillAgain();
            fixture.store(shared + PAGE, 5);
            fillAgain();
            assertEquals(8, memory.pwrite(new byte[8], 0, 8, 2 * PAGE));
            fillAgain();
            PageCache own = fixture.machine.newPageCache(GEOMETRY, PAGE);
            int frame = own.allocate();
            assertTrue(frame > 0);
            own.free(frame);
            assertEquals(2, fixture.load(anonymous));
            child.close();
            memory.close();
        }

        @Test
        @DisplayName("no page is reclaimed that is mapped, dirty or pinned, or that cannot be read again")
        void whatStays() {
            MemoryFile memory = fixture.file(8);
            OwnBacking own = new OwnBacking(fixture.machine.newPageCache(GEOMETRY, 8 * PAGE));
            caches.add(own.cache);
            long ownAt = fixture.map(0, 8, READ, Mman.SHARED, own, 0);
            PagedFile dirty = file(8);
            long dirtyAt = fixture.map(0, 8, RW, Mman.SHARED, dirty, 0);
            PagedFile pinned = file(8);
            long pinnedAt = read(pinned, 8, RW, Mman.SHARED);
            PagedFile mapped = file(8);
            long mappedAt = read(mapped, 8, READ, Mman.PRIVATE);
            long shared = fixture.map(0, 8, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
            List<PinnedFrame> pins = new ArrayList<>();
            for (int page = 0; page < 8; page++) {
                assertTrue(cpu.memory().load(ownAt + page * PAGE, 8) == Fault.NONE);
                assertTrue(cpu.memory().store(dirtyAt + page * PAGE, 8, 9 + page) == Fault.NONE);
                pins.add(fixture.pin(pinnedAt + page * PAGE, page < 4 ? READ : WRITE));
                fixture.store(shared + page * PAGE, page);
            }
            assertEquals(0, space.munmap(ownAt, 8 * PAGE));
            assertEquals(0, space.munmap(dirtyAt, 8 * PAGE));
            assertEquals(0, space.munmap(pinnedAt, 8 * PAGE));
            long rest = fixture.anonymous(FRAMES);
            int stored = 0;
            while (cpu.memory().store(rest + stored * PAGE, 8, 1) == Fault.NONE) {
                stored++;
            }
            assertEquals(FRAMES - 6 * 8, stored);
            assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(rest + stored * PAGE, 8, 1));
            long unread = fixture.map(0, 1, READ, Mman.PRIVATE, file(1), 0);
            assertFault(Fault.OUT_OF_MEMORY, cpu.memory().load(unread, 8));
            assertEquals(8, fixture.mapped(mappedAt, 8));
            byte[] number = new byte[8];
            assertEquals(8, memory.pread(number, 0, 8, 7 * PAGE));
            assertEquals(7, number[0]);
            pins.forEach(PinnedFrame::close);
            for (int more = 0; more < 4; more++) {
                assertFault(Fault.NONE, cpu.memory().store(rest + stored++ * PAGE, 8, 1));
            }
            assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(rest + stored * PAGE, 8, 1));
            assertEquals(0, space.munmap(mappedAt, 8 * PAGE));
            for (int more = 0; more < 8; more++) {
                assertFault(Fault.NONE, cpu.memory().store(rest + stored++ * PAGE, 8, 1));
            }
            assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(rest + stored * PAGE, 8, 1));
            assertEquals(0, space.munmap(rest, FRAMES * PAGE));
            dirtyAt = fixture.map(0, 8, RW, Mman.SHARED, dirty, 0);
            assertEquals(9 + 7, fixture.load(dirtyAt + 7 * PAGE), "the stored value is in no other page");
            assertEquals(7, fixture.load(shared + 7 * PAGE));
            assertEquals(0, own.asked - 8);
            memory.close();
        }

        /** A file whose pages cannot be read again, as far as the machine knows. */
        private static final class OwnBacking implements Backing {
            private final PageCache cache;
            private int asked;

            OwnBacking(PageCache cache) {
                this.cache = cache;
            }

            @Override
            public int fault(Backing.PageRequest request) {
                asked++;
                return cache.insert(request.page(), cache.allocate());
            }

            @Override
            public PageCache pageCache() {
                return cache;
            }

            @Override
            public int major() {
                return 0;
            }

            @Override
            public int minor() {
                return 1;
            }

            @Override
            public long inode() {
                return 3;
            }

            @Override
            public String name() {
                return "/own";
            }
        }

        @Test
        @DisplayName("pages that a mapping left out are reclaimed, and a shared one that may write keeps all")
        void besideMappings() {
            PagedFile file = file(FRAMES);
            long at = read(file, FRAMES, READ, Mman.PRIVATE);
            assertEquals(0, space.madvise(at, 32 * PAGE, Mman.DONTNEED));
            long anonymous = fixture.anonymous(FRAMES);
            for (int page = 0; page < 32; page++) {
                fixture.store(anonymous + page * PAGE, page);
            }
            assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(anonymous + 32 * PAGE, 8, 1));
            assertEquals(32, fixture.mapped(at, FRAMES));
            long writable = fixture.map(0, FRAMES, RW, Mman.SHARED, file, 0);
            assertEquals(0, space.munmap(at, FRAMES * PAGE));
            assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(anonymous + 32 * PAGE, 8, 1));
            assertEquals(0, space.munmap(writable, FRAMES * PAGE));
            fixture.store(anonymous + 32 * PAGE, 1);
        }

        @Test
        @DisplayName("one batch is reclaimed at a time, and the next one begins where it ended")
        void aBatchAtATime() {
            SpaceFixture large = new SpaceFixture(4 * PageCaches.BATCH);
            PagedFile file = new PagedFile(large, 4L * PageCaches.BATCH);
            long at = large.map(0, 4L * PageCaches.BATCH, READ, Mman.PRIVATE, file, 0);
            for (long page = 0; page < 4L * PageCaches.BATCH; page++) {
                assertTrue(large.cpu.memory().load(at + page * PAGE, 8) == Fault.NONE);
            }
            assertEquals(0, large.space.munmap(at, 4L * PageCaches.BATCH * PAGE));
            long anonymous = large.anonymous(2L * PageCaches.BATCH);
            for (int batch = 0; batch < 2; batch++) {
                for (long page = 0; page < PageCaches.BATCH; page++) {
                    large.store(anonymous + ((long) batch * PageCaches.BATCH + page) * PAGE, 1);
                    for (long left = 0; left < 4L * PageCaches.BATCH; left++) {
                        boolean isTaken = left < (batch + 1L) * PageCaches.BATCH;
                        assertEquals(isTaken, file.cache.frameAt(left) < 0, "page " + left);
                    }
                }
            }
            file.cache.close();
            large.closeEmpty();
        }

        @Test
        @DisplayName(
                "an access that would need more frames than there can be ends as OUT_OF_MEMORY, not in an endless loop")
        void tooFewFrames() {
            long anonymous = fixture.anonymous(FRAMES);
            for (long page = 0; page < FRAMES - 1; page++) {
                fixture.store(anonymous + page * PAGE, 1);
            }
            PagedFile file = file(1);
            long at = fixture.map(0, 1, RW, Mman.PRIVATE, file, 0);
            assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(at, 8, 1));
            assertTrue(file.reads.get() < 100, () -> file.reads + " reads");
            assertEquals(0, space.munmap(anonymous, PAGE));
            assertTrue(cpu.memory().store(at, 8, 1) == Fault.NONE);
        }

        @Test
        @DisplayName(
                "a pin that may have written keeps its page in memory, though no mapping had it when the pin ended")
        void writtenThroughAPin() {
            PagedFile file = file(1);
            long at = fixture.map(0, 1, RW, Mman.SHARED, file, 0);
            PinnedFrame pinned = fixture.pin(at, WRITE);
            assertEquals(0, space.munmap(at, PAGE));
            SpaceFixture.write(pinned, 99);
            pinned.close();
            long anonymous = fixture.anonymous(FRAMES);
            for (long page = 0; page < FRAMES - 1; page++) {
                fixture.store(anonymous + page * PAGE, 1);
            }
            assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(anonymous + (FRAMES - 1) * PAGE, 8, 1));
            assertEquals(99, file.cache.store().get(file.cache.frameAt(0), 0, 8));
        }
    }

    @DisplayName("Before memory is used up")
    @Nested
    final class BesideAccesses extends ReclaimFixture {
        @Test
        @DisplayName(
                "a thread that has another CPU in GUEST gets OUT_OF_MEMORY at once, since it must not wait for CPUs")
        void anotherCpuInGuest() {
            fill();
            long anonymous = fixture.anonymous(1);
            try (Cpu second = fixture.machine.claimCpu()) {
                second.switchTo(space);
                second.enterGuest();
                assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(anonymous, 8, 1));
                assertEquals(FRAMES, fixture.frames());
                second.leaveGuest();
                fixture.store(anonymous, 1);
            }
        }

        @Test
        @DisplayName("a file that stays locked does not keep a store waiting for ever: memory is used up")
        void lockedForLong() throws Exception {
            PagedFile file = fill();
            long at = fixture.map(0, 1, READ, Mman.SHARED, file, 0);
            long anonymous = fixture.anonymous(1);
            try (OtherCpu other = new OtherCpu(space)) {
                other.call(of -> {
                    of.enterGuest();
                    return of.memory().load(at, 8);
                });
                Thread truncating = new Thread(() -> file.cache.truncate(0));
                truncating.start();
                Await.until("the file is locked", () -> file.cache.frameAt(0) == -1, truncating);
                assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(anonymous, 8, 1));
                other.call(of -> {
                    of.leaveGuest();
                    return 0;
                });
                truncating.join();
                fixture.store(anonymous, 1);
            }
        }

        @Test
        @DisplayName(
                "a file in memory that another thread cuts is known to free pages soon, although none is reclaimed")
        void cutByAnother() throws Exception {
            MemoryFile file = fixture.file(1);
            Backing backing = file.open();
            long at = fixture.map(0, 1, RW, Mman.SHARED, backing, 0);
            fixture.store(at, 1);
            FilePages pages = (FilePages) Objects.requireNonNull(backing.pageCache());
            PageCaches caches = pages.memory.caches;
            assertEquals(0, caches.reclaim());
            try (OtherCpu other = new OtherCpu(space)) {
                other.call(of -> {
                    of.enterGuest();
                    return of.memory().load(at, 8);
                });
                Thread cutting = new Thread(() -> file.truncate(0));
                cutting.start();
                Await.until("the file is locked", () -> pages.frameAt(0) == -1, cutting);
                assertEquals(PageCaches.BUSY, caches.reclaim());
                other.call(of -> {
                    of.leaveGuest();
                    return 0;
                });
                cutting.join();
            }
            assertEquals(0, caches.reclaim());
            file.close();
        }

        @Test
        @DisplayName("a page that is being read while all others are reclaimed is in memory in the end")
        void beingRead() {
            PageCache cache = fixture.machine.newPageCache(GEOMETRY, 4 * PAGE);
            caches.add(cache);
            long anonymous = fixture.anonymous(1);
            CachedBacking file = new CachedBacking("/f", cache) {
                @Override
                protected boolean read(long page, int frame, FrameStore store) {
                    fillAgain();
                    fixture.machine.newPageCache(GEOMETRY, PAGE);
                    store.put(frame, 0, 8, 7);
                    return true;
                }
            };
            fixture.store(anonymous, 1);
            long at = fixture.map(0, 4, READ, Mman.SHARED, file, 0);
            assertTrue(cpu.memory().load(at, 8) == Fault.NONE);
            assertEquals(7, cpu.memory().value());
        }

        @Test
        @DisplayName("a backing whose answers are reclaimed again and again by other threads is not blamed")
        void reclaimedBeforeMapped() {
            long anonymous = fixture.anonymous(FRAMES);
            for (long page = 0; page < FRAMES - 1; page++) {
                fixture.store(anonymous + page * PAGE, 1);
            }
            int[] answers = {0};
            try (OtherCpu other = new OtherCpu(space)) {
                PagedFile file = new PagedFile(fixture, 1) {
                    @Override
                    public int fault(Backing.PageRequest request) {
                        int frame = super.fault(request);
                        if (answers[0]++ < 40) {
                            long last = anonymous + (FRAMES - 1) * PAGE;
                            assertFault(Fault.NONE, other.call(of -> of.memory().store(last, 8, 1)));
                            assertEquals(-1, cache.frameAt(0), "reclaimed before it could be mapped");
                            assertEquals(0, space.madvise(last, PAGE, Mman.DONTNEED));
                        }
                        return frame;
                    }
                };
                caches.add(file.cache);
                assertPage(fixture.map(0, 1, READ, Mman.PRIVATE, file, 0), 0);
            }
            assertEquals(41, answers[0]);
        }
    }

    @DisplayName("A batch of pages that may be reclaimed")
    @Nested
    final class Batches {
        private static final long PAGE = 4096;
        private static final long AT = 0x20_0000;

        private final MachineMemory memory = SmallMemory.of(300);
        private final Frames frames = memory.frames;
        private final FilePages file = new FilePages(memory, 8 * PAGE, false);
        private final PageTable table = new PageTable(Geometry.LINUX_X86_64);
        private final OpenFile backing = OpenFile.named("/f").open();

        private FileLink link(long flags) {
            VmArea vma = VmArea.describe(AT, AT + 8 * PAGE, VmaFlags.READ | flags, 0, backing, null, null);
            vma.attach(null, null);
            return file.link(vma, table, true);
        }

        private int reclaim() {
            return Eviction.reclaim(file, file.present());
        }

        private void map(long page) {
            long address = AT + page * PAGE;
            long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
            Leaf.lock(leaf);
            try {
                int frame = file.frameAt(page);
                assertTrue(frames.isCached(frame, file.number, page));
                assertTrue(Leaf.fill(leaf, table.indexOf(address), Pte.present(frame, Pte.READ)));
            } finally {
                Leaf.unlock(leaf);
            }
        }

        private void insertAll() {
            for (long page = 0; page < 8; page++) {
                assertTrue(file.frameFor(page) > 0);
            }
        }

        /** Reclaims the pages on another thread, and acts after its first check, when it is about to remove pages. */
        private int reclaimBeside(Runnable action) throws Exception {
            HeldOperations.Caller<Integer> reclaim;
            file.present().cached.content.lock();
            try {
                reclaim = HeldOperations.start(this::reclaim);
                Await.until(
                        "it is about to remove pages",
                        () -> file.present().cached.content.hasQueuedThreads());
                action.run();
            } finally {
                file.present().cached.content.unlock();
            }
            return reclaim.result();
        }

        @Test
        @DisplayName(
                "loses those that were mapped, written, pinned or may be written since the first check, and they stay")
        void inUseSince() throws Exception {
            insertAll();
            int[] before = new int[8];
            file.framesAt(0, 8, before);
            FileLink read = link(0);
            assertEquals(5, reclaimBeside(() -> {
                map(1);
                frames.setDirty(before[3]);
                assertTrue(frames.pin(before[5]));
            }));
            for (int page = 0; page < 8; page++) {
                boolean stays = page == 1 || page == 3 || page == 5;
                assertEquals(stays ? before[page] : Frames.NONE, file.frameAt(page), "page " + page);
                if (stays) {
                    assertTrue(frames.isCached(before[page], file.number, page));
                    assertFalse(frames.isRemoved(before[page]));
                }
            }
            assertEquals(3, frames.inUse());
            assertEquals(0, reclaim());
            read.unlink();
            frames.unpin(before[5], memory.contexts.borrow().magazine);
            file.remove(0, 8);
            assertEquals(0, frames.inUse());
        }

        @Test
        @DisplayName("stays whole because of a shared mapping that may be written, linked since the first check")
        void writableSince() throws Exception {
            insertAll();
            List<FileLink> writable = new ArrayList<>();
            assertEquals(0, reclaimBeside(() -> writable.add(link(VmaFlags.SHARED | VmaFlags.MAYWRITE))));
            assertEquals(8, frames.inUse());
            assertEquals(0, reclaim());
            writable.get(0).unlink();
            assertEquals(8, reclaim());
            assertEquals(0, frames.inUse());
        }

        @Test
        @DisplayName("is left alone while another thread changes the size of the file")
        void besideATruncation() throws Exception {
            assertTrue(file.frameFor(0) > 0);
            file.lock();
            try {
                assertEquals(
                        PageCaches.BUSY, HeldOperations.start(this::reclaim).result());
            } finally {
                file.unlock();
            }
            assertEquals(1, reclaim());
        }
    }

    @DisplayName("A backing whose answers are out of date when the fault checks them")
    @Nested
    final class Answers {
        /** More wrong answers than one fault accepts. */
        private static final int OFTEN = 40;

        private final SpaceFixture fixture = new SpaceFixture();
        private final PageCache cache = fixture.machine.newPageCache(GEOMETRY, 4 * PAGE);
        private final AnsweringFile file = new AnsweringFile(cache);

        /** The number of the file's answers. */
        private int answers;

        /** A file that offers no pages, so that each fault asks it, and whose answers a test chooses. */
        private static final class AnsweringFile extends CachedBacking {
            @Nullable
            ToIntFunction<Backing.PageRequest> answer;

            AnsweringFile(PageCache cache) {
                super("/f", cache);
            }

            Runnable reading = () -> {};

            @Override
            protected boolean read(long page, int frame, FrameStore store) {
                reading.run();
                return true;
            }

            @Override
            public void rcuMapPages(Backing.PageWindow window) {
                // Offers no pages.
            }

            @Override
            public int fault(Backing.PageRequest request) {
                return answer == null ? super.fault(request) : answer.applyAsInt(request);
            }

            int rightAnswer(Backing.PageRequest request) {
                return super.fault(request);
            }
        }

        @AfterEach
        void everyFrameComesBack() {
            cache.close();
            fixture.closeEmpty();
        }

        private long map(int protection, int flags) {
            return fixture.map(0, 4, protection, flags, file, 0);
        }

        private void assertNotBlamed(Runnable removal) {
            for (int flags : new int[] {Mman.SHARED, Mman.PRIVATE}) {
                for (int access : new int[] {READ, WRITE}) {
                    answers = 0;
                    file.answer = request -> {
                        int frame = file.rightAnswer(request);
                        if (answers++ < OFTEN) {
                            removal.run();
                        }
                        return frame;
                    };
                    long at = map(RW, flags);
                    int fault = fixture.memory.handleFault(at + PAGE, access);
                    assertTrue(fault == Fault.NONE, () -> Fault.toString(fault));
                    assertEquals(OFTEN + 1, answers);
                    assertEquals(List.of(), fixture.reports);
                    assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
                    cache.remove(0, 4);
                }
            }
        }

        @Test
        @DisplayName("because the file is truncated, or pages are removed, each time is not blamed")
        void removed() {
            assertNotBlamed(() -> cache.remove(0, 4));
            assertNotBlamed(() -> {
                cache.truncate(0);
                cache.truncate(4 * PAGE);
            });
        }

        private void assertBlamed(long at) {
            assertFault(Fault.ADRERR, fixture.memory.load(at, 8));
            assertEquals(1, fixture.reports.size());
            assertEquals(Report.Kind.CALLBACK_FAILED, fixture.reports.get(0).kind());
            fixture.reports.clear();
        }

        @Test
        @DisplayName("is blamed if pages of another file are removed, and none of its own")
        void anotherFile() {
            FilePages other = (FilePages) fixture.machine.newPageCache(GEOMETRY, PAGE);
            file.answer = request -> {
                assertTrue(other.frameFor(0) > 0);
                other.remove(0, 1);
                return 0;
            };
            assertBlamed(map(READ, Mman.SHARED));
        }

        @Test
        @DisplayName("is blamed for wrong answers to one fault, whatever the result of a fault that it begins itself")
        void faultsInside() {
            long anonymous = fixture.anonymous(1);
            long good = map(READ, Mman.SHARED);
            long at = map(READ, Mman.SHARED);
            file.answer = request -> {
                if (request.address() == good + PAGE) {
                    return file.rightAnswer(request);
                }
                fixture.store(anonymous, 1);
                fixture.memory.load(good + PAGE, 8);
                assertEquals(0, fixture.space.madvise(good, 4 * PAGE, Mman.DONTNEED));
                return 0;
            };
            assertBlamed(at);
        }

        @Test
        @DisplayName("is not blamed in one fault for wrong answers to another one")
        void nextFault() {
            for (int round = 0; round < 3; round++) {
                long at = map(READ, Mman.SHARED);
                answers = 0;
                file.answer = request -> {
                    if (++answers == 15) {
                        assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
                    }
                    return 0;
                };
                assertFault(Fault.MAPERR, fixture.memory.load(at, 8));
                assertEquals(15, answers);
            }
            assertEquals(List.of(), fixture.reports);
        }

        @Test
        @DisplayName("because it removes the pages itself is blamed in the end, also if its thread is interrupted")
        void endless() {
            long at = map(READ, Mman.SHARED);
            file.answer = request -> {
                int frame = file.rightAnswer(request);
                cache.remove(0, 4);
                if (++answers == OFTEN) {
                    Thread.currentThread().interrupt();
                }
                return frame;
            };
            assertBlamed(at);
            assertTrue(Thread.interrupted());
            assertEquals(4096, answers);
        }

        @Test
        @DisplayName("because its read removes the page is asked many times, and then the page is unreadable")
        void endlessRead() {
            long at = map(READ, Mman.SHARED);
            file.reading = () -> {
                answers++;
                cache.remove(0, 4);
            };
            assertFault(Fault.ADRERR, fixture.memory.load(at, 8));
            assertEquals(4096, answers);
            assertEquals(Errno.EIO.result(), file.pread(new byte[1], 0, 1, 0));
            assertEquals(List.of(), fixture.reports);
        }

        @Test
        @DisplayName("because a reclaim has removed its page, and puts it back, is not blamed")
        void inTheHandOfAReclaim() throws Exception {
            FilePages pages = (FilePages) cache;
            Frames frames = fixture.layout().memory().frames;
            long read = map(READ, Mman.PRIVATE);
            assertTrue(fixture.memory.load(read, 8) == Fault.NONE);
            int known = pages.frameFor(1);
            long[] leaf = Objects.requireNonNull(fixture.layout().pages().leaf(read));
            CountDownLatch asked = new CountDownLatch(OFTEN);
            ExecutorService thread = Executors.newSingleThreadExecutor();
            try (AddressSpace space = fixture.machine.newSpace(GEOMETRY);
                    OtherCpu other = new OtherCpu(space)) {
                long at = space.mmap(0, 4 * PAGE, READ, Mman.PRIVATE, file, 0);
                Future<Integer> reclaimed;
                pages.present().cached.content.lock();
                try {
                    reclaimed = thread.submit(() -> Eviction.reclaim(pages, pages.present()));
                    Await.until(
                            "it is about to take pages out",
                            () -> pages.present().cached.content.hasQueuedThreads());
                    // The reclaim acquires the lock once more, after it removed page 1.
                    Leaf.lock(leaf);
                } finally {
                    pages.present().cached.content.unlock();
                }
                Future<Integer> fault = other.submit(of -> {
                    Await.until("it has the page in hand", () -> cache.frameAt(1) < 0);
                    file.answer = request -> {
                        asked.countDown();
                        return known;
                    };
                    return of.memory().load(at + PAGE, 8);
                });
                try {
                    Await.until("it is asked again and again", () -> asked.getCount() == 0 || fault.isDone());
                    frames.setDirty(known);
                } finally {
                    Leaf.unlock(leaf);
                }
                assertFault(Fault.NONE, Await.result("the fault", fault, fixture.reports));
                assertEquals(0, Await.result("the reclaim", reclaimed, fixture.reports));
            } finally {
                thread.shutdown();
            }
            assertEquals(known, cache.frameAt(1));
            assertEquals(List.of(), fixture.reports);
        }
    }
}
