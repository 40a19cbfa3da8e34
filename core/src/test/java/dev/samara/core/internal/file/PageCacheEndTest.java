// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The end of a page cache")
final class PageCacheEndTest {
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
            "removes its pages from every mapping; accesses are SIGBUS, the backing is not asked, private copies stay")
    void closed() {
        int[] asked = {0};
        PagedFile file = new PagedFile(fixture, 8) {
            @Override
            public int fault(PageRequest request) {
                asked[0]++;
                return super.fault(request);
            }
        };
        long shared = fixture.map(0, 8, READ, MapFlags.SHARED, file, 0);
        long own = fixture.map(0, 8, RW, MapFlags.PRIVATE, file, 0);
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
        long again = fixture.map(0, 1, READ, MapFlags.SHARED, file, 0);
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
        long at = fixture.map(0, 4, READ, MapFlags.SHARED, file, 0);
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
        long shared = fixture.map(0, 1, RW, MapFlags.SHARED | MapFlags.ANONYMOUS, null, 0);
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
        long at = fixture.map(0, 4, READ, MapFlags.SHARED, file, 0);
        readable(at);
        assertEquals(0, space.munmap(at, 4 * PAGE));
        collectThrice();
        assertEquals(1, fixture.frames());
        at = fixture.map(0, 4, READ, MapFlags.SHARED, file, 0);
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
        long kept = fixture.map(0, 1, READ, MapFlags.SHARED, new PagedFile(fixture, 1), 0);
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
        PageCaches caches = MachineInternals.layoutOf(space).memory().caches();
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
                ? fixture.map(0, 4, READ, MapFlags.SHARED, fixture.file(4).open(), 0)
                : fixture.map(0, 4, READ, MapFlags.SHARED, new PagedFile(fixture, 4), 0);
        for (int page = 0; page < 4; page++) {
            readable(at + page * PAGE);
        }
        return at;
    }
}
