// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.mman.FileAdvice;
import dev.samara.core.vma.VmaFlags;

/**
 * How many pages one open of a file reads at a fault ({@code struct file_ra_state}): a window that doubles while faults
 * follow the last window, and is one page after a fault elsewhere. A read ends at a multiple of the window,
 * or of half of it in a mapping for sequential accesses. Thread-safe.
 */
final class ReadAhead {
    /** As Linux's {@code read_ahead_kb}, unless the mapping is for sequential accesses. */
    private static final int MOST_BYTES = 128 << 10;

    private final int most;

    /**
     * The page after the last window.
     *
     * @words {@code next}, {@code window}, {@code advised}
     * @written a fault that reads pages through this open; a call that gives advice (monitor)
     * @read such faults (monitor)
     * @invariant the page after the last window, and its length; the advice for the open
     */
    @GuardedBy("this")
    private long next;

    @GuardedBy("this")
    private int window = 1;

    /** The flags of a mapping that has the advice for this open. */
    @GuardedBy("this")
    private long advised;

    ReadAhead(int pageSize) {
        most = Math.max(1, MOST_BYTES / pageSize);
    }

    /**
     * Returns the number of pages to read from a page on.
     *
     * @param page the page of a fault that is not in memory
     * @param flags the flags of its mapping
     */
    synchronized int window(long page, long flags) {
        long known = (flags & (VmaFlags.RAND_READ | VmaFlags.SEQ_READ)) == 0 ? advised : flags;
        if ((known & VmaFlags.RAND_READ) != 0) {
            return 1;
        }
        if ((known & VmaFlags.SEQ_READ) != 0) {
            window = 2 * most;
        } else if (page == next) {
            window = Math.min(most, 2 * window);
        } else {
            window = 1;
        }
        // To a multiple of the window: pages that are evicted together have frames that were read together.
        int count = window - (int) (page & (Math.min(window, most) - 1));
        next = page + count;
        return count;
    }

    /**
     * Sets how reads that no advice of a mapping is known of will come.
     *
     * @param advice {@link FileAdvice#POSIX_FADV_NORMAL}, {@link FileAdvice#POSIX_FADV_RANDOM} or {@link
     *     FileAdvice#POSIX_FADV_SEQUENTIAL}
     */
    synchronized void advise(int advice) {
        advised = advice == FileAdvice.POSIX_FADV_RANDOM
                ? VmaFlags.RAND_READ
                : advice == FileAdvice.POSIX_FADV_SEQUENTIAL ? VmaFlags.SEQ_READ : 0;
    }

    /** Returns the number of pages of the largest window for accesses that no advice is known of. */
    int most() {
        return most;
    }
}
