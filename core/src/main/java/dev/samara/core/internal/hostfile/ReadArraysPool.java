// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.page.DirectFrames;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** The idle arrays and views of frames of reads of pages, so that a read makes none. Keeps a few. Thread-safe. */
final class ReadArraysPool {
    private static final int MOST_IDLE = 8;

    /** The most pages of a window of 4 KiB pages. */
    private static final int LEAST = 64;

    /** What one read of pages uses, on one thread. */
    static final class ReadArrays {
        /** The frames that the read fills. */
        final int[] fresh;

        /** See {@link DirectFrames#bytes(int, int, ByteBuffer[])}. */
        final @Nullable ByteBuffer[] views;

        private ReadArrays(int most, int buffers) {
            fresh = new int[most];
            views = new ByteBuffer[buffers];
        }
    }

    private final int buffers;

    /**
     * @words {@code idle}, {@code idleCount}
     * @written a thread that begins or ends a read (monitor)
     * @read such threads (monitor)
     * @invariant spaces that no read uses
     */
    @GuardedBy("this")
    private final @Nullable ReadArrays[] idle = new ReadArrays[MOST_IDLE];

    @GuardedBy("this")
    private int idleCount;

    /**
     * Makes an empty stock.
     *
     * @param direct the frames; null if they lie elsewhere
     */
    ReadArraysPool(@Nullable DirectFrames direct) {
        buffers = direct == null ? 0 : direct.buffers();
    }

    /** Returns the arrays for a read of some pages, for one thread. */
    ReadArrays take(int most) {
        ReadArrays known = poll();
        return known == null || known.fresh.length < most ? new ReadArrays(Math.max(LEAST, most), buffers) : known;
    }

    private synchronized @Nullable ReadArrays poll() {
        if (idleCount == 0) {
            return null;
        }
        ReadArrays last = idle[--idleCount];
        idle[idleCount] = null;
        return last;
    }

    /** Gives arrays back that {@link #take} has returned. */
    synchronized void giveBack(ReadArrays arrays) {
        if (idleCount < MOST_IDLE) {
            idle[idleCount++] = arrays;
        }
    }
}
