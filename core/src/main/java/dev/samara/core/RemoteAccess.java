// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vcpu.GuestCpus;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.util.Objects;

/**
 * Copies between a space and a buffer on a thread that has no CPU ({@code access_remote_vm}).
 *
 * <p>Each call borrows one of the machine's own CPUs ({@link GuestCpus}), which is not in any space afterwards, so
 * neither a thread nor an exception can leave a CPU behind in a space. After a thread's first call, calls allocate
 * nothing, except that a call creates a CPU if eight others are in progress.
 */
final class RemoteAccess {
    private RemoteAccess() {}

    /**
     * The number of pages between two checks of the interrupt flag: at most the number of entries of a page-table leaf.
     */
    private static final int PAGES = 512;

    /** An access with the rights of the mapping. */
    static final int READ = 0;

    /** An access with the rights of the mapping. */
    static final int WRITE = 1;

    /** An access with the rights that the mapping may be given ({@code FOLL_FORCE}). */
    static final int FORCED_READ = 2;

    /** An access with the rights that the mapping may be given ({@code FOLL_FORCE}). */
    static final int FORCED_WRITE = 3;

    /**
     * Copies the remaining bytes of a buffer. Returns their number, or a negated errno.
     *
     * @param reference the entry of the reference, which the caller keeps reachable until this returns
     * @param layout the layout that serves calls of the reference
     */
    static long copy(
            GuestCpus cpus, SpaceReferences.Entry reference, Layout layout, long address, ByteBuffer buffer, int kind) {
        boolean writes = kind == WRITE || kind == FORCED_WRITE;
        checkMayWait(writes);
        if (!writes && buffer.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
        GuestCpus.RemoteCpu lent = cpus.lendRemote();
        try {
            if (!isIn(layout, lent)) {
                return Errno.ESRCH.result();
            }
            CpuMemory memory = lent.memory();
            int most = PAGES << layout.geometry().pageShift();
            return resultOf(copyAll(reference, memory, most, address, buffer, kind), memory);
        } finally {
            cpus.giveBack(lent);
        }
    }

    /** Copies bytes of an array, with the rights of the mapping. Returns their number, or a negated errno. */
    static long copy(
            GuestCpus cpus,
            SpaceReferences.Entry reference,
            Layout layout,
            long address,
            byte[] bytes,
            int at,
            int length,
            boolean writes) {
        checkMayWait(writes);
        Objects.checkFromIndexSize(at, length, bytes.length);
        GuestCpus.RemoteCpu lent = cpus.lendRemote();
        try {
            if (!isIn(layout, lent)) {
                return Errno.ESRCH.result();
            }
            CpuMemory memory = lent.memory();
            int most = PAGES << layout.geometry().pageShift();
            return resultOf(copyAll(reference, memory, most, address, bytes, at, length, writes), memory);
        } finally {
            cpus.giveBack(lent);
        }
    }

    private static void checkMayWait(boolean writes) {
        ThreadCpus.checkMayWait(writes ? "a write to a space" : "a read of a space");
    }

    /** Switches a CPU to the space, unless the reference is closed or the space has ended. */
    private static boolean isIn(Layout layout, GuestCpus.RemoteCpu lent) {
        return !layout.isClosed() && lent.goTo(layout);
    }

    private static long resultOf(int done, CpuMemory memory) {
        return done > 0 || memory.fault() == Fault.NONE ? done : errnoOf(memory).result();
    }

    /**
     * Copies a few pages at a time. Stops between two steps if the thread is interrupted or the reference is closed.
     */
    private static int copyAll(
            SpaceReferences.Entry reference, CpuMemory memory, int most, long address, ByteBuffer buffer, int kind) {
        int limit = buffer.limit();
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
                if (isEnded || reference.isEnded()) {
                    return all;
                }
            }
        } finally {
            buffer.limit(limit);
        }
    }

    /** As above, for an array, because wrapping it in a buffer would allocate. */
    private static int copyAll(
            SpaceReferences.Entry reference,
            CpuMemory memory,
            int most,
            long address,
            byte[] bytes,
            int at,
            int length,
            boolean writes) {
        int all = 0;
        for (; ; ) {
            int part = Math.min(length - all, most);
            int done = writes
                    ? memory.copyIn(address + all, bytes, at + all, part)
                    : memory.copyOut(address + all, bytes, at + all, part);
            all += done;
            boolean isEnded =
                    done < part || all == length || Thread.currentThread().isInterrupted();
            if (isEnded || reference.isEnded()) {
                return all;
            }
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
