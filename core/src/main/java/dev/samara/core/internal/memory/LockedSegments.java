// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

import dev.samara.core.vma.SegmentLocks;
import dev.samara.core.vma.SharedSegment;

/**
 * The System V segments of one machine that are locked ({@code user_shm_lock} in {@code mm/mlock.c}). A machine is one
 * user. What its spaces have locked counts apart, as {@code locked_vm} does. Thread-safe.
 */
public final class LockedSegments extends SegmentLocks {
    /** The limit of a call that no limit binds. */
    public static final long UNLIMITED = -1;

    /** Returns the memory of the locked segments in bytes. */
    public long bytes() {
        return lockedBytes();
    }

    /**
     * Locks a segment.
     *
     * @param charge its size in whole pages, in bytes
     * @param isAllowed whether the caller may lock any memory
     * @param limit the most bytes that may be locked, unsigned
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
