// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The failures of {@code munmap}, {@code brk} and the growth of a stack, and the layout that they leave. */
final class UnmapErrnoTest {
    private static final long PAGE = CallArguments.PAGE;
    private static final long PLACE = CallArguments.PLACE;
    private static final int RW = CallArguments.RW;
    private static final int FIXED = CallArguments.ANON | MapFlags.FIXED;

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

    private static AddressSpace fivePages(int maps) {
        AddressSpace space = Machine.builder().maxMapCount(maps).build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 5 * PAGE, RW, FIXED, null, 0);
        return space;
    }

    @Test
    @DisplayName("nothing there: succeeds, up to the end of the space")
    void nothingThere() {
        AddressSpace space = fivePages(9);
        assertEquals(0, space.munmap(PLACE - 4 * PAGE, 4 * PAGE));
        assertEquals(0, space.munmap(CallArguments.LIMIT - PAGE, 1));
        assertEquals(Errno.EINVAL.result(), space.munmap(CallArguments.LIMIT, PAGE));
        assertEquals(0, space.munmap(0, CallArguments.LIMIT));
        assertEquals("", LayoutText.of(space));
    }

    @Test
    @DisplayName("at the limit of mappings only a hole in the middle of one is refused")
    void onlyAHoleInTheMiddle() {
        AddressSpace space = fivePages(1);
        assertEquals(Errno.ENOMEM.result(), space.munmap(PLACE + PAGE, PAGE));
        assertEquals(0, space.munmap(PLACE, PAGE));
        assertEquals(0, space.munmap(PLACE + 4 * PAGE, PAGE));
        assertEquals(Errno.ENOMEM.result(), space.munmap(PLACE + 2 * PAGE, PAGE));
        assertEquals("10001000-10004000 rd wr mr mw me ac +10001\n", LayoutText.of(space));
    }

    @Test
    @DisplayName("a seal refuses all of it, and leaves the first mapping cut at the start")
    void aSealRefuses() {
        AddressSpace space = fivePages(65530);
        space.throwing().mseal(PLACE + 2 * PAGE, PAGE, 0);
        assertEquals(Errno.EPERM.result(), space.munmap(PLACE + PAGE, 3 * PAGE));
        assertEquals("""
            10000000-10001000 rd wr mr mw me ac +10000
            10001000-10002000 rd wr mr mw me ac +10001
            10002000-10003000 rd wr mr mw me ac sl +10002
            10003000-10005000 rd wr mr mw me ac +10003
            """, LayoutText.of(space));
        assertEquals(Errno.EPERM.result(), space.munmap(PLACE + 2 * PAGE, 3 * PAGE), "no cut behind a seal");
        assertEquals(4, space.usage().maps());
    }

    private static AddressSpace heap() {
        return Machine.builder()
                .build()
                .space(Geometry.LINUX_X86_64)
                .heap(PLACE, PLACE)
                .build();
    }

    @Test
    @DisplayName("brk returns the new end, or the old one after any failure")
    void brkReturnsTheEnd() {
        AddressSpace space = heap();
        assertEquals(PLACE, space.brk(0));
        assertEquals(PLACE + 5, space.brk(PLACE + 5));
        assertEquals("10000000-10001000 rd wr mr mw me ac +10000\n", LayoutText.of(space));
        assertEquals(PLACE + PAGE, space.brk(PLACE + PAGE), "same page");
        assertEquals(PLACE + 3 * PAGE, space.brk(PLACE + 3 * PAGE));
        assertEquals(PLACE + 3 * PAGE, space.brk(PLACE - 1), "below the start");
        assertEquals(PLACE + 3 * PAGE, space.brk(-1), "beyond the space");
        assertEquals(PLACE + 3 * PAGE, space.brk(CallArguments.LIMIT + 1));
        assertEquals(PLACE + PAGE + 1, space.brk(PLACE + PAGE + 1));
        assertEquals("10000000-10002000 rd wr mr mw me ac +10000\n", LayoutText.of(space));
        assertEquals(PLACE, space.brk(PLACE));
        assertEquals("", LayoutText.of(space));
    }

    @Test
    @DisplayName("brk stops a page short of the next mapping, and the guard gap short of a stack")
    void brkKeepsAway() {
        AddressSpace space = heap();
        space.throwing().mmap(PLACE + 8 * PAGE, PAGE, RW, FIXED, null, 0);
        assertEquals(PLACE, space.brk(PLACE + 8 * PAGE));
        assertEquals(PLACE + 7 * PAGE, space.brk(PLACE + 7 * PAGE));
        AddressSpace below = heap();
        below.throwing().mmap(PLACE + 300 * PAGE, PAGE, RW, FIXED | MapFlags.GROWSDOWN, null, 0);
        assertEquals(PLACE, below.brk(PLACE + 44 * PAGE));
        assertEquals(PLACE + 43 * PAGE, below.brk(PLACE + 43 * PAGE));
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
        promised.throwing().mmap(0, PAGE, Protection.READ, CallArguments.ANON, null, 0);
        promised.throwing().mmap(0, PAGE, Protection.NONE, CallArguments.ANON, null, 0);
        assertEquals(PLACE, promised.brk(PLACE + PAGE), "two mappings where one is allowed");
    }

    @Test
    @DisplayName("brk does not shrink over a seal, nor where nothing is mapped")
    void brkDoesNotShrink() {
        AddressSpace space = heap();
        space.throwing().brk(PLACE + 4 * PAGE);
        space.throwing().mseal(PLACE + 3 * PAGE, PAGE, 0);
        assertEquals(PLACE + 4 * PAGE, space.brk(PLACE + PAGE));
        AddressSpace unmapped = heap();
        unmapped.throwing().brk(PLACE + 4 * PAGE);
        unmapped.throwing().munmap(PLACE + 2 * PAGE, 2 * PAGE);
        assertEquals(PLACE + 4 * PAGE, unmapped.brk(PLACE + 3 * PAGE));
        assertEquals(PLACE + PAGE, unmapped.brk(PLACE + PAGE));
        assertEquals("10000000-10001000 rd wr mr mw me ac +10000\n", LayoutText.of(unmapped));
    }

    private static final class GrowStack extends CallArguments {
        long address = PLACE - 3 * PAGE + 1;
        long below = PLACE - 600 * PAGE;

        GrowStack() {
            machine.commitLimit(64 * PAGE);
            before(space -> {
                space.throwing().mmap(PLACE, PAGE, RW, FIXED | MapFlags.GROWSDOWN, null, 0);
                space.throwing().mmap(below, PAGE, Protection.READ, FIXED, null, 0);
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
    @DisplayName("a stack grows to just above the gap, and over a gap whose owner cannot be accessed")
    void stackGrows() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, PAGE, RW, FIXED | MapFlags.GROWSDOWN, null, 0);
        space.throwing().mmap(PLACE - 600 * PAGE, PAGE, Protection.READ, FIXED, null, 0);
        assertEquals(0, space.growStack(PLACE + 5), "mapped already");
        assertEquals(0, space.growStack(PLACE - 2 * PAGE));
        assertEquals("""
            fda8000-fda9000 rd mr mw me +fda8
            fffe000-10001000 rd wr mr mw me gd ac +fffe
            """, LayoutText.of(space));
        assertEquals(Errno.ENOMEM.result(), space.growStack(PLACE - 344 * PAGE));
        assertEquals(0, space.growStack(PLACE - 343 * PAGE));
        space.throwing().mprotect(PLACE - 600 * PAGE, PAGE, Protection.NONE);
        assertEquals(0, space.growStack(PLACE - 599 * PAGE));
        assertEquals(600, space.usage().stack());
    }

    @Test
    @DisplayName("a stack does not grow below the lowest address that may be mapped, nor below offset 0")
    void stackAtTheBottom() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(0x11000, PAGE, RW, FIXED | MapFlags.GROWSDOWN, null, 0);
        assertEquals(Errno.EPERM.result(), space.growStack(0xffff));
        assertEquals(0, space.growStack(0x10000));
        assertEquals(Errno.EFAULT.result(), space.growStack(-1));
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
    @DisplayName("a stack grows right up to another stack")
    void stackUponStack() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, PAGE, RW, FIXED | MapFlags.GROWSDOWN, null, 0);
        space.throwing().mmap(PLACE - 8 * PAGE, PAGE, RW, FIXED | MapFlags.GROWSDOWN, null, 0);
        assertEquals(0, space.growStack(PLACE - 7 * PAGE));
        assertEquals(2, space.usage().maps());
        assertEquals(9, space.usage().stack());
    }
}
