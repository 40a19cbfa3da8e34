// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.RepeatedStep;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("Bytes of files:")
final class FileBytesTest {
    @DisplayName("The bytes of a file, through its pages in memory,")
    @Nested
    final class Bytes extends ReclaimFixture {
        private static final int PAGE_BYTES = (int) PAGE;
        private static final long NUMBER = 0x1122_3344_5566_7788L;

        private static ByteBuffer buffer(int length) {
            return ByteBuffer.allocateDirect(length).order(ByteOrder.LITTLE_ENDIAN);
        }

        private static ByteBuffer number(long number) {
            return buffer(8).putLong(0, number);
        }

        @Test
        @DisplayName("are read up to the first page that is not in memory, and up to the end")
        void readCached() {
            PagedFile file = file(4);
            long at = read(file, 2, RW, Mman.SHARED);
            fixture.store(at + PAGE + 8, NUMBER);
            ByteBuffer target = buffer(4 * PAGE_BYTES);
            assertEquals(2 * PAGE, file.cache.pread(target, 0));
            assertEquals(2 * PAGE, target.position());
            assertEquals(PagedFile.STAMP + 1, target.getLong(PAGE_BYTES));
            assertEquals(NUMBER, target.getLong(PAGE_BYTES + 8));
            assertResult(Errno.EAGAIN, file.cache.pread(target, 2 * PAGE));
            assertEquals(2 * PAGE, target.position());
            assertEquals(0, file.cache.pread(target, 4 * PAGE));
            assertResult(Errno.EINVAL, file.cache.pread(target, -1));
            assertThrows(ReadOnlyBufferException.class, () -> file.cache.pread(target.asReadOnlyBuffer(), 0));
            assertEquals(2, file.reads.get());
        }

        @Test
        @DisplayName("are written to pages in memory, and to other pages if nothing of their old content stays")
        void writeCached() {
            PagedFile file = file(4);
            long at = read(file, 1, RW, Mman.SHARED);
            assertEquals(8, file.cache.pwrite(number(NUMBER), 16));
            assertEquals(NUMBER, fixture.load(at + 16));
            assertResult(Errno.EAGAIN, file.cache.pwrite(number(NUMBER), PAGE));
            ByteBuffer more = buffer(2 * PAGE_BYTES).position(8).limit(PAGE_BYTES + 16);
            assertEquals(PAGE, file.cache.pwrite(more, 2 * PAGE), "the last page would be written in part");
            assertEquals(PAGE + 8, more.position());
            assertResult(Errno.EINVAL, file.cache.pwrite(number(NUMBER), Long.MAX_VALUE - 3));
            assertEquals(4 * PAGE, file.cache.size());
            assertEquals(1, file.reads.get());
        }

        @Test
        @DisplayName("make the file larger, with zeros behind them")
        void growth() {
            PagedFile file = file(1);
            assertEquals(8, file.pwrite(number(NUMBER), 3 * PAGE + 16));
            assertEquals(3 * PAGE + 24, file.cache.size());
            assertEquals(0, file.reads.get());
            long at = fixture.map(0, 4, READ, Mman.SHARED, file, 0);
            assertEquals(NUMBER, fixture.load(at + 3 * PAGE + 16));
            assertEquals(0, fixture.load(at + 3 * PAGE));
            assertEquals(0, fixture.load(at + 3 * PAGE + 24));
            ByteBuffer rest = buffer(PAGE_BYTES);
            assertEquals(24, file.pread(rest, 3 * PAGE));
            assertEquals(0, file.pread(rest, 3 * PAGE + 24));
        }

        @Test
        @DisplayName("of a backing are read into memory first, where something of a page stays")
        void partsOfPages() {
            PagedFile file = file(4);
            byte[] bytes = new byte[4 * PAGE_BYTES];
            assertEquals(4 * PAGE - 100, file.pread(bytes, 50, bytes.length - 50, 100));
            assertEquals(4, file.reads.get());
            file.cache.remove(0, 4);
            assertEquals(2 * PAGE, file.pwrite(new byte[2 * PAGE_BYTES], 0, 2 * PAGE_BYTES, PAGE + 8));
            assertEquals(6, file.reads.get(), "two pages were written in part");
            long at = fixture.map(0, 4, READ, Mman.SHARED, file, 0);
            assertEquals(PagedFile.STAMP + 1, fixture.load(at + PAGE));
            assertEquals(0, fixture.load(at + 2 * PAGE));
            assertEquals(0, fixture.load(at + 3 * PAGE));
            assertEquals(PagedFile.STAMP, fixture.load(at));
        }

