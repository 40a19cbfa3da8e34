// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.event.Report;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.syscall.Syscall.RangeCall;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.VmaFlags;

/**
 * {@code msync} ({@code mm/msync.c}): first determines the errors that depend on the layout, and then, for {@code
 * MS_SYNC}, calls each backing once.
 *
 * <p>As on Linux, the layout may change between two backings. The calls are made in the order of the addresses, up to
 * the first call that fails. The error of that call takes precedence over errors of the layout.
 */
public record Msync(long address, long length, int flags) implements RangeCall {
    private static final int KNOWN = Mman.ASYNC | Mman.INVALIDATE | Mman.SYNC;

    /** The result with which the visit ends at locked memory. It is not an errno. */
    private static final long LOCKED = 1;

    /** The result of a decision without an error if a backing has to be called. */
    private static final long HAS_BACKING = 1;

    public static long msync(Layout layout, long address, long length, int flags) {
        Msync call = new Msync(address, length, flags);
        long decided = Syscall.run(layout, call);
        long result = decided == HAS_BACKING ? 0 : decided;
        boolean calls = decided == HAS_BACKING || decided == Errno.ENOMEM.result() || decided == Errno.EBUSY.result();
        if ((flags & Mman.SYNC) == 0 || !calls) {
            return result;
        }
        long end = call.end(layout.geometry);
        long failure = Syscall.visit(layout, address, end, (vma, start, stop) -> call.sync(layout, vma, start, stop));
        return failure != 0 && failure != LOCKED ? failure : result;
    }

    /** Calls the backing of a shared mapping. Holds no lock. Returns 0, the failure, or {@link #LOCKED}. */
    private long sync(Layout layout, VmArea vma, long start, long end) {
        if ((flags & Mman.INVALIDATE) != 0 && vma.has(VmaFlags.LOCKED)) {
            return LOCKED;
        }
        BackingTraits traits = vma.traits;
        if (traits == null || !isSaved(vma)) {
            return 0;
        }
        try {
            return traits.backing().fsync(Syscall.offset(layout, vma, start), end - start);
        } catch (Throwable thrown) {
            layout.host.report(
                    Report.Kind.CALLBACK_FAILED, "fsync of " + traits.backing().name(), thrown);
            return Errno.EIO.result();
        }
    }

    @Override
    public long decide(Edit edit) {
        boolean both = (flags & Mman.ASYNC) != 0 && (flags & Mman.SYNC) != 0;
        if ((flags & ~KNOWN) != 0 || !edit.geometry.isAligned(address) || both) {
            return Errno.EINVAL.result();
        }
        long end = end(edit.geometry);
        if (Addresses.isBelow(end, address)) {
            return Errno.ENOMEM.result();
        }
        if (end != address) {
            edit.claim(address, end);
        }
        // Includes the result of earlier batches.
        long result = edit.note();
        long reached = edit.partStart(address);
        while (Addresses.isBelow(reached, end)) {
            VmArea vma = edit.firstIn(reached, end);
            if (vma == null) {
                return Errno.ENOMEM.result();
            }
            if (edit.endsBatchAt(reached)) {
                edit.note(result);
                return result;
            }
            if (Addresses.isBelow(reached, vma.start())) {
                if (flags == Mman.ASYNC) {
                    return Errno.ENOMEM.result();
                }
                result = Errno.ENOMEM.result();
            }
            if ((flags & Mman.INVALIDATE) != 0 && vma.has(VmaFlags.LOCKED)) {
                return Errno.EBUSY.result();
            }
            if (result == 0 && isSaved(vma)) {
                result = HAS_BACKING;
            }
            reached = vma.end();
        }
        return result;
    }

    private static boolean isSaved(VmArea vma) {
        return vma.has(VmaFlags.SHARED) && vma.traits != null;
    }

    @Override
    public String toString() {
        return Call.text("msync", address, length, flags);
    }
}
