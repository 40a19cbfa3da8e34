// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.guest.PageView;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vcpu.GuestCpus;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

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
     * Copies bytes of a space to or from an array, or the remaining bytes of a buffer; the other one is null, because
     * wrapping an array in a buffer would allocate.
     *
     * @param reference the entry of the reference, which the caller keeps reachable until this returns
     * @param layout the layout that serves calls of the reference
     * @return the number of bytes copied, or a negated errno
     */
    static long copy(
            GuestCpus cpus,
            SpaceReferences.Entry reference,
            Layout layout,
            long address,
            byte @Nullable [] bytes,
            int at,
            int length,
            @Nullable ByteBuffer buffer,
            int kind) {
        boolean writes = kind == WRITE || kind == FORCED_WRITE;
        ThreadCpus.checkMayWait(writes ? "a write to a space" : "a read of a space");
        if (bytes != null) {
            Objects.checkFromIndexSize(at, length, bytes.length);
        } else if (Objects.requireNonNull(buffer).isReadOnly() && !writes) {
            throw new ReadOnlyBufferException();
        }
        GuestCpus.RemoteCpu lent = cpus.lendRemote();
        try {
            // Fails if the reference is closed or the space has ended.
            if (layout.isClosed() || !lent.goTo(layout)) {
                return Errno.ESRCH.result();
            }
            CpuMemory memory = lent.memory();
            int most = PAGES << layout.geometry.pageShift();
            boolean isForced = kind == FORCED_READ || kind == FORCED_WRITE;
            int all = 0;
            boolean isEnded;
            do {
                int part = Math.min(length - all, most);
                int done = memory.transfer(address + all, bytes, at + all, part, buffer, writes, isForced);
                all += done;
                isEnded = done < part || all == length || Thread.currentThread().isInterrupted();
            } while (!isEnded && !reference.isEnded());
            return all > 0 || memory.fault() == Fault.NONE
                    ? all
                    : errnoOf(memory).result();
        } finally {
            cpus.giveBack(lent);
        }
    }

    /**
     * Returns a view of bytes of a space.
     *
     * @throws MmException if there is none
     */
    static PageView view(GuestCpus cpus, SpaceReferences.Entry reference, Layout layout, long address, int length) {
        ThreadCpus.checkMayWait("a view of a space");
        GuestCpus.RemoteCpu lent = cpus.lendRemote();
        try {
            if (reference.isEnded() || layout.isClosed() || !lent.goTo(layout)) {
                throw failed(address, length, Errno.ESRCH);
            }
            CpuMemory memory = lent.memory();
            PageView view = memory.view(address, length);
            if (view == null) {
                throw failed(address, length, errnoOf(memory));
            }
            return view;
        } finally {
            cpus.giveBack(lent);
        }
    }

    private static MmException failed(long address, int length, Errno errno) {
        return new MmException("view(0x" + Long.toHexString(address) + ", " + length + ")", errno);
    }

    private static Errno errnoOf(CpuMemory memory) {
        return switch (memory.fault()) {
            case Fault.OUT_OF_MEMORY -> Errno.ENOMEM;
            case Fault.RETRY -> memory.errnoOfRetry();
            default -> Errno.EFAULT;
        };
    }
}
