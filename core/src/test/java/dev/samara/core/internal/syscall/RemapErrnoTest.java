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
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The failures of {@code mremap}, and their order. */
final class RemapErrnoTest {
    private static final long PAGE = CallArguments.PAGE;
    private static final long PLACE = CallArguments.PLACE;
    private static final long TARGET = PLACE + 64 * PAGE;
    private static final int RW = CallArguments.RW;
    private static final int MOVE = Mman.MAYMOVE;
    private static final int MOVE_TO = Mman.MAYMOVE | Mman.MREMAP_FIXED;

    /** A call that grows two of four pages by one page. */
    private static class Mremap extends CallArguments {
        long address = PLACE;
        long oldLength = 2 * PAGE;
        long newLength = 3 * PAGE;
        int flags = MOVE;
        long newAddress;

        Mremap() {
            machine.commitLimit(64 * PAGE);
            map(PLACE, 4);
        }

        @Override
        long call(AddressSpace space) {
            return space.mremap(address, oldLength, newLength, flags, newAddress);
        }

        void special(long flag) {
            long special = VmaFlags.READ | VmaFlags.MAY_ACCESS | flag;
            address = PLACE + 32 * PAGE;
            loaded.clear();
            loaded.add(VmArea.describe(address, address + 2 * PAGE, special, 0, null, null, null));
        }
    }

    @TestFactory
    @DisplayName("mremap that grows and may move")
    List<DynamicTest> growing() {
        return new ErrnoTable<>(Mremap::new)
                .row(Errno.EINVAL, "an unknown flag", mremap -> mremap.flags |= 8)
                .row(Errno.EINVAL, "not a page boundary", mremap -> mremap.address++)
                .row(Errno.EINVAL, "new length 0", mremap -> mremap.newLength = 0)
                .row(Errno.EINVAL, "the new length rounds to 0", mremap -> mremap.newLength = -1)
                .row(Errno.EINVAL, "longer than the space", mremap -> mremap.newLength = CallArguments.LIMIT + 1)
                .row(Errno.EFAULT, "nothing there", mremap -> mremap.address = PLACE - PAGE)
                .row(Errno.EPERM, "sealed", mremap -> mremap.seal(PLACE, 4))
                .row(Errno.EINVAL, "a second mapping of private memory", mremap -> mremap.oldLength = 0)
                .row(Errno.EFAULT, "past the end of the mapping", mremap -> {
                    mremap.oldLength = 5 * PAGE;
                    mremap.newLength = 6 * PAGE;
                })
                .row(Errno.EAGAIN, "locked, over the limit", mremap -> {
                    mremap.before(space -> space.throwing().mlock(PLACE, 4 * PAGE));
                    mremap.limit(Resource.MEMLOCK, 4 * PAGE);
                })
                .row(Errno.ENOMEM, "over the limit of the space", mremap -> mremap.limit(Resource.AS, 4 * PAGE))
                .row(Errno.ENOMEM, "over the limit of data", mremap -> mremap.limit(Resource.DATA, 4 * PAGE))
                .row(Errno.ENOMEM, "no room here, and may not move", mremap -> mremap.flags = 0)
                .row(Errno.ENOMEM, "nearly too many mappings", mremap -> mremap.machine.maxMapCount(4))
                .row(Errno.ENOMEM, "more than can be promised", mremap -> mremap.machine.commitLimit(4 * PAGE))
                .tests();
    }

    @Test
    @DisplayName("mremap grows no mapping beyond the end of the space")
    void atTheEndOfTheSpace() {
        Mremap mremap = new Mremap();
        mremap.address = CallArguments.LIMIT - 2 * PAGE;
        mremap.flags = 0;
        mremap.map(mremap.address, 2);
        assertEquals(Errno.ENOMEM.result(), mremap.call(mremap.space()));
    }

