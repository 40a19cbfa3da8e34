// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;

/**
 * Copies between a space and a buffer on a thread that has no CPU ({@code access_remote_vm}).
 *
 * <p>A CPU is made for each call and closed at its end, so no thread and no exception can leave one behind. It has the
 * smallest TLB: a copy translates each page once.
 */
final class RemoteAccess {
    private RemoteAccess() {}

    /** The number of pages between two looks at the interrupt flag: no more than a leaf of the page table has. */
    private static final int PAGES = 512;

    /** With the rights of the mapping. */
    static final int READ = 0;

    /** With the rights of the mapping. */
    static final int WRITE = 1;

    /** With the rights that the mapping may be given ({@code FOLL_FORCE}). */
    static final int FORCED_READ = 2;

    /** With the rights that the mapping may be given ({@code FOLL_FORCE}). */
    static final int FORCED_WRITE = 3;

    /** Copies the remaining bytes of a buffer. Returns their number, or a negated errno. */
    static long copy(AddressSpace space, long address, ByteBuffer buffer, int kind) {
        boolean writes = kind == WRITE || kind == FORCED_WRITE;
        Cpus.checkMayWait(writes ? "a write to a space" : "a read of a space");
        if (!writes && buffer.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
        try (Cpu cpu = space.machine().newCpuOfCall()) {
            if (!cpu.trySwitchTo(space)) {
                return Errno.ESRCH.result();
            }
            CpuMemory memory = cpu.cpuMemory();
            int done = copyAll(space, memory, address, buffer, kind);
            if (done > 0 || memory.fault() == Fault.NONE) {
                return done;
            }
            return errnoOf(memory).result();
        }
    }

    /** Copies a few pages at a time. Stops between two times if the thread is interrupted or the reference closed. */
    private static int copyAll(AddressSpace space, CpuMemory memory, long address, ByteBuffer buffer, int kind) {
        int limit = buffer.limit();
        int most = PAGES << space.geometry().pageShift();
        int all = 0;
        try {
            for (; ; ) {
                int length = Math.min(limit - buffer.position(), most);
                buffer.limit(buffer.position() + length);
                int done = copySome(memory, address + all, buffer, kind);
                all += done;
                boolean isEnded = done < length
                        || buffer.position() == limit
                        || Thread.currentThread().isInterrupted();
                if (isEnded || space.isClosed()) {
                    return all;
                }
            }
        } finally {
            buffer.limit(limit);
        }
    }

    private static int copySome(CpuMemory memory, long address, ByteBuffer buffer, int kind) {
        return switch (kind) {
            case READ -> memory.copyOut(address, buffer);
            case WRITE -> memory.copyIn(address, buffer);
            default -> memory.copyForced(address, buffer, kind == FORCED_WRITE);
        };
    }

    private static Errno errnoOf(CpuMemory memory) {
        return switch (memory.fault()) {
            case Fault.OUT_OF_MEMORY -> Errno.ENOMEM;
            case Fault.RETRY -> memory.errnoOfRetry();
            default -> Errno.EFAULT;
        };
    }
}
