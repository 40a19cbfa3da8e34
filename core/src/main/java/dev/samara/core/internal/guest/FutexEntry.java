// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.internal.space.Identity;
import org.jspecify.annotations.Nullable;

/** The place of one waiter in a futex table ({@code struct futex_q}). It enters once, and leaves once. */
final class FutexEntry {
    final int bits;
    final Runnable resume;

    /**
     * Where it is; null if it is in no bucket. Changed by the thread that has the bucket's lock.
     *
     * @written the thread that has the lock of the bucket where the entry is, or which it enters (volatile)
     * @read the waiting thread, also without a lock (volatile)
     * @pairs the store of null, by a wake, with the waiter's read: it then reads whether it was woken
     * @invariant null unless the list of that bucket has the entry. A thread that has locked the bucket that it has
     *     read reads again: a requeue may have moved the entry before
     */
    private volatile @Nullable FutexBucket bucket;

    /* Guarded by the bucket's lock; the links are the waker's own from the wake on. */

    /**
     * @words {@code key}, {@code space}, {@code previous}, {@code next}, {@code isWoken}
     * @written holder of the bucket's lock (plain, lock); {@code next} also by the waking thread, once the entry is in
     *     no bucket
     * @read holder of the bucket's lock (plain, lock); {@code isWoken} also by the waiting thread, after {@code bucket}
     *     is null
     * @invariant no two threads have the links at a time: the waker alone has those of an entry that it has taken out
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

    /** Returns whether its space has no users any more. The caller has the bucket's lock. */
    boolean isOfEndedSpace() {
        return space != null && space.isWithoutUsers();
    }

    /** Leaves the bucket where it is, if it is in one. Returns whether a wake has taken it out before. */
    boolean leave() {
        for (FutexBucket at = bucket; at != null; at = bucket) {
            at.lock();
            try {
                // A requeue may have moved it before the lock was taken.
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

    /** Notes where it is. The caller has the bucket's lock, and that of the bucket where it was. */
    void entered(FutexBucket at) {
        bucket = at;
    }

    /** Notes that it is in no bucket any more. The caller has the bucket's lock. */
    void left(boolean byWake) {
        // First: a waiter that finds no bucket reads it.
        isWoken = byWake;
        bucket = null;
    }
}
