// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.lock;

import org.jspecify.annotations.Nullable;

/**
 * A lock that is held or requested.
 *
 * @param owner the owner, compared by identity: a descriptor table or an open file
 * @param pid the process that {@code F_GETLK} reports; -1 for a lock of an open file
 * @param isExclusive whether it also conflicts with shared locks
 * @param start the first byte
 * @param last the last byte
 */
public record HeldLock(Object owner, int pid, boolean isExclusive, long start, long last) {
    boolean isOf(HeldLock other) {
        return owner == other.owner;
    }

    private boolean overlaps(HeldLock other) {
        return start <= other.last && other.start <= last;
    }

    boolean conflicts(HeldLock other) {
        return !isOf(other) && overlaps(other) && (isExclusive || other.isExclusive);
    }

    boolean isReplacedBy(HeldLock other) {
        return isOf(other) && overlaps(other);
    }

    /** Returns the part of this lock before the range of another lock; null if there is none. */
    @Nullable
    HeldLock before(HeldLock other) {
        return start >= other.start ? null : new HeldLock(owner, pid, isExclusive, start, other.start - 1);
    }

    /** Returns the part of this lock after the range of another lock; null if there is none. */
    @Nullable
    HeldLock after(HeldLock other) {
        return last <= other.last ? null : new HeldLock(owner, pid, isExclusive, other.last + 1, last);
    }

    /** Returns this lock and another lock merged into one; null if they differ in kind or owner, or do not meet. */
    @Nullable
    HeldLock joined(HeldLock other) {
        boolean isApart = (other.start != 0 && last < other.start - 1) || (start != 0 && other.last < start - 1);
        return !isOf(other) || isExclusive != other.isExclusive || isApart
                ? null
                : new HeldLock(owner, pid, isExclusive, Math.min(start, other.start), Math.max(last, other.last));
    }
}
