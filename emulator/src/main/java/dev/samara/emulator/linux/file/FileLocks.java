// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.wait.WaitList;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The file locks that processes of a guest hold on each other; programs of the host are not affected. Record locks are
 * owned by a process or by an open file and conflict with each other. Locks of {@code flock} are owned by an open file
 * and conflict only among themselves. Thread-safe.
 */
public final class FileLocks {
    /** Identifies a file, even after its last name was removed. */
    public record FileKey(long device, long inode) {}

    /** The two independent families of locks. */
    public enum Family {
        /** {@code fcntl}. */
        RECORDS,
        /** {@code flock}. */
        WHOLE
    }

    private record LockedPlace(FileKey file, Family family) {}

    /**
     * The locks of each file. The locks of one owner are adjacent in the list, in order, and merged where they meet.
     */
    private final Map<LockedPlace, List<HeldLock>> all = new HashMap<>();

    /** The threads that wait for a lock. */
    public final WaitList waiters = new WaitList();

    private int count;

    public FileLocks() {}

    /** Returns a lock that conflicts with the wanted lock; null if there is none. */
    public synchronized @Nullable HeldLock conflict(FileKey file, Family family, HeldLock wanted) {
        for (HeldLock each : all.getOrDefault(new LockedPlace(file, family), List.of())) {
            if (each.conflicts(wanted)) {
                return each;
            }
        }
        return null;
    }

    /**
     * Takes a lock, which replaces the locks that its owner holds in the same range.
     *
     * @return 0; EAGAIN if another lock conflicts; or ENOLCK
     */
    public long take(FileKey file, Family family, HeldLock wanted) {
        long result;
        synchronized (this) {
            result = tryTake(file, family, wanted);
        }
        return told(result);
    }

    /**
     * Takes a lock if no other lock conflicts. The caller holds this object's monitor, and passes the result to {@link
     * #told} after it has released the monitor.
     */
    private long tryTake(FileKey file, Family family, HeldLock wanted) {
        if (conflict(file, family, wanted) != null) {
            return LinuxErrno.EAGAIN;
        }
        // A lock that is split in the middle adds up to two locks.
        if (count > GuestLimits.FILE_LOCKS - 2) {
            return LinuxErrno.ENOLCK;
        }
        LockedPlace place = new LockedPlace(file, family);
        put(place, with(wanted, cut(place, wanted)));
        return 0;
    }

    /**
     * Wakes the waiting threads if a lock was taken, because it may have replaced an exclusive lock. Returns the
     * result.
     */
    private long told(long result) {
        if (result == 0) {
            waiters.wakeAll();
        }
        return result;
    }

    /** Releases the locks that the owner of {@code range} holds in the range. */
    public void release(FileKey file, Family family, HeldLock range) {
        synchronized (this) {
            LockedPlace place = new LockedPlace(file, family);
            if (all.containsKey(place)) {
                put(place, cut(place, range));
            }
        }
        waiters.wakeAll();
    }

    /** Releases all locks of an owner in a file, of both families. */
    public void releaseAll(FileKey file, Object owner) {
        HeldLock range = new HeldLock(owner, 0, true, 0, Long.MAX_VALUE);
        for (Family each : Family.values()) {
            release(file, each, range);
        }
    }

    /** Adds a lock to those that are left, and joins it with the owner's locks of the same kind beside it. */
    private static List<HeldLock> with(HeldLock wanted, List<HeldLock> locks) {
        HeldLock joined = wanted;
        for (Iterator<HeldLock> each = locks.iterator(); each.hasNext(); ) {
            HeldLock with = joined.joined(each.next());
            if (with != null) {
                each.remove();
                joined = with;
            }
        }
        locks.add(joined);
        return locks;
    }

    /** Returns the locks of a file without the parts that the owner of {@code range} holds in the range. */
    private List<HeldLock> cut(LockedPlace place, HeldLock range) {
        List<HeldLock> left = new ArrayList<>();
        for (HeldLock each : all.getOrDefault(place, List.of())) {
            if (!each.isReplacedBy(range)) {
                left.add(each);
                continue;
            }
            HeldLock before = each.before(range);
            HeldLock after = each.after(range);
            if (before != null) {
                left.add(before);
            }
            if (after != null) {
                left.add(after);
            }
        }
        return left;
    }

    private void put(LockedPlace place, List<HeldLock> locks) {
        List<HeldLock> old = locks.isEmpty() ? all.remove(place) : all.put(place, locks);
        count += locks.size() - (old == null ? 0 : old.size());
    }

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
}
