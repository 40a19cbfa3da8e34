// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.LockFlags;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.Resource;
import dev.samara.core.mman.SyncFlags;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The failures of {@code mlock} and its family, {@code msync} and {@code mseal}, and the changes that they made before
 * they failed.
 */
final class LockErrnoTest {
    private static final long PAGE = CallArguments.PAGE;
    private static final long PLACE = CallArguments.PLACE;
    private static final int RW = CallArguments.RW;
    private static final int FIXED = CallArguments.ANON | MapFlags.FIXED;
    private static final int DROPPABLE = MapFlags.DROPPABLE | MapFlags.ANONYMOUS | MapFlags.FIXED;

    /** A call for the middle one of three pages. */
    private abstract static class OnePage extends CallArguments {
        long address = PLACE + PAGE;
        long length = PAGE;
        int flags;

        OnePage() {
            map(PLACE, 3);
        }
    }

    private static final class Mlock extends OnePage {
        @Override
        long call(AddressSpace space) {
            return space.mlock2(address, length, flags);
        }
    }

    @TestFactory
    @DisplayName("mlock2")
    List<DynamicTest> mlock2() {
        return new ErrnoTable<>(Mlock::new)
                .row(Errno.EINVAL, "an unknown flag", mlock -> mlock.flags = 2)
                .row(Errno.EPERM, "nothing may be locked", mlock -> mlock.limit(Resource.MEMLOCK, 0))
                .row(Errno.ENOMEM, "over the limit", mlock -> mlock.limit(Resource.MEMLOCK, PAGE - 1))
                .row(Errno.ENOMEM, "nothing there", mlock -> mlock.address = PLACE + 16 * PAGE)
                .row(Errno.ENOMEM, "would make too many mappings", mlock -> mlock.machine.maxMapCount(1))
                .tests();
    }

    @TestFactory
    @DisplayName("mlock2 by a caller that may lock without limit")
    List<DynamicTest> privileged() {
        return new ErrnoTable<>(() -> {
                    Mlock mlock = new Mlock();
                    mlock.grant(Capability.IPC_LOCK);
                    mlock.limit(Resource.MEMLOCK, 0);
                    return mlock;
                })
                .row(Errno.EINVAL, "an unknown flag", mlock -> mlock.flags = 4)
                .row(Errno.EINVAL, "the range wraps", mlock -> mlock.length = -2 * PAGE)
                .row(Errno.ENOMEM, "nothing there", mlock -> mlock.address = PLACE + 16 * PAGE)
                .row(Errno.ENOMEM, "would make too many mappings", mlock -> mlock.machine.maxMapCount(1))
                .tests();
    }

    @Test
    @DisplayName("a length that wraps to none does nothing, also where addresses look like errors")
    void wrapsToNone() {
        Geometry smallPages = new Geometry(9, 1, 12, 0, 0x1_a000, 0x2_0000);
        try (Machine machine = Machine.builder().build();
                AddressSpace space = machine.newSpace(smallPages)) {
            for (long address : new long[] {0, 0x1_0000, -smallPages.pageSize()}) {
                assertEquals(0, space.mlock2(address, -1, 0), () -> "mlock2 at " + address);
                assertEquals(0, space.munlock(address, -1), () -> "munlock at " + address);
            }
        }
    }

    private static final class Munlock extends OnePage {
        Munlock() {
            before(space -> space.throwing().mlock(PLACE, 3 * PAGE));
        }

        @Override
        long call(AddressSpace space) {
            return space.munlock(address, length);
        }
    }

    @TestFactory
    @DisplayName("munlock")
    List<DynamicTest> munlock() {
        return new ErrnoTable<>(Munlock::new)
                .row(Errno.EINVAL, "the range wraps", munlock -> munlock.length = -2 * PAGE)
                .row(Errno.ENOMEM, "nothing there", munlock -> munlock.address = PLACE + 16 * PAGE)
                .row(Errno.ENOMEM, "would make too many mappings", munlock -> munlock.machine.maxMapCount(1))
                .tests();
    }

