// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.SpaceFixture.GEOMETRY;
import static dev.samara.core.SpaceFixture.PAGE;
import static dev.samara.core.SpaceFixture.READ;
import static dev.samara.core.SpaceFixture.RW;
import static dev.samara.core.SpaceFixture.WRITE;
import static dev.samara.core.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.OneThread;
import dev.samara.core.OtherCpu;
import dev.samara.core.PagedFile;
import dev.samara.core.SpaceFixture;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.internal.page.Caches;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@Timeout(60)
@ExtendWith(OneThread.class)
@DisplayName("Before memory is used up")
final class ReclaimTest {
    private static final int FRAMES = 64;

    private final SpaceFixture fixture = new SpaceFixture(FRAMES);
    private final Cpu cpu = fixture.cpu;
    private final AddressSpace space = fixture.space;
    private final List<PageCache> caches = new ArrayList<>();

    @AfterEach
    void everyFrameComesBack() {
        caches.forEach(PageCache::close);
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    private PagedFile file(int pages) {
        PagedFile file = new PagedFile(fixture, pages);
        caches.add(file.cache);
        return file;
    }

    /** Reads a number of pages of a file through a mapping that is private, or shared. */
    private long read(PagedFile file, int pages, int protection, int flags) {
        long at = fixture.map(0, pages, protection, flags, file, 0);
        for (int page = 0; page < pages; page++) {
            assertPage(at, page);
        }
        return at;
    }

    private void assertPage(long at, int page) {
        int fault = cpu.memory().load(at + page * PAGE, 8);
        assertTrue(Fault.isDone(fault), () -> Fault.toString(fault));
        assertEquals(PagedFile.STAMP + page, cpu.memory().value());
    }

    /** Fills memory with pages of a file that is mapped nowhere. */
    private PagedFile fill() {
        PagedFile file = file(FRAMES);
        int pages = (int) (FRAMES - fixture.frames());
        long at = read(file, pages, READ, MapFlags.SHARED);
        assertEquals(0, space.munmap(at, pages * PAGE));
        assertEquals(FRAMES, fixture.frames());
        return file;
    }

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

    private void fillAgain() {
        if (fixture.frames() < FRAMES) {
            fill();
        }
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
        long pinnedAt = read(pinned, 8, READ, MapFlags.SHARED);
        PagedFile mapped = file(8);
        long mappedAt = read(mapped, 8, READ, MapFlags.PRIVATE);
        long shared = fixture.map(0, 8, RW, MapFlags.SHARED | MapFlags.ANONYMOUS, null, 0);
        List<Integer> pins = new ArrayList<>();
        for (int page = 0; page < 8; page++) {
            assertTrue(Fault.isDone(cpu.memory().load(ownAt + page * PAGE, 8)));
            assertTrue(Fault.isDone(cpu.memory().store(dirtyAt + page * PAGE, 8, 9 + page)));
            pins.add(cpu.memory().pin(pinnedAt + page * PAGE, READ));
            fixture.store(shared + page * PAGE, page);
        }
        assertEquals(0, space.munmap(ownAt, 8 * PAGE));
        assertEquals(0, space.munmap(dirtyAt, 8 * PAGE));
        assertEquals(0, space.munmap(pinnedAt, 8 * PAGE));
        long rest = fixture.anonymous(FRAMES);
        int stored = 0;
        while (cpu.memory().store(rest + stored * PAGE, 8, 1) == Fault.MINOR) {
            stored++;
        }
        assertEquals(FRAMES - 6 * 8, stored);
        assertFault(Fault.OOM, cpu.memory().store(rest + stored * PAGE, 8, 1));
        assertEquals(8, fixture.mapped(mappedAt, 8));
        byte[] number = new byte[8];
        assertEquals(8, memory.pread(number, 0, 8, 7 * PAGE));
        assertEquals(7, number[0]);
        pins.subList(0, 4).forEach(frame -> cpu.memory().unpin(frame, false));
        pins.subList(4, 8).forEach(frame -> cpu.memory().unpin(frame, true));
        for (int more = 0; more < 4; more++) {
            assertFault(Fault.MINOR, cpu.memory().store(rest + stored++ * PAGE, 8, 1));
        }
        assertFault(Fault.OOM, cpu.memory().store(rest + stored * PAGE, 8, 1));
        assertEquals(0, space.munmap(mappedAt, 8 * PAGE));
        for (int more = 0; more < 8; more++) {
            assertFault(Fault.MINOR, cpu.memory().store(rest + stored++ * PAGE, 8, 1));
        }
        assertFault(Fault.OOM, cpu.memory().store(rest + stored * PAGE, 8, 1));
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
        assertFault(Fault.OOM, cpu.memory().store(anonymous + 32 * PAGE, 8, 1));
        assertEquals(32, fixture.mapped(at, FRAMES));
        long writable = fixture.map(0, FRAMES, RW, MapFlags.SHARED, file, 0);
        assertEquals(0, space.munmap(at, FRAMES * PAGE));
        assertFault(Fault.OOM, cpu.memory().store(anonymous + 32 * PAGE, 8, 1));
        assertEquals(0, space.munmap(writable, FRAMES * PAGE));
        fixture.store(anonymous + 32 * PAGE, 1);
    }

    @Test
    @DisplayName("one batch is reclaimed at a time, and the next one begins where it ended")
    void aBatchAtATime() {
        SpaceFixture large = new SpaceFixture(4 * Caches.BATCH);
        PagedFile file = new PagedFile(large, 4L * Caches.BATCH);
        long at = large.map(0, 4L * Caches.BATCH, READ, MapFlags.PRIVATE, file, 0);
        for (long page = 0; page < 4L * Caches.BATCH; page++) {
            assertTrue(Fault.isDone(large.cpu.memory().load(at + page * PAGE, 8)));
        }
        assertEquals(0, large.space.munmap(at, 4L * Caches.BATCH * PAGE));
        long anonymous = large.anonymous(2L * Caches.BATCH);
        for (int batch = 0; batch < 2; batch++) {
            for (long page = 0; page < Caches.BATCH; page++) {
                large.store(anonymous + ((long) batch * Caches.BATCH + page) * PAGE, 1);
                for (long left = 0; left < 4L * Caches.BATCH; left++) {
                    boolean isTaken = left < (batch + 1L) * Caches.BATCH;
                    assertEquals(isTaken, file.cache.frameAt(left) < 0, "page " + left);
                }
            }
        }
        file.cache.close();
        large.closeEmpty();
    }

    @Test
    @DisplayName("a thread that has another CPU in GUEST gets OOM at once, since it must not wait for CPUs")
    void anotherCpuInGuest() {
        fill();
        long anonymous = fixture.anonymous(1);
        try (Cpu second = fixture.machine.claimCpu()) {
            second.load(space);
            second.enterGuest();
            assertFault(Fault.OOM, cpu.memory().store(anonymous, 8, 1));
            assertEquals(FRAMES, fixture.frames());
            second.leaveGuest();
            fixture.store(anonymous, 1);
        }
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
        long at = fixture.map(0, 4, READ, MapFlags.SHARED, file, 0);
        assertTrue(Fault.isDone(cpu.memory().load(at, 8)));
        assertEquals(7, cpu.memory().value());
    }

    @Test
    @DisplayName("no store of two threads to pages of a file is lost beside a third thread that needs frames")
    void besideStores() throws Exception {
        PagedFile file = file(FRAMES);
        List<OtherCpu> others = List.of(new OtherCpu(space), new OtherCpu(space));
        try {
            List<Future<Integer>> done = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                int page = i;
                done.add(others.get(i).submit(of -> storeAndLoad(of, file, page)));
            }
            while (!done.stream().allMatch(Future::isDone)) {
                long anonymous = fixture.anonymous(FRAMES);
                for (long page = 0; page < FRAMES; page++) {
                    if (cpu.memory().store(anonymous + page * PAGE, 8, page) != Fault.MINOR) {
                        break;
                    }
                }
                assertEquals(0, space.munmap(anonymous, FRAMES * PAGE));
            }
            for (Future<Integer> one : done) {
                assertEquals(0, one.get());
            }
        } finally {
            others.forEach(OtherCpu::close);
        }
    }

