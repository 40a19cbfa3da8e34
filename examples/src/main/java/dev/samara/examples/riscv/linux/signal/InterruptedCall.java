// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.signal;

import dev.samara.examples.riscv.cpu.Hart;
import dev.samara.examples.riscv.linux.abi.LinuxErrno;

/** The system call of a thread that a signal has interrupted, and that may be made again. Used by its thread. */
public final class InterruptedCall {
    private final Hart hart;

    /** RESTART or RESTART_WITHOUT_HANDLER; 0 for no such call. */
    private long kind;

    private long firstArgument;

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
    }

    /** Ends the call: with EINTR, or so that it is made again. */
    public void end(boolean hasHandler, boolean restarts) {
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
