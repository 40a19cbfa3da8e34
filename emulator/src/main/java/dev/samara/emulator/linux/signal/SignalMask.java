// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

/** The signals that a thread blocks. Only this thread writes them; any thread may read them. */
public final class SignalMask {
    /** SIGKILL and SIGSTOP, which cannot be blocked, and cannot be taken without their effect. */
    public static final long NEVER = SignalInfo.bit(SignalInfo.KILL) | SignalInfo.bit(SignalInfo.STOP);

    /**
     * @written the thread that blocks signals (volatile)
     * @read any thread (volatile)
     * @invariant SIGKILL and SIGSTOP are never in the mask
     */
    private volatile long mask;

    /** The mask from before a call that waits with a temporary mask; valid if {@link #hasSaved}. */
    private long saved;

    private boolean hasSaved;

    public SignalMask(long mask) {
        this.mask = mask;
    }

    public long get() {
        return mask;
    }

    /** Sets the blocked signals, without SIGKILL and SIGSTOP. */
    public void set(long signals) {
        mask = signals & ~NEVER;
    }

    /** Sets a temporary mask for a call that waits. The old mask is restored after the signal that ends the wait. */
    public void setForWait(long signals) {
        saved = mask;
        hasSaved = true;
        set(signals);
    }

    /** Returns the mask to restore when a handler returns, and ends the temporary mask. */
    long takeToRestore() {
        long restored = hasSaved ? saved : mask;
        hasSaved = false;
        return restored;
    }

    /** Restores the old mask if there is a temporary one. */
    void restore() {
        if (hasSaved) {
            mask = takeToRestore();
        }
    }
}
