// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.pagemap;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.PageScan;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PagemapFlags;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What the live kernel does not report about pages: written ones, and the rules for threads. */
@ExtendWith(OneThread.class)
final class PagemapTest {
    private static final long LEAF = 1L << 21;

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;

    @AfterEach
    void close() {
        fixture.close();
    }

    private void store(long address) {
        assertEquals(Fault.NONE, fixture.memory.store(address, 8, 1));
    }

    private List<Long> softDirty(long start, long pages) {
        long[] regions = new long[3 * 16];
        PageScan scan = new PageScan()
                .range(start, start + pages * PAGE)
                .all(PagemapFlags.SOFT_DIRTY)
                .told(PagemapFlags.SOFT_DIRTY);
        long count = space.pagemapScan(scan, regions);
        List<Long> found = new ArrayList<>();
        long[] words = new long[(int) pages];
        assertEquals(pages, space.pagemap(start, pages * PAGE, words));
        for (int i = 0; i < count; i++) {
            assertEquals(PagemapFlags.SOFT_DIRTY, regions[3 * i + 2]);
            for (long at = regions[3 * i]; at != regions[3 * i + 1]; at += PAGE) {
                found.add((at - start) / PAGE);
                assertTrue((words[(int) ((at - start) / PAGE)] & PagemapFlags.PM_SOFT_DIRTY) != 0);
            }
        }
        return found;
    }

    @Test
    @DisplayName("written pages are those that the next collection reports, and a question clears none")
    void softDirty() {
        long at = fixture.anonymous(8);
        assertEquals(List.of(), softDirty(at, 8));
        store(at + PAGE);
        store(at + 2 * PAGE);
        store(at + 5 * PAGE);
        assertEquals(List.of(1L, 2L, 5L), softDirty(at, 8));
        assertEquals(List.of(1L, 2L, 5L), softDirty(at, 8));
        List<Long> collected = new ArrayList<>();
        assertEquals(3, space.collectDirty(at, 8 * PAGE, page -> collected.add((page - at) / PAGE)));
        assertEquals(List.of(1L, 2L, 5L), collected);
        assertEquals(List.of(), softDirty(at, 8));
        store(at + 5 * PAGE);
        assertEquals(List.of(5L), softDirty(at, 8));
    }

    @Test
    @DisplayName("words: EINVAL within a page, EFAULT for a short array, cut at the limit, 0 in a hole")
    void words() {
        long at = fixture.anonymous(2);
        store(at);
        long[] words = {9, 9, 9, 9};
        assertEquals(Errno.EINVAL.result(), space.pagemap(at + 1, PAGE, words));
        assertEquals(Errno.EFAULT.result(), space.pagemap(at, 5 * PAGE, words));
        assertEquals(9, words[0]);
        assertEquals(1, space.pagemap(at, 1, words), "part of a page is a page");
        assertEquals(0, space.munmap(at, 2 * PAGE));
        assertEquals(2, space.pagemap(at, 2 * PAGE, words));
        assertEquals(0, words[0]);
        long limit = space.geometry().limit();
        assertEquals(2, space.pagemap(limit - 2 * PAGE, 4 * PAGE, words));
        assertEquals(2, space.pagemap(limit - 2 * PAGE, -1, words));
        assertEquals(0, space.pagemap(limit, PAGE, words));
        assertEquals(0, space.pagemap(-PAGE, PAGE, words));
    }

    @Test
    @DisplayName("pages without a table are told in one region, and the walk ends where the answer has no room")
    void withoutTable() {
        long at = fixture.map(LEAF, 8 << 18, RW, ANONYMOUS | Mman.FIXED | Mman.NORESERVE, null, 0);
        long end = at + (8L << 18) * PAGE;
        store(at + LEAF);
        long[] regions = new long[3 * 4];
        PageScan scan = new PageScan().range(at, end).told(PagemapFlags.PRESENT);
        assertEquals(3, space.pagemapScan(scan, regions));
        assertEquals(at + LEAF, regions[1]);
        assertEquals(end, regions[3 * 2 + 1]);
        assertEquals(end, scan.walkEnd());
        assertEquals(1, space.pagemapScan(scan.maxPages(7), regions));
        assertEquals(at + 7 * PAGE, scan.walkEnd());
        scan.range(scan.walkEnd(), end).maxPages(-1);
        assertEquals(3, space.pagemapScan(scan, regions));
        assertEquals(end, scan.walkEnd());
    }

