// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;

/**
 * The uses of one open of a file: its owner until it closes the open, the owner's calls, mappings, and reads ahead. The
 * last one ends the open. Thread-safe.
 */
final class OpenUses {
    /** Ends the open. Run once, without the monitor. */
    private final Runnable end;

    /**
     * The mappings, the owner, its calls and reads ahead under way.
     *
     * @words {@code uses}, {@code isClosed}
     * @written a thread that begins or ends a use, or closes the open (monitor)
     * @read these threads (monitor)
     * @invariant the mappings, the owner, and its calls and reads ahead under way; the open ends with the last one
     */
    @GuardedBy("this")
    private int uses = 1;

    /** Whether the owner has closed the open. */
    @GuardedBy("this")
    private boolean isClosed;

    OpenUses(Runnable end) {
        this.end = end;
    }

    /** Begins a use; returns false if the open has ended. */
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
     * Begins a call of the owner, during which the open stays. Returns false if the owner has closed it. Otherwise the
     * call ends with {@link #unuse}.
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
