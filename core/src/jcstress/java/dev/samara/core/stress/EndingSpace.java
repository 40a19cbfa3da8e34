// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import org.jspecify.annotations.Nullable;

/** A space with one mapping, whose only user drops it while another thread acquires a reference of some kind. */
final class EndingSpace {
    private static final Machine MACHINE = Machine.builder().memory(1 << 20).build();
    private static final long AT = 0x2000_0000_0000L;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;

    private final AddressSpace space = MACHINE.newSpace(Geometry.LINUX_X86_64);
    private final SpaceIdentity identity = space.grab();
    private final PageTableRef held = space.hold();

    /** The reference that the other thread acquired; null if it was refused. */
    private @Nullable AutoCloseable taken;

    EndingSpace() {
        if (space.mmap(AT, Geometry.LINUX_X86_64.pageSize(), Protection.READ, FIXED, null, 0) != AT) {
            throw new IllegalStateException("no mapping");
        }
        identity.attach(this);
    }

    /** Releases the weaker references, so that nothing of the space is left after its user closes it. */
    EndingSpace alone() {
        held.close();
        identity.close();
        return this;
    }

    /** Does the last put. */
    void end() {
        space.close();
    }

    /**
     * Tries to become a user through the page table reference. Returns 0 if that failed, 1 if it succeeded, and 2 if it
     * succeeded but the mapping is gone.
     */
    int tryGet() {
        AddressSpace got = held.tryGet();
        taken = got;
        return got == null ? 0 : got.find(AT) == null ? 2 : 1;
    }

    /**
     * Holds the page table. Returns 0 if that was refused, 1 if it succeeded, and 2 if it succeeded but the topmost
     * table is gone.
     */
    int hold() {
        try {
            PageTableRef mine = space.hold();
            taken = mine;
            return mine.pageTableBytes() == 0 ? 2 : 1;
        } catch (MmException refused) {
            return refused(refused);
        }
    }

    /**
     * Grabs the identity. Returns 0 if that was refused, 1 if it succeeded, and 2 if it succeeded but the attached
     * object is gone.
     */
    int grab() {
        try {
            SpaceIdentity mine = space.grab();
            taken = mine;
            return mine.attachment() == null ? 2 : 1;
        } catch (MmException refused) {
            return refused(refused);
        }
    }

    private static int refused(MmException refused) {
        return refused.errno() == Errno.ESRCH ? 0 : 3;
    }

    /**
     * Closes the reference that the other thread acquired. Returns the number of users before the close, or 2 if the
     * topmost table or the attached object was released although the reference should have kept it.
     */
    int left() {
        AutoCloseable reference = taken;
        int users = space.users();
        boolean isGone = (reference instanceof PageTableRef mine && mine.pageTableBytes() == 0)
                || (reference instanceof SpaceIdentity grabbed && grabbed.attachment() == null);
        try {
            if (reference != null) {
                reference.close();
            }
        } catch (Exception impossible) {
            throw new IllegalStateException(impossible);
        }
        alone();
        return isGone ? 2 : users;
    }
}
