// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import org.jspecify.annotations.Nullable;

/**
 * A record of each time that a file was made smaller, for {@code fork} and {@code mremap}, which race with truncation:
 * they hold pages of the file where no walk of a truncation finds them. The record is a chain. Such an operation
 * remembers the link of the time when it took the pages, and learns of later truncations by following the chain. Links
 * that no operation remembers are garbage.
 */
public final class TruncationLog {
    /** The record that the file was made smaller. */
    public static final class LoggedTruncation {
        private final long pages;

        /**
         * @written truncation, before it walks (volatile)
         * @read a thread that carries private pages, after it has linked the leaf, or the VMA (volatile)
         * @pairs a truncation stores the link, then walks. A thread that carries private pages links the leaf or the
         *     VMA, then reads the chain
         * @invariant a chain with one link for each time that the file was made smaller
         */
        private volatile @Nullable LoggedTruncation next;

        LoggedTruncation(long pages) {
            this.pages = pages;
        }
    }

    /**
     * The last link of the chain.
     *
     * @written truncation, holding {@code inodeLock} and {@code content}, before it walks (volatile)
     * @read truncation, holding {@code inodeLock} (volatile)
     * @invariant the end of the chain
     */
    private volatile LoggedTruncation last = new LoggedTruncation(Long.MAX_VALUE);

    /**
     * The last truncation whose walk is over. Later ones may still walk, and may have passed the place of a page.
     *
     * @written truncation, after it walks (volatile)
     * @read a thread that carries private pages, before it takes them (volatile)
     * @invariant the last link of the chain whose walk is over
     */
    private volatile LoggedTruncation walked = last;

    /** Adds a link. The caller holds the inode lock and the lock of the content, and has not begun its walk. */
    void add(LoggedTruncation link) {
        last.next = link;
        last = link;
    }

    /** Records that the walk of the last truncation is over. The caller holds the inode lock. */
    void setWalked() {
        walked = last;
    }

    /** Returns the last truncation whose walk is over. */
    LoggedTruncation walked() {
        return walked;
    }

    /** Returns the smallest size, in pages, to which the file was cut since; {@code Long.MAX_VALUE} if it was not. */
    static long lowestSince(LoggedTruncation from) {
        long lowest = Long.MAX_VALUE;
        for (LoggedTruncation next = from.next; next != null; next = next.next) {
            lowest = Math.min(lowest, next.pages);
        }
        return lowest;
    }
}
