// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lowmemory;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.memory.MachineMemory.IndexBudget;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.PageCache;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The limit of the indexes of page caches. */
@ExtendWith(OneThread.class)
@DisplayName("I9: the indexes of files have a limit, whatever pages a guest chooses")
final class IndexLimitTest {
    private static final long LIMIT = 16 * PAGE;

    /** The distance between pages, each of which needs two nodes of its own and shares a third one. */
    private static final long STEP = 1L << 38;

    /** The maximum size of the nodes for one page: six levels above a leaf of half a page. */
    private static final long PATH = 6 * PAGE + PAGE / 2;

    private final SpaceFixture fixture =
            new SpaceFixture(Machine.builder().memory(1 << 22).checked(true).pageTableLimit(LIMIT));
    private final IndexBudget budget = MachineInternals.indexBudget(fixture.machine);
    private final MemoryFile file = fixture.machine.newFile("/sparse", 1, GEOMETRY, 0);
    private final byte[] one = {1};

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        file.close();
        fixture.machine.awaitQuiescence();
        assertEquals(0, budget.used());
        fixture.close();
    }

    private long write(long offset) {
        return file.pwrite(one, 0, 1, offset);
    }

    /** Writes one byte every {@link #STEP} bytes until a write fails. */
    private long fill() {
        long pages = 0;
        long result = write(0);
        while (result == 1) {
            pages++;
            result = write(pages * STEP);
        }
        assertResult(Errno.ENOSPC, result);
        assertTrue(budget.used() > LIMIT, budget::toString);
        assertTrue(budget.used() <= LIMIT + PATH, budget::toString);
        assertTrue(fixture.machine.statistics().framesInUse() < 1 << 9, "most of the memory is free");
        return pages;
    }

    @Test
    @DisplayName(
            "a write to a page that needs nodes beyond the limit is ENOSPC; pages in memory stay; a hole makes room")
    void write() {
        long pages = fill();
        assertTrue(pages > 5, () -> "only " + pages + " pages");
        assertEquals(1, write((pages - 1) * STEP + 5), "a page that is there");
        assertEquals(0, file.punch(STEP, pages / 2 * STEP));
        assertTrue(budget.used() < LIMIT, budget::toString);
        assertEquals(1, write(pages * STEP));
    }

    @Test
    @DisplayName("an access to a further page is OUT_OF_MEMORY; after the file was cut it succeeds")
    void access() {
        fill();
        MemoryFile small = fixture.machine.newFile("/small", 2, GEOMETRY, 513 * PAGE);
        long at = fixture.map(0, 513, RW, Mman.SHARED, small.open(), 0);
        long last = at + 512 * PAGE;
        assertFault(Fault.OUT_OF_MEMORY, fixture.memory.store(last, 8, 1));
        assertFault(Fault.NONE, fixture.memory.store(at + 511 * PAGE, 8, 1));
        assertEquals(0, file.truncate(PAGE));
        assertEquals(0, budget.used());
        assertFault(Fault.NONE, fixture.memory.store(last, 8, 1));
        fixture.space.munmap(at, 513 * PAGE);
        small.close();
    }

    @Test
    @DisplayName("a cache of a backing has no frame beyond the limit")
    void backing() {
        fill();
        try (PageCache cache = fixture.machine.newPageCache(GEOMETRY, PAGE)) {
            assertEquals(-1, cache.allocate());
            assertEquals(0, file.truncate(0));
            cache.free(cache.allocate());
        }
    }
}
