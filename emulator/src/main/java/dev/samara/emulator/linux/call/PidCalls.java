// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.OpenFlags;
import dev.samara.emulator.linux.file.PidDescriptor;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.PidTarget;
import org.jspecify.annotations.Nullable;

/** The calls for pidfds. */
final class PidCalls {
    private static final int OWN_THREAD = -10_000;
    private static final int OWN_PROCESS = -10_001;

    private final GuestThread thread;
    private final SignalCalls signals;

    PidCalls(GuestThread thread) {
        this.thread = thread;
        signals = new SignalCalls(thread);
    }

    long open(long number, long flags) {
        int id = (int) number;
        if (((int) flags & ~(OpenFlags.NONBLOCK | PidDescriptor.THREAD)) != 0 || id <= 0) {
            return LinuxErrno.EINVAL;
        }
        boolean isThread = (flags & PidDescriptor.THREAD) != 0;
        GuestProcess found = thread.process().system().tree().find(id);
        if (found == null) {
            GuestThread other = thread.process().system().tree().findThread(id);
            if (other == null) {
                return LinuxErrno.ESRCH;
            }
            if (!isThread) {
                return LinuxErrno.ENOENT;
            }
            found = other.process();
        }
        PidDescriptor made = new PidDescriptor(new PidTarget(found, id, isThread), (int) flags);
        if (!made.countIn(thread.process().system().openFiles())) {
            made.release();
            return LinuxErrno.ENFILE;
        }
        return thread.process().files().add(made, true, 0, thread.process().descriptorLimit());
    }

    /** Returns the pidfd of a descriptor; null if the descriptor is not open, or is not a pidfd. */
    static @Nullable PidDescriptor of(GuestThread thread, long descriptor) {
        GuestFile file = thread.openFile(descriptor);
        return file instanceof PidDescriptor found ? found : null;
    }

    long send(long descriptor, long signal, long infoAddress, long flags) {
        if (((int) flags & ~SignalCalls.SCOPES) != 0 || Integer.bitCount((int) flags) > 1) {
            return LinuxErrno.EINVAL;
        }
        int id;
        boolean isOfThread;
        switch ((int) descriptor) {
            case OWN_THREAD -> {
                id = thread.tid();
                isOfThread = true;
            }
            case OWN_PROCESS -> {
                id = thread.process().pid();
                isOfThread = false;
            }
            default -> {
                PidDescriptor found = of(thread, descriptor);
                if (found == null) {
                    return LinuxErrno.EBADF;
                }
                id = found.id();
                isOfThread = found.isOfThread();
            }
        }
        int scope = isOfThread ? SignalCalls.TO_THREAD : SignalCalls.TO_PROCESS;
        return signals.send(id, (int) flags != 0 ? (int) flags : scope, (int) signal, infoAddress);
    }
}
