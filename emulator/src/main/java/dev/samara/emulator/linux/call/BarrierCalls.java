// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestThread;
import java.util.List;

/** {@code membarrier}: makes other threads execute a fence. A program must register its memory for most commands. */
final class BarrierCalls {
    private static final int QUERY = 0;
    private static final int GLOBAL = 1;
    private static final int GLOBAL_EXPEDITED = 1 << 1;
    private static final int REGISTER_GLOBAL = 1 << 2;
    private static final int PRIVATE = 1 << 3;
    private static final int REGISTER_PRIVATE = 1 << 4;
    private static final int SYNC_CORE = 1 << 5;
    private static final int REGISTER_SYNC_CORE = 1 << 6;
    private static final int GET_REGISTRATIONS = 1 << 9;

    /** The commands of a kernel without restartable sequences. */
    private static final int COMMANDS = GLOBAL
            | GLOBAL_EXPEDITED
            | REGISTER_GLOBAL
            | PRIVATE
            | REGISTER_PRIVATE
            | SYNC_CORE
            | REGISTER_SYNC_CORE
            | GET_REGISTRATIONS;

    private final GuestThread thread;

    BarrierCalls(GuestThread thread) {
        this.thread = thread;
    }

    private ProcessMemory memory() {
        return thread.process().memory();
    }

    long barrier(long command, long flags) {
        if ((int) flags != 0) {
            return LinuxErrno.EINVAL;
        }
        return switch ((int) command) {
            case QUERY -> COMMANDS;
            case GLOBAL -> ofAll(0);
            case GLOBAL_EXPEDITED -> ofAll(REGISTER_GLOBAL);
            case PRIVATE ->
                memory().isRegistered(REGISTER_PRIVATE) ? memory().space().membarrier() : LinuxErrno.EPERM;
            case SYNC_CORE -> memory().isRegistered(REGISTER_SYNC_CORE) ? synchronizeCode() : LinuxErrno.EPERM;
            case REGISTER_GLOBAL, REGISTER_PRIVATE, REGISTER_SYNC_CORE -> {
                memory().register((int) command);
                yield 0;
            }
            case GET_REGISTRATIONS -> {
                // In the kernel, a SYNC_CORE registration includes the registration for private fences.
                int known = memory().registrations();
                yield (known & REGISTER_SYNC_CORE) != 0 ? known | REGISTER_PRIVATE : known;
            }
            default -> LinuxErrno.EINVAL;
        };
    }

    private List<GuestProcess> processes() {
        return thread.process().system().tree().living();
    }

    /** Makes the threads of each process execute a fence if the process's memory has the given registrations. */
    private long ofAll(int registrations) {
        for (GuestProcess each : processes()) {
            if (each.memory().isRegistered(registrations)) {
                // A process that has ended in the meantime executes nothing.
                each.memory().space().membarrier();
            }
        }
        return 0;
    }

    /** Makes changed code visible to all threads that share this memory. */
    private long synchronizeCode() {
        for (GuestProcess each : processes()) {
            if (each.memory().identity().equals(memory().identity())) {
                each.changedCode(thread);
            }
        }
        return 0;
    }
}
