// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.internal.space.Identity;
import org.jspecify.annotations.Nullable;

/** The place of one waiter in a futex table ({@code struct futex_q}). It is queued once, and removed once. */
final class FutexEntry {
    final int bits;
    final Runnable resume;

    /**
     * The bucket that contains this entry; null if there is none. Changed by the thread that holds the bucket's lock.
     *
     * <p>Written: the thread that has the lock of the bucket where the entry is, or which it enters (volatile).
     * Read: the waiting thread, also without a lock (volatile).
     * Pairs: the store of null, by a wake, with the waiter's read: it then reads whether it was woken.
     * Invariant: null unless the list of that bucket contains the entry. A thread that has locked the bucket that it
     *     found here reads this word again, because a requeue may have moved the entry before that.
     */
    private volatile @Nullable FutexBucket bucket;

    /* Guarded by the bucket's lock; after the wake, the links belong to the waker. */

    /**
     * Words: {@code key}, {@code space}, {@code previous}, {@code next}, {@code isWoken}.
     * Written: holder of the bucket's lock (plain, lock); {@code next} also by the waking thread, once the entry is in
     *     no bucket.
     * Read: holder of the bucket's lock (plain, lock); {@code isWoken} also by the waiting thread, after {@code bucket}
     *     is null.
     * Invariant: no two threads use the links concurrently: only the waker uses the links of an entry that it removed.
     */
    @Nullable
    FutexKey key;

    @Nullable
    Identity space;

    @Nullable
    FutexEntry previous;

    @Nullable
    FutexEntry next;

    private boolean isWoken;

    FutexEntry(int bits, Runnable resume) {
        this.bits = bits;
        this.resume = resume;
    }

    boolean isQueued() {
        return bucket != null;
    }

    boolean isWoken() {
        return bucket == null && isWoken;
    }

    /** Returns whether the waiter's space has no users any more. The caller holds the bucket's lock. */
    boolean isOfEndedSpace() {
        return space != null && space.isWithoutUsers();
    }

    /** Removes this entry from its bucket, if it is in one. Returns whether a wake removed it before. */
    boolean leave() {
        for (FutexBucket at = bucket; at != null; at = bucket) {
            at.lock();
            try {
                // A requeue may have moved the entry before the lock was acquired.
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

    /** Sets the bucket of this entry. The caller holds the locks of this bucket and of the previous one. */
    void entered(FutexBucket at) {
        bucket = at;
    }

    /** Records that this entry is no longer in a bucket. The caller holds the bucket's lock. */
    void left(boolean byWake) {
        // Stored first, because a waiter that finds no bucket reads it.
        isWoken = byWake;
        bucket = null;
    }
}
