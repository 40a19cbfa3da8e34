// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** The idle buffers through which bytes go between frames and files. Keeps a few, in direct memory. Thread-safe. */
final class TransferBuffers {
    private static final int MOST_IDLE = 4;

    private final int size;
    private final ArrayDeque<ByteBuffer> idle = new ArrayDeque<>(MOST_IDLE);

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
