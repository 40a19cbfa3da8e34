// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static dev.samara.core.Refusal.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.LockFlags;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.mman.Resource;
import dev.samara.core.mman.SyncFlags;
import dev.samara.core.vma.Geometry;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The calls that throw leave the same layout as those that return an error, whether they succeed or fail. */
final class ThrowingLikePlainCallsTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final long HEAP = 0x1000_0000_0000L;
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final int MAYMOVE = RemapFlags.MAYMOVE;

    private static AddressSpace space() {
        return Machine.builder().build().space(LINUX).heap(HEAP, HEAP).build();
    }

    @Test
    @DisplayName("an address near 2^64 is never taken for an error, nor an error for an address")
    void addressesNearTheTop() {
        ThrowingCalls calls = space().throwing();
        for (long address : new long[] {-1, -511, -512, -4095, -4096, -PAGE * 2}) {
            MmException failed =
                    assertRefused(MmException.class, () -> calls.mmap(address, PAGE, RW, FIXED, null, 0), "mmap(0x");
            assertSame(Errno.ENOMEM, failed.errno());
        }
    }

    @Test
    @DisplayName("a call that succeeds throws nothing, and does what the other form does")
    void successesDoTheSame() {
        AddressSpace thrown = space();
        AddressSpace plain = space();
        ThrowingCalls calls = thrown.throwing();
        int stack = FIXED | MapFlags.GROWSDOWN;

        assertEquals(PLACE, calls.mmap(PLACE, 8 * PAGE, RW, FIXED, null, 0));
        assertEquals(PLACE, plain.mmap(PLACE, 8 * PAGE, RW, FIXED, null, 0));
        calls.mprotect(PLACE, PAGE, Protection.READ);
        assertEquals(0, plain.mprotect(PLACE, PAGE, Protection.READ));
        calls.munmap(PLACE + 2 * PAGE, PAGE);
        assertEquals(0, plain.munmap(PLACE + 2 * PAGE, PAGE));
        long moved = calls.mremap(PLACE + PAGE, PAGE, 3 * PAGE, MAYMOVE, 0);
        assertEquals(moved, plain.mremap(PLACE + PAGE, PAGE, 3 * PAGE, MAYMOVE, 0));
        calls.brk(HEAP + 5);
        assertEquals(HEAP + 5, plain.brk(HEAP + 5));
        calls.madvise(PLACE + 3 * PAGE, PAGE, Advice.DONTFORK);
        assertEquals(0, plain.madvise(PLACE + 3 * PAGE, PAGE, Advice.DONTFORK));
        calls.mlock(PLACE + 4 * PAGE, PAGE);
        assertEquals(0, plain.mlock(PLACE + 4 * PAGE, PAGE));
        calls.mlock2(PLACE + 5 * PAGE, PAGE, LockFlags.ONFAULT);
        assertEquals(0, plain.mlock2(PLACE + 5 * PAGE, PAGE, LockFlags.ONFAULT));
        calls.msync(PLACE + 6 * PAGE, PAGE, SyncFlags.SYNC);
        assertEquals(0, plain.msync(PLACE + 6 * PAGE, PAGE, SyncFlags.SYNC));
        calls.mseal(PLACE + 7 * PAGE, PAGE, 0);
        assertEquals(0, plain.mseal(PLACE + 7 * PAGE, PAGE, 0));
        calls.mmap(PLACE + 5000 * PAGE, PAGE, RW, stack, null, 0);
        assertEquals(PLACE + 5000 * PAGE, plain.mmap(PLACE + 5000 * PAGE, PAGE, RW, stack, null, 0));
        calls.growStack(PLACE + 4998 * PAGE);
        assertEquals(0, plain.growStack(PLACE + 4998 * PAGE));
        long attached = calls.shmat(OpenFiles.FIVE_PAGES, 0, 0);
        assertEquals(attached, plain.shmat(OpenFiles.FIVE_PAGES, 0, 0));
        assertEquals(LayoutText.of(plain), LayoutText.of(thrown));
        calls.munlock(PLACE + 4 * PAGE, PAGE);
        assertEquals(0, plain.munlock(PLACE + 4 * PAGE, PAGE));
        calls.shmdt(attached);
        assertEquals(0, plain.shmdt(attached));
        calls.mlockall(LockFlags.CURRENT);
        assertEquals(0, plain.mlockall(LockFlags.CURRENT));
        assertEquals(LayoutText.of(plain), LayoutText.of(thrown));
        calls.munlockall();
        assertEquals(0, plain.munlockall());
        calls.brk(HEAP);
        assertEquals(HEAP, plain.brk(HEAP));
        assertEquals(LayoutText.of(plain), LayoutText.of(thrown));
        assertEquals(plain.usage(), thrown.usage());
    }

    @Test
    @DisplayName("the layout is what the failed call left: part of a range may be changed")
    void partsStayChanged() {
        AddressSpace space = space();
        space.throwing().mmap(PLACE, 2 * PAGE, RW, FIXED, null, 0);
        AddressSpace plain = space();
        plain.throwing().mmap(PLACE, 2 * PAGE, RW, FIXED, null, 0);
        assertRefused(MmException.class, () -> space.throwing().mprotect(PLACE, 3 * PAGE, Protection.READ), "ENOMEM");
        assertEquals(Errno.ENOMEM.result(), plain.mprotect(PLACE, 3 * PAGE, Protection.READ));
        assertEquals(LayoutText.of(plain), LayoutText.of(space));
        assertEquals(1, space.usage().maps());
        assertEquals(0, space.usage().data());
    }

    @Test
    @DisplayName("a heap that cannot grow is ENOMEM, whatever the reason")
    void refusedHeap() {
        AddressSpace space = space();
        space.setLimit(Resource.DATA, PAGE);
        space.throwing().brk(HEAP + PAGE);
        MmException failed =
                assertRefused(MmException.class, () -> space.throwing().brk(HEAP + PAGE + 1), "brk(0x100000001001)");
        assertSame(Errno.ENOMEM, failed.errno());
        assertEquals(HEAP + PAGE, space.brk(0));
    }
}
