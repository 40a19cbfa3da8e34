// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import dev.samara.core.LayoutSnapshot;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The last versions of a layout, numbered from 0, for one writer and a fixed number of readers.
 *
 * <p>{@link #enter} gives a reader a version. Until it leaves, the reader may read every version from that one to the
 * newest.
 */
final class VersionRing {
    private static final long NEEDS_NOTHING = Long.MAX_VALUE;

    /** One slot per reader and 128 bytes apart, so that readers do not share cache lines. */
    private static final int STRIDE = 16;

    private static final int SPINS = 64;

    /**
     * @words {@code versions}, {@code lines} and their elements
     * @written the writer (plain), before it stores {@code completed} or {@code started}
     * @read readers that have entered (plain), up to {@code completed}
     * @invariant version n stands at n modulo the capacity until no reader needs it
     */
    private final LayoutSnapshot[] versions;

    private final int[] lines;
    private final int mask;

    /**
     * The lowest version that each reader needs.
     *
     * @written its reader: entering (volatile), leaving (release)
     * @read the writer (volatile)
     * @pairs with {@code completed}
     * @invariant the lowest version that this reader may still read, or none
     */
    private final AtomicLongArray needs;

    /**
     * The number of the last operation that the writer began. Written in release mode, read in acquire mode.
     *
     * @written the writer, before an operation publishes (release)
     * @read readers, after their lookup and an acquire fence (acquire)
     * @pairs the writer stores it before the operation publishes by a release store; a reader loads it after its lookup
     * @invariant at least the number of every operation whose effect a lookup has seen
     */
    private final AtomicLong started = new AtomicLong();

    /**
     * The number of the last stored version. Volatile on both sides: see {@link #enter}.
     *
     * @written the writer (volatile)
     * @read any thread (volatile)
     * @pairs with {@code needs}: a reader publishes its need, then reads {@code completed} again; the writer publishes
     *     {@code completed}, then reads the needs before it overwrites
     * @invariant a reader that has entered can read every version up to it
     */
    private volatile long completed;

    /**
     * The address of the writer's operation. Racy, benign because it only guides readers to interesting addresses.
     *
     * @written the writer (opaque)
     * @read readers (opaque)
     * @invariant none: racy, benign because it only tells readers which place is interesting
     */
    private final AtomicLong target = new AtomicLong();

    /**
     * @written the writer, at its end (volatile)
     * @read readers (volatile)
     * @invariant no version is begun any more
     */
    private volatile boolean closed;

    /** Every version below this one may be overwritten without a check. Used by the writer only. */
    private long droppable;

    /**
     * Stores version 0.
     *
     * @param capacity the number of versions kept, a power of two above 1
     * @param readers the number of readers
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

    /** Called before the writer performs an operation, with its line in the recording and its address. */
    void begin(int line, long address) {
        long next = completed + 1;
        makeRoom(next - versions.length);
        lines[(int) next & mask] = line;
        target.setOpaque(address);
        // Ordered before the operation's publication, which is a release; pairs with started().
        started.setRelease(next);
    }

    /** Called after the writer has performed the operation, with the layout after it. */
    void end(LayoutSnapshot version) {
        long next = completed + 1;
        versions[(int) next & mask] = version;
        completed = next;
    }

    /** Called when the writer begins no further operation. */
    void close() {
        closed = true;
    }

    boolean isClosed() {
        return closed;
    }

    /**
     * Called before a lookup. Returns the current version.
     *
     * <p>The reader publishes its need with the first load, and the second load gives the version. Both sides are
     * volatile. Either the writer sees the need before it drops a version, or the second load sees the writer's later
     * version.
     */
    long enter(int reader) {
        needs.set(reader * STRIDE, completed);
        return completed;
    }

    /** Called when the reader needs no version any more. */
    void leave(int reader) {
        needs.setRelease(reader * STRIDE, NEEDS_NOTHING);
    }

    /** Returns the last operation that was begun before this call. Loads before this call are done before its load. */
    long started() {
        // The lookup may have used plain loads, which a later acquire load would not order. Pairs with begin.
        VarHandle.acquireFence();
        return started.getAcquire();
    }

    /**
     * Waits until a version is stored. Returns false if it never will be, because the writer stopped in mid-operation.
     */
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

    /** Waits until no reader needs that version or a lower one. */
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

    // The thread that this one waits for may need this core. The result is right under every scheduler.
    @SuppressWarnings("ThreadPriorityCheck")
    private static void pause(int spins) {
        if (spins < SPINS) {
            Thread.onSpinWait();
        } else {
            Thread.yield();
        }
    }
}
