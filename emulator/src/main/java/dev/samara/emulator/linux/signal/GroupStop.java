// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.linux.abi.WaitOptions;
import dev.samara.emulator.linux.abi.WaitStatus;
import dev.samara.emulator.linux.wait.WaitingThread;

/**
 * The group stop of a process ({@code do_signal_stop}): the signal that stops it, and the stop or continuation that its
 * parent has not yet waited for. A process has stopped when each of its threads waits in {@link #pause}. A thread that
 * still runs is woken, and then waits there. The signals' lock of the process guards all of this.
 */
public final class GroupStop {
    private final SignalProcess process;

    /**
     * The signal that stops the process; 0 while it runs. Also read without the lock, to find out quickly whether it is
     * 0.
     *
     * @written holder of the signals' lock (volatile)
     * @read any thread of the process, as a fast check that nothing stops it (volatile)
     * @invariant a thread that is woken after a write reads the new value before it runs guest code; it decides under
     *     the lock whether to wait or to continue, and updates {@code waiting} under the lock
     */
    private volatile int signal;

    /** Whether a thread has taken a signal that may stop the process, and no SIGCONT was sent since then. */
    private boolean isDue;

    private int waiting;
    private boolean isComplete;

    /** The status of a stop or continuation for a wait of the parent; 0 if there is none, or it was taken. */
    private int status;

    public GroupStop(SignalProcess process) {
        this.process = process;
    }

    public boolean isBegun() {
        return signal != 0;
    }

    /** Returns the signal that stops the process; 0 while it runs. */
    public int signal() {
        return signal;
    }

    /** Called when a thread has taken a signal that may stop the process. The caller holds the signals' lock. */
    void taken() {
        isDue = true;
    }

    /** Stops the process, unless it was continued since the signal was {@linkplain #taken taken}. */
    void begin(int by) {
        synchronized (process.signals()) {
            if (!isDue || signal != 0) {
                return;
            }
            signal = by;
            isComplete = false;
        }
        process.wakeAll();
    }

    /**
     * Continues the process, unless it is ending. The caller holds the signals' lock, and wakes the threads afterwards.
     *
     * @return the code for the parent, which shows whether the process continued after a stop, or was only about to
     *     stop; 0 if it was not stopping
     */
    int end() {
        isDue = false;
        if (signal == 0 || process.isExiting()) {
            return 0;
        }
        int code = isComplete ? SignalInfo.CHILD_CONTINUED : SignalInfo.CHILD_STOPPED;
        signal = 0;
        isComplete = false;
        status = WaitStatus.CONTINUED;
        return code;
    }

    /** Waits while the process is stopped; returns whether it was stopped. Called by a thread outside GUEST. */
    boolean pause(SignalThread thread) {
        synchronized (process.signals()) {
            if (signal == 0) {
                return false;
            }
            waiting++;
        }
        process.noticeStop();
        for (; ; ) {
            // Called before the check, because it also parks, and so may consume the wake of SIGCONT.
            thread.pauseForDebugger();
            if (mayGoOn(thread)) {
                return true;
            }
            thread.park(WaitingThread.NEVER);
        }
    }

    private boolean mayGoOn(SignalThread thread) {
        synchronized (process.signals()) {
            if (signal != 0 && !thread.mustEnd()) {
                return false;
            }
            waiting--;
            return true;
        }
    }

    /** If all threads now wait, completes the stop and returns its status; otherwise returns 0. */
    public int complete() {
        synchronized (process.signals()) {
            if (signal == 0 || isComplete || waiting < process.threads() || process.isExiting()) {
                return 0;
            }
            isComplete = true;
            status = WaitStatus.stopped(signal);
            return status;
        }
    }

    public boolean isComplete() {
        synchronized (process.signals()) {
            return isComplete;
        }
    }

    /** Takes the status for a wait of the parent; returns 0 if there is none of a kind for which the parent waits. */
    public int take(WaitOptions options) {
        synchronized (process.signals()) {
            int found = status;
            boolean isWanted = found == WaitStatus.CONTINUED ? options.continued() : options.stopped();
            if (found == 0 || !isWanted || process.isExiting()) {
                return 0;
            }
            if (!options.keeps()) {
                status = 0;
            }
            return found;
        }
    }
}
