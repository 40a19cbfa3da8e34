// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.wait.WaitingThread;

/** The system call of a thread that a signal has interrupted, and that may be made again. Used by its thread. */
public final class InterruptedCall {
    private final Hart hart;

    /** One of the results of {@link LinuxErrno#mayRestart}; 0 for no such call. */
    private long kind;

    private long firstArgument;

    /** When a call that is made again is to end its wait; NEVER if it has no such time. */
    private long keptDeadline = WaitingThread.NEVER;

    public InterruptedCall(Hart hart) {
        this.hart = hart;
    }

    /** Remembers that the last call may be made again. */
    public void mayRestart(long result, long argument) {
        kind = result;
        firstArgument = argument;
    }

    /** Has the call not be made again. */
    public void forget() {
        kind = 0;
        forgetDeadline();
    }

    /** Remembers when the wait of the call was to end. */
    public void keepDeadline(long deadline) {
        keptDeadline = deadline;
    }

    /** Returns when a wait of some nanoseconds ends: that of a call that is made again does not begin anew. */
    public long deadlineIn(long nanos) {
        long deadline = keptDeadline == WaitingThread.NEVER ? WaitingThread.after(nanos) : keptDeadline;
        forgetDeadline();
        return deadline;
    }

    public void forgetDeadline() {
        keptDeadline = WaitingThread.NEVER;
    }

    /** Ends the call: with EINTR, or so that it is made again. */
    public void end(boolean hasHandler, boolean restarts) {
        if (hasHandler) {
            forgetDeadline();
        }
        if (kind == 0) {
            return;
        }
        boolean isAgain = !hasHandler || kind == LinuxErrno.RESTART_ALWAYS || (kind == LinuxErrno.RESTART && restarts);
        if (isAgain) {
            hart.pc -= Integer.BYTES;
            hart.x[Hart.A0] = firstArgument;
        } else {
            hart.x[Hart.A0] = LinuxErrno.EINTR;
        }
        kind = 0;
    }
}