    @Test
    @DisplayName("an interrupt ends a long question early, and a short one not at all")
    void interrupted() {
        long pages = 80 * LEAF / PAGE;
        long at = fixture.map(LEAF, pages, RW, ANONYMOUS | Mman.FIXED, null, 0);
        for (int i = 0; i < 80; i++) {
            store(at + i * LEAF);
        }
        PageScan scan = new PageScan().range(at, at + 80 * LEAF).all(PagemapFlags.GUARD);
        long[] regions = new long[3 * 80];
        Thread.currentThread().interrupt();
        assertEquals(Errno.EINTR.result(), space.pagemapScan(scan, regions));
        assertTrue(scan.walkEnd() > at + 64 * LEAF && scan.walkEnd() < at + 80 * LEAF);
        assertEquals(0, space.pagemapScan(scan.range(scan.walkEnd(), at + 80 * LEAF), regions));
        scan.range(at, at + 80 * LEAF).all(PagemapFlags.PRESENT);
        long told = space.pagemapScan(scan, regions);
        assertTrue(Thread.interrupted());
        assertTrue(told >= 64 && told < 80, () -> told + " regions");
        long rest = space.pagemapScan(scan.range(scan.walkEnd(), at + 80 * LEAF), regions);
        assertEquals(80, told + rest);
    }

    @Test
    @DisplayName("a page that other calls copy, protect and collect is present all the time")
    void beside() throws InterruptedException {
        long at = fixture.anonymous(4);
        for (int i = 0; i < 4; i++) {
            store(at + i * PAGE);
        }
        List<Throwable> thrown = new ArrayList<>();
        Thread other = new Thread(() -> {
            try {
                for (int i = 0; i < 300; i++) {
                    space.fork().close();
                    AddressSpace child = space.fork();
                    for (int page = 0; page < 4; page++) {
                        space.write(at + page * PAGE, new byte[] {1}, 0, 1);
                    }
                    child.close();
                    space.mprotect(at, 4 * PAGE, SpaceFixture.READ);
                    space.mprotect(at, 4 * PAGE, RW);
                    space.collectDirty(at, 4 * PAGE, page -> {});
                }
            } catch (Throwable failed) {
                thrown.add(failed);
            }
        });
        other.start();
        PageScan scan = new PageScan()
                .range(at, at + 4 * PAGE)
                .inverted(PagemapFlags.PRESENT)
                .all(PagemapFlags.PRESENT);
        long[] regions = new long[3];
        while (other.isAlive()) {
            assertEquals(0, space.pagemapScan(scan, regions), "absent pages");
        }
        other.join();
        assertEquals(List.of(), thrown);
    }

    @Test
    @DisplayName("bare page frames, as those of [vvar], have no pages to tell")
    void barePageFrames() {
        MemoryFile file = fixture.machine.newFile("/frames", 9, SpaceFixture.GEOMETRY, 4 * PAGE);
        long at = 2 * LEAF;
        long flags = VmaFlags.parse("rd sh mr mw ms pf de");
        AddressSpace loaded = fixture.machine
                .space(SpaceFixture.GEOMETRY)
                .load(List.of(AddressSpaceBuilder.mapping(at, at + 4 * PAGE, flags, 0, file.open(), null)))
                .build();
        assertEquals(1, loaded.read(at, new byte[1], 0, 1));
        long[] answer = new long[3];
        PageScan scan = new PageScan().range(at, at + 4 * PAGE);
        assertEquals(0, loaded.pagemapScan(scan, answer));
        assertEquals(at + 4 * PAGE, scan.walkEnd());
        assertEquals(1, loaded.pagemap(at, PAGE, answer));
        assertEquals(0, answer[0]);
        loaded.close();
        file.close();
    }

    @Test
    @DisplayName("a machine without memory has no pages to ask for")
    void withoutMemory() {
        AddressSpace bare = Machine.builder().build().newSpace(SpaceFixture.GEOMETRY);
        assertThrows(IllegalStateException.class, () -> bare.pagemapScan(new PageScan(), null));
        bare.close();
    }
}