        @Test
        @DisplayName("that were written are dirty: their pages are not reclaimed")
        void dirty() {
            PagedFile file = file(2);
            assertEquals(8, file.pwrite(number(NUMBER), 8));
            assertEquals(PAGE, file.pwrite(buffer(PAGE_BYTES).putLong(0, NUMBER), PAGE));
            long anonymous = fixture.anonymous(FRAMES);
            fill();
            for (int page = 0; page < FRAMES - 2; page++) {
                fixture.store(anonymous + page * PAGE, page);
            }
            ByteBuffer target = buffer(2 * PAGE_BYTES);
            assertEquals(2 * PAGE, file.cache.pread(target, 0));
            assertEquals(NUMBER, target.getLong(8));
            assertEquals(NUMBER, target.getLong(PAGE_BYTES));
            ByteBuffer beyond = buffer(PAGE_BYTES);
            assertResult(Errno.ENOMEM, file.pwrite(beyond, 2 * PAGE));
            assertEquals(0, beyond.position());
            assertEquals(2 * PAGE, file.cache.size());
            file.cache.remove(0, 1);
            fixture.store(anonymous + (FRAMES - 2) * PAGE, 1);
            assertResult(Errno.ENOMEM, file.pread(target.clear(), 0));
        }

        @Test
        @DisplayName("of the same file may be reclaimed by a write that needs a frame")
        void reclaimWithin() {
            PagedFile file = fill();
            int known = file.reads.get();
            assertEquals(4 * PAGE, file.cache.pwrite(buffer(4 * PAGE_BYTES), FRAMES * PAGE));
            assertEquals(4 * PAGE, file.cache.pread(buffer(4 * PAGE_BYTES), FRAMES * PAGE));
            assertEquals(known, file.reads.get());
        }

        @Test
        @DisplayName("that cannot be read are EIO, after a part a short count; an exception goes to the caller")
        void unreadable() {
            PageCache cache = fixture.machine.newPageCache(GEOMETRY, 4 * PAGE);
            caches.add(cache);
            CachedBacking file = new CachedBacking("/f", cache) {
                @Override
                protected boolean read(long page, int frame, FrameStore store) {
                    if (page == 2) {
                        throw new IllegalArgumentException("no such page");
                    }
                    return page == 0;
                }
            };
            assertEquals(PAGE, file.pread(buffer(4 * PAGE_BYTES), 0));
            assertResult(Errno.EIO, file.pread(buffer(8), PAGE));
            assertResult(Errno.EIO, file.pwrite(buffer(8), PAGE));
            assertThrows(IllegalArgumentException.class, () -> file.pread(buffer(8), 2 * PAGE));
            assertEquals(PAGE, file.pwrite(buffer(PAGE_BYTES), PAGE), "nothing of it needs to be read");
            assertEquals(8, file.pread(buffer(8), PAGE));
            cache.close();
            assertThrows(IllegalStateException.class, () -> file.pread(buffer(8), PAGE));
            assertThrows(IllegalStateException.class, () -> file.pwrite(buffer(8), PAGE));
            assertResult(Errno.EAGAIN, cache.pread(buffer(8), PAGE));
        }

        @Test
        @DisplayName("of a file in memory go to and from buffers, with zeros for holes")
        void memoryFile() {
            MemoryFile file = fixture.machine.newFile("/m", 7, GEOMETRY, 0);
            long at = fixture.map(0, 3, RW, Mman.SHARED, file.open(), 0);
            ByteBuffer source = number(NUMBER);
            assertEquals(8, file.pwrite(source, PAGE));
            assertEquals(8, source.position());
            assertEquals(NUMBER, fixture.load(at + PAGE));
            ByteBuffer target = buffer(2 * PAGE_BYTES).putLong(0, -1).putLong(PAGE_BYTES + 8, -1);
            assertEquals(PAGE + 8, file.pread(target, 0));
            assertEquals(PAGE + 8, target.position());
            assertEquals(0, target.getLong(0));
            assertEquals(NUMBER, target.getLong(PAGE_BYTES));
            assertEquals(-1, target.getLong(PAGE_BYTES + 8));
            file.close();
        }

