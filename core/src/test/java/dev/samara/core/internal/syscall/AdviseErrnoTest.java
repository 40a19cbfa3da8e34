// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Why {@code madvise} fails, and the order of its checks; the layout model has the rest of its rules. */
final class AdviseErrnoTest {
    private static final long PAGE = CallArguments.PAGE;
    private static final long PLACE = CallArguments.PLACE;
    private static final int RW = CallArguments.RW;
    private static final int FIXED = CallArguments.ANON | Mman.FIXED;

    private static final List<Integer> DISCARDS = List.of(
            Mman.DONTNEED,
            Mman.DONTNEED_LOCKED,
            Mman.FREE,
            Mman.REMOVE,
            Mman.DONTFORK,
            Mman.WIPEONFORK,
            Mman.GUARD_INSTALL);

    private static final class Madvise extends CallArguments {
        long address = PLACE + PAGE;
        long length = 2 * PAGE;
        int advice = Mman.DONTFORK;
        int protection = RW;

        Madvise() {
            before(space -> space.throwing().mmap(PLACE, 4 * PAGE, protection, FIXED, null, 0));
        }

        @Override
        long call(AddressSpace space) {
            return space.madvise(address, length, advice);
        }
    }

    @TestFactory
    @DisplayName("madvise")
    List<DynamicTest> madvise() {
        return new ErrnoTable<>(Madvise::new)
                .row(Errno.EINVAL, "no such advice", madvise -> madvise.advice = 5)
                .row(Errno.EINVAL, "not a page boundary", madvise -> madvise.address++)
                .row(Errno.EINVAL, "the length rounds to 0", madvise -> madvise.length = -1)
                .row(Errno.EINVAL, "the range wraps", madvise -> madvise.length = -2 * PAGE)
                .row(Errno.ENOMEM, "nothing there", madvise -> madvise.address += 16 * PAGE)
                .row(Errno.EPERM, "sealed, and cannot be written", madvise -> {
                    madvise.protection = Mman.READ;
                    madvise.seal(PLACE, 4);
                })
                .row(Errno.EAGAIN, "would make too many mappings", madvise -> madvise.machine.maxMapCount(1))
                .tests();
    }

    @Test
    @DisplayName("sealed memory that cannot be written refuses what would discard it, and nothing else")
    void sealed() {
        for (int advice = 0; advice < 128; advice++) {
            Madvise madvise = new Madvise();
            madvise.protection = Mman.READ;
            AddressSpace open = madvise.space();
            madvise.seal(PLACE, 4);
            AddressSpace sealed = madvise.space();
            madvise.advice = advice;
            long expected = DISCARDS.contains(advice) ? Errno.EPERM.result() : madvise.call(open);
            assertEquals(expected, madvise.call(sealed), "advice " + advice);
        }
    }

    private static AddressSpace special(long flags) {
        long all = VmaFlags.READ | VmaFlags.MAY_ACCESS | flags;
        Vma vma = VmArea.describe(PLACE, PLACE + 2 * PAGE, all, 0, null, "[special]", null);
        return Machine.builder()
                .build()
                .space(Geometry.LINUX_X86_64)
                .load(List.of(vma))
                .build();
    }

    @Test
    @DisplayName("special mappings refuse what would need pages of memory")
    void specialMappings() {
        assertEquals(Errno.EINVAL.result(), special(VmaFlags.IO).madvise(PLACE, 2 * PAGE, Mman.DOFORK));
        assertEquals(0, special(VmaFlags.DONTEXPAND).madvise(PLACE, 2 * PAGE, Mman.DOFORK));
        for (int advice : new int[] {Mman.DODUMP, Mman.GUARD_INSTALL, Mman.GUARD_REMOVE}) {
            for (long flag : new long[] {VmaFlags.IO, VmaFlags.DONTEXPAND, VmaFlags.PFNMAP, VmaFlags.MIXEDMAP}) {
                long expected = Errno.EINVAL.result();
                assertEquals(expected, special(flag).madvise(PLACE, 2 * PAGE, advice), () -> flag + " " + advice);
            }
        }
        int[] drops = {Mman.DONTNEED, Mman.DONTNEED_LOCKED, Mman.COLD, Mman.PAGEOUT, Mman.POPULATE_READ};
        for (int advice : drops) {
            assertEquals(Errno.EINVAL.result(), special(VmaFlags.PFNMAP).madvise(PLACE, 2 * PAGE, advice));
            assertEquals(0, special(VmaFlags.DONTEXPAND).madvise(PLACE, 2 * PAGE, advice), () -> "advice " + advice);
        }
        assertEquals(0, special(VmaFlags.DONTEXPAND).madvise(PLACE, 2 * PAGE, Mman.WIPEONFORK));
        long huge = VmaFlags.DONTEXPAND | VmaFlags.HUGETLB;
        assertEquals(0, special(huge).madvise(PLACE, 2 * PAGE, Mman.DODUMP), "huge pages may be dumped");
        assertEquals(Errno.EINVAL.result(), special(VmaFlags.DONTEXPAND).madvise(PLACE, 2 * PAGE, Mman.FREE));
        AddressSpace space = special(VmaFlags.DONTEXPAND);
        String before = LayoutText.of(space);
        assertEquals(0, space.madvise(PLACE, 2 * PAGE, Mman.MERGEABLE));
        assertEquals(before, LayoutText.of(space), "cannot be merged with equal pages");
        assertEquals(Errno.EINVAL.result(), space.madvise(PLACE, PAGE, Mman.DONTFORK), "stays in one piece");
    }

    @Test
    @DisplayName("unknown advice is refused for length 0 too")
    void unknown() {
        try (AddressSpace space = new Madvise().space()) {
            assertEquals(0, space.madvise(PLACE + PAGE, 0, Mman.DONTNEED));
            for (int unknown : new int[] {-1, 5, 6, 7, 26, 99, 100, 101, 104, Integer.MIN_VALUE}) {
                assertEquals(Errno.EINVAL.result(), space.madvise(PLACE, 0, unknown), () -> "advice " + unknown);
            }
        }
    }

    @Test
    @DisplayName("droppable memory stays droppable; a hole needs a file that is open for writing")
    void droppableAndReadOnly() {
        try (AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64)) {
            int droppable = Mman.DROPPABLE | Mman.ANONYMOUS | Mman.FIXED;
            space.throwing().mmap(PLACE, PAGE, RW, droppable, null, 0);
            assertEquals(Errno.EINVAL.result(), space.madvise(PLACE, PAGE, Mman.KEEPONFORK));
            assertEquals(Errno.EINVAL.result(), space.madvise(PLACE, PAGE, Mman.DODUMP));
            int shared = Mman.SHARED | Mman.FIXED;
            space.throwing().mmap(PLACE + PAGE, PAGE, Mman.READ, shared, OpenFiles.R, 0);
            assertEquals(Errno.EACCES.result(), space.madvise(PLACE + PAGE, PAGE, Mman.REMOVE));
        }
    }
}
