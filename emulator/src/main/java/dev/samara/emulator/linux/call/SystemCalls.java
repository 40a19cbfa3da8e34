// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.mman.MmException;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxCall;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.BadAddress;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.ThreadCalls;
import org.jspecify.annotations.Nullable;

/**
 * Executes the system calls of a thread: reads the number and the arguments from the registers, executes the call, and
 * stores its result, if it has one, in a register. The thread is outside GUEST.
 */
public final class SystemCalls implements ThreadCalls {
    private final GuestThread thread;
    private final @Nullable CallTrace trace;

    /** Created by the first call, because the thread's construction is complete by then. */
    private @Nullable CallTable table;

    /**
     * Prepares the calls of a thread.
     *
     * @param thread the thread, whose construction may still be in progress
     * @param trace prints the calls; null if they are not printed
     */
    public SystemCalls(GuestThread thread, @Nullable CallTrace trace) {
        this.thread = thread;
        this.trace = trace;
    }

    @Override
    public void execute() {
        long[] x = thread.hart().x;
        int number = (int) x[Hart.A7];
        thread.process().system().counts().call(number);
        CallTrace traced = trace;
        if (traced != null) {
            traced.begins(thread, number);
        }
        CallTable known = table;
        if (known == null) {
            known = CallBindings.of(thread);
            table = known;
        }
        LinuxCall call = LinuxCall.of(number);
        CallTable.StateCall state = known.state(call);
        if (state != null) {
            thread.interruptedCall().forget();
            state.make();
        } else {
            make(known.value(call), number, x);
        }
        if (traced != null) {
            traced.ends(thread, number, x[Hart.A0]);
        }
    }

    private void make(CallTable.@Nullable ValueCall call, int number, long[] x) {
        long first = x[Hart.A0];
        long result = LinuxErrno.ENOSYS;
        if (call == null) {
            thread.process().system().counts().unknownCall(number);
        } else {
            try {
                result = call.make(first, x[11], x[12], x[13], x[14], x[15]);
            } catch (BadAddress e) {
                result = LinuxErrno.EFAULT;
            } catch (MmException e) {
                result = LinuxErrno.of(e);
            } finally {
                thread.endUse();
            }
        }
        if (LinuxErrno.mayRestart(result)) {
            thread.interruptedCall().mayRestart(result, first);
            result = LinuxErrno.EINTR;
        } else {
            thread.interruptedCall().forgetDeadline();
        }
        x[Hart.A0] = result;
    }
}
