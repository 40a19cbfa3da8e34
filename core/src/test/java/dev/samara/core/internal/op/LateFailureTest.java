// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.Usage;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Historical bug 24 (CVE-2024-53096): a call that failed late left half of its changes. */
final class LateFailureTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;

    private static long page(long number) {
        return PLACE + number * PAGE;
    }

    private static void map(AddressSpace space, long first, long pages, int protection) {
        assertEquals(page(first), space.mmap(page(first), pages * PAGE, protection, FIXED, null, 0));
    }

    /** Describes the mapping at each of some pages, regardless of where mappings are split. */
    private static List<String> pages(AddressSpace space, long first, long count) {
        List<String> pages = new ArrayList<>();
        for (long i = first; i < first + count; i++) {
            Vma vma = space.find(page(i));
            pages.add(
                    vma == null
                            ? "-"
                            : VmaFlags.format(vma.flags()) + " " + vma.backing() + " +"
                                    + (vma.pageOffset() + (page(i) - vma.start()) / PAGE));
        }
        return pages;
    }

    /** Why a mapping over others may fail after the others were checked. */
    private enum LateFailure {
        SEALED(Errno.EPERM, RW, FIXED),
        TOO_LARGE(Errno.ENOMEM, Protection.READ, FIXED),
        TOO_MUCH_DATA(Errno.ENOMEM, RW, FIXED),
        NOT_COMMITTED(Errno.ENOMEM, RW, FIXED),
        /* The object is created, and its charge refused, only after the old mappings were removed. */
        SHARED_NOT_COMMITTED(Errno.ENOMEM, RW, MapFlags.SHARED | MapFlags.ANONYMOUS | MapFlags.FIXED),
        NO_HUGE_PAGES(Errno.ENOMEM, RW, FIXED | MapFlags.HUGETLB);

        private final Errno errno;
        private final int protection;
        private final int flags;

        LateFailure(Errno errno, int protection, int flags) {
            this.errno = errno;
            this.protection = protection;
            this.flags = flags;
        }

        private boolean leavesGap() {
            return this == SHARED_NOT_COMMITTED || this == NO_HUGE_PAGES;
        }

        private void provoke(AddressSpace space) {
            switch (this) {
                case SEALED -> assertEquals(0, space.mseal(page(6), PAGE, 0));
                case TOO_LARGE -> space.setLimit(Resource.AS, 30 * PAGE);
                case TOO_MUCH_DATA -> space.setLimit(Resource.DATA, 10 * PAGE);
                default -> {}
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource(LateFailure.class)
    @DisplayName("24 (CVE-2024-53096): an mmap that failed late left half of it behind")
    void mmapThatFailsLateLeavesWhatLinuxLeaves(LateFailure failure) {
        Machine machine = Machine.builder().commitLimit(32 * PAGE).build();
        AddressSpace space = machine.newSpace(LINUX);
        map(space, 0, 3, RW);
        assertEquals(
                page(3), space.mmap(page(3), 2 * PAGE, RW, MapFlags.SHARED | MapFlags.FIXED, OpenFiles.A, 7 * PAGE));
        map(space, 5, 3, RW);
        failure.provoke(space);
        List<String> before = pages(space, 0, 64);
        Usage usage = space.usage();
        long committed = machine.committed();

        long address = failure == LateFailure.NO_HUGE_PAGES ? page(0) : page(1);
        assertEquals(
                failure.errno.result(), space.mmap(address, 60 * PAGE, failure.protection, failure.flags, null, 0));

        if (failure.leavesGap()) {
            long kept = (address - page(0)) / PAGE;
            List<String> left = new ArrayList<>(before.subList(0, (int) kept));
            left.addAll(Collections.nCopies(64 - (int) kept, "-"));
            assertEquals(left, pages(space, 0, 64));
            assertEquals(kept, space.usage().total());
            assertEquals(kept, space.usage().accounted());
            assertEquals(kept * PAGE, machine.committed());
            space.validate();
            space.close();
            assertEquals(0, machine.committed());
            return;
        }
        assertEquals(before, pages(space, 0, 64));
        Usage after = space.usage();
        assertEquals(
                usage,
                new Usage(
                        usage.maps(),
                        after.total(),
                        after.data(),
                        after.exec(),
                        after.stack(),
                        after.locked(),
                        after.accounted()));
        assertEquals(committed, machine.committed());
        space.validate();
        space.close();
        assertEquals(0, machine.committed());
    }

    @Test
    @DisplayName("24: an mremap that failed late kept its charge")
    void mremapThatFailsLateChangesNothing() {
        Machine machine = Machine.builder().commitLimit(16 * PAGE).build();
        AddressSpace space = machine.newSpace(LINUX);
        map(space, 0, 4, RW);
        map(space, 6, 4, RW);
        String before = LayoutText.of(space);
        Usage usage = space.usage();
        int keep = RemapFlags.MAYMOVE | RemapFlags.DONTUNMAP;
        for (int round = 0; round < 3; round++) {
            assertEquals(Errno.ENOMEM.result(), space.mremap(page(6), 4 * PAGE, 13 * PAGE, 0, 0));
            assertEquals(Errno.ENOMEM.result(), space.mremap(page(0), 4 * PAGE, 13 * PAGE, RemapFlags.MAYMOVE, 0));
            assertEquals(Errno.ENOMEM.result(), space.mremap(page(0), 4 * PAGE, 8 * PAGE, 0, 0));
            assertEquals(before, LayoutText.of(space));
            assertEquals(usage, space.usage());
            assertEquals(8 * PAGE, machine.committed());
        }
        assertEquals(page(20), space.mremap(page(0), 4 * PAGE, 4 * PAGE, keep, page(20)));
        assertEquals(page(30), space.mremap(page(6), 4 * PAGE, 4 * PAGE, keep, page(30)));
        assertEquals(Errno.ENOMEM.result(), space.mremap(page(6), 4 * PAGE, 4 * PAGE, keep, page(40)));
        assertEquals(16 * PAGE, machine.committed());
        space.validate();
    }
}
