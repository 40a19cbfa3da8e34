// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.PageCache;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;

/** A machine with few frames, most of them used by pages of files. */
abstract class ReclaimFixture {
    static final int FRAMES = 64;

    final SpaceFixture fixture = new SpaceFixture(FRAMES);
    final Cpu cpu = fixture.cpu;
    final AddressSpace space = fixture.space;
    final List<PageCache> caches = new ArrayList<>();

    @AfterEach
    void everyFrameComesBack() {
        caches.forEach(PageCache::close);
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    PagedFile file(int pages) {
        PagedFile file = new PagedFile(fixture, pages);
        caches.add(file.cache);
        return file;
    }

    /** Reads a number of pages of a file through a mapping that is private, or shared. */
    long read(PagedFile file, int pages, int protection, int flags) {
        long at = fixture.map(0, pages, protection, flags, file, 0);
        for (int page = 0; page < pages; page++) {
            assertPage(at, page);
        }
        return at;
    }

    void assertPage(long at, int page) {
        int fault = cpu.memory().load(at + page * PAGE, 8);
        assertTrue(fault == Fault.NONE, () -> Fault.toString(fault));
        assertEquals(PagedFile.STAMP + page, cpu.memory().value());
    }

    /** Fills memory with pages of a file that is mapped nowhere. */
    PagedFile fill() {
        PagedFile file = file(FRAMES);
        int pages = (int) (FRAMES - fixture.frames());
        long at = read(file, pages, READ, Mman.SHARED);
        assertEquals(0, space.munmap(at, pages * PAGE));
        assertEquals(FRAMES, fixture.frames());
        return file;
    }

    void fillAgain() {
        if (fixture.frames() < FRAMES) {
            fill();
        }
    }
}
