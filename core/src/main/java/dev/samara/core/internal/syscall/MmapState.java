// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;
import static dev.samara.core.mman.MapFlags.ANONYMOUS;
import static dev.samara.core.mman.MapFlags.DROPPABLE;
import static dev.samara.core.mman.MapFlags.FIXED;
import static dev.samara.core.mman.MapFlags.FIXED_NOREPLACE;
import static dev.samara.core.mman.MapFlags.HUGETLB;
import static dev.samara.core.mman.MapFlags.LOCKED;
import static dev.samara.core.mman.MapFlags.PRIVATE;
import static dev.samara.core.mman.MapFlags.SHARED;
import static dev.samara.core.mman.MapFlags.SHARED_VALIDATE;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.MapCount;
import dev.samara.core.internal.op.MergeRules;
import dev.samara.core.internal.op.Placement;
import dev.samara.core.internal.op.PopulateRange;
import dev.samara.core.internal.op.Reservations;
import dev.samara.core.internal.op.SharedContents;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.VmaFlags;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The state of a new mapping on one edit: its checks, its address and its flags ({@code struct mmap_state}, {@code
 * do_mmap} and {@code mmap_region} in {@code mm/mmap.c} and {@code mm/vma.c}).
 */
final class MmapState {
    /** The known flags; SHARED_VALIDATE refuses any other, and the other types ignore it. */
    private static final int KNOWN_FLAGS = SHARED
            | PRIVATE
            | FIXED
            | ANONYMOUS
            | MapFlags.BELOW_2G
            | MapFlags.ABOVE_4G
            | MapFlags.GROWSDOWN
            | MapFlags.DENYWRITE
            | MapFlags.EXECUTABLE
            | LOCKED
            | MapFlags.NORESERVE
            | MapFlags.POPULATE
            | MapFlags.NONBLOCK
            | MapFlags.STACK
            | HUGETLB
            | MapFlags.UNINITIALIZED
            | 21 << MapFlags.HUGE_SHIFT
            | 30 << MapFlags.HUGE_SHIFT;

    private static final BackingTraits HUGE_PAGES = Objects.requireNonNull(
            BackingTraits.of(OpenFile.named("/anon_hugepage (deleted)").open()));

    private final Edit edit;
    private final Geometry geometry;
    private final int protection;
    private final @Nullable BackingTraits backing;
    private final long offset;

    private int flags;
    private long vmaFlags;
    private long pageOffset;

    /** Whether its range has a munmap in flight. */
    private boolean early;

    MmapState(Edit edit, int protection, int flags, @Nullable BackingTraits backing, long offset) {
        this.edit = edit;
        this.geometry = edit.geometry;
        this.protection = protection;
        this.flags = flags;
        this.backing = backing;
        this.offset = offset;
        this.pageOffset = geometry.pages(offset);
    }

    /**
     * Maps.
     *
     * @return the address, or a negated errno
     */
    long map(long address, long wantedLength) {
        if (wantedLength == 0) {
            return Errno.EINVAL.result();
        }
        boolean noReplace = (flags & FIXED_NOREPLACE) != 0;
        int placing = noReplace ? flags | FIXED : flags;
        long hint = (placing & FIXED) != 0 ? address : Placement.roundHint(geometry, address);
        long length = geometry.roundUp(wantedLength);
        if (length == 0 || MapCount.of(edit) > edit.layout.host().maxMapCount()) {
            return Errno.ENOMEM.result();
        }
        vmaFlags = protectionFlags(protection) | flagsOfFlags() | edit.defaultLock() | VmaFlags.MAY_ACCESS;
        long start = Placement.find(edit, backing, hint, length, offset, placing);
        if (start == Errno.ENOMEM.result() && edit.layout.reusesEarly() && (placing & FIXED) == 0) {
            // Reservations of a munmap that is not flushed yet are used last.
            start = Placement.findReserved(edit, length, placing);
            placing |= FIXED;
        }
        if (Errno.isError(start)) {
            return start;
        }
        if ((placing & FIXED) != 0) {
            early = Reservations.claimOrReuse(edit, start, start + length);
        }
        if (noReplace && edit.firstIn(start, start + length) != null) {
            return Errno.EEXIST.result();
        }
        if ((flags & LOCKED) != 0 && !edit.limits.mayLock()) {
            return Errno.EPERM.result();
        }
        if (!edit.limits.mayLockMore(edit.counters, vmaFlags, geometry.pages(length))) {
            return Errno.EAGAIN.result();
        }
        // Anonymous huge pages are a file of the kernel's own.
        BackingTraits file = (flags & HUGETLB) != 0 ? HUGE_PAGES : backing;
        long refused = file != null ? checkFile(file, length) : checkAnonymous(start);
        if (refused != DONE) {
            return refused;
        }
        if ((flags & MapFlags.NORESERVE) != 0 && !edit.layout.host().committed().isStrict()) {
            vmaFlags |= VmaFlags.NORESERVE;
        }
        return put(start, length);
    }

    static long protectionFlags(int protection) {
        return protection & (Protection.READ | Protection.WRITE | Protection.EXEC);
    }

    private long flagsOfFlags() {
        return ((flags & MapFlags.GROWSDOWN) != 0 ? VmaFlags.GROWSDOWN : 0)
                | ((flags & LOCKED) != 0 ? VmaFlags.LOCKED : 0)
                | ((flags & MapFlags.STACK) != 0 ? VmaFlags.NOHUGEPAGE : 0)
                | ((flags & MapFlags.SYNC) != 0 ? VmaFlags.SYNC : 0);
    }

