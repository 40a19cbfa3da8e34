// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.page.DirectFrames;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A pool of arrays, and of views of frames, that reads of pages reuse, so that a read need not create them. Keeps only
 * a few. Thread-safe.
 */
final class ReadArraysPool {
    private static final int MOST_IDLE = 8;

    /** The maximum number of pages of a read-ahead window with pages of 4 KiB. */
    private static final int LEAST = 64;

    /** The arrays of one read of pages, for one thread. */
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
     * Words: {@code idle}, {@code idleCount}.
     * Written: a thread that starts or ends a read (monitor).
     * Read: such threads (monitor).
     * Invariant: arrays that no read is using.
     */
    @GuardedBy("this")
    private final @Nullable ReadArrays[] idle = new ReadArrays[MOST_IDLE];

    @GuardedBy("this")
    private int idleCount;

    /**
     * Creates an empty pool.
     *
     * @param direct the frames, or null if they are not in direct memory
     */
    ReadArraysPool(@Nullable DirectFrames direct) {
        buffers = direct == null ? 0 : direct.buffers();
    }

    /** Returns arrays for a read of up to {@code most} pages, for one thread. */
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

    /** Returns arrays of {@link #take} to the pool. */
    synchronized void giveBack(ReadArrays arrays) {
        if (idleCount < MOST_IDLE) {
            idle[idleCount++] = arrays;
        }
    }
}
