// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.BadAddress;
import org.jspecify.annotations.Nullable;

/** Sends signals to threads and processes, and delivers them to threads. */
public final class SignalDelivery {
    private SignalDelivery() {}

    /**
     * Sends a signal to a process. A thread of the process that does not block the signal takes it. Returns 0, or
     * EAGAIN if too many signals are queued.
     */
    public static long send(SignalProcess process, SignalInfo info) {
        long result = post(process, null, info);
        process.wakeAll();
        return result;
    }

    /** Sends a signal to a thread. Returns 0, or EAGAIN if too many signals are queued. */
    public static long send(SignalThread thread, SignalInfo info) {
        long result = post(thread.process(), thread, info);
        thread.wake();
        return result;
    }

    /**
     * Sends a signal.
     *
     * @param thread the thread that must take it; null for any thread of the process
     */
    private static long post(SignalProcess process, @Nullable SignalThread thread, SignalInfo info) {
        if (info.signal() == SignalInfo.KILL) {
            process.kill(SignalInfo.KILL);
            return 0;
        }
        // A blocked signal is kept even if it is ignored at present (sig_ignored).
        SignalMask mask = thread == null ? process.leaderMask() : thread.mask();
        PendingSignals pending = thread == null ? process.pending() : thread.pending();
        boolean ends;
        long result;
        synchronized (process.signals()) {
            boolean isBlocked = (mask.get() & SignalInfo.bit(info.signal())) != 0;
            boolean isWanted = isBlocked || !process.actions().isIgnored(info.signal());
            result = !isWanted || pending.add(info) ? 0 : LinuxErrno.EAGAIN;
            ends = isWanted && endsAtOnce(process, thread, info.signal());
        }
        if (ends) {
            process.kill(info.signal());
        }
        return result;
    }

    /**
     * Whether a signal ends the process without waiting until a thread takes it ({@code complete_signal}). So a sender
     * that is one of the threads executes nothing more. The caller holds the signals' lock.
     */
    private static boolean endsAtOnce(SignalProcess process, @Nullable SignalThread thread, int signal) {
        long bit = SignalInfo.bit(signal);
        if (!process.actions().endsAtOnce(signal)) {
            return false;
        }
        SignalThread taker = thread == null ? process.taker(bit) : thread;
        // A debugger must decide about the signal first.
        return taker != null && (taker.mask().get() & bit) == 0 && !taker.isDebugged();
    }

    /** Sends a signal that the thread itself caused. If the thread blocks or ignores the signal, its process ends. */
    public static void force(SignalThread thread, SignalInfo info) {
        SignalProcess process = thread.process();
        long bit = SignalInfo.bit(info.signal());
        synchronized (process.signals()) {
            SignalActions actions = process.actions();
            if ((thread.mask().get() & bit) != 0 || actions.isIgnored(info.signal())) {
                actions.reset(info.signal());
                thread.mask().set(thread.mask().get() & ~bit);
            }
            thread.pending().discard(bit);
            thread.pending().add(info);
        }
    }

    /** Delivers the pending signals of a thread: handlers start, or the process stops or ends. Called outside GUEST. */
    public static void deliver(SignalThread thread) {
        while (thread.isInterrupted() && !thread.mustEnd()) {
            SignalInfo info = askDebugger(thread, take(thread));
            if (info != null) {
                act(thread, info);
            }
        }
        thread.interruptedCall().end(false, false);
        thread.mask().restore();
    }

    /** Lets the debugger decide about a signal, even if the process ignores it, as {@code ptrace_signal} does. */
    private static @Nullable SignalInfo askDebugger(SignalThread thread, @Nullable SignalInfo info) {
        if (info == null) {
            return null;
        }
        int passed = thread.askDebugger(info);
        if (passed == info.signal()) {
            return info;
        }
        return passed == 0 ? null : SignalInfo.sent(passed, SignalInfo.SI_USER, 0, 0);
    }

    private static @Nullable SignalInfo take(SignalThread thread) {
        SignalProcess process = thread.process();
        synchronized (process.signals()) {
            SignalInfo own = thread.pending().take(~thread.mask().get());
            SignalInfo taken =
                    own != null ? own : process.pending().take(~thread.mask().get());
            return taken;
        }
    }

    private static void act(SignalThread thread, SignalInfo info) {
        SignalProcess process = thread.process();
        int signal = info.signal();
        long handler;
        long flags;
        long blocked;
        synchronized (process.signals()) {
            SignalActions actions = process.actions();
            if (actions.isIgnored(signal)) {
                return;
            }
            handler = actions.isHandled(signal) ? actions.handler(signal) : SignalActions.DEFAULT;
            flags = actions.flags(signal);
            blocked = actions.mask(signal) | ((flags & SignalActions.NO_DEFER) != 0 ? 0 : SignalInfo.bit(signal));
            if (handler != SignalActions.DEFAULT && (flags & SignalActions.RESET_HAND) != 0) {
                actions.reset(signal);
            }
        }
        if (handler == SignalActions.DEFAULT) {
            thread.reportEnd(info);
            process.kill(signal);
            return;
        }
        thread.interruptedCall().end(true, (flags & SignalActions.RESTARTS) != 0);
        long restored = thread.mask().toRestore();
        thread.countHandler();
        try {
            SignalFrame.enter(thread, info, handler, (flags & SignalActions.ON_STACK) != 0, restored);
            thread.mask().entered(blocked);
        } catch (BadAddress noStack) {
            // A temporary mask stays until a handler starts (signal_setup_done).
            noStack(thread, info);
        }
    }

    /**
     * Called if a frame cannot be stored on the stack. The thread takes SIGSEGV, whose handler may use another stack
     * ({@code force_sigsegv}).
     */
    private static void noStack(SignalThread thread, SignalInfo info) {
        if (info.signal() == SignalInfo.SEGV) {
            thread.reportEnd(info);
            thread.process().kill(SignalInfo.SEGV);
        } else {
            force(thread, SignalInfo.ofKernel(SignalInfo.SEGV));
        }
    }
}
