// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.wait;

import dev.samara.core.guest.FutexKey;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Locks whose words contain the ID of their owner ({@code FUTEX_LOCK_PI}, {@code kernel/futex/pi.c}). An unlock, or the
 * end of the owner, passes the lock to the first waiter. Linux also lends the priorities of the waiters to the owner;
 * threads of the guest have no priorities. The monitor of this table guards all of it.
 */
public final class PiFutexes {
    private static final int OWNER = 0x3fff_ffff;
    private static final int OWNER_DIED = 0x4000_0000;
    private static final int HAS_WAITERS = 0x8000_0000;

    /** A result that means that the lock was free, and was taken. */
    private static final long TAKEN = 1;

    /** The locks that a thread holds and wants. Guarded by the table. */
    public static final class PiThread {
        private final Set<PiLock> held = new LinkedHashSet<>();
        private @Nullable PiLock wanted;
        private boolean isEnded;

        public PiThread() {}
    }

    /** A lock that has waiters ({@code struct futex_pi_state}). */
    private static final class PiLock {
        private final Deque<PiWaiter> waiters = new ArrayDeque<>();

        /** Null while the first waiter takes over the lock of an owner that has ended. */
        private @Nullable FutexThread owner;
    }

    private static final class PiWaiter {
        private final FutexThread thread;
        private final FutexKey key;
        private final PiLock lock;
        private boolean isGranted;
        private boolean isOfDead;

        PiWaiter(FutexThread thread, FutexKey key, PiLock lock) {
            this.thread = thread;
            this.key = key;
            this.lock = lock;
        }
    }

    /** Finds threads by their IDs. */
    @FunctionalInterface
    public interface ThreadFinder {
        /** Returns the thread with an ID; null if there is none. */
        @Nullable
        FutexThread find(int tid);
    }

    private final ThreadFinder threads;
    private final Map<FutexKey, PiLock> locks = new HashMap<>();

    /**
     * Creates a table without locks.
     *
     * @param threads finds the owners of locks
     */
    public PiFutexes(ThreadFinder threads) {
        this.threads = threads;
    }

    /**
     * Takes a lock.
     *
     * @param isTry whether the call does not wait
     * @param deadline the end of the wait
     * @return 0, or an errno
     */
    public long lock(FutexThread thread, long address, boolean isPrivate, boolean isTry, long deadline) {
        PiWaiter waiter;
        synchronized (this) {
            FutexKey key = thread.memory().futexKey(address, isPrivate, true);
            long result = take(thread, address, isPrivate, key);
            PiLock lock = locks.get(key);
            if (result != 0 || lock == null) {
                return result == TAKEN ? 0 : result;
            }
            if (isTry || isDeadlock(thread, lock)) {
                forgetIfEmpty(key, lock);
                return isTry ? LinuxErrno.EAGAIN : LinuxErrno.EDEADLK;
            }
            waiter = new PiWaiter(thread, key, lock);
            lock.waiters.add(waiter);
            thread.inheritance().wanted = lock;
        }
        long waited = LinuxErrno.EINTR;
        try {
            waited = thread.await(new WaitList(), () -> isGranted(waiter), deadline);
        } finally {
            if (end(waiter, address)) {
                waited = 0;
            }
        }
        return waited == LinuxErrno.RESTART ? LinuxErrno.RESTART_ALWAYS : waited;
    }

    /**
     * Takes a free lock. If the lock has an owner, puts the lock into the table, so that the thread can wait for it.
     */
    private long take(FutexThread thread, long address, boolean isPrivate, FutexKey key) {
        CallMemory memory = thread.memory();
        for (; ; ) {
            int word = memory.getInt(address);
            int id = word & OWNER;
            if (id == thread.tid()) {
                return LinuxErrno.EDEADLK;
            }
            PiLock known = locks.get(key);
            if (known != null) {
                return fits(known, word) ? 0 : LinuxErrno.EINVAL;
            }
            if (id == 0) {
                if (memory.compareAndExchange(address, word, (word & OWNER_DIED) | thread.tid()) == word) {
                    return TAKEN;
                }
                continue;
            }
            // From now on the owner must call unlock to release the lock.
            if (memory.compareAndExchange(address, word, word | HAS_WAITERS) != word) {
                continue;
            }
            FutexThread owner = threads.find(id);
            if (isPrivate && owner != null && owner.processMemory() != thread.processMemory()) {
                // The word of a private lock must not contain the ID of a thread of another process.
                return LinuxErrno.EPERM;
            }
            if (owner != null && !owner.inheritance().isEnded) {
                PiLock made = new PiLock();
                own(made, owner);
                locks.put(key, made);
                return 0;
            }
            if (memory.getInt(address) == (word | HAS_WAITERS)) {
                return LinuxErrno.ESRCH;
            }
        }
    }

