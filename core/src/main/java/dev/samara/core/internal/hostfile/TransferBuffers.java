// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** The idle buffers through which bytes go between frames and files. Keeps a few, in direct memory. Thread-safe. */
final class TransferBuffers {
    private static final int MOST_IDLE = 4;

    private final int size;

    @GuardedBy("this")
    private final ArrayDeque<ByteBuffer> idle = new ArrayDeque<>(MOST_IDLE);

    /**
     * The buffers that {@link #tryTake} has returned, and that are in use.
     *
     * @written a read past the page cache into a heap buffer, when it begins and ends (monitor)
     * @read the same (monitor)
     * @invariant the number of such reads that have a direct buffer; four at most
     */
    @GuardedBy("this")
    private int taken;

    /**
     * Makes an empty stock.
     *
     * @param size the size of each buffer in bytes
     */
    TransferBuffers(int size) {
        this.size = size;
    }

    /** Returns an empty buffer of at least some size, for one thread. */
    ByteBuffer take(int least) {
        if (least > size) {
            return ByteBuffer.allocateDirect(least);
        }
        ByteBuffer known = poll();
        return known == null ? ByteBuffer.allocateDirect(size) : known.clear();
    }

    /** Returns an empty buffer for one thread, or null if {@value #MOST_IDLE} threads have one from this method. */
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

    /** Gives a buffer back that {@link #tryTake} has returned. */
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

    /** Gives a buffer back that {@link #take} has returned. */
    synchronized void giveBack(ByteBuffer buffer) {
        if (buffer.capacity() == size && idle.size() < MOST_IDLE) {
            idle.addLast(buffer);
        }
    }
}
