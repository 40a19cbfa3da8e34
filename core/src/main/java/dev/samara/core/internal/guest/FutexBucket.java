// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.internal.space.Identity;
import dev.samara.core.internal.sync.SpinLock;
import org.jspecify.annotations.Nullable;

/**
 * The waiters of the words with one hash, in the order in which they were queued ({@code struct futex_hash_bucket}).
 * {@link FutexBuckets} compares the word and queues a waiter under the lock of its bucket. The methods are called with
 * the lock held, and take time proportional to the number of waiters. A thread acquires the locks of two buckets in the
 * order of their indexes.
 */
final class FutexBucket extends SpinLock {
    final int index;

    /**
     * Words: {@code first}, {@code last}.
     * Written: holder of the bucket's lock (plain, lock).
     * Read: holder of the bucket's lock (plain, lock).
     * Invariant: the waiters of the bucket. The teardown of a space records that the space has no users, and then locks
     *     each bucket in turn; a move that locks a bucket later reads the record, and moves no waiter of that space.
     */
    private @Nullable FutexEntry first;

    private @Nullable FutexEntry last;

    FutexBucket(int index) {
        this.index = index;
    }

    void add(FutexEntry waiter) {
        FutexEntry before = last;
        waiter.previous = before;
        waiter.next = null;
        if (before == null) {
            first = waiter;
        } else {
            before.next = waiter;
        }
        last = waiter;
    }

    void remove(FutexEntry waiter) {
        FutexEntry before = waiter.previous;
        FutexEntry after = waiter.next;
        if (before == null) {
            first = after;
        } else {
            before.next = after;
        }
        if (after == null) {
            last = before;
        } else {
            after.previous = before;
        }
    }

    /** Moves waiters of a word to {@code woken}. Returns their number. */
    int wake(FutexKey key, int most, int bits, WokenWaiters woken) {
        int taken = 0;
        for (FutexEntry each = first; each != null && taken < most; ) {
            FutexEntry after = each.next;
            if ((each.bits & bits) != 0 && key.equals(each.key)) {
                remove(each);
                woken.add(each);
                each.left(true);
                taken++;
            }
            each = after;
        }
        return taken;
    }

    /**
     * Moves waiters of a word behind the waiters of another word. The caller also holds the lock of the other word's
     * bucket. If both words are the same, the waiters stay, but are counted, as in Linux. Waiters of a space without
     * users stay in their bucket, because {@link #drop} may already have passed the other bucket.
     *
     * @return the number of moved waiters
     */
    int move(FutexKey from, FutexKey to, FutexBucket target, int most) {
        int moved = 0;
        FutexEntry end = last;
        for (FutexEntry each = first; each != null && moved < most; ) {
            FutexEntry after = each == end ? null : each.next;
            if (from.equals(each.key) && !each.isOfEndedSpace()) {
                if (!from.equals(to)) {
                    each.key = to;
                    remove(each);
                    target.add(each);
                    each.entered(target);
                }
                moved++;
            }
            each = after;
        }
        return moved;
    }

    /** Moves the waiters of a space to {@code ended}. They are not woken. */
    void drop(Identity space, WokenWaiters ended) {
        for (FutexEntry each = first; each != null; ) {
            FutexEntry after = each.next;
            if (each.space == space) {
                remove(each);
                ended.add(each);
                each.left(false);
            }
            each = after;
        }
    }

    int size() {
        int size = 0;
        for (FutexEntry each = first; each != null; each = each.next) {
            size++;
        }
        return size;
    }
}