    private static AddressSpace threePages() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 3 * PAGE, RW, FIXED, null, 0);
        return space;
    }

    @Test
    @DisplayName("a range is widened to pages; one that is empty then succeeds")
    void rounding() {
        AddressSpace space = threePages();
        assertEquals(0, space.mlock(PLACE + PAGE - 1, 2));
        assertEquals("""
            10000000-10002000 rd wr mr mw me lo ac +10000
            10002000-10003000 rd wr mr mw me ac +10002
            """, LayoutText.of(space));
        assertEquals(0, space.mlock(PLACE + 64 * PAGE, 0));
        assertEquals(0, space.munlock(PLACE + 64 * PAGE, 0));
        assertEquals(0, space.munlock(PLACE, -1));
        assertEquals(2, space.usage().locked());
        assertEquals(0, space.munlock(PLACE + PAGE + 7, PAGE - 7));
        assertEquals(1, space.usage().locked());
    }

    @Test
    @DisplayName("a hole: ENOMEM, and what lies before it is locked")
    void lockedUpToTheHole() {
        AddressSpace space = threePages();
        space.throwing().munmap(PLACE + PAGE, PAGE);
        assertEquals(Errno.ENOMEM.result(), space.mlock2(PLACE, 3 * PAGE, LockFlags.ONFAULT));
        assertEquals("""
            10000000-10001000 rd wr mr mw me lo lf ac +10000
            10002000-10003000 rd wr mr mw me ac +10002
            """, LayoutText.of(space));
        assertEquals(Errno.ENOMEM.result(), space.munlock(PLACE, 3 * PAGE));
        assertEquals(0, space.usage().locked());
    }

    @Test
    @DisplayName("pages of the range that are locked already do not count again")
    void lockedPagesCountOnce() {
        AddressSpace space = threePages();
        space.setLimit(Resource.MEMLOCK, 3 * PAGE);
        assertEquals(0, space.mlock(PLACE, 2 * PAGE));
        assertEquals(0, space.mlock(PLACE, 3 * PAGE));
        space.throwing().munlock(PLACE, PAGE);
        space.setLimit(Resource.MEMLOCK, 2 * PAGE);
        assertEquals(Errno.ENOMEM.result(), space.mlock(PLACE, PAGE));
        assertEquals(0, space.mlock(PLACE + PAGE, 2 * PAGE));
        assertEquals(0, space.mlock(PLACE + 2 * PAGE, PAGE), "in the middle of a locked range");
    }

    @Test
    @DisplayName("memory that cannot be accessed is locked, and ENOMEM; locked on fault it succeeds")
    void inaccessible() {
        AddressSpace space = threePages();
        space.throwing().mprotect(PLACE, PAGE, Protection.NONE);
        assertEquals(Errno.ENOMEM.result(), space.mlock(PLACE, 2 * PAGE));
        assertEquals(2, space.usage().locked());
        assertEquals(0, space.mlock2(PLACE, 2 * PAGE, LockFlags.ONFAULT));
        assertEquals("""
            10000000-10001000 mr mw me lo lf +10000
            10001000-10002000 rd wr mr mw me lo lf ac +10001
            10002000-10003000 rd wr mr mw me ac +10002
            """, LayoutText.of(space));
    }

    @Test
    @DisplayName("special mappings and droppable memory are passed over")
    void passedOver() {
        long flags = VmaFlags.READ | VmaFlags.MAY_ACCESS | VmaFlags.DONTEXPAND;
        AddressSpace space = Machine.builder()
                .build()
                .space(Geometry.LINUX_X86_64)
                .load(List.of(VmArea.describe(PLACE, PLACE + PAGE, flags, 0, null, "[special]", null)))
                .build();
        space.throwing().mmap(PLACE + PAGE, PAGE, RW, DROPPABLE, null, 0);
        assertEquals(0, space.mlock(PLACE, 2 * PAGE));
        assertEquals(0, space.mlockall(LockFlags.CURRENT | LockFlags.FUTURE));
        assertEquals(0, space.usage().locked());
    }

    @Test
    @DisplayName("mlockall: EINVAL for no flag, an unknown one, or ONFAULT alone; then EPERM; then ENOMEM")
    void mlockall() {
        AddressSpace space = threePages();
        space.setLimit(Resource.MEMLOCK, 0);
        for (int flags : new int[] {0, 8, LockFlags.ALL_ONFAULT, LockFlags.CURRENT | 16, -1}) {
            assertEquals(Errno.EINVAL.result(), space.mlockall(flags), () -> "flags " + flags);
        }
        assertEquals(Errno.EPERM.result(), space.mlockall(LockFlags.CURRENT));
        space.setLimit(Resource.MEMLOCK, 2 * PAGE);
        assertEquals(Errno.ENOMEM.result(), space.mlockall(LockFlags.CURRENT | LockFlags.FUTURE));
        assertEquals(0, space.usage().locked());
        assertEquals(PLACE + 8 * PAGE, space.mmap(PLACE + 8 * PAGE, PAGE, RW, FIXED, null, 0), "not locked either");
        assertEquals(0, space.usage().locked());
        assertEquals(0, space.mlockall(LockFlags.FUTURE | LockFlags.ALL_ONFAULT), "locks nothing now");
        assertEquals(Errno.EAGAIN.result(), space.mmap(0, 3 * PAGE, RW, CallArguments.ANON, null, 0));
        space.throwing().mmap(PLACE + 9 * PAGE, 2 * PAGE, RW, FIXED, null, 0);
        assertEquals("""
            10000000-10003000 rd wr mr mw me ac +10000
            10008000-10009000 rd wr mr mw me ac +10008
            10009000-1000b000 rd wr mr mw me lo lf ac +10009
            """, LayoutText.of(space));
        assertEquals(0, space.munlockall());
        assertEquals(PLACE, space.mmap(PLACE, PAGE, RW, FIXED, null, 0));
        assertEquals(0, space.usage().locked());
        assertEquals(2, space.usage().maps(), "unlocking joined them again");
    }

    private static final class Msync extends OnePage {
        @Override
        long call(AddressSpace space) {
            return space.msync(address, length, flags);
        }
    }

    @TestFactory
    @DisplayName("msync")
    List<DynamicTest> msync() {
        return new ErrnoTable<>(Msync::new)
                .row(Errno.EINVAL, "an unknown flag", msync -> msync.flags |= 8)
                .row(Errno.EINVAL, "not a page boundary", msync -> msync.address++)
                .row(Errno.EINVAL, "ASYNC and SYNC", msync -> msync.flags |= SyncFlags.ASYNC | SyncFlags.SYNC)
                .row(Errno.ENOMEM, "the range wraps", msync -> msync.length = -2 * PAGE)
                .row(Errno.ENOMEM, "nothing there", msync -> msync.address = PLACE + 16 * PAGE)
                .row(Errno.EBUSY, "INVALIDATE of locked memory", msync -> {
                    msync.flags |= SyncFlags.INVALIDATE;
                    msync.before(space -> space.throwing().mlock(PLACE, 3 * PAGE));
                })
                .tests();
    }

    @Test
    @DisplayName("msync: a hole is ENOMEM at the end, at once with exactly ASYNC")
    void msyncHoles() {
        AddressSpace space = threePages();
        space.throwing().munmap(PLACE + PAGE, PAGE);
        space.throwing().mlock(PLACE + 2 * PAGE, PAGE);
        long all = 3 * PAGE;
        assertEquals(Errno.ENOMEM.result(), space.msync(PLACE, all, 0));
        assertEquals(Errno.ENOMEM.result(), space.msync(PLACE, all, SyncFlags.SYNC));
        assertEquals(Errno.ENOMEM.result(), space.msync(PLACE, all, SyncFlags.ASYNC));
        assertEquals(Errno.EBUSY.result(), space.msync(PLACE, all, SyncFlags.ASYNC | SyncFlags.INVALIDATE));
        assertEquals(Errno.EBUSY.result(), space.msync(PLACE, all, SyncFlags.INVALIDATE));
        assertEquals(0, space.msync(PLACE + PAGE, 0, SyncFlags.SYNC), "length 0");
        assertEquals(0, space.msync(PLACE, -1, SyncFlags.SYNC), "a length that rounds to 0");
        assertEquals(Errno.ENOMEM.result(), space.msync(CallArguments.LIMIT, PAGE, 0));
    }

    private static final class Mseal extends OnePage {
        long flagBits;

        @Override
        long call(AddressSpace space) {
            return space.mseal(address, length, flagBits);
        }
    }

    @TestFactory
    @DisplayName("mseal")
    List<DynamicTest> mseal() {
        return new ErrnoTable<>(Mseal::new)
                .row(Errno.EINVAL, "flags", mseal -> mseal.flagBits = 1L << 40)
                .row(Errno.EINVAL, "not a page boundary", mseal -> mseal.address++)
                .row(Errno.EINVAL, "the length rounds to 0", mseal -> mseal.length = -1)
                .row(Errno.EINVAL, "the range wraps", mseal -> mseal.length = -2 * PAGE)
                .row(Errno.ENOMEM, "nothing there", mseal -> mseal.address = PLACE + 16 * PAGE)
                .row(Errno.ENOMEM, "a hole at the end", mseal -> mseal.length = 3 * PAGE)
                .row(Errno.ENOMEM, "would make too many mappings", mseal -> mseal.machine.maxMapCount(1))
                .tests();
    }

    @Test
    @DisplayName("mseal: all or nothing where there is a hole; idempotent; not passed by what would change a mapping")
    void sealedForEver() {
        AddressSpace space = threePages();
        assertEquals(0, space.mseal(PLACE + 64 * PAGE, 0, 0));
        assertEquals(0, space.mseal(PLACE, 2 * PAGE, 0));
        assertEquals(0, space.mseal(PLACE + PAGE, 2 * PAGE, 0));
        assertEquals("10000000-10003000 rd wr mr mw me ac sl +10000\n", LayoutText.of(space));
        assertEquals(Errno.EPERM.result(), space.munmap(PLACE, PAGE));
        assertEquals(Errno.EPERM.result(), space.mprotect(PLACE, PAGE, Protection.READ));
        assertEquals(Errno.EPERM.result(), space.mremap(PLACE, PAGE, 2 * PAGE, 1, 0));
        assertEquals(Errno.EPERM.result(), space.mmap(PLACE, PAGE, RW, FIXED, null, 0));
        assertEquals(0, space.mlock(PLACE, 3 * PAGE), "a seal does not hinder mlock");
        assertEquals("10000000-10003000 rd wr mr mw me lo ac sl +10000\n", LayoutText.of(space));
        assertEquals("10000000-10003000 rd wr mr mw me ac sl +10000\n", LayoutText.of(space.fork()));
        space.close();
        assertEquals("", LayoutText.of(space), "the end of a process");
    }
}
