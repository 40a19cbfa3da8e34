// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The backing itself changes the layout during its callback, so each run has the same schedule. */
@DisplayName("An operation whose range changes between the asking of a backing and the publishing starts again")
final class BackingRestartTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int READ = Mman.READ;
    private static final int READ_WRITE = READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;

    /** Runs an action during its first callback, and then answers. */
    private static final class Meddling extends CountingBacking {
        private @Nullable Runnable whenAskedForOpen;
        private @Nullable Runnable whenAskedForSplit;
        private @Nullable Errno firstOpen;
        private @Nullable Errno laterOpens;
        private @Nullable Errno laterSplits;
        private boolean asked;

        Meddling() {
            super("/meddling", 1);
        }

        @Override
        protected @Nullable Errno askedForOpen(Vma vma) {
            Runnable first = whenAskedForOpen;
            if (first == null) {
                return asked ? laterOpens : null;
            }
            whenAskedForOpen = null;
            asked = true;
            first.run();
            return firstOpen;
        }

        @Override
        protected @Nullable Errno askedForSplit(Vma vma, long address) {
            Runnable first = whenAskedForSplit;
            if (first == null) {
                return asked ? laterSplits : null;
            }
            whenAskedForSplit = null;
            asked = true;
            first.run();
            return null;
        }

        @Override
        protected void toldOfClose(Vma vma) {
            assertFalse(vma.start() == 0);
        }
    }

    private final Machine machine = Machine.builder().commitLimit(200 * PAGE).build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
    private final Meddling backing = new Meddling();

    private static long page(int number) {
        return PLACE + number * PAGE;
    }

    /** Maps pages 0 to 9 of the backing, private and writable, and so charged. */
    @BeforeEach
    void map() {
        assertEquals(page(0), space.mmap(page(0), 10 * PAGE, READ_WRITE, FIXED, backing, 0));
    }

    @AfterEach
    void allIsClosed() throws InterruptedException {
        space.validate();
        machine.awaitQuiescence();
        assertEquals(
                space.snapshot().vmas().stream()
                        .filter(vma -> vma.backing() == backing)
                        .count(),
                backing.stillOpen());
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, backing.stillOpen());
        assertEquals(0, machine.committed());
    }

    private void unmapAll() {
        assertEquals(0, space.munmap(page(0), 10 * PAGE));
    }

    private void protectAll() {
        assertEquals(0, space.mprotect(page(0), 10 * PAGE, READ));
    }

    @Test
    @DisplayName("munmap finds nothing any more, and succeeds; its opens are closed")
    void munmapOfNothing() {
        backing.whenAskedForOpen = this::unmapAll;
        assertEquals(0, space.munmap(page(3), PAGE));
        assertEquals(2, backing.opens());
        assertNull(space.find(page(0)));
    }

    @Test
    @DisplayName("a refusal that does not matter any more is forgotten")
    void refusalInVain() {
        backing.whenAskedForOpen = this::unmapAll;
        backing.firstOpen = Errno.EIO;
        assertEquals(0, space.munmap(page(3), PAGE));
        assertNull(space.find(page(0)));
    }

    @Test
    @DisplayName("a refusal that is the answer to another layout is asked for again")
    void refusalOfAnother() {
        backing.whenAskedForOpen = this::protectAll;
        backing.firstOpen = Errno.EIO;
        assertEquals(0, space.munmap(page(3), PAGE));
        assertNull(space.find(page(3)));
        assertEquals(2, space.snapshot().vmas().size());
        assertEquals(0, space.mprotect(page(0), 3 * PAGE, READ), "it has that right");
    }

    @Test
    @DisplayName("mprotect finds a hole")
    void mprotectOfNothing() {
        backing.whenAskedForOpen = this::unmapAll;
        assertEquals(Errno.ENOMEM.result(), space.mprotect(page(3), PAGE, READ));
    }

    @Test
    @DisplayName("mprotect finds that there is nothing to do")
    void mprotectAlreadyDone() {
        backing.whenAskedForSplit = this::protectAll;
        assertEquals(0, space.mprotect(page(3), PAGE, READ));
        assertEquals(1, space.snapshot().vmas().size());
        assertEquals(1, backing.opens() - backing.closes());
    }

    @Test
    @DisplayName("a move finds its source gone")
    void mremapOfNothing() {
        backing.whenAskedForOpen = this::unmapAll;
        int moveTo = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        assertEquals(Errno.EFAULT.result(), space.mremap(page(0), 4 * PAGE, 4 * PAGE, moveTo, page(50)));
        assertNull(space.find(page(50)));
    }

    @Test
    @DisplayName("a mapping over others needs one open less")
    void mmapOverNothing() {
        backing.whenAskedForOpen = this::unmapAll;
        assertEquals(page(3), space.mmap(page(3), PAGE, READ, FIXED | Mman.SHARED, backing, 0));
        assertEquals(1, space.snapshot().vmas().size());
    }

    @Test
    @DisplayName("a new mapping goes elsewhere, where its place was taken")
    void mmapElsewhere() {
        backing.whenAskedForOpen =
                () -> assertEquals(page(20), space.mmap(page(20), PAGE, READ, FIXED | Mman.ANONYMOUS, null, 0));
        long address = space.mmap(page(20), PAGE, READ, Mman.SHARED, backing, 0);
        assertFalse(Errno.isError(address));
        assertTrue(address != page(20));
        assertNotNull(space.find(address));
    }

    @Test
    @DisplayName("FIXED_NOREPLACE finds its place taken")
    void noReplace() {
        backing.whenAskedForOpen =
                () -> assertEquals(page(20), space.mmap(page(20), PAGE, READ, FIXED | Mman.ANONYMOUS, null, 0));
        int flags = Mman.SHARED | Mman.FIXED_NOREPLACE;
        assertEquals(Errno.EEXIST.result(), space.mmap(page(20), PAGE, READ, flags, backing, 0));
    }

    @Test
    @DisplayName("an open that is refused the second time is the answer, and the first is closed")
    void refusedAfterwards() throws InterruptedException {
        backing.whenAskedForOpen = this::protectAll;
        backing.laterOpens = Errno.EIO;
        assertEquals(Errno.EIO.result(), space.munmap(page(3), PAGE));
        assertEquals(1, space.snapshot().vmas().size());
        machine.awaitQuiescence();
        assertEquals(1, backing.closes());
    }

    @Test
    @DisplayName("a cut that is refused the second time is the answer")
    void splitRefusedAfterwards() {
        backing.whenAskedForOpen = this::protectAll;
        backing.laterSplits = Errno.EIO;
        assertEquals(Errno.EIO.result(), space.munmap(page(3), 7 * PAGE - PAGE));
        assertEquals(1, space.snapshot().vmas().size());
    }

    @Test
    @DisplayName("a child has the layout of the instant of the fork, whatever its backings do meanwhile")
    void fork() {
        backing.whenAskedForOpen = this::unmapAll;
        AddressSpace child = space.fork();
        assertNull(space.find(page(0)));
        Vma copy = child.find(page(0));
        assertTrue(copy != null && copy.end() == page(10));
        child.validate();
        child.close();
    }

    @Test
    @DisplayName("a fork that is refused uncharges its pages, and the parent's VMAs are not kept")
    void refusedFork() throws InterruptedException {
        backing.whenAskedForOpen = this::unmapAll;
        backing.firstOpen = Errno.EIO;
        MmException refused = assertThrows(MmException.class, space::fork);
        assertEquals(Errno.EIO, refused.errno());
        machine.awaitQuiescence();
        assertEquals(0, backing.stillOpen());
        assertEquals(0, machine.committed());
    }
}
