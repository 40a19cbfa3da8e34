// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(OneThread.class)
@DisplayName("A fault to which a file has offered its pages, concurrent with a call that comes before the install")
final class HeldOfferTest {
    /** The first address of a leaf. */
    private static final long AT = 1L << 30;

    private static final long ELSEWHERE = 1L << 31;

    /** The number of pages in a leaf. */
    private static final int PAGES = 512;

    /** An address in the same leaf as the first page, but in another window. */
    private static final long DISTANT = AT + 100 * PAGE;

    /** A file that blocks once after it offered its pages. */
    private static final class SlowFile extends PagedFile {
        final CountDownLatch offered = new CountDownLatch(1);
        final CountDownLatch released = new CountDownLatch(1);
        private volatile boolean isHeld;

        SlowFile(SpaceFixture fixture) {
            super(fixture, 2 * PAGES);
        }

        void holdNextOffer() {
            isHeld = true;
        }

        @Override
        public void rcuMapPages(Backing.PageWindow window) {
            super.rcuMapPages(window);
            if (isHeld) {
                isHeld = false;
                offered.countDown();
                Latches.await(released);
            }
        }
    }

    /** The access that faults at the first page. */
    private enum Access {
        SHARED_READ(Mman.SHARED, READ),
        PRIVATE_READ(Mman.PRIVATE, READ),
        SHARED_WRITE(Mman.SHARED, WRITE),
        PRIVATE_WRITE(Mman.PRIVATE, WRITE);

        final int flags;
        final int access;

        Access(int flags, int access) {
            this.flags = flags;
            this.access = access;
        }
    }

    private final SpaceFixture fixture = new SpaceFixture();
    private final SlowFile file = new SlowFile(fixture);

    /** Makes a call during a fault, for which the call does not wait. Returns the fault's result. */
    private int faultBeside(Access access, Runnable call) {
        fixture.map(AT, PAGES, RW, access.flags | Mman.FIXED, file, 0);
        // The leaf and the pages exist, so the file is not asked to read.
        fixture.load(DISTANT);
        long other = fixture.map(ELSEWHERE, 16, READ, Mman.SHARED | Mman.FIXED, file, 0);
        for (int page = 0; page < 16; page++) {
            fixture.load(other + page * PAGE);
        }
        file.holdNextOffer();
        try (OtherCpu cpu = new OtherCpu(fixture.space)) {
            Future<Integer> fault = cpu.submit(of -> of.memory().handleFault(AT, access.access));
            Latches.await(file.offered);
            try {
                call.run();
            } finally {
                file.released.countDown();
            }
            return Await.result("the fault", fault, fixture.reports);
        }
    }

    private void end() {
        file.cache.close();
        fixture.closeEmpty();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("P1: installs no page where munmap has removed the mapping")
    void unmapped(Access access) {
        assertFault(Fault.MAPERR, faultBeside(access, () -> assertEquals(0, fixture.space.munmap(AT, PAGES * PAGE))));
        assertEquals(0, fixture.mapped(AT, PAGES));
        end();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("P1, P29: installs pages of its window up to where munmap has cut the mapping, and none behind")
    void cut(Access access) {
        assertFault(
                Fault.NONE,
                faultBeside(access, () -> assertEquals(0, fixture.space.munmap(AT + 2 * PAGE, (PAGES - 2) * PAGE))));
        assertTrue(fixture.isMapped(AT));
        assertEquals(0, fixture.mapped(AT + 2 * PAGE, PAGES - 2));
        end();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("I2: gives no right that mprotect has removed")
    void narrowed(Access access) {
        int fault = faultBeside(access, () -> assertEquals(0, fixture.space.mprotect(AT, PAGES * PAGE, READ)));
        assertFault(access.access == WRITE ? Fault.ACCERR : Fault.NONE, fault);
        assertFault(Fault.ACCERR, fixture.memory.store(AT, 8, 1));
        assertEquals(PagedFile.STAMP, fixture.load(AT));
        end();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("installs no page in a mapping that has replaced its own")
    void replaced(Access access) {
        int fault = faultBeside(access, () -> fixture.map(AT, PAGES, RW, ANONYMOUS | Mman.FIXED, null, 0));
        assertFault(Fault.NONE, fault);
        assertEquals(0, fixture.load(AT));
        assertEquals(0, fixture.load(AT + PAGE));
        end();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("installs no page of its place in the file in a mapping of another place")
    void replacedByAnotherPart(Access access) {
        int fault = faultBeside(access, () -> fixture.map(AT, PAGES, RW, access.flags | Mman.FIXED, file, PAGES));
        assertFault(Fault.NONE, fault);
        assertEquals(PagedFile.STAMP + PAGES, fixture.load(AT));
        assertEquals(PagedFile.STAMP + PAGES + 1, fixture.load(AT + PAGE));
        end();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("P1: installs no page where mremap has moved the mapping away")
    void moved(Access access) {
        int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        long to = 1L << 32;
        int fault = faultBeside(
                access, () -> assertEquals(to, fixture.space.mremap(AT, PAGES * PAGE, PAGES * PAGE, flags, to)));
        assertFault(Fault.MAPERR, fault);
        assertEquals(0, fixture.mapped(AT, PAGES));
        assertEquals(PagedFile.STAMP, fixture.load(to));
        end();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("I8: installs no page in a leaf that was unhooked when all of its pages were discarded")
    void unhooked(Access access) {
        int fault = faultBeside(access, () -> assertEquals(0, fixture.space.madvise(AT, PAGES * PAGE, Mman.DONTNEED)));
        assertFault(Fault.NONE, fault);
        assertTrue(fixture.isMapped(AT), "in a leaf that walks find");
        assertEquals(PagedFile.STAMP, fixture.load(AT));
        end();
    }

    @Test
    @DisplayName("maps the window if nothing has changed")
    void unchanged() {
        assertFault(Fault.NONE, faultBeside(Access.SHARED_READ, () -> {}));
        assertEquals(16, fixture.mapped(AT, 16));
        end();
    }
}
