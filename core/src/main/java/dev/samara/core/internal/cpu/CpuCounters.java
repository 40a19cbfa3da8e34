// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The event counters of one CPU, by kind: the number of all events, and the number of events since the CPU entered its
 * current space. The owner's thread counts; any thread reads.
 */
public final class CpuCounters {
    public static final int MINOR_FAULTS = 0;
    public static final int MAJOR_FAULTS = 1;
    public static final int TLB_MISSES = 2;
    public static final int FLUSHES = 3;
    public static final int COPIES_ON_WRITE = 4;
    public static final int OUTSIDE_GUEST = 5;

    /** The number of kinds. */
    static final int KINDS = OUTSIDE_GUEST + 1;

    /**
     * Written: the CPU's thread (opaque); the thread that releases a CPU that is gone (opaque).
     * Read: a thread that reads statistics (opaque); those that write it (plain).
     * Invariant: counts for statistics; they order nothing. Padding keeps them off other CPUs' cache lines. Counting is
     *     a load and a store of a word that only this CPU writes, on a miss, a fault or a flush; a hit counts nothing.
     *     A plain flag, which the same threads write, records whether there are counts to settle.
     */
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    /** 128 bytes before and after the counts, so that counting does not invalidate another CPU's cache lines. */
    private static final int PADDING = 16;

    /** By kind: first the numbers of all events, then the numbers of events before the current space. */
    private final long[] words = new long[PADDING + 2 * KINDS + PADDING];

    /** Whether there are events since the last {@link #beginSpace}. Used by the owner's thread. */
    private boolean isCounting;

    /**
     * The space whose events were not settled, because {@link #beginSpace} failed by a stack overflow; null if there is
     * none.
     */
    private @Nullable TlbContext unsettled;

    CpuCounters() {}

    /** Counts an event. Called by the owner's thread. */
    public void increment(int kind) {
        if (!isCounting) {
            // Stored only if needed, because this word is not padded.
            isCounting = true;
        }
        int at = PADDING + kind;
        // Opaque, because no other thread writes it, and a reader must not see half of it.
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
     * Starts to count for another space. Called, while the CPU's word contains no space, by the owner's thread, or by
     * the thread that takes a {@linkplain CpuOwner gone} CPU offline.
     *
     * @param last receives the events that were counted in the space that the CPU left; null if it was in none
     */
    void beginSpace(@Nullable TlbContext last) {
        // Checked first, because most switches have no events to settle.
        if (isCounting) {
            if (unsettled == null) {
                // Set first and without a call, so that what an Error leaves unsettled is settled by the next switch.
                unsettled = last;
            }
            settle(unsettled);
            unsettled = null;
            isCounting = false;
        }
    }

    private void settle(@Nullable TlbContext last) {
        for (int kind = 0; kind < KINDS; kind++) {
            int at = PADDING + kind;
            long now = words[at];
            long before = words[at + KINDS];
            if (now != before) {
                if (last != null) {
                    last.addEvents(kind, now - before);
                }
                // Needs no deeper stack than the addition, so no event is added twice.
                WORD.setOpaque(words, at + KINDS, now);
            }
        }
    }
}