    private long checkFile(BackingTraits file, long length) {
        long room = file.maximumSize() - length;
        if (Addresses.isBelow(file.maximumSize(), length) || Addresses.isBelow(geometry.pages(room), pageOffset)) {
            return Errno.EOVERFLOW.result();
        }
        int type = flags & MapFlags.TYPE;
        if (type == SHARED || type == SHARED_VALIDATE) {
            if (type == SHARED_VALIDATE && (flags & ~KNOWN_FLAGS) != 0) {
                return Errno.EOPNOTSUPP.result();
            }
            if ((protection & Protection.WRITE) != 0) {
                if (!file.writable()) {
                    return Errno.EACCES.result();
                }
                if (file.swapFile()) {
                    return Errno.ETXTBSY.result();
                }
            }
            if (file.appendOnly() && file.writable()) {
                return Errno.EACCES.result();
            }
            vmaFlags |= VmaFlags.MAYSHARE | VmaFlags.SHARED;
            if (!file.writable()) {
                vmaFlags &= ~(VmaFlags.MAYWRITE | VmaFlags.SHARED);
            }
        } else if (type != PRIVATE) {
            return Errno.EINVAL.result();
        }
        return checkRights(file);
    }

    private long checkRights(BackingTraits file) {
        if (!file.readable()) {
            return Errno.EACCES.result();
        }
        if (!file.executable()) {
            if ((vmaFlags & VmaFlags.EXEC) != 0) {
                return Errno.EPERM.result();
            }
            vmaFlags &= ~VmaFlags.MAYEXEC;
        }
        if (!file.mappable()) {
            return Errno.ENODEV.result();
        }
        return (vmaFlags & VmaFlags.GROWSDOWN) != 0 ? Errno.EINVAL.result() : DONE;
    }

    private long checkAnonymous(long start) {
        boolean growsDown = (vmaFlags & VmaFlags.GROWSDOWN) != 0;
        int type = flags & MapFlags.TYPE;
        if (type == SHARED) {
            if (growsDown) {
                return Errno.EINVAL.result();
            }
            pageOffset = 0;
            vmaFlags |= VmaFlags.SHARED | VmaFlags.MAYSHARE;
            return DONE;
        }
        if (type == DROPPABLE) {
            if ((flags & (LOCKED | HUGETLB)) != 0 || growsDown) {
                return Errno.EINVAL.result();
            }
            vmaFlags |= VmaFlags.DROPPABLE | VmaFlags.NORESERVE | VmaFlags.WIPEONFORK | VmaFlags.DONTDUMP;
        } else if (type != PRIVATE) {
            return Errno.EINVAL.result();
        }
        // The page number of the address, so that memory that is moved apart and back together still fits.
        pageOffset = geometry.pages(start);
        return DONE;
    }

    /**
     * Replaces the VMAs of the range by the mapping ({@code mmap_region}); from here on, a cut at an edge may remain.
     */
    private long put(long start, long length) {
        long end = start + length;
        long pages = geometry.pages(length);
        long refused = Munmap.cutEdges(edit, start, end);
        if (refused != DONE) {
            return refused;
        }
        long replaced = 0;
        long replacedAccounted = 0;
        for (VmArea vma = edit.firstIn(start, end); vma != null; vma = edit.firstIn(vma.end(), end)) {
            replaced += edit.pagesOf(vma);
            replacedAccounted += vma.has(VmaFlags.ACCOUNT) ? edit.pagesOf(vma) : 0;
        }
        if (!edit.limits.mayExpand(edit.counters, vmaFlags, pages - replaced)) {
            return Errno.ENOMEM.result();
        }
        if (isAccountable()) {
            if (!edit.charge(Math.max(0, pages - replacedAccounted))) {
                return Errno.ENOMEM.result();
            }
            vmaFlags |= VmaFlags.ACCOUNT;
        }
        if ((flags & HUGETLB) != 0) {
            // This machine has no huge pages reserved.
            boolean aligned = (offset & (geometry.hugeSize() - 1)) == 0;
            return aligned ? Errno.ENOMEM.result() : Errno.EINVAL.result();
        }
        BackingTraits behind = backing;
        if (behind != null && behind.refusesSync() && (vmaFlags & VmaFlags.SYNC) != 0) {
            return Errno.EOPNOTSUPP.result();
        }
        if ((vmaFlags & VmaFlags.SHARED) != 0 && (behind == null || behind.isZeroDevice())) {
            behind = BackingTraits.of(SharedContents.create(edit, length, (vmaFlags & VmaFlags.NORESERVE) == 0));
            if (behind == null) {
                return Errno.ENOMEM.result();
            }
        }
        if (behind != null) {
            behind = SharedContents.current(edit, behind);
        }
        if (early) {
            Reservations.takeOver(edit, start, end);
        }
        edit.displace(start, end);
        if (replaced != 0 || early) {
            edit.gate(start, end);
        }
        VmArea placed = MergeRules.place(edit, new VmArea(start, end, vmaFlags, pageOffset, behind, null, null));
        if (placed.has(VmaFlags.LOCKED | VmaFlags.DROPPABLE)) {
            // Droppable memory is never locked, whatever mlockall requests; Linux checks that only after the merge.
            Mlock.unlock(edit, placed);
        }
        boolean populates = (flags & (MapFlags.POPULATE | MapFlags.NONBLOCK)) == MapFlags.POPULATE;
        if (populates || (vmaFlags & VmaFlags.LOCKED) != 0) {
            edit.populate(PopulateRange.Kind.BEST_EFFORT, start, end);
        }
        return start;
    }

    /** Returns whether the mapping is charged to the commit limit: private and writable, unless NORESERVE is set. */
    private boolean isAccountable() {
        return (vmaFlags & (VmaFlags.NORESERVE | VmaFlags.SHARED | VmaFlags.WRITE)) == VmaFlags.WRITE;
    }
}
