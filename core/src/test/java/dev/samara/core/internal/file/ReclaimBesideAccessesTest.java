// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Before memory is used up")
final class ReclaimBesideAccessesTest extends ReclaimFixture {
    @Test
    @DisplayName("a thread that has another CPU in GUEST gets OUT_OF_MEMORY at once, since it must not wait for CPUs")
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
        long at = fixture.map(0, 1, READ, MapFlags.SHARED, file, 0);
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
    @DisplayName("a file in memory that another thread cuts is known to free pages soon, although none is reclaimed")
    void cutByAnother() throws Exception {
        MemoryFile file = fixture.file(1);
        Backing backing = file.open();
        long at = fixture.map(0, 1, RW, MapFlags.SHARED, backing, 0);
        fixture.store(at, 1);
        FilePages pages = (FilePages) Objects.requireNonNull(backing.pageCache());
        PageCaches caches = pages.memory().caches();
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
        long at = fixture.map(0, 4, READ, MapFlags.SHARED, file, 0);
        assertTrue(cpu.memory().load(at, 8) == Fault.NONE);
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
                    if (cpu.memory().store(anonymous + page * PAGE, 8, page) != Fault.NONE) {
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
     * Repeatedly loads from clean pages, stores to one page, and unmaps all of them. Returns how often a page had a
     * wrong number, e.g. because a store was lost.
     */
    private int storeAndLoad(Cpu of, PagedFile file, int page) {
        int lost = 0;
        for (long round = 1; round <= 400; round++) {
            long at = space.mmap(0, FRAMES * PAGE, RW, MapFlags.SHARED, file, 0);
            for (int other = 2; other < FRAMES; other++) {
                int fault = of.memory().load(at + other * PAGE, 8);
                lost += fault == Fault.NONE && of.memory().value() != PagedFile.STAMP + other ? 1 : 0;
            }
            if (round > 1) {
                lost += of.memory().load(at + page * PAGE, 8) == Fault.NONE
                                && of.memory().value() == round - 1
                        ? 0
                        : 1;
            }
            while (of.memory().store(at + page * PAGE, 8, round) != Fault.NONE) {
                Awake.turn();
            }
            space.munmap(at, FRAMES * PAGE);
        }
        return lost;
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
                        assertFault(Fault.NONE, other.call(of -> of.memory().store(last, 8, 1)));
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
}
