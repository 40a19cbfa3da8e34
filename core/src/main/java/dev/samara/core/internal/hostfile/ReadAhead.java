// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.mman.FileAdvice;
import dev.samara.core.vma.VmaFlags;

/**
 * Determines how many pages one open of a file reads at a fault ({@code struct file_ra_state}). The window doubles as
 * long as each fault is at the page after the last window, and is one page for any other fault. A read ends at a
 * multiple of the window, or, with advice for sequential accesses, of half the window. Thread-safe.
 */
final class ReadAhead {
    /**
     * The maximum size of a window in bytes, like Linux's {@code read_ahead_kb}. Advice for sequential accesses doubles
     * the window.
     */
    private static final int MOST_BYTES = 128 << 10;

    private final int most;

    /**
     * The page after the last window.
     *
     * <p>Words: {@code next}, {@code window}, {@code advised}.
     * Written: a fault that reads pages through this open; a call that gives advice (monitor).
     * Read: such faults (monitor).
     * Invariant: the page after the last window, and the length of that window; the advice for the open.
     */
    @GuardedBy("this")
    private long next;

    @GuardedBy("this")
    private int window = 1;

    /** The advice for this open, as the flags that a mapping with this advice has. */
    @GuardedBy("this")
    private long advised;

    ReadAhead(int pageSize) {
        most = Math.max(1, MOST_BYTES / pageSize);
    }

    /**
     * Returns the number of pages to read, from {@code page} on.
     *
     * @param page the page of a fault, which is not in memory
     * @param flags the flags of the fault's mapping
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
        // The read ends at a multiple of the window, so that pages that are evicted together have frames that were read
        // together.
        int count = window - (int) (page & (Math.min(window, most) - 1));
        next = page + count;
        return count;
    }

    /**
     * Sets the advice for accesses whose mapping has no advice of its own.
     *
     * @param advice {@link FileAdvice#POSIX_FADV_NORMAL}, {@link FileAdvice#POSIX_FADV_RANDOM} or {@link
     *     FileAdvice#POSIX_FADV_SEQUENTIAL}
     */
    synchronized void advise(int advice) {
        advised = advice == FileAdvice.POSIX_FADV_RANDOM
                ? VmaFlags.RAND_READ
                : advice == FileAdvice.POSIX_FADV_SEQUENTIAL ? VmaFlags.SEQ_READ : 0;
    }

    /** Returns the maximum window in pages for accesses without advice. */
    int most() {
        return most;
    }
}
