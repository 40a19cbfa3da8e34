// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import java.lang.ref.Reference;

/**
 * What a CPU does now, in one word: one comparison decides whether a transition or another activity may begin. Used by
 * the CPU's owner alone. The base class of {@link CpuTlb}, so the entry of GUEST follows no further reference.
 */
@SuppressWarnings("ReachabilityFenceUsage") // no change follows where a method throws
public abstract sealed class CpuActivities permits CpuTlb {
    /** In GUEST: the TLB is used. */
    static final int GUEST = 1;

    /** The TLB is being flushed, and listeners are being notified of it. */
    static final int TELLING_FLUSH = 2;

    /** The CPU has no space, or is LAZY. */
    static final int WITHOUT_SPACE = 4;

    /** The CPU handles a fault, and may be calling a backing. */
    public static final int FAULTING = 8;

    /** Listeners are being notified of a store. */
    public static final int TELLING_STORE = 16;

    /** The object without which the CPU is lost. */
    final Object cpu;

    /** Bits of what has begun and not ended. */
    int activities = WITHOUT_SPACE;

    CpuActivities(Object cpu) {
        this.cpu = cpu;
    }

    /**
     * Keeps the CPU reachable up to this call, which follows an access in GUEST. Each method that changes the state of
     * the CPU ends with such a fence, too. So a thread that finds the CPU lost is the only one that changes it.
     */
    public final void keepReachable() {
        Reference.reachabilityFence(cpu);
    }

    /** Returns whether the CPU has a space. */
    public final boolean isInSpace() {
        return (activities & WITHOUT_SPACE) == 0;
    }

    /** Returns whether listeners are being notified of a flush: the CPU makes no access and no transition then. */
    public final boolean isTelling() {
        return (activities & TELLING_FLUSH) != 0;
    }

    /** Returns whether the CPU is in GUEST. The CPU may also be there for the time of one access by a callback. */
    public final boolean isGuest() {
        return (activities & GUEST) != 0;
    }

    /**
     * Returns whether an activity has begun and not ended.
     *
     * @param activity {@link #FAULTING} or {@link #TELLING_STORE}
     */
    public final boolean isAt(int activity) {
        return (activities & activity) != 0;
    }

    /**
     * Returns whether the CPU may go to GUEST: it has a space, is not in GUEST, and is in no activity that runs
     * callbacks.
     */
    public final boolean isIdle() {
        return activities == 0;
    }

    /** Returns whether the CPU may go elsewhere: it is not in GUEST, and in no activity that runs callbacks. */
    public final boolean isMovable() {
        return (activities & ~WITHOUT_SPACE) == 0;
    }

    /** Returns whether the CPU may poll, and leave GUEST: it is in GUEST, and in no other activity. */
    public final boolean isInGuest() {
        return activities == GUEST;
    }

    /**
     * Begins an activity that runs callbacks. Called out of GUEST, unless the activity is a flush, or listeners are
     * being notified of one.
     *
     * @param activity the bit of the activity
     * @return the activities before this call, for {@link #end}
     */
    public final int begin(int activity) {
        int before = activities;
        activities = before | activity;
        return before;
    }

    /**
     * Ends the activity that was begun last.
     *
     * @param before the result of {@link #begin}
     */
    public final void end(int before) {
        activities = before;
        // The activity may have been in a reader section, or have used the frames of the CPU's magazine.
        Reference.reachabilityFence(cpu);
    }
}
