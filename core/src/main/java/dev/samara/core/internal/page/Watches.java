// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.mman.Protection;
import org.jspecify.annotations.Nullable;

/**
 * The address ranges of one space that are watched for writes, or the ranges that are watched for reads. A range stays
 * watched whatever is mapped there.
 *
 * <p>A CPU does not cache the right to write a page that is watched for writes in its TLB, nor any translation of a
 * page that is watched for reads. So each such access takes the slow path and is reported. A thread that adds a range
 * then flushes translations; a thread that removes a range need not.
 */
public final class Watches {
    /**
     * The watched ranges; null if there is none, which makes the check cheapest.
     *
     * <p>Words: {@code all}.
     * Written: a thread that adds or removes a watch (monitor, volatile).
     * Read: CPUs that fill their TLB, or that stored without it (volatile).
     * Pairs: a thread that adds a watch stores the root, then flushes, as after the change of an entry. A CPU sets its
     *     bit in the cpumask, then reads the root. Either it sees the watch, and so caches no right to write a page
     *     that is watched for writes, and no translation of a page that is watched for reads; or it is flushed.
     * Invariant: the root of an immutable tree of watched ranges; a change copies one path.
     */
    private volatile @Nullable WatchTree all;

    /**
     * The number of ranges that were ever added.
     *
     * <p>Words: {@code added}, {@code size}.
     * Written: a thread that adds a watch; {@code size} also by one that removes a watch (monitor).
     * Read: these threads (monitor).
     * Invariant: the number of ranges ever added, which is the age of the next one; the number of ranges.
     */
    @GuardedBy("this")
    private long added;

    /** The number of ranges. */
    @GuardedBy("this")
    private int size;

    Watches() {}

    /** Returns whether no range is watched. */
    boolean isEmpty() {
        return all == null;
    }

    /**
     * Returns whether a byte of a range is watched.
     *
     * @param first the first byte
     * @param last the last byte, inclusive
     */
    public boolean touches(long first, long last) {
        WatchTree known = all;
        return known != null && known.touches(first, last);
    }

    /**
     * Notifies the listeners of all ranges that contain a byte of the access, the lowest range first, on the calling
     * thread.
     *
     * @param address the address of the access's first byte
     * @param length the number of bytes, not 0
     */
    public void tell(long address, long length) {
        tell(Protection.WRITE, address, length, 0);
    }

    /**
     * Notifies the listeners as {@link #tell(long, long)} does.
     *
     * @param access one bit of {@link Protection}
     * @param value the number that was read; 0 if there is none
     */
    public void tell(int access, long address, long length, long value) {
        WatchTree known = all;
        if (known != null) {
            known.tell(access, address, length, value);
        }
    }

    /**
     * Adds a range, in O(log n). Accesses are reported once the caller has flushed translations after this call.
     *
     * @param most the maximum number of ranges
     * @return false, with nothing changed, if there already are {@code most} ranges
     */
    public synchronized boolean add(WatchedRange watch, int most) {
        if (size >= most) {
            return false;
        }
        watch.setAge(added);
        all = WatchTree.with(all, watch);
        added++;
        size++;
        return true;
    }

    /** Removes a range and closes it, in O(log n). A range that is not in the set is only closed. */
    public synchronized void remove(WatchedRange watch) {
        watch.close();
        WatchTree before = all;
        WatchTree after = WatchTree.without(before, watch);
        if (after != before) {
            all = after;
            size--;
        }
    }

    /** Returns the ranges at this instant, or null if there are none; for tests. */
    @Nullable
    WatchTree all() {
        return all;
    }
}
