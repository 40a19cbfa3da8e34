// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.lock;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.wait.WaitList;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
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

    /** The locks for which threads wait, each with the owner of a conflicting lock. */
    private final IdentityHashMap<HeldLock, Object> blocked = new IdentityHashMap<>();

    private final WaitList waiters = new WaitList();
    private int count;

    public FileLocks() {}

    /** The threads that wait for a lock. */
    public WaitList waiters() {
        return waiters;
    }

    /** Returns a lock that the owner of {@code range} holds in the range; null if there is none. */
    public synchronized @Nullable HeldLock own(FileKey file, Family family, HeldLock range) {
        for (HeldLock each : all.getOrDefault(new LockedPlace(file, family), List.of())) {
            if (each.isReplacedBy(range)) {
                return each;
            }
        }
        return null;
    }

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
        put(place, with(wanted, cut(place, wanted), first(place, wanted)));
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

    /**
     * Takes a record lock of a process as {@link #take} does. On EAGAIN the thread must wait for the lock.
     *
     * @return like {@link #take}, or EDEADLK if the process that holds a conflicting lock waits for this process
     */
    public long takeOrWait(FileKey file, HeldLock wanted) {
        long result;
        synchronized (this) {
            endWait(wanted);
            HeldLock other = conflict(file, Family.RECORDS, wanted);
            if (other != null) {
                if (waitsFor(other.owner(), wanted.owner())) {
                    return LinuxErrno.EDEADLK;
                }
                blocked.put(wanted, other.owner());
                return LinuxErrno.EAGAIN;
            }
            result = tryTake(file, Family.RECORDS, wanted);
        }
        return told(result);
    }

    /** Ends the wait of a thread for a lock. Other threads of its process may still wait for other locks. */
    public synchronized void endWait(HeldLock wanted) {
        blocked.remove(wanted);
    }

    /** Returns whether a process is the owner, or waits for it, directly or through other processes. */
    private boolean waitsFor(Object process, Object owner) {
        Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        Deque<Object> left = new ArrayDeque<>(List.of(process));
        while (!left.isEmpty()) {
            Object next = left.removeFirst();
            if (next == owner) {
                return true;
            }
            if (seen.add(next)) {
                blocked.forEach((wanted, holder) -> {
                    if (wanted.owner() == next) {
                        left.add(holder);
                    }
                });
            }
        }
        return false;
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

    /** Returns the index of the first lock of an owner, or the index at which its first lock is to be added. */
    private int first(LockedPlace place, HeldLock wanted) {
        List<HeldLock> locks = all.getOrDefault(place, List.of());
        int index = 0;
        while (index < locks.size() && !locks.get(index).isOf(wanted)) {
            index++;
        }
        return index;
    }

    /**
     * Adds a lock to the locks of its owner, which start at an index. Keeps their order, and merges locks that meet
     * ({@code posix_lock_inode}). A query for a conflicting lock returns the first one in this order.
     */
    private static List<HeldLock> with(HeldLock wanted, List<HeldLock> locks, int first) {
        HeldLock joined = wanted;
        int place = first;
        int index = first;
        while (index < locks.size() && locks.get(index).isOf(wanted)) {
            HeldLock each = locks.get(index);
            HeldLock with = joined.joined(each);
            if (with != null) {
                locks.remove(index);
                joined = with;
                continue;
            }
            index++;
            if (each.start() < wanted.start()) {
                place = index;
            }
        }
        locks.add(place, joined);
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
}
