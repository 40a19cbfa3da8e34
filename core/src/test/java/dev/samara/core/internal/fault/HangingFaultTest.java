// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * In each test, one fault hangs in its backing while other calls run. Then the test checks the effect of the late
 * answer.
 */
@ExtendWith(OneThread.class)
@DisplayName("While a fault hangs in its backing")
final class HangingFaultTest {
    private static final long PLACE = 0x4000_0000L;
    private static final int SHARED = Mman.SHARED | Mman.FIXED;
    private static final int PRIVATE = Mman.PRIVATE | Mman.FIXED;
    private static final int PAGES = 8;

    private final SpaceFixture fixture = new SpaceFixture();
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private final ExecutorService pool = Executors.newSingleThreadExecutor();

    /** A file that hangs once, after it read its page 2. */
    private final PagedFile file = new PagedFile(fixture, PAGES) {
        @Override
        public int fault(Backing.PageRequest request) {
            int frame = super.fault(request);
            if (request.page() == 2 && reached.getCount() != 0) {
                reached.countDown();
                try {
                    goOn.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
            return frame;
        }
    };

    /** The result of the fault that hung, and the number that its thread then loaded. */
    private record Late(int fault, boolean isMajor, long value) {}

    private @Nullable Future<Late> late;

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        goOn.countDown();
        pool.shutdown();
        fixture.space.validate();
        fixture.close();
        file.cache.truncate(0);
        assertEquals(0, fixture.frames());
        assertEquals(List.of(), fixture.reports);
    }

    /** Maps the file and makes another thread hang in a fault on its page 2. */
    private void hang(int protection, int type, int access) throws InterruptedException {
        fixture.map(PLACE, PAGES, protection, type, file, 0);
        hangThere(access);
    }

    private void hangThere(int access) throws InterruptedException {
        late = pool.submit((Callable<Late>) () -> {
            try (Cpu cpu = fixture.machine.claimCpu()) {
                cpu.switchTo(fixture.space);
                int fault = cpu.memory().handleFault(PLACE + 2 * PAGE, access);
                boolean isMajor = cpu.statistics().majorFaults() == 1;
                boolean reads = fault == Fault.NONE && cpu.memory().load(PLACE + 2 * PAGE, 8) == Fault.NONE;
                return new Late(fault, isMajor, reads ? cpu.memory().value() : -1);
            }
        });
        reached.await();
    }

    private Late late() throws Exception {
        goOn.countDown();
        return java.util.Objects.requireNonNull(late).get();
    }

    @Test
    @DisplayName("P1, P16: munmap does not wait for it, and its late answer is not mapped")
    void munmap() throws Exception {
        for (int access : new int[] {READ}) {
            hang(RW, SHARED, access);
            assertEquals(0, fixture.space.munmap(PLACE, PAGES * PAGE));
            Late ended = late();
            assertFault(Fault.MAPERR, ended.fault());
            assertFalse(fixture.isMapped(PLACE + 2 * PAGE));
        }
    }

    @Test
    @DisplayName("P1: a merge and then an munmap do not let it in")
    void mergedThenUnmapped() throws Exception {
        fixture.map(PLACE, 4, RW, PRIVATE, file, 0);
        hangThere(READ);
        fixture.map(PLACE + 4 * PAGE, 4, RW, PRIVATE, file, 4);
        assertEquals(1, fixture.space.snapshot().vmas().size());
        assertEquals(0, fixture.space.munmap(PLACE, PAGES * PAGE));
        assertFault(Fault.MAPERR, late().fault());
        assertFalse(fixture.isMapped(PLACE + 2 * PAGE));
    }

    @Test
    @DisplayName("MAP_FIXED over it does not wait, and the fault ends in the new mapping")
    void replaced() throws Exception {
        hang(RW, SHARED, READ);
        fixture.map(PLACE, PAGES, RW, ANONYMOUS | Mman.FIXED, null, 0);
        fixture.store(PLACE + 2 * PAGE, 77);
        Late ended = late();
        assertFault(Fault.NONE, ended.fault());
        assertEquals(77, ended.value());
    }

    @Test
    @DisplayName("P28: a private write that hangs installs nothing older than the mapping that is there when it ends")
    void olderContent() throws Exception {
        hang(RW, PRIVATE, WRITE);
        assertEquals(0, fixture.space.munmap(PLACE, PAGES * PAGE));
        file.cache.store().put(file.cache.frameAt(2), 0, 8, 0x1234);
        fixture.map(PLACE, PAGES, RW, PRIVATE, file, 0);
        Late ended = late();
        assertFault(Fault.NONE, ended.fault());
        assertTrue(ended.isMajor());
        assertEquals(0x1234, ended.value());
    }

    @Test
    @DisplayName("P24: the fault ends although its mapping is protected and merged again and again")
    void busyNeighbourhood() throws Exception {
        hang(RW, PRIVATE, READ);
        for (int i = 0; i < 100; i++) {
            assertEquals(0, fixture.space.mprotect(PLACE + (i % 7) * PAGE, PAGE, READ));
            assertEquals(0, fixture.space.mprotect(PLACE, PAGES * PAGE, RW));
        }
        Late ended = late();
        assertFault(Fault.NONE, ended.fault());
        assertTrue(ended.isMajor());
        assertEquals(PagedFile.STAMP + 2, ended.value());
        assertEquals(1, file.reads.get());
    }

    @Test
    @DisplayName("rights that are taken away meanwhile are not given by its answer")
    void narrowed() throws Exception {
        hang(RW, SHARED, WRITE);
        assertEquals(0, fixture.space.mprotect(PLACE, PAGES * PAGE, READ));
        Late ended = late();
        assertFault(Fault.ACCERR, ended.fault());
        assertFault(Fault.ACCERR, fixture.memory.store(PLACE + 2 * PAGE, 8, 1));
        assertEquals(PagedFile.STAMP + 2, fixture.load(PLACE + 2 * PAGE));
    }

    @Test
    @DisplayName("a page that is truncated meanwhile is a SIGBUS, and not mapped")
    void truncated() throws Exception {
        hang(RW, SHARED, READ);
        file.cache.truncate(2 * PAGE);
        assertFault(Fault.ADRERR, late().fault());
        assertFalse(fixture.isMapped(PLACE + 2 * PAGE));
    }

    @Test
    @DisplayName("a move takes its mapping away: the fault ends in MAPERR, and the new place faults for itself")
    void moved() throws Exception {
        hang(RW, SHARED, READ);
        long to = PLACE + (1 << 20);
        long flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        assertEquals(to, fixture.space.mremap(PLACE, PAGES * PAGE, PAGES * PAGE, (int) flags, to));
        assertEquals(PagedFile.STAMP + 2, fixture.load(to + 2 * PAGE));
        assertFault(Fault.MAPERR, late().fault());
    }

    @Test
    @DisplayName("faults elsewhere, DONTNEED, forks and other operations on its range all go on")
    void everythingElse() throws Exception {
        hang(RW, PRIVATE, READ);
        // The page of the hanging fault is already in memory, so no other fault has to wait for it.
        assertEquals(PagedFile.STAMP + 2, fixture.load(PLACE + 2 * PAGE));
        fixture.majorFault(PLACE + 3 * PAGE, WRITE);
        assertEquals(0, fixture.space.madvise(PLACE, PAGES * PAGE, Mman.DONTNEED));
        long elsewhere = fixture.anonymous(1);
        fixture.store(elsewhere, 1);
        try (AddressSpace child = fixture.space.fork()) {
            fixture.cpu.switchTo(child);
            assertEquals(PagedFile.STAMP + 2, fixture.load(PLACE + 2 * PAGE));
            assertEquals(1, fixture.load(elsewhere));
            fixture.cpu.switchTo(fixture.space);
        }
        Late ended = late();
        assertFault(Fault.NONE, ended.fault());
        assertTrue(ended.isMajor());
        assertEquals(PagedFile.STAMP + 2, ended.value());
    }

    @Test
    @DisplayName("the reference to its space can be closed: the CPU that faults is a user, and ends the space")
    void closed() throws Exception {
        hang(RW, SHARED, READ);
        Layout layout = fixture.layout();
        fixture.cpu.switchTo(null);
        fixture.space.close();
        assertFault(Fault.NONE, late().fault());
        assertEquals(0, layout.pages().tables());
    }
}
