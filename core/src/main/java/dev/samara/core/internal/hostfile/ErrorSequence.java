// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;

/**
 * The failed writes of a file. Each open of the file reports each failure once ({@code errseq_t}). An open that is
 * created after a failure also reports it, if no other open did. Thread-safe.
 */
final class ErrorSequence {
    /**
     * Words: {@code count}, {@code last}, {@code isTold}, {@code seen}.
     * Written: a thread that records a failure, and a thread that reports one (monitor).
     * Read: these threads, and a thread that opens the file (monitor).
     * Invariant: {@code count} is the number of failures; {@code seen} of an open is never larger.
     */
    @GuardedBy("this")
    private long count;

    @GuardedBy("this")
    private long last;

    @GuardedBy("this")
    private boolean isTold = true;

    /** The failures that one open has reported so far (the sample in {@code file.f_wb_err}). */
    final class ErrorCursor {
        @GuardedBy("ErrorSequence.this")
        private long seen;

        private ErrorCursor(long seen) {
            this.seen = seen;
        }

        /** Returns 0 if there was no failure since the last call; otherwise the negated errno of the last failure. */
        long tell() {
            synchronized (ErrorSequence.this) {
                if (seen == count) {
                    return 0;
                }
                seen = count;
                isTold = true;
                return last;
            }
        }
    }

    /** Creates the cursor of a new open. */
    synchronized ErrorCursor open() {
        return new ErrorCursor(isTold ? count : count - 1);
    }

    /**
     * Records a failure.
     *
     * @param failure a negated errno
     */
    synchronized void add(long failure) {
        count++;
        last = failure;
        isTold = false;
    }
}
