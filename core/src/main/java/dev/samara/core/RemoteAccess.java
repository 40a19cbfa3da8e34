// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import java.nio.ByteBuffer;

/**
 * Copies between a space and a buffer on a thread that has no CPU ({@code access_remote_vm}).
 *
 * <p>A CPU is made for each call and closed at its end, so no thread and no exception can leave one behind. It has the
 * smallest TLB: a copy translates each page once.
 */
final class RemoteAccess {
    private RemoteAccess() {}

    /** Copies the remaining bytes of a buffer. Returns their number, or a negated errno. */
    static long copy(AddressSpace space, long address, ByteBuffer buffer, boolean writes) {
        Cpus.checkMayWait(writes ? "a write to a space" : "a read of a space");
        try (Cpu cpu = space.machine().newCpuOfCall()) {
            cpu.switchTo(space);
            GuestMemory memory = cpu.memory();
            int done = writes ? memory.copyIn(address, buffer) : memory.copyOut(address, buffer);
            return done > 0 || Fault.isDone(memory.fault()) ? done : resultOf(memory.fault());
        }
    }

    private static long resultOf(int fault) {
        Errno errno = switch (fault) {
            case Fault.OOM -> Errno.ENOMEM;
            case Fault.RETRY -> Errno.EINTR;
            default -> Errno.EFAULT;
        };
        return errno.result();
    }
}
