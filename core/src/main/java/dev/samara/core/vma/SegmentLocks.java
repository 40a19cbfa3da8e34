// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.memory.LockedSegments;
import dev.samara.core.mman.Errno;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Only for the library: the memory of the System V segments that are locked on one machine ({@code SHM_LOCK}), counted
 * as Linux counts the locked memory of one user ({@code UCOUNT_RLIMIT_MEMLOCK}). {@code AddressSpace.shmLock} locks a
 * segment. Thread-safe.
 */
@Experimental
public abstract sealed class SegmentLocks permits LockedSegments {
    /**
     * Increases only under the monitor, so that the limit is exact. The removal of a segment takes no lock.
     *
     * <p>Written: a thread that locks a segment, in the monitor (get-and-add); a thread that unlocks or removes a
     *     segment (get-and-add).
     * Read: a thread that locks a segment, in the monitor; any thread (volatile).
     * Invariant: at least the sum of the charges of all locked segments. It increases only in the monitor, so the limit
     *     is exact. {@code ShmLockTest.twoLocks}.
     */
    private final AtomicLong bytes = new AtomicLong();

    /** Creates an object without locked segments. */
    protected SegmentLocks() {}

    /**
     * Returns the amount of memory of the locked segments.
     *
     * @return bytes, whole pages
     */
    protected final long lockedBytes() {
        return bytes.get();
    }

    /**
     * Locks a segment ({@code shmctl_do_lock} in {@code ipc/shm.c}).
     *
     * @param segment the segment
     * @param charge the bytes to count if the segment is not locked yet
     * @param isAllowed whether the caller may lock any memory
     * @param limit the maximum number of bytes that may be locked, unsigned
     * @return 0, or EINVAL, EPERM or ENOMEM, negated
     */
    protected final synchronized long lock(SharedSegment segment, long charge, boolean isAllowed, long limit) {
        if (segment.isGone()) {
            return Errno.EINVAL.result();
        }
        if (!isAllowed) {
            return Errno.EPERM.result();
        }
        if (segment.isLocked()) {
            return 0;
        }
        long before = bytes.get();
        long after = before + charge;
        if (Long.compareUnsigned(after, before) < 0 || Long.compareUnsigned(after, limit) > 0) {
            return Errno.ENOMEM.result();
        }
        bytes.getAndAdd(charge);
        if (segment.beginLock(this, charge)) {
            return 0;
        }
        uncharge(charge);
        return segment.isGone() ? Errno.EINVAL.result() : 0;
    }

    /**
     * Unlocks a segment. Does nothing if the segment is not locked.
     *
     * @param segment the segment
     * @return 0, or EINVAL, negated
     */
    protected final synchronized long unlock(SharedSegment segment) {
        if (segment.isGone()) {
            return Errno.EINVAL.result();
        }
        segment.endLock();
        return 0;
    }

    final void uncharge(long charge) {
        bytes.getAndAdd(-charge);
    }

    @Override
    public final String toString() {
        return bytes.get() + " bytes of locked segments";
    }
}
