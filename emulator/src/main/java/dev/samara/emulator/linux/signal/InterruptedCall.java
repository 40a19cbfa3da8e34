// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.wait.WaitingThread;

/** The system call of a thread that a signal interrupted, and that may be restarted. Used only by its thread. */
public final class InterruptedCall {
    private final Hart hart;

    /** One of the results for which {@link LinuxErrno#mayRestart} is true; 0 if there is no such call. */
    private long kind;

    private long firstArgument;

    /** The deadline of a restarted call's wait; NEVER if there is none. */
    private long keptDeadline = WaitingThread.NEVER;

    public InterruptedCall(Hart hart) {
        this.hart = hart;
    }

    /** Records that the last call may be restarted. */
    public void mayRestart(long result, long argument) {
        kind = result;
        firstArgument = argument;
    }

    /** Prevents a restart of the call. */
    public void forget() {
        kind = 0;
        forgetDeadline();
    }

    /** Records the deadline of the call's wait. */
    public void keepDeadline(long deadline) {
        keptDeadline = deadline;
    }

    /** Returns the deadline of a wait of some nanoseconds. A restarted call keeps the deadline of its first wait. */
    public long deadlineIn(long nanos) {
        long deadline = keptDeadline == WaitingThread.NEVER ? WaitingThread.after(nanos) : keptDeadline;
        forgetDeadline();
        return deadline;
    }

    public void forgetDeadline() {
        keptDeadline = WaitingThread.NEVER;
    }

    /** Ends the call, either with EINTR or so that it is restarted. */
    public void end(boolean hasHandler, boolean restarts) {
        if (hasHandler) {
            forgetDeadline();
        }
        if (kind == 0) {
            return;
        }
        boolean isAgain = !hasHandler || (kind == LinuxErrno.RESTART && restarts);
        if (isAgain) {
            hart.pc -= Integer.BYTES;
            hart.x[Hart.A0] = firstArgument;
        } else {
            hart.x[Hart.A0] = LinuxErrno.EINTR;
        }
        kind = 0;
    }
}