    /**
     * Reads clean pages, stores to one page, and unmaps all of them, again and again; returns how often a store was
     * lost.
     */
    private int storeAndLoad(Cpu of, PagedFile file, int page) {
        int lost = 0;
        for (long round = 1; round <= 400; round++) {
            long at = space.mmap(0, FRAMES * PAGE, RW, MapFlags.SHARED, file, 0);
            for (int other = 2; other < FRAMES; other++) {
                int fault = of.memory().load(at + other * PAGE, 8);
                lost += Fault.isDone(fault) && of.memory().value() != PagedFile.STAMP + other ? 1 : 0;
            }
            if (round > 1) {
                lost += Fault.isDone(of.memory().load(at + page * PAGE, 8))
                                && of.memory().value() == round - 1
                        ? 0
                        : 1;
            }
            while (!Fault.isDone(of.memory().store(at + page * PAGE, 8, round))) {
                Thread.onSpinWait();
            }
            space.munmap(at, FRAMES * PAGE);
        }
        return lost;
    }

    @Test
    @DisplayName(
            "an access that would need more frames than there can be ends as OOM, and does not begin anew for ever")
    void tooFewFrames() {
        long anonymous = fixture.anonymous(FRAMES);
        for (long page = 0; page < FRAMES - 1; page++) {
            fixture.store(anonymous + page * PAGE, 1);
        }
        PagedFile file = file(1);
        long at = fixture.map(0, 1, RW, MapFlags.PRIVATE, file, 0);
        assertFault(Fault.OOM, cpu.memory().store(at, 8, 1));
        assertTrue(file.reads.get() < 100, () -> file.reads + " reads");
        assertEquals(0, space.munmap(anonymous, PAGE));
        assertTrue(Fault.isDone(cpu.memory().store(at, 8, 1)));
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
                public int fault(PageRequest request) {
                    int frame = super.fault(request);
                    if (answers[0]++ < 40) {
                        long last = anonymous + (FRAMES - 1) * PAGE;
                        assertFault(Fault.MINOR, other.call(of -> of.memory().store(last, 8, 1)));
                        assertEquals(-1, cache.frameAt(0), "reclaimed before it could be mapped");
                        assertEquals(0, space.madvise(last, PAGE, Advice.DONTNEED));
                    }
                    return frame;
                }
            };
            caches.add(file.cache);
            assertPage(fixture.map(0, 1, READ, MapFlags.PRIVATE, file, 0), 0);
        }
        assertEquals(41, answers[0]);
    }

    @Test
    @DisplayName("a pin that may have written keeps its page in memory, though no mapping had it when the pin ended")
    void writtenThroughAPin() {
        PagedFile file = file(1);
        long at = fixture.map(0, 1, RW, MapFlags.SHARED, file, 0);
        int frame = cpu.memory().pin(at, WRITE);
        assertTrue(frame > 0);
        assertEquals(0, space.munmap(at, PAGE));
        cpu.memory().frameStore().put(frame, 0, 8, 99);
        cpu.memory().unpin(frame, true);
        long anonymous = fixture.anonymous(FRAMES);
        for (long page = 0; page < FRAMES - 1; page++) {
            fixture.store(anonymous + page * PAGE, 1);
        }
        assertFault(Fault.OOM, cpu.memory().store(anonymous + (FRAMES - 1) * PAGE, 8, 1));
        assertEquals(99, file.cache.store().get(file.cache.frameAt(0), 0, 8));
    }
}
