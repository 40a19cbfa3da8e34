// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Before memory is used up")
final class ReclaimTest extends ReclaimFixture {
    @Test
    @DisplayName("pages of files that can be read again are reclaimed, from many files, reachable or not")
    void manyFiles() {
        List<PagedFile> files = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            files.add(file(16));
            long at = read(files.get(i), 16, READ, i % 2 == 0 ? MapFlags.PRIVATE : MapFlags.SHARED);
            assertEquals(0, space.munmap(at, 16 * PAGE));
        }
        for (PagedFile file : files) {
            assertEquals(0, space.munmap(read(file, 16, READ, MapFlags.SHARED), 16 * PAGE));
        }
    }

    @Test
    @DisplayName("each kind of access that needs a frame begins anew when there is one")
    void kindsOfFaults() {
        long anonymous = fixture.anonymous(2);
        PagedFile file = file(2);
        long copied = read(file, 1, RW, MapFlags.PRIVATE);
        fixture.store(anonymous, 1);
        MemoryFile memory = fixture.file(1);
        long shared = fixture.map(0, 2, RW, MapFlags.SHARED, memory.open(), 0);
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
        long ownAt = fixture.map(0, 8, READ, MapFlags.SHARED, own, 0);
        PagedFile dirty = file(8);
        long dirtyAt = fixture.map(0, 8, RW, MapFlags.SHARED, dirty, 0);
        PagedFile pinned = file(8);
        long pinnedAt = read(pinned, 8, RW, MapFlags.SHARED);
        PagedFile mapped = file(8);
        long mappedAt = read(mapped, 8, READ, MapFlags.PRIVATE);
        long shared = fixture.map(0, 8, RW, MapFlags.SHARED | MapFlags.ANONYMOUS, null, 0);
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
        dirtyAt = fixture.map(0, 8, RW, MapFlags.SHARED, dirty, 0);
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
        public int fault(PageRequest request) {
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
    @DisplayName(
            "pages that a mapping left out are reclaimed beside those that it maps, and a shared one that may write"
                    + " keeps all")
    void besideMappings() {
        PagedFile file = file(FRAMES);
        long at = read(file, FRAMES, READ, MapFlags.PRIVATE);
        assertEquals(0, space.madvise(at, 32 * PAGE, Advice.DONTNEED));
        long anonymous = fixture.anonymous(FRAMES);
        for (int page = 0; page < 32; page++) {
            fixture.store(anonymous + page * PAGE, page);
        }
        assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(anonymous + 32 * PAGE, 8, 1));
        assertEquals(32, fixture.mapped(at, FRAMES));
        long writable = fixture.map(0, FRAMES, RW, MapFlags.SHARED, file, 0);
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
        long at = large.map(0, 4L * PageCaches.BATCH, READ, MapFlags.PRIVATE, file, 0);
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
    @DisplayName("a page is not reclaimed that was removed, and read again, since its batch was collected")
    void removedSinceCollected() {
        PagedFile file = file(2);
        long at = read(file, 2, READ, MapFlags.PRIVATE);
        assertEquals(0, space.madvise(at, 2 * PAGE, Advice.DONTNEED));
        FilePages pages = (FilePages) file.cache;
        ReclaimCandidates batch =
                new ReclaimCandidates(fixture.layout().memory().frames());
        batch.collect(pages.index(), 0);
        int collected = pages.frameAt(0);
        pages.remove(0, 1);
        // The other file gets the frame.
        assertEquals(collected, ((FilePages) file(1).cache).frameFor(0));
        assertPage(at, 0);
        // The fault mapped this page, too.
        assertEquals(0, space.madvise(at + PAGE, PAGE, Advice.DONTNEED));
        int again = pages.frameAt(0);
        assertNotEquals(collected, again);
        assertEquals(1, pages.present().reclaim.run(batch));
        assertEquals(again, pages.frameAt(0));
        assertPage(at, 0);
    }

    @Test
    @DisplayName(
            "an access that would need more frames than there can be ends as OUT_OF_MEMORY, and does not begin anew"
                    + " for ever")
    void tooFewFrames() {
        long anonymous = fixture.anonymous(FRAMES);
        for (long page = 0; page < FRAMES - 1; page++) {
            fixture.store(anonymous + page * PAGE, 1);
        }
        PagedFile file = file(1);
        long at = fixture.map(0, 1, RW, MapFlags.PRIVATE, file, 0);
        assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(at, 8, 1));
        assertTrue(file.reads.get() < 100, () -> file.reads + " reads");
        assertEquals(0, space.munmap(anonymous, PAGE));
        assertTrue(cpu.memory().store(at, 8, 1) == Fault.NONE);
    }

    @Test
    @DisplayName("a pin that may have written keeps its page in memory, though no mapping had it when the pin ended")
    void writtenThroughAPin() {
        PagedFile file = file(1);
        long at = fixture.map(0, 1, RW, MapFlags.SHARED, file, 0);
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