    /** Whether a word agrees with the owner of a lock with waiters ({@code attach_to_pi_state}). */
    private static boolean fits(PiLock lock, int word) {
        int id = word & OWNER;
        if ((word & OWNER_DIED) != 0 && id == 0) {
            return true;
        }
        return lock.owner != null && lock.owner.tid() == id;
    }

    private static void own(PiLock lock, FutexThread owner) {
        lock.owner = owner;
        owner.inheritance().held.add(lock);
    }

    private static boolean isDeadlock(FutexThread thread, PiLock wanted) {
        for (PiLock each = wanted; each != null; ) {
            FutexThread owner = each.owner;
            if (owner == thread) {
                return true;
            }
            each = owner == null ? null : owner.inheritance().wanted;
        }
        return false;
    }

    private void forgetIfEmpty(FutexKey key, PiLock lock) {
        FutexThread owner = lock.owner;
        if (lock.waiters.isEmpty() && owner != null) {
            // The table may contain another lock for the word by now, because this lock was granted to a waiter.
            locks.remove(key, lock);
            owner.inheritance().held.remove(lock);
        }
    }

    private synchronized boolean isGranted(PiWaiter waiter) {
        return waiter.isGranted;
    }

    /** Ends a wait; returns whether the lock was granted to the waiter. */
    private synchronized boolean end(PiWaiter waiter, long address) {
        PiLock lock = waiter.lock;
        if (!waiter.isGranted) {
            lock.waiters.remove(waiter);
            waiter.thread.inheritance().wanted = null;
        } else if (waiter.isOfDead) {
            own(lock, waiter.thread);
        }
        forgetIfEmpty(waiter.key, lock);
        if (waiter.isOfDead) {
            storeOwner(waiter.thread, address);
        }
        return waiter.isGranted;
    }

    /** Stores the new owner of a lock whose owner has ended ({@code fixup_pi_state_owner}). */
    private static void storeOwner(FutexThread thread, long address) {
        CallMemory memory = thread.memory();
        int changed = thread.tid() | HAS_WAITERS | OWNER_DIED;
        int word;
        do {
            word = memory.getInt(address);
        } while (memory.compareAndExchange(address, word, changed) != word);
    }

    private static PiWaiter grant(PiLock lock) {
        PiWaiter next = lock.waiters.remove();
        next.isGranted = true;
        next.thread.inheritance().wanted = null;
        next.thread.wake();
        return next;
    }

    /** Unlocks, and passes the lock to the first waiter. Returns 0, or an errno. */
    public synchronized long unlock(FutexThread thread, long address, boolean isPrivate) {
        CallMemory memory = thread.memory();
        for (; ; ) {
            int word = memory.getInt(address);
            if ((word & OWNER) != thread.tid()) {
                return LinuxErrno.EPERM;
            }
            if ((address & 3) != 0) {
                return LinuxErrno.EINVAL;
            }
            FutexKey key = thread.memory().futexKey(address, isPrivate, true);
            PiLock lock = locks.get(key);
            PiWaiter next = lock == null ? null : lock.waiters.peek();
            if (lock == null || next == null) {
                return memory.compareAndExchange(address, word, 0) == word ? 0 : LinuxErrno.EAGAIN;
            }
            if (lock.owner != thread) {
                return LinuxErrno.EINVAL;
            }
            if (memory.compareAndExchange(address, word, HAS_WAITERS | next.thread.tid()) == word) {
                thread.inheritance().held.remove(lock);
                own(lock, grant(lock).thread);
                forgetIfEmpty(key, lock);
                return 0;
            }
        }
    }

    /**
     * Passes the locks that a thread holds to their waiters, because the thread ends or executes another program
     * ({@code exit_pi_state_list}).
     */
    public synchronized void releaseAll(FutexThread thread) {
        List<PiLock> left = new ArrayList<>(thread.inheritance().held);
        thread.inheritance().held.clear();
        for (PiLock each : left) {
            each.owner = null;
            grant(each).isOfDead = true;
        }
    }

    /** Passes the locks of a thread to their waiters when the thread ends. Afterwards no thread waits for it. */
    public synchronized void end(FutexThread thread) {
        thread.inheritance().isEnded = true;
        releaseAll(thread);
    }
}