    @TestFactory
    @DisplayName("mremap to a fixed place")
    List<DynamicTest> fixed() {
        return new ErrnoTable<>(() -> {
                    Mremap mremap = new Mremap();
                    mremap.flags = MOVE_TO;
                    mremap.newAddress = TARGET;
                    return mremap;
                })
                .row(Errno.EINVAL, "an unknown flag", mremap -> mremap.flags |= 16)
                .row(
                        Errno.EINVAL,
                        "the target ends beyond the space",
                        mremap -> mremap.newAddress = CallArguments.LIMIT)
                .row(Errno.EINVAL, "the target is no page boundary", mremap -> mremap.newAddress = TARGET + 1)
                .row(Errno.EINVAL, "may not move", mremap -> mremap.flags = Mman.MREMAP_FIXED)
                .row(Errno.EINVAL, "DONTUNMAP with another length", mremap -> mremap.flags |= Mman.DONTUNMAP)
                .row(Errno.EINVAL, "onto itself", mremap -> mremap.newAddress = mremap.address + PAGE)
                .row(Errno.ENOMEM, "nearly too many mappings", mremap -> mremap.machine.maxMapCount(6))
                .row(Errno.EFAULT, "nothing there", mremap -> mremap.address = PLACE - 16 * PAGE)
                .row(Errno.EPERM, "sealed", mremap -> mremap.seal(PLACE, 4))
                .row(Errno.EFAULT, "past the end of the mapping", mremap -> {
                    mremap.oldLength = 5 * PAGE;
                    mremap.newLength = 6 * PAGE;
                })
                .row(Errno.ENOMEM, "over the limit of the space", mremap -> mremap.limit(Resource.AS, 4 * PAGE))
                .row(Errno.EPERM, "a sealed target", mremap -> {
                    mremap.map(TARGET, 1, Mman.READ);
                    mremap.seal(TARGET, 1);
                })
                .row(
                        Errno.EPERM,
                        "a target below the lowest address that may be mapped",
                        mremap -> mremap.newAddress = PAGE)
                .row(Errno.ENOMEM, "more than can be promised", mremap -> mremap.machine.commitLimit(4 * PAGE))
                .tests();
    }

    @TestFactory
    @DisplayName("mremap that leaves the old mapping")
    List<DynamicTest> dontunmap() {
        return new ErrnoTable<>(() -> {
                    Mremap mremap = new Mremap();
                    mremap.flags = MOVE | Mman.DONTUNMAP;
                    mremap.newLength = mremap.oldLength;
                    return mremap;
                })
                .row(Errno.EINVAL, "may not move", mremap -> mremap.flags = Mman.DONTUNMAP)
                .row(Errno.EINVAL, "another length", mremap -> mremap.newLength = PAGE)
                .row(Errno.EFAULT, "nothing there", mremap -> mremap.address = PLACE - PAGE)
                .row(Errno.EINVAL, "a mapping that never grows", mremap -> mremap.special(VmaFlags.DONTEXPAND))
                .row(Errno.EINVAL, "page frames of a device", mremap -> mremap.special(VmaFlags.PFNMAP))
                .row(Errno.ENOMEM, "over the limit of the space", mremap -> mremap.limit(Resource.AS, 5 * PAGE))
                .row(Errno.ENOMEM, "more than can be promised", mremap -> mremap.machine.commitLimit(5 * PAGE))
                .tests();
    }

    @TestFactory
    @DisplayName("mremap of what never grows")
    List<DynamicTest> special() {
        return new ErrnoTable<>(Mremap::new)
                .row(Errno.EINVAL, "the offsets wrap", mremap -> {
                    mremap.address = PLACE + 16 * PAGE;
                    long end = mremap.address + 2 * PAGE;
                    mremap.loaded.clear();
                    mremap.loaded.add(VmArea.describe(mremap.address, end, VmaFlags.MAY_ACCESS, -2, null, null, null));
                })
                .row(Errno.EFAULT, "a mapping that never grows", mremap -> mremap.special(VmaFlags.DONTEXPAND))
                .row(Errno.ENOMEM, "over the limit of the space", mremap -> mremap.limit(Resource.AS, 4 * PAGE))
                .tests();
    }

    @Test
    @DisplayName("old length 0 onto its own start: the source is unmapped as target, then nothing is there")
    void theSourceIsTheTarget() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 4 * PAGE, RW, Mman.SHARED | Mman.FIXED, OpenFiles.A, 0);
        assertEquals(Errno.EFAULT.result(), space.mremap(PLACE, 0, 2 * PAGE, MOVE_TO, PLACE));
        assertEquals("10002000-10004000 rd wr sh mr mw me ms +2 A#1\n", LayoutText.of(space));
    }
}
