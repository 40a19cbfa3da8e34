// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The failures of {@code mlock} and its family, {@code msync} and {@code mseal}, and their order. */
final class LockErrnoTest {
    private static final long PAGE = CallArguments.PAGE;
    private static final long PLACE = CallArguments.PLACE;

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
                .row(Errno.EINVAL, "ASYNC and SYNC", msync -> msync.flags |= Mman.ASYNC | Mman.SYNC)
                .row(Errno.ENOMEM, "the range wraps", msync -> msync.length = -2 * PAGE)
                .row(Errno.ENOMEM, "nothing there", msync -> msync.address = PLACE + 16 * PAGE)
                .row(Errno.EBUSY, "INVALIDATE of locked memory", msync -> {
                    msync.flags |= Mman.INVALIDATE;
                    msync.before(space -> space.throwing().mlock(PLACE, 3 * PAGE));
                })
                .tests();
    }

    @Test
    @DisplayName("msync: a hole ends the call at once with exactly ASYNC")
    void msyncHoles() {
        Msync msync = new Msync();
        msync.before(space -> space.throwing().munmap(PLACE + PAGE, PAGE));
        msync.before(space -> space.throwing().mlock(PLACE + 2 * PAGE, PAGE));
        try (AddressSpace space = msync.space()) {
            long all = 3 * PAGE;
            assertEquals(Errno.ENOMEM.result(), space.msync(PLACE, all, Mman.ASYNC));
            assertEquals(Errno.EBUSY.result(), space.msync(PLACE, all, Mman.ASYNC | Mman.INVALIDATE));
        }
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
}
