// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lookup;

import dev.samara.core.LayoutSnapshot;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The last versions of a layout, numbered from 0, for one writer and a fixed number of readers.
 *
 * <p>A reader that entered may read every version from the one it was given up to the newest, until it leaves.
 */
final class VersionRing {
    private static final long NEEDS_NOTHING = Long.MAX_VALUE;

    /** One slot per reader and 128 bytes apart, so that readers do not share cache lines. */
    private static final int STRIDE = 16;

    private static final int SPINS = 64;

    private final LayoutSnapshot[] versions;
    private final int[] lines;
    private final int mask;

    /** The lowest version each reader needs. */
    private final AtomicLongArray needs;

    /** The number of the last operation that the writer began. Written in release mode, read in acquire mode. */
    private final AtomicLong started = new AtomicLong();

    /** The number of the last version that is stored. Volatile on both sides: see {@link #enter}. */
    private volatile long completed;

    /** Where the writer works. Racy, benign because it only guides readers to where it is interesting. */
    private final AtomicLong target = new AtomicLong();

    private volatile boolean closed;

    /** Every version below may be overwritten without asking. The writer's own. */
    private long droppable;

    /**
     * Stores version 0.
     *
     * @param capacity how many versions are kept, a power of two above 1
     * @param readers how many readers there are
     * @param first version 0
     */
    VersionRing(int capacity, int readers, LayoutSnapshot first) {
        if (Integer.bitCount(capacity) != 1 || capacity < 2) {
            throw new IllegalArgumentException("capacity " + capacity + " is not a power of two above 1");
        }
        versions = new LayoutSnapshot[capacity];
        lines = new int[capacity];
        mask = capacity - 1;
        needs = new AtomicLongArray(Math.max(1, readers) * STRIDE);
        for (int reader = 0; reader < readers; reader++) {
            needs.set(reader * STRIDE, NEEDS_NOTHING);
        }
        versions[0] = first;
    }

    /** The writer is about to perform an operation, on that line of a recording and at that address. */
    void begin(int line, long address) {
        long next = completed + 1;
        makeRoom(next - versions.length);
        lines[(int) next & mask] = line;
        target.setOpaque(address);
        // Ordered before what the operation publishes, since it publishes by a release; pairs with started().
        started.setRelease(next);
    }

    /** The writer has performed the operation, and this is the layout now. */
    void end(LayoutSnapshot version) {
        long next = completed + 1;
        versions[(int) next & mask] = version;
        completed = next;
    }

    /** The writer will begin nothing any more. */
    void close() {
        closed = true;
    }

    boolean isClosed() {
        return closed;
    }

    /**
     * A reader is about to look up; returns the version that is current now.
     *
     * <p>The need is published with the first load, and the second load gives the version: both sides are volatile, so
     * either the writer sees the need before it drops anything, or the second load sees that the writer was further.
     */
    long enter(int reader) {
        needs.set(reader * STRIDE, completed);
        return completed;
    }

    /** The reader needs no version any more. */
    void leave(int reader) {
        needs.setRelease(reader * STRIDE, NEEDS_NOTHING);
    }

    /** The last operation that was begun before now; loads before this call are done before its load. */
    long started() {
        // The lookup may have used plain loads, which an acquire load behind them would not hold back.
        VarHandle.acquireFence();
        return started.getAcquire();
    }

    /** Waits until a version is stored; false if it never will be, because the writer stopped in mid-operation. */
    boolean await(long version) {
        for (int spins = 0; completed < version; spins++) {
            if (closed && completed < version) {
                return false;
            }
            pause(spins);
        }
        return true;
    }

    long newest() {
        return completed;
    }

    LayoutSnapshot version(long number) {
        return versions[(int) number & mask];
    }

    int line(long number) {
        return lines[(int) number & mask];
    }

    long target() {
        return target.getOpaque();
    }

    /** Waits until no reader needs that version or one below. */
    private void makeRoom(long version) {
        for (int spins = 0; version >= droppable; spins++) {
            long lowest = completed;
            for (int i = 0; i < needs.length(); i += STRIDE) {
                lowest = Math.min(lowest, needs.get(i));
            }
            droppable = lowest;
            if (version >= lowest) {
                pause(spins);
            }
        }
    }

    // The thread that is waited for may need this very core, and no scheduler makes the result wrong.
    @SuppressWarnings("ThreadPriorityCheck")
    private static void pause(int spins) {
        if (spins < SPINS) {
            Thread.onSpinWait();
        } else {
            Thread.yield();
        }
    }
}