        @Test
        @DisplayName("end at the largest offset: a transfer whose end lies behind it is EINVAL")
        void largestOffset() {
            MemoryFile file = fixture.machine.newFile("/m", 7, GEOMETRY, Long.MAX_VALUE);
            PagedFile paged = file(1);
            for (int behind : new int[] {1, 2, PAGE_BYTES}) {
                long offset = Long.MAX_VALUE - PAGE + behind;
                ByteBuffer target = buffer(PAGE_BYTES);
                assertResult(Errno.EINVAL, file.pread(target, offset));
                assertResult(Errno.EINVAL, file.pread(new byte[PAGE_BYTES], 0, PAGE_BYTES, offset));
                assertResult(Errno.EINVAL, file.pwrite(target, offset));
                assertResult(Errno.EINVAL, paged.pread(target, offset));
                assertResult(Errno.EINVAL, paged.pwrite(target, offset));
                assertResult(Errno.EINVAL, paged.cache.pread(target, offset));
                assertResult(Errno.EINVAL, paged.cache.pwrite(target, offset));
                assertEquals(0, target.position());
            }
            assertEquals(PAGE, file.pread(buffer(PAGE_BYTES), Long.MAX_VALUE - PAGE));
            assertEquals(0, file.pread(buffer(0), Long.MAX_VALUE));
            assertEquals(0, paged.pread(buffer(PAGE_BYTES), Long.MAX_VALUE - PAGE));
            file.close();
        }

        @Test
        @DisplayName("of a page that is written as a whole are never zeros for a load beside it")
        void besideLoads() throws Exception {
            PagedFile file = file(1);
            long at = fixture.map(0, 1, READ, Mman.SHARED, file, 0);
            try (RepeatedStep writes = new RepeatedStep("writes", () -> {
                file.cache.remove(0, 1);
                assertEquals(PAGE, file.pwrite(buffer(PAGE_BYTES).putLong(0, PagedFile.STAMP), 0));
            })) {
                for (int round = 0; round < 20_000 && writes.goesOn(); round++) {
                    assertPage(at, 0);
                }
            }
        }
    }

    @DisplayName("A write of bytes to a page that is not in memory, which has filled a frame and not inserted it yet")
    @Nested
    final class HeldWrite {
        private final AtomicReference<@Nullable HookedFrames> store = new AtomicReference<>();
        private final SpaceFixture fixture =
                new SpaceFixture(Machine.builder().memory(64 * PAGE).frameStore((shift, count) -> {
                    HookedFrames made = new HookedFrames(shift, count);
                    store.set(made);
                    return made;
                }));

        @Test
        @DisplayName("writes to the page that a fault inserts meanwhile")
        void insertedMeanwhile() {
            MemoryFile file = fixture.machine.newFile("/f", 7, GEOMETRY, PAGE);
            long at = fixture.map(0, 1, RW, Mman.SHARED, file.open(), 0);
            HookedFrames.Hold hold = Objects.requireNonNull(store.get()).holdNextWrite();
            FutureTask<Long> written = new FutureTask<>(() -> file.pwrite(new byte[] {9}, 0, 1, 0));
            Thread writer = new Thread(written, "pwrite");
            writer.setDaemon(true);
            writer.start();
            Latches.await(hold.reached);
            assertEquals(0, fixture.load(at));
            hold.released.countDown();
            assertEquals(1, Await.result("pwrite", written, fixture.reports));
            assertEquals(9, fixture.load(at));
            file.close();
            assertEquals(0, fixture.space.munmap(at, PAGE));
            fixture.close();
        }
    }

    @DisplayName("A page that is removed from its cache while its backing reads it")
    @Nested
    final class RemovedWhileRead {
        private final SpaceFixture fixture = new SpaceFixture();
        private final PageCache cache = fixture.machine.newPageCache(GEOMETRY, 4 * PAGE);
        private final Changing file = new Changing(cache);

