// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * A pool of buffers that are used to copy bytes between frames and files. Keeps a few buffers, in direct memory.
 * Thread-safe.
 */
final class TransferBuffers {
    /** The maximum number of bytes that one call of the host reads or writes. */
    static final int SIZE = 1 << 20;

    private static final int MOST_IDLE = 4;

    private final int size;

    @GuardedBy("this")
    private final ArrayDeque<ByteBuffer> idle = new ArrayDeque<>(MOST_IDLE);

    /**
     * The number of buffers of {@link #tryTake} that are in use.
     *
     * <p>Written: a read that bypasses the page cache into a heap buffer, when it starts and ends (monitor).
     * Read: the same read (monitor).
     * Invariant: the number of such reads that use a direct buffer; four at most.
     */
    @GuardedBy("this")
    private int taken;

    /**
     * Creates an empty pool.
     *
     * @param size the size of each buffer in bytes
     */
    TransferBuffers(int size) {
        this.size = size;
    }

    /** Returns an empty buffer of at least {@code least} bytes, for one thread. */
    ByteBuffer take(int least) {
        if (least > size) {
            return ByteBuffer.allocateDirect(least);
        }
        ByteBuffer known = poll();
        return known == null ? ByteBuffer.allocateDirect(size) : known.clear();
    }

    /**
     * Returns an empty buffer for one thread, or null if {@value #MOST_IDLE} threads are using buffers of this method.
     */
    @Nullable
    ByteBuffer tryTake() {
        if (!beginTake()) {
            return null;
        }
        ByteBuffer made = null;
        try {
            made = take(0);
            return made;
        } finally {
            if (made == null) {
                endTake();
            }
        }
    }

    /** Returns a buffer of {@link #tryTake} to the pool. */
    void giveBackTaken(ByteBuffer buffer) {
        endTake();
        giveBack(buffer);
    }

    private synchronized boolean beginTake() {
        if (taken == MOST_IDLE) {
            return false;
        }
        taken++;
        return true;
    }

    private synchronized void endTake() {
        taken--;
    }

    private synchronized @Nullable ByteBuffer poll() {
        return idle.pollLast();
    }

    /** Returns a buffer of {@link #take} to the pool. */
    synchronized void giveBack(ByteBuffer buffer) {
        if (buffer.capacity() == size && idle.size() < MOST_IDLE) {
            idle.addLast(buffer);
        }
    }
}
