// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Revocations;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * {@code mmap} ({@code ksys_mmap_pgoff} in {@code mm/mmap.c}); {@link MmapState} has the part that it shares with
 * {@code shmat}.
 *
 * @param backing the traits of the object to map; null for a bad descriptor
 * @param offset bytes
 */
public record Mmap(
        long address,
        long length,
        int protection,
        int flags,
        @Nullable BackingTraits backing,
        long offset) implements Call {
    private static final int GIGABYTE_SHIFT = 30;

    public static long mmap(
            Layout layout,
            long address,
            long length,
            int protection,
            int flags,
            @Nullable Backing backing,
            long offset) {
        return Syscall.run(layout, of(address, length, protection, flags, backing, offset));
    }

    public static CompletableFuture<Long> mmapAsync(
            Layout layout,
            long address,
            long length,
            int protection,
            int flags,
            @Nullable Backing backing,
            long offset) {
        return Syscall.start(layout, of(address, length, protection, flags, backing, offset));
    }

    /** Returns the call. The backing is asked for its traits first, and thus without a lock. */
    private static Mmap of(
            long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        // A refused call asks no backing.
        Cpus.checkMayWait("a call of a space");
        return new Mmap(address, length, protection, flags, BackingTraits.of(backing), offset);
    }

    @Override
    public long decide(Edit edit) {
        Geometry geometry = edit.geometry;
        if (!geometry.isAligned(offset)) {
            return Errno.EINVAL.result();
        }
        boolean anonymous = (flags & MapFlags.ANONYMOUS) != 0;
        if (!anonymous && backing == null) {
            return Errno.EBADF.result();
        }
        long rounded = length;
        if ((flags & MapFlags.HUGETLB) != 0) {
            int shift = flags >>> MapFlags.HUGE_SHIFT & MapFlags.HUGE_MASK;
            if (!anonymous || (shift != 0 && shift != geometry.hugeShift() && shift != GIGABYTE_SHIFT)) {
                return Errno.EINVAL.result();
            }
            long size = shift == 0 ? geometry.hugeSize() : 1L << shift;
            rounded = length + size - 1 & -size;
        }
        return new MmapState(edit, protection, flags, anonymous ? null : backing, offset).map(address, rounded);
    }

    @Override
    public void revoke(Revocations revocations) {
        if ((flags & MapFlags.FIXED) != 0) {
            revocations.add(address, length);
        }
    }

    @Override
    public String toString() {
        // The kernel's prot is an unsigned long.
        return Call.text("mmap", address, length, (long) protection, flags, offset);
    }
}
