// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;

/**
 * The failed writes of a file, each of which is told once by each open of the file ({@code errseq_t}). An open that is
 * made after a failure is told of it, too, if no other one was. Thread-safe.
 */
final class ErrorSequence {
    /**
     * @words {@code count}, {@code last}, {@code isTold}, {@code seen}
     * @written a thread that records a failure, and one that tells an open of it (monitor)
     * @read these threads, and one that opens the file (monitor)
     * @invariant the number of failures; {@code seen} of an open is not above it
     */
    @GuardedBy("this")
    private long count;

    @GuardedBy("this")
    private long last;

    @GuardedBy("this")
    private boolean isTold = true;

    /** How far one open was told of the failures (the sample that {@code file.f_wb_err} holds). */
    final class ErrorCursor {
        @GuardedBy("ErrorSequence.this")
        private long seen;

        private ErrorCursor(long seen) {
            this.seen = seen;
        }

        /** Returns 0 if there was no failure since the last call; otherwise the errno of the last one, negated. */
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

    /** Begins to tell an open of failures. */
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
