// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;

/**
 * Counts the uses of one open of a file: its owner until the owner closes the open, the owner's calls, mappings, and
 * read-ahead. The open ends with its last use. Thread-safe.
 */
final class OpenUses {
    /** Ends the open. Called once, without the monitor. */
    private final Runnable end;

    /**
     * The number of uses.
     *
     * <p>Words: {@code uses}, {@code isClosed}.
     * Written: a thread that begins or ends a use, or closes the open (monitor).
     * Read: these threads (monitor).
     * Invariant: the number of uses: the mappings, the owner, and its calls and read-ahead under way. The open ends
     *     with its last use.
     */
    @GuardedBy("this")
    private int uses = 1;

    /** Whether the owner has closed the open. */
    @GuardedBy("this")
    private boolean isClosed;

    OpenUses(Runnable end) {
        this.end = end;
    }

    /** Starts a use. Returns false if the open has ended. */
    synchronized boolean use() {
        if (uses == 0) {
            return false;
        }
        uses++;
        return true;
    }

    /** Ends a use, which may save the file. */
    void unuse() {
        boolean isLast;
        synchronized (this) {
            uses--;
            isLast = uses == 0;
        }
        if (isLast) {
            end.run();
        }
    }

    /**
     * Starts a call of the owner, during which the open does not end. Returns false if the owner has closed the open.
     * Otherwise the caller ends the call with {@link #unuse}.
     */
    synchronized boolean beginCall() {
        return !isClosed && use();
    }

    /** Ends the use of the owner; a second call does nothing. */
    void close() {
        synchronized (this) {
            if (isClosed) {
                return;
            }
            isClosed = true;
        }
        unuse();
    }
}
