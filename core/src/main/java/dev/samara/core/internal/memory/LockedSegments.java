// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

import dev.samara.core.vma.SegmentLocks;
import dev.samara.core.vma.SharedSegment;

/**
 * The System V segments of one machine that are locked ({@code user_shm_lock} in {@code mm/mlock.c}). A machine
 * corresponds to one user of Linux. Memory that its spaces lock is counted separately, as in {@code locked_vm}.
 * Thread-safe.
 */
public final class LockedSegments extends SegmentLocks {
    /** The limit of a call to which no limit applies. */
    public static final long UNLIMITED = -1;

    /** Returns the memory of the locked segments in bytes. */
    public long bytes() {
        return lockedBytes();
    }

    /**
     * Locks a segment.
     *
     * @param charge the size of the segment in bytes, rounded up to whole pages
     * @param isAllowed whether the caller may lock any memory
     * @param limit the maximum number of bytes that may be locked, unsigned
     * @return 0, or a negated errno
     */
    public long shmLock(SharedSegment segment, long charge, boolean isAllowed, long limit) {
        return lock(segment, charge, isAllowed, limit);
    }

    /** Unlocks a segment. Returns 0, or a negated errno. */
    public long shmUnlock(SharedSegment segment) {
        return unlock(segment);
    }
}
