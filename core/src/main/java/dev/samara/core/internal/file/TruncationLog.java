// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import org.jspecify.annotations.Nullable;

/**
 * A log of the truncations that made a file smaller. It is needed by {@code fork} and {@code mremap}, which race with
 * truncation, because the walk of a truncation does not find private pages that they hold. The log is a linked chain. A
 * fork or a move remembers the last link at the time when it took the pages, and finds later truncations by following
 * the chain. Links that no operation remembers are garbage.
 */
public final class TruncationLog {
    /** The record of one truncation that made the file smaller. */
    public static final class LoggedTruncation {
        private final long pages;

        /**
         * Written: truncation, before it walks (volatile).
         * Read: a thread that holds private pages, after it linked the leaf or the VMA (volatile).
         * Pairs: a truncation stores the link, then walks. A thread that holds private pages links the leaf or the VMA,
         *     then reads the chain.
         * Invariant: a chain with one link for each truncation that made the file smaller.
         */
        private volatile @Nullable LoggedTruncation next;

        LoggedTruncation(long pages) {
            this.pages = pages;
        }
    }

    /**
     * The last link of the chain.
     *
     * <p>Written: truncation, holding {@code inodeLock} and {@code content}, before it walks (volatile).
     * Read: truncation, holding {@code inodeLock} (volatile).
     * Invariant: the end of the chain.
     */
    private volatile LoggedTruncation last = new LoggedTruncation(Long.MAX_VALUE);

    /**
     * The last truncation whose walk is complete. Later truncations may still walk, and may already have passed the
     * place where a page is.
     *
     * <p>Written: truncation, after it walks (volatile).
     * Read: a thread that is about to hold private pages, before it takes them (volatile).
     * Invariant: the last link of the chain whose walk is complete.
     */
    private volatile LoggedTruncation walked = last;

    /** Adds a link. The caller holds the inode lock and the content lock, and has not yet started its walk. */
    void add(LoggedTruncation link) {
        last.next = link;
        last = link;
    }

    /** Records that the walk of the last truncation is complete. The caller holds the inode lock. */
    void setWalked() {
        walked = last;
    }

    /** Returns the last truncation whose walk is complete. */
    LoggedTruncation walked() {
        return walked;
    }

    /**
     * Returns the smallest size, in pages, to which the file was truncated after {@code from}; {@code Long.MAX_VALUE}
     * if there was no such truncation.
     */
    static long lowestSince(LoggedTruncation from) {
        long lowest = Long.MAX_VALUE;
        for (LoggedTruncation next = from.next; next != null; next = next.next) {
            lowest = Math.min(lowest, next.pages);
        }
        return lowest;
    }
}