        @AfterEach
        void everythingComesBack() {
            fixture.closeEmpty();
        }

        /** A file whose content changes during its first read. */
        private static final class Changing extends CachedBacking {
            private int version = 1;
            private int reads;
            private Runnable whileRead = () -> {};

            Changing(PageCache cache) {
                super("/changing", cache);
            }

            @Override
            protected boolean read(long page, int frame, FrameStore store) {
                store.put(frame, 0, 4, version);
                if (reads++ == 0) {
                    version = 2;
                    whileRead.run();
                }
                return true;
            }

            int at(long page) {
                ByteBuffer target = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
                assertEquals(4, pread(target, page * PAGE));
                return target.getInt(0);
            }
        }

        @Test
        @DisplayName("is read again: later accesses see what is behind the cache after the removal")
        void removed() {
            file.whileRead = () -> cache.remove(1, 2);
            assertEquals(2, file.at(2));
            assertEquals(2, file.reads);
            assertEquals(2, file.at(2));
            cache.close();
        }

        @Test
        @DisplayName("is not read again if only other pages were removed")
        void othersRemoved() {
            file.whileRead = () -> {
                cache.remove(0, 2);
                cache.remove(3, 1);
            };
            assertEquals(1, file.at(2));
            assertEquals(1, file.reads);
            cache.close();
        }

        @Test
        @DisplayName("is not inserted if the cache was closed instead")
        void closed() {
            file.whileRead = cache::close;
            assertThrows(IllegalStateException.class, () -> file.at(0));
        }
    }

    @DisplayName("A change makes the reads stale that are under way, and no others")
    @Nested
    final class StaleReads {
        private final SpaceFixture fixture = new SpaceFixture();
        private final FilePages reads = (FilePages) fixture.machine.newPageCache(GEOMETRY, 16 * PAGE);

        @AfterEach
        void close() {
            reads.close();
            fixture.closeEmpty();
        }

        private FilePages.PageRead begin(long first, int count) {
            return reads.beginRead(first, count);
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 1, 2, 3})
        @DisplayName("whichever of several reads has ended")
        void ended(int which) {
            List<FilePages.PageRead> all = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                all.add(begin(10, 4));
            }
            reads.endRead(all.get(which));
            reads.remove(11, 1);
            for (int i = 0; i < 4; i++) {
                assertEquals(i != which, all.get(i).isStale(11), "read " + i);
            }
            for (int i = 0; i < 4; i++) {
                reads.endRead(all.get(i));
            }
            reads.remove(12, 1);
            for (FilePages.PageRead read : all) {
                assertFalse(read.isStale(12));
            }
        }

        @ParameterizedTest
        @CsvSource({
            // outside the read
            "5, 9, -1, -1",
            "14, 20, -1, -1",
            // one end of the read, its middle, all of it
            "5, 10, 10, 10",
            "13, 20, 13, 13",
            "11, 12, 11, 12",
            "10, 13, 10, 13",
            "0, 9223372036854775806, 10, 13"
        })
        @DisplayName("only the pages of a read that have changed are stale")
        void range(long from, long last, long staleFirst, long staleLast) {
            FilePages.PageRead read = begin(10, 4);
            reads.remove(from, last - from + 1);
            for (long page = 8; page < 16; page++) {
                assertEquals(page >= staleFirst && page <= staleLast, read.isStale(page), "page " + page);
            }
        }

        @Test
        @DisplayName("a write makes stale what begins during it, and nothing after it")
        void write() {
            FilePages.PageRead before = begin(10, 2);
            reads.beginWrite(11, 12);
            FilePages.PageRead during = begin(12, 2);
            FilePages.PageRead beside = begin(13, 2);
            reads.endWrite();
            FilePages.PageRead after = begin(11, 2);
            assertFalse(before.isStale(10));
            assertTrue(before.isStale(11));
            assertTrue(during.isStale(12));
            assertFalse(during.isStale(13));
            assertFalse(beside.isStale(13));
            assertFalse(after.isStale(11));
            assertFalse(after.isStale(12));
        }
    }
}
