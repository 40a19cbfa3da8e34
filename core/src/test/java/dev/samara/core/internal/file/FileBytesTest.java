// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.RepeatedStep;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The bytes of a file, through its pages in memory,")
final class FileBytesTest extends ReclaimFixture {
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
        long at = read(file, 2, RW, MapFlags.SHARED);
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
        long at = read(file, 1, RW, MapFlags.SHARED);
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
        long at = fixture.map(0, 4, READ, MapFlags.SHARED, file, 0);
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
        long at = fixture.map(0, 4, READ, MapFlags.SHARED, file, 0);
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
        long at = fixture.map(0, 3, RW, MapFlags.SHARED, file.open(), 0);
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
        long at = fixture.map(0, 1, READ, MapFlags.SHARED, file, 0);
        try (RepeatedStep writes = new RepeatedStep("writes", () -> {
            file.cache.remove(0, 1);
            assertEquals(PAGE, file.pwrite(buffer(PAGE_BYTES).putLong(0, PagedFile.STAMP), 0));
        })) {
            for (int round = 0; round < 20_000 && writes.goesOn(); round++) {
                assertPage(at, 0);
            }
        }
    }

    @Test
    @DisplayName("beside truncations and removals are the written ones, those of the backing or zeros")
    void besideRemovals() throws Exception {
        PagedFile file = file(4);
        Random random = new Random(16);
        Random positions = new Random(17);
        try (RepeatedStep writes = new RepeatedStep("writes", () -> {
            long page = positions.nextInt(4);
            assertEquals(8, file.pwrite(number(PagedFile.STAMP + page), page * PAGE));
        })) {
            ByteBuffer target = buffer(4 * PAGE_BYTES);
            for (int round = 0; round < 5_000 && writes.goesOn(); round++) {
                switch (random.nextInt(3)) {
                    case 0 -> file.cache.truncate(random.nextInt(5) * PAGE);
                    case 1 -> file.cache.remove(random.nextInt(4), 1 + random.nextInt(4));
                    default -> {
                        long read = file.pread(target.clear(), 0);
                        assertTrue(read >= 0 && read == target.position());
                        for (int page = 0; page < read / PAGE; page++) {
                            long seen = target.getLong(page * PAGE_BYTES);
                            assertTrue(seen == 0 || seen == PagedFile.STAMP + page);
                        }
                    }
                }
            }
        }
    }
}
