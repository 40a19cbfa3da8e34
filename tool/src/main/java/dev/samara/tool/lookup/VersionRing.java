// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import dev.samara.core.LayoutSnapshot;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The newest versions of a layout, numbered from 0, for one writer and a fixed number of readers.
 *
 * <p>{@link #enter} returns a version to a reader. Until it calls {@link #leave}, the reader may read every version
 * from that version to the newest one.
 */
final class VersionRing {
    private static final long NEEDS_NOTHING = Long.MAX_VALUE;

    /** The distance between the slots of two readers in longs, so that readers do not share cache lines. */
    private static final int STRIDE = 16;

    private static final int SPINS = 64;

    /**
     * @words {@code versions}, {@code lines} and their elements
     * @written the writer (plain), before it stores {@code completed} or {@code started}
     * @read readers that have entered (plain), up to {@code completed}
     * @invariant version n is at index n modulo the capacity until no reader needs it
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
     * @invariant the element of a reader is at most the lowest version that this reader may still read; {@code
     *     NEEDS_NOTHING} while it reads none
     */
    private final AtomicLongArray needs;

    /**
     * The number of the last operation that the writer started. Written in release mode, read in acquire mode.
     *
     * @written the writer, before an operation publishes (release)
     * @read readers, after their lookup and an acquire fence (acquire)
     * @pairs the writer stores it before the operation publishes with a release store; a reader loads it after its
     *     lookup
     * @invariant at least the number of every operation whose effect a lookup saw
     */
    private final AtomicLong started = new AtomicLong();

    /**
     * The number of the last stored version. Volatile on both sides, for the reason that is given at {@link #enter}.
     *
     * @written the writer (volatile)
     * @read any thread (volatile)
     * @pairs with {@code needs}: a reader publishes its need, then reads {@code completed} again; the writer publishes
     *     {@code completed}, then reads the needs before it overwrites a version
     * @invariant a reader that has entered can read every version up to this number
     */
    private volatile long completed;

    /**
     * The address of the writer's operation.
     *
     * @written the writer (opaque)
     * @read readers (opaque)
     * @invariant none: a benign race, because it only guides readers to interesting addresses
     */
    private final AtomicLong target = new AtomicLong();

    /**
     * @written the writer, at its end (volatile)
     * @read readers (volatile)
     * @invariant stays set; the writer starts no operation any more
     */
    private volatile boolean closed;

    /** Every version below this one may be overwritten without a check. Used only by the writer. */
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

    /** Called before the writer performs an operation, with the operation's line in the recording and its address. */
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

    /** Called when the writer will start no further operation. */
    void close() {
        closed = true;
    }

    boolean isClosed() {
        return closed;
    }

    /**
     * Called before a lookup. Returns the number of the current version.
     *
     * <p>The reader loads {@code completed} and publishes the result as its need. Then it loads {@code completed}
     * again, which is the version that is returned. Because both sides use volatile accesses, either the writer sees
     * the need before it drops a version, or the second load returns the writer's later version.
     */
    long enter(int reader) {
        needs.set(reader * STRIDE, completed);
        return completed;
    }

    /** Called when a reader no longer needs any version. */
    void leave(int reader) {
        needs.setRelease(reader * STRIDE, NEEDS_NOTHING);
    }

    /**
     * Returns the number of the last operation that was started before this call. Loads before this call are ordered
     * before its load.
     */
    long started() {
        // The lookup may have used plain loads, which a later acquire load alone would not order. Pairs with begin.
        VarHandle.acquireFence();
        return started.getAcquire();
    }

    /**
     * Waits until a version is stored. Returns false if it will never be stored, because the writer stopped during the
     * operation.
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

    /** Waits until no reader needs the given version or an earlier one. */
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

    // Yields after a long wait, because the thread for which this one waits may need this core. ThreadPriorityCheck
    // warns of yields, but this code is correct with any scheduler.
    @SuppressWarnings("ThreadPriorityCheck")
    private static void pause(int spins) {
        if (spins < SPINS) {
            Thread.onSpinWait();
        } else {
            Thread.yield();
        }
    }
}
