// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

/** The signals that a thread has blocked. Its thread writes them, and any thread reads them. */
public final class SignalMask {
    /** Nobody can block these two, nor take them without their effect. */
    public static final long NEVER = SignalInfo.bit(SignalInfo.KILL) | SignalInfo.bit(SignalInfo.STOP);

    /**
     * @written the thread that blocks signals (volatile)
     * @read any thread (volatile)
     * @invariant SIGKILL and SIGSTOP are never in it
     */
    private volatile long mask;

    /** The mask from before a call that waits with another one; valid if {@link #hasSaved}. */
    private long saved;

    private boolean hasSaved;

    public SignalMask(long mask) {
        this.mask = mask;
    }

    public long get() {
        return mask;
    }

    /** Sets the blocked signals; SIGKILL and SIGSTOP never are. */
    public void set(long signals) {
        mask = signals & ~NEVER;
    }

    /** Sets a mask for a call that waits; the old one returns after the signal that ends the wait. */
    public void setForWait(long signals) {
        saved = mask;
        hasSaved = true;
        set(signals);
    }

    /** Returns the mask that a handler's end restores, and ends the one for a wait. */
    long takeToRestore() {
        long restored = hasSaved ? saved : mask;
        hasSaved = false;
        return restored;
    }

    /** Ends the mask for a wait. */
    void restore() {
        if (hasSaved) {
            mask = takeToRestore();
        }
    }
}
