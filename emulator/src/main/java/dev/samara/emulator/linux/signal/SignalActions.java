// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/**
 * What a process does with each signal ({@code struct sighand_struct}). Guarded by the signals' lock of the process.
 * Processes that share this object share the lock.
 */
public final class SignalActions {
    static final long DEFAULT = 0;
    public static final long IGNORE = 1;

    public static final long NO_CHILD_WAIT = 2;
    static final long ON_STACK = 0x0800_0000;
    static final long RESTARTS = 0x1000_0000;
    static final long NO_DEFER = 0x4000_0000;
    static final long RESET_HAND = 0x8000_0000L;

    /** The flags that a kernel stores: the above, SA_SIGINFO and SA_EXPOSE_TAGBITS. */
    private static final long KEPT = 0x1 | NO_CHILD_WAIT | ON_STACK | RESTARTS | NO_DEFER | RESET_HAND | 0x4 | 0x800;

    private static final long IGNORED = SignalInfo.bit(SignalInfo.CHLD)
            | SignalInfo.bit(SignalInfo.CONT)
            | SignalInfo.bit(SignalInfo.URG)
            | SignalInfo.bit(SignalInfo.WINCH)
            | SignalInfo.bit(SignalInfo.STOP)
            | SignalInfo.bit(SignalInfo.TSTP)
            | SignalInfo.bit(SignalInfo.TTIN)
            | SignalInfo.bit(SignalInfo.TTOU);

    /** The signals whose default action dumps core ({@code SIG_KERNEL_COREDUMP_MASK}). */
    private static final long DUMPING = Stream.of(3, 4, 5, 6, 7, 8, 11, 24, 25, 31)
            .mapToLong(SignalInfo::bit)
            .sum();

    private final long[] handlers = new long[SignalInfo.MOST + 1];
    private final long[] flags = new long[SignalInfo.MOST + 1];
    private final long[] masks = new long[SignalInfo.MOST + 1];

    /** The signals' lock of each process that uses this object. */
    public final Object lock;

    public SignalActions() {
        this(new Object());
    }

    private SignalActions(Object lock) {
        this.lock = lock;
    }

    /** Copies the actions for a child. */
    public SignalActions copy() {
        return copyTo(new SignalActions());
    }

    /** Copies the actions for a process that no longer shares them. The copy has the same lock. */
    public SignalActions unshared() {
        return copyTo(new SignalActions(lock));
    }

    private SignalActions copyTo(SignalActions copy) {
        for (int signal = 1; signal <= SignalInfo.MOST; signal++) {
            copy.set(signal, handlers[signal], flags[signal], masks[signal]);
        }
        return copy;
    }

    public long handler(int signal) {
        return handlers[signal];
    }

    public long flags(int signal) {
        return flags[signal];
    }

    public long mask(int signal) {
        return masks[signal];
    }

    public void set(int signal, long handler, long signalFlags, long mask) {
        handlers[signal] = handler;
        flags[signal] = signalFlags & KEPT;
        masks[signal] = mask & ~SignalMask.NEVER;
    }

    /** Removes a handler, so that the signal has its default effect. Flags and mask stay, as on Linux. */
    void reset(int signal) {
        handlers[signal] = DEFAULT;
    }

    /** Removes all handlers, because a new program does not have the handlers of the old one. */
    public void forgetHandlers() {
        for (int signal = 1; signal <= SignalInfo.MOST; signal++) {
            set(signal, handlers[signal] == IGNORE ? IGNORE : DEFAULT, 0, 0);
        }
    }

    boolean isHandled(int signal) {
        return handlers[signal] > IGNORE || handlers[signal] < 0;
    }

    /** Whether a signal ends the process when it is sent to a thread that does not block it ({@code sig_fatal}). */
    boolean endsAtOnce(int signal) {
        return handlers[signal] == DEFAULT && ((IGNORED | DUMPING) & SignalInfo.bit(signal)) == 0;
    }

    /** Whether a signal has no effect. */
    public boolean isIgnored(int signal) {
        return handlers[signal] == IGNORE || (handlers[signal] == DEFAULT && (IGNORED & SignalInfo.bit(signal)) != 0);
    }

    /** The signals that a thread blocks. Only this thread writes them; any thread may read them. */
    public static final class SignalMask {
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
         * Makes a call with a temporary mask. If a signal ended its wait, the old mask is restored after that signal
         * was delivered. Otherwise it is restored immediately, so that a signal which only the temporary mask permits
         * stays pending ({@code restore_saved_sigmask_unless}).
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
}
