// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The events of one CPU, by kind: all of them, and those since the CPU went to its present space. The owner's thread
 * counts, and any thread reads.
 */
public final class CpuCounters {
    public static final int MINOR_FAULTS = 0;
    public static final int MAJOR_FAULTS = 1;
    public static final int TLB_MISSES = 2;
    public static final int FLUSHES = 3;
    public static final int COPIES_ON_WRITE = 4;
    public static final int OUTSIDE_GUEST = 5;

    static final int KINDS = SpaceCounters.OF_CPUS;

    /**
     * @written the CPU's thread (opaque); the thread that releases a CPU that is gone (opaque)
     * @read a thread that reads statistics (opaque); those that write it (plain)
     * @invariant counts for statistics; they order nothing. Padding keeps them off other CPUs' cache lines. Counting is
     *     a load and a store of the CPU's own, on a miss, a fault or a flush, and nothing on a hit. A plain flag, which
     *     those threads write, tells whether there are counts to settle
     */
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    /** 128 bytes before and after the counts, so that counting takes no cache line from another CPU. */
    private static final int PADDING = 16;

    /** By kind: first all events, then the events before the present space. */
    private final long[] words = new long[PADDING + 2 * KINDS + PADDING];

    /** Whether there are events since the last {@link #beginSpace}. For the owner's thread. */
    private boolean isCounting;

    /** The space whose events a {@link #beginSpace} that met the end of the stack has left; null for none. */
    private @Nullable SpaceCounters unsettled;

    CpuCounters() {}

    /** Counts an event. Called by the owner's thread. */
    public void increment(int kind) {
        if (!isCounting) {
            // Seldom: this word is not padded.
            isCounting = true;
        }
        int at = PADDING + kind;
        // Opaque: no other thread writes it, and a reader sees no half of it.
        WORD.setOpaque(words, at, words[at] + 1);
    }

    private static long get(long[] words, int at) {
        return (long) WORD.getOpaque(words, at);
    }

    /** Returns the number of all events of a kind. */
    public long count(int kind) {
        return get(words, PADDING + kind);
    }

    /** Returns the number of events of a kind since {@link #beginSpace}. */
    long countInSpace(int kind) {
        long before = get(words, PADDING + KINDS + kind);
        return count(kind) - before;
    }

    /**
     * Begins the counts of another space. Called by the owner's thread, or by the thread that takes a CPU offline that
     * is {@linkplain CpuOwner gone}, while the CPU's word names no space.
     *
     * @param last gets the events that were counted in the space that the CPU has left; null if it had none
     */
    void beginSpace(@Nullable SpaceCounters last) {
        // Most switches have no events to settle.
        if (isCounting) {
            if (unsettled == null) {
                // First, and without a call: what an Error leaves is settled by the next switch.
                unsettled = last;
            }
            settle(unsettled);
            unsettled = null;
            isCounting = false;
        }
    }

    private void settle(@Nullable SpaceCounters last) {
        for (int kind = 0; kind < KINDS; kind++) {
            int at = PADDING + kind;
            long now = words[at];
            long before = words[at + KINDS];
            if (now != before) {
                if (last != null) {
                    last.add(kind, now - before);
                }
                // Needs no deeper stack than the addition: no event is added twice.
                WORD.setOpaque(words, at + KINDS, now);
            }
        }
    }
}
