// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.linux.abi.WaitOptions;
import dev.samara.emulator.linux.abi.WaitStatus;
import dev.samara.emulator.linux.wait.WaitingThread;

/**
 * Whether a signal has stopped a process ({@code do_signal_stop}), and what its parent has not yet waited for. A
 * process has stopped when each of its threads waits in {@link #pause}; a thread that runs on finds that it has to. The
 * signals' lock of the process guards all of it.
 */
public final class GroupStop {
    private final SignalProcess process;

    /**
     * The signal that stops the process; 0 while it runs. Read without the lock, to see quickly that there is none.
     *
     * @written holder of the signals' lock (volatile)
     * @read any thread of the process, to see quickly that nothing stops it (volatile)
     * @invariant a thread that is asked after a write finds it before it runs guest code; it waits, goes on, and counts
     *     as one that waits only with the lock
     */
    private volatile int signal;

    /** Whether a signal that may stop the process was taken, and none that continues was sent since. */
    private boolean isDue;

    private int waiting;
    private boolean isComplete;

    /** The status for a wait: that of a stop or a continuation; 0 if there is none, or it was taken. */
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

    /** A thread has taken a signal that may stop the process. The caller has the lock. */
    void taken() {
        isDue = true;
    }

    /** Stops the process, unless it was continued since a signal was {@linkplain #taken taken}. */
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
     * Continues the process, unless it is ending; the caller has the lock, and wakes the threads.
     *
     * @return the code for the parent: it has continued, or it was about to stop; 0 if it was not
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

    /** Waits while the process is stopped; returns whether it was. For a thread outside GUEST. */
    boolean pause(SignalThread thread) {
        synchronized (process.signals()) {
            if (signal == 0) {
                return false;
            }
            waiting++;
        }
        process.noticeStop();
        for (; ; ) {
            // First: it parks, too, and so may take the wake of the signal that continues the process.
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

    /** Returns the status of a stop that has just become complete; 0 for none. */
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

    /** Takes the status that a wait of the parent finds; 0 if there is none of a kind that it waits for. */
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
