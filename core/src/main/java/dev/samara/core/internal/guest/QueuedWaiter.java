// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.guest.FutexWaiter;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.guest.FutexBuckets.Bucket;
import dev.samara.core.internal.space.Identity;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Protection;
import org.jspecify.annotations.Nullable;

/** A waiter of {@link FutexBuckets} ({@code struct futex_q}). It is queued once, and removed once. */
public final class QueuedWaiter extends FutexWaiter {
    private final FutexBuckets table;
    final int bits;
    final Runnable resume;

    /**
     * The bucket that contains this waiter; null if there is none. Changed by the thread that holds the bucket's lock.
     *
     * <p>Written: the thread that has the lock of the bucket where the waiter is, or which it enters (volatile).
     * Read: the waiting thread, also without a lock (volatile).
     * Pairs: the store of null, by a wake, with the waiter's read: it then reads whether it was woken.
     * Invariant: null unless the list of that bucket contains the waiter. A thread that has locked the bucket that it
     *     found here reads this word again, because a requeue may have moved the waiter before that.
     */
    volatile @Nullable Bucket bucket;

    /* Guarded by the bucket's lock; after the wake, the links belong to the waker. */

    /**
     * Words: {@code key}, {@code space}, {@code previous}, {@code next}, {@code isWoken}.
     * Written: holder of the bucket's lock (plain, lock); {@code next} also by the waking thread, once the waiter is in
     *     no bucket.
     * Read: holder of the bucket's lock (plain, lock); {@code isWoken} also by the waiting thread, after {@code bucket}
     *     is null.
     * Invariant: no two threads use the links concurrently: only the waker uses the links of a waiter that it removed.
     */
    @Nullable
    FutexKey key;

    @Nullable
    Identity space;

    @Nullable
    QueuedWaiter previous;

    @Nullable
    QueuedWaiter next;

    private boolean isWoken;

    /** Whether this waiter was ever in the table. Used by the thread that calls {@link #queue}. */
    private boolean isUsed;

    QueuedWaiter(FutexBuckets table, int bits, Runnable resume) {
        this.table = table;
        this.bits = bits;
        this.resume = resume;
    }

    @Override
    public long queue(GuestMemory memory, long address, boolean isShared, int expected) {
        if (isUsed) {
            throw new IllegalStateException("a futex waiter is for one wait");
        }
        if (bits == 0) {
            return Errno.EINVAL.result();
        }
        CpuMemory cpu = table.checked(memory);
        for (; ; ) {
            // After a fault, the key is determined again, because another page may now be mapped at the address.
            FutexKey found = FutexBuckets.key(cpu, address, isShared, Protection.READ);
            if (found == null) {
                return FutexBuckets.errno(cpu);
            }
            long number = table.queueIf(this, cpu, found, address, expected);
            if (number != FutexBuckets.ABSENT) {
                isUsed = (int) number == expected;
                return isUsed ? 0 : Errno.EAGAIN.result();
            }
            if (!FutexBuckets.makePresent(cpu, cpu.loaded(), address, Protection.READ)) {
                return FutexBuckets.errno(cpu);
            }
        }
    }

    @Override
    public boolean isQueued() {
        return bucket != null;
    }

    @Override
    public boolean isWoken() {
        return bucket == null && isWoken;
    }

    /** Removes this waiter from its bucket, if it is in one. Returns whether a wake removed it before. */
    @Override
    public boolean unqueue() {
        for (Bucket at = bucket; at != null; at = bucket) {
            at.lock();
            try {
                // A requeue may have moved the waiter before the lock was acquired.
                if (at == bucket) {
                    at.remove(this);
                    left(false);
                }
            } finally {
                at.unlock();
            }
        }
        return isWoken;
    }

    /** Records that this waiter is no longer in a bucket. The caller holds the bucket's lock. */
    void left(boolean byWake) {
        // Stored first, because a waiter that finds no bucket reads it.
        isWoken = byWake;
        bucket = null;
    }

    @Override
    public String toString() {
        return "futex waiter" + (isQueued() ? ", queued" : isWoken() ? ", woken" : "");
    }
}
