// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import java.lang.ref.Reference;

/**
 * The current activities of a CPU, in one word, so that one comparison decides whether a transition or another activity
 * may start. Used only by the CPU's owner. The base class of {@link CpuTlb}, so that the entry of GUEST need not follow
 * another reference.
 */
@SuppressWarnings("ReachabilityFenceUsage") // no change follows where a method throws
public abstract sealed class CpuActivities permits CpuTlb {
    /** The CPU is in GUEST and uses the TLB. */
    static final int GUEST = 1;

    /** The CPU is in GUEST for only one access, during which its view finds nothing. Set only with {@link #GUEST}. */
    static final int FOR_ACCESS = 32;

    /** The TLB is being flushed, and listeners are being notified of it. */
    static final int TELLING_FLUSH = 2;

    /** The CPU has no space, or is LAZY. */
    static final int WITHOUT_SPACE = 4;

    /** The CPU handles a fault, and may be calling a backing. */
    public static final int FAULTING = 8;

    /** Listeners are being notified of a store. */
    public static final int TELLING_STORE = 16;

    /** The activities that do not end when the CPU leaves GUEST. */
    public static final int OUTSIDE = ~(GUEST | FOR_ACCESS);

    /** The object that must stay reachable; otherwise the CPU is lost. */
    final Object cpu;

    /**
     * The bits of the activities that have started and have not ended. Visible, because after an Error an access stores
     * to it without a call; see {@link #OUTSIDE}.
     */
    public int activities = WITHOUT_SPACE;

    CpuActivities(Object cpu) {
        this.cpu = cpu;
    }

    /**
     * Keeps the CPU reachable up to this call, which follows an access in GUEST. Each method that changes the state of
     * the CPU also ends with such a fence. So when a thread finds the CPU lost, no other thread changes it.
     */
    public final void keepReachable() {
        Reference.reachabilityFence(cpu);
    }

    /** Returns whether the CPU has a space. */
    public final boolean isInSpace() {
        return (activities & WITHOUT_SPACE) == 0;
    }

    /** Returns whether listeners are being notified of a flush. The CPU must then make no access and no transition. */
    public final boolean isTelling() {
        return (activities & TELLING_FLUSH) != 0;
    }

    /** Returns whether the CPU is in GUEST, even if it is there only for one access of a callback. */
    public final boolean isGuest() {
        return (activities & GUEST) != 0;
    }

    /**
     * Returns whether an activity has started and has not ended.
     *
     * @param activity {@link #FAULTING} or {@link #TELLING_STORE}
     */
    public final boolean isAt(int activity) {
        return (activities & activity) != 0;
    }

    /**
     * Returns whether the CPU may enter GUEST: it has a space, is not in GUEST, and no activity that runs callbacks is
     * in progress.
     */
    public final boolean isIdle() {
        return activities == 0;
    }

    /**
     * Returns whether the CPU may move to another space: it is not in GUEST, and no activity that runs callbacks is in
     * progress.
     */
    public final boolean isMovable() {
        return (activities & ~WITHOUT_SPACE) == 0;
    }

    /**
     * Returns whether the CPU may poll, and leave GUEST: it is in GUEST, for more than one access, and no other
     * activity is in progress.
     */
    public final boolean isInGuest() {
        return activities == GUEST;
    }

    /**
     * Starts an activity that runs callbacks. Called outside GUEST, unless the activity is a flush, or listeners are
     * being notified of a flush.
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
     * Ends the activity that started last.
     *
     * @param before the result of {@link #begin}
     */
    public final void end(int before) {
        activities = before;
        // The CPU must not be lost before this point, because the activity may have been in a reader section, or may
        // have used frames of the CPU's magazine.
        Reference.reachabilityFence(cpu);
    }
}
