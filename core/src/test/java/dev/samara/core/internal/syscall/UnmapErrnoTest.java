// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The failures of {@code munmap}, {@code brk} and the growth of a stack. */
final class UnmapErrnoTest {
    private static final long PAGE = CallArguments.PAGE;
    private static final long PLACE = CallArguments.PLACE;
    private static final int RW = CallArguments.RW;
    private static final int FIXED = CallArguments.ANON | Mman.FIXED;

    private static final class Munmap extends CallArguments {
        long address = PLACE;
        long length = 2 * PAGE;

        Munmap() {
            map(PLACE - PAGE, 4);
        }

        @Override
        long call(AddressSpace space) {
            return space.munmap(address, length);
        }
    }

    @TestFactory
    @DisplayName("munmap")
    List<DynamicTest> munmap() {
        return new ErrnoTable<>(Munmap::new)
                .row(Errno.EINVAL, "not a page boundary", munmap -> munmap.address++)
                .row(Errno.EINVAL, "begins beyond the space", munmap -> munmap.address = CallArguments.LIMIT + PAGE)
                .row(Errno.EINVAL, "ends beyond the space", munmap -> munmap.length = CallArguments.LIMIT)
                .row(Errno.EINVAL, "length 0", munmap -> munmap.length = 0)
                .row(Errno.EINVAL, "the length rounds to 0", munmap -> munmap.length = -1)
                .row(Errno.ENOMEM, "a hole that makes too many mappings", munmap -> munmap.machine.maxMapCount(1))
                .row(Errno.EPERM, "sealed", munmap -> munmap.seal(PLACE - PAGE, 4))
                .tests();
    }

    private static AddressSpace heap() {
        return Machine.builder()
                .build()
                .space(Geometry.LINUX_X86_64)
                .heap(PLACE, PLACE)
                .build();
    }

    @Test
    @DisplayName("brk obeys the limits of data, address space and locked memory, the number of mappings and promises")
    void brkObeysLimits() {
        AddressSpace data = heap();
        data.setLimit(Resource.DATA, 2 * PAGE);
        assertEquals(PLACE, data.brk(PLACE + 2 * PAGE + 1));
        assertEquals(PLACE + 2 * PAGE, data.brk(PLACE + 2 * PAGE));
        AddressSpace whole = heap();
        whole.setLimit(Resource.AS, PAGE);
        assertEquals(PLACE, whole.brk(PLACE + PAGE + 1));
        AddressSpace locked = heap();
        locked.setLimit(Resource.MEMLOCK, PAGE);
        assertEquals(0, locked.mlockall(2));
        assertEquals(PLACE, locked.brk(PLACE + PAGE + 1));
        assertEquals(PLACE + PAGE, locked.brk(PLACE + PAGE));
        assertEquals("10000000-10001000 rd wr mr mw me lo ac +10000\n", LayoutText.of(locked));
        AddressSpace promised = Machine.builder()
                .commitLimit(PAGE)
                .maxMapCount(1)
                .build()
                .space(Geometry.LINUX_X86_64)
                .heap(PLACE, PLACE)
                .build();
        assertEquals(PLACE, promised.brk(PLACE + 2 * PAGE));
        assertEquals(PLACE + PAGE, promised.brk(PLACE + PAGE));
        promised.throwing().brk(PLACE);
        promised.throwing().mmap(0, PAGE, Mman.READ, CallArguments.ANON, null, 0);
        promised.throwing().mmap(0, PAGE, Mman.NONE, CallArguments.ANON, null, 0);
        assertEquals(PLACE, promised.brk(PLACE + PAGE), "two mappings where one is allowed");
    }

    private static final class GrowStack extends CallArguments {
        long address = PLACE - 3 * PAGE + 1;
        long below = PLACE - 600 * PAGE;

        GrowStack() {
            machine.commitLimit(64 * PAGE);
            before(space -> {
                space.throwing().mmap(PLACE, PAGE, RW, FIXED | Mman.GROWSDOWN, null, 0);
                space.throwing().mmap(below, PAGE, Mman.READ, FIXED, null, 0);
            });
        }

        @Override
        long call(AddressSpace space) {
            return space.growStack(address);
        }
    }

    @TestFactory
    @DisplayName("the growth of a stack")
    List<DynamicTest> stack() {
        return new ErrnoTable<>(GrowStack::new)
                .row(Errno.EFAULT, "nothing above", grow -> grow.address = PLACE + 64 * PAGE)
                .row(Errno.EFAULT, "above is no stack", grow -> grow.address = grow.below - PAGE)
                .row(Errno.ENOMEM, "within the gap of what lies below", grow -> grow.below = PLACE - 258 * PAGE)
                .row(Errno.ENOMEM, "over the limit of the space", grow -> grow.limit(Resource.AS, 4 * PAGE))
                .row(Errno.ENOMEM, "over the limit of a stack", grow -> grow.limit(Resource.STACK, 4 * PAGE - 1))
                .row(Errno.ENOMEM, "locked, over the limit", grow -> {
                    grow.before(space -> space.throwing().mlock(PLACE, PAGE));
                    grow.limit(Resource.MEMLOCK, 3 * PAGE);
                })
                .row(Errno.ENOMEM, "more than can be promised", grow -> grow.machine.commitLimit(3 * PAGE))
                .tests();
    }

    @Test
    @DisplayName("a stack does not grow below offset 0")
    void stackAtOffsetZero() {
        long rights = VmaFlags.READ | VmaFlags.MAY_ACCESS | VmaFlags.GROWSDOWN;
        Vma moved = VmArea.describe(PLACE, PLACE + PAGE, rights, 2, null, null, null);
        AddressSpace low = Machine.builder()
                .build()
                .space(Geometry.LINUX_X86_64)
                .load(List.of(moved))
                .build();
        assertEquals(Errno.ENOMEM.result(), low.growStack(PLACE - 3 * PAGE));
        assertEquals(0, low.growStack(PLACE - 2 * PAGE));
        assertEquals("fffe000-10001000 rd mr mw me gd +0\n", LayoutText.of(low));
    }

    @Test
    @DisplayName("a stack grows over the gap below it, if what is there cannot be accessed or is a stack itself")
    void stackOverTheGap() {
        GrowStack grow = new GrowStack();
        grow.below = PLACE - 40 * PAGE;
        try (AddressSpace space = grow.space()) {
            space.throwing().mprotect(grow.below, PAGE, Mman.NONE);
            assertEquals(0, grow.call(space));
            space.throwing().munmap(grow.below, PAGE);
            space.throwing().mmap(grow.below, PAGE, RW, FIXED | Mman.GROWSDOWN, null, 0);
            assertEquals(0, space.growStack(grow.below + PAGE));
            assertEquals(41, space.usage().stack());
        }
    }
}
