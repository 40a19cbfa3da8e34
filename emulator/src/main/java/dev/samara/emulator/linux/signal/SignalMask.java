// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.util.function.LongSupplier;

/** The signals that a thread blocks. Only this thread writes them; any thread may read them. */
public final class SignalMask {
    /** SIGKILL and SIGSTOP, which cannot be blocked, and cannot be taken without their effect. */
    public static final long NEVER = SignalInfo.bit(SignalInfo.KILL) | SignalInfo.bit(SignalInfo.STOP);

    /**
     * Written: the thread that blocks signals (volatile).
     * Read: any thread (volatile).
     * Invariant: SIGKILL and SIGSTOP are never in the mask.
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

    /**
     * Makes a call with a temporary mask. If a signal ended its wait, the old mask is restored after that signal was
     * delivered. Otherwise it is restored immediately, so that a signal which only the temporary mask permits stays
     * pending ({@code restore_saved_sigmask_unless}).
     *
     * @param signals the signals that are blocked during the call
     * @param call the call
     * @return the result of the call
     */
    public long during(long signals, LongSupplier call) {
        saved = mask;
        hasSaved = true;
        set(signals);
        boolean isInterrupted = false;
        try {
            long result = call.getAsLong();
            isInterrupted = LinuxErrno.mayRestart(result);
            return result;
        } finally {
            if (!isInterrupted) {
                restore();
            }
        }
    }

    /** Returns the mask to restore when a handler returns ({@code sigmask_to_save}). */
    long toRestore() {
        return hasSaved ? saved : mask;
    }

    /**
     * Called when a handler starts, whose frame contains the mask to restore. Ends the temporary mask.
     *
     * @param signals the signals that the handler also blocks
     */
    void entered(long signals) {
        hasSaved = false;
        set(mask | signals);
    }

    /** Restores the old mask if there is a temporary one. */
    void restore() {
        mask = toRestore();
        hasSaved = false;
    }
}
