// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.FrameStore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Linux checks for signals between pages; here a thread checks its interrupt flag once for each leaf. */
@ExtendWith(OneThread.class)
@DisplayName("A call that faults in or copies many pages ends soon after an interrupt, and keeps the flag")
final class InterruptedPopulationTest {
    /** The pages of three leaves. */
    private static final int PAGES = 3 * 512;

    private final SpaceFixture fixture = new SpaceFixture();

    /** Runs when the fourth page is read. */
    private Runnable event = Thread.currentThread()::interrupt;

    private final PagedFile file = new PagedFile(fixture, PAGES) {
        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            if (page == 3) {
                event.run();
            }
            return super.read(page, frame, store);
        }
    };

    @AfterEach
    void nothingIsLeft() {
        assertFalse(Thread.currentThread().isInterrupted(), "each test looks at the flag");
        file.cache.close();
        fixture.closeEmpty();
    }

    private long map(AddressSpace space, int flags) {
        return space.mmap(0, PAGES * PAGE, READ, Mman.PRIVATE | flags, file, 0);
    }

    private void assertInterrupted() {
        assertTrue(Thread.interrupted(), "the flag stays set");
        int reads = file.reads.get();
        assertTrue(reads > 3 && reads <= 2 * 512, () -> reads + " pages were read");
    }

    @Test
    @DisplayName("MADV_POPULATE_READ is EINTR")
    void populateRead() {
        long at = map(fixture.space, 0);
        assertEquals(Errno.EINTR.result(), fixture.space.madvise(at, PAGES * PAGE, Mman.POPULATE_READ));
        assertInterrupted();
        assertEquals(0, fixture.space.munmap(at, PAGES * PAGE));
    }

    @Test
    @DisplayName("MADV_POPULATE_WRITE of anonymous memory is EINTR")
    void populateWrite() {
        long at = fixture.map(0, PAGES, RW, ANONYMOUS, null, 0);
        Thread.currentThread().interrupt();
        assertEquals(Errno.EINTR.result(), fixture.space.madvise(at, PAGES * PAGE, Mman.POPULATE_WRITE));
        assertTrue(Thread.interrupted(), "the flag stays set");
        assertTrue(fixture.machine.statistics().framesInUse() <= 512);
        assertEquals(0, fixture.space.munmap(at, PAGES * PAGE));
    }

    @Test
    @DisplayName("mlock is EINTR, and the memory is locked")
    void lock() {
        fixture.space.setLimit(Resource.MEMLOCK, -1L);
        long at = map(fixture.space, 0);
        assertEquals(Errno.EINTR.result(), fixture.space.mlock(at, PAGES * PAGE));
        assertInterrupted();
        assertEquals(PAGES, fixture.space.usage().locked());
        assertEquals(0, fixture.space.munmap(at, PAGES * PAGE));
    }

    @Test
    @DisplayName("mmap with MAP_POPULATE succeeds, as it does without memory")
    void mapPopulate() {
        long at = map(fixture.space, Mman.POPULATE);
        assertFalse(Errno.isError(at));
        assertInterrupted();
        assertEquals(0, fixture.space.munmap(at, PAGES * PAGE));
    }

    @Test
    @DisplayName("a read without a CPU returns the bytes that it has read")
    void read() {
        long at = map(fixture.space, 0);
        byte[] target = new byte[(int) (PAGES * PAGE)];
        long read = fixture.space.read(at, target, 0, target.length);
        assertTrue(read > 3 * PAGE && read <= 512 * PAGE, () -> read + " bytes");
        assertInterrupted();
        assertEquals(0, fixture.space.munmap(at, PAGES * PAGE));
    }

    @Test
    @DisplayName("of few pages it does not look at the flag")
    void fewPages() {
        long at = fixture.map(0, 16, RW, ANONYMOUS, null, 0);
        Thread.currentThread().interrupt();
        assertEquals(0, fixture.space.madvise(at, 16 * PAGE, Mman.POPULATE_WRITE));
        assertTrue(Thread.interrupted(), "the flag stays set");
        assertEquals(0, fixture.space.munmap(at, 16 * PAGE));
    }

    @Test
    @DisplayName("after the end of the space MADV_POPULATE_READ is ESRCH, and no further page is read")
    void endOfTheSpace() {
        AddressSpace space = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
        event = space::close;
        long at = map(space, 0);
        assertEquals(Errno.ESRCH.result(), space.madvise(at, PAGES * PAGE, Mman.POPULATE_READ));
        assertEquals(4, file.reads.get());
    }

    @Test
    @DisplayName("after the close of the reference a read returns the bytes that it has read")
    void closedReference() {
        AddressSpace space = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
        event = space::close;
        long at = map(space, 0);
        byte[] target = new byte[(int) (PAGES * PAGE)];
        assertEquals(512 * PAGE, space.read(at, target, 0, target.length));
    }
}
