// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.syscall.Syscall.RangeCall;
import dev.samara.core.internal.syscall.Syscall.VmaChange;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;

/** {@code mlock}, {@code mlock2}, {@code munlock}, {@code mlockall} and {@code munlockall} ({@code mm/mlock.c}). */
public final class Mlock {
    /** Flags of mappings that are never locked, so the calls skip them. */
    private static final long NEVER_LOCKED = VmaFlags.SPECIAL | VmaFlags.HUGETLB | VmaFlags.DROPPABLE;

    private Mlock() {}

    /** {@code mlock2}; {@code mlock} has no flags. */
    public record Lock(long address, long length, int flags) implements RangeCall, VmaChange {
        @Override
        public long decide(Edit edit) {
            if ((flags & ~Mman.ONFAULT) != 0) {
                return Errno.EINVAL.result();
            }
            if (!edit.district.limits.mayLock(edit.privileges())) {
                return Errno.EPERM.result();
            }
            Geometry geometry = edit.geometry;
            long start = geometry.roundDown(address);
            long rounded = geometry.roundUp(length + (address - start));
            long end = start + rounded;
            if (rounded != 0) {
                edit.claim(start, end);
            }
            long pages = geometry.pages(rounded) + edit.counters.locked;
            if (!edit.isContinued()
                    && !edit.district.limits.mayHoldLocked(edit.privileges(), pages)
                    && !edit.district.limits.mayHoldLocked(edit.privileges(), pages - lockedIn(edit, start, end))) {
                return Errno.ENOMEM.result();
            }
            if (rounded == 0) {
                return DONE;
            }
            long walked = walk(edit, start, end, this);
            return Errno.isError(walked) ? walked : edit.isFollowed() ? DONE : populate(edit, start, end);
        }

        @Override
        public long change(Edit edit, VmArea vma, long start, long end) {
            return lock(edit, vma, start, end, flags == Mman.ONFAULT ? VmaFlags.LOCKED_MASK : VmaFlags.LOCKED);
        }

        /** Counts the pages in the range that are already locked, so that they do not count twice against the limit. */
        @Override
        public long checkAll(Layout layout) {
            Geometry geometry = layout.geometry;
            long start = geometry.roundDown(address);
            long stop = stopOf(start, start + geometry.roundUp(length + (address - start)));
            long pages = 0;
            VmArea vma = layout.findNext(start);
            while (vma != null && Addresses.isBelow(vma.start(), stop)) {
                pages += lockedIn(geometry, vma, start, stop);
                vma = layout.findNext(vma.end());
            }
            return pages;
        }

        @Override
        public String toString() {
            return Call.text("mlock2", address, length, flags);
        }
    }

    /** {@code munlock}. */
    public record Unlock(long address, long length) implements RangeCall, VmaChange {
        @Override
        public long decide(Edit edit) {
            Geometry geometry = edit.geometry;
            long start = geometry.roundDown(address);
            long end = start + geometry.roundUp(length + (address - start));
            if (end == start) {
                return DONE;
            }
            edit.claim(start, end);
            return walk(edit, start, end, this);
        }

        @Override
        public long change(Edit edit, VmArea vma, long start, long end) {
            return lock(edit, vma, start, end, 0);
        }

        @Override
        public String toString() {
            return Call.text("munlock", address, length);
        }
    }

    /** {@code mlockall}. */
    public record LockAll(int flags) implements Call {
        @Override
        public long decide(Edit edit) {
            int known = Mman.CURRENT | Mman.FUTURE | Mman.ALL_ONFAULT;
            if (flags == 0 || (flags & ~known) != 0 || flags == Mman.ALL_ONFAULT) {
                return Errno.EINVAL.result();
            }
            if (!edit.district.limits.mayLock(edit.privileges())) {
                return Errno.EPERM.result();
            }
            boolean current = (flags & Mman.CURRENT) != 0;
            if (current
                    && !edit.isContinued()
                    && !edit.district.limits.mayHoldLocked(edit.privileges(), edit.counters.total)) {
                return Errno.ENOMEM.result();
            }
            long locked = (flags & Mman.ALL_ONFAULT) != 0 ? VmaFlags.LOCKED_MASK : VmaFlags.LOCKED;
            boolean future = (flags & Mman.FUTURE) != 0;
            edit.setDefaultLock(future ? locked : 0);
            if ((current || !future) && !applyToAll(edit, current ? locked : 0)) {
                return DONE;
            }
            if (current) {
                edit.populate(PopulateRange.Kind.BEST_EFFORT, 0, edit.geometry.limit());
            }
            return DONE;
        }

        @Override
        public String toString() {
            return Call.text("mlockall", flags);
        }
    }

    /** {@code munlockall}. */
    public record UnlockAll() implements Call {
        @Override
        public long decide(Edit edit) {
            edit.setDefaultLock(0);
            applyToAll(edit, 0);
            return DONE;
        }

        @Override
        public String toString() {
            return "munlockall";
        }
    }

    /** Locks or unlocks VMA by VMA; a hole stops the call. The range must not be empty. */
    private static long walk(Edit edit, long start, long end, VmaChange call) {
        return Addresses.isBelow(end, start) ? Errno.EINVAL.result() : Syscall.walk(edit, start, end, true, call);
    }

    /**
     * Locks or unlocks all VMAs. A VMA that cannot be changed because there are too many mappings stays as it is.
     * Returns false if another batch follows.
     */
    private static boolean applyToAll(Edit edit, long lock) {
        edit.claim(0, edit.geometry.limit());
        VmArea vma = edit.atOrAfter(edit.partStart(0));
        while (vma != null) {
            if (edit.endsBatchAt(vma.start())) {
                return false;
            }
            long changed = lock(edit, vma, vma.start(), vma.end(), lock);
            vma = edit.atOrAfter(Errno.isError(changed) ? vma.end() : changed);
        }
        return true;
    }

    /** Clears the lock flags of a whole VMA, without a merge. */
    static void unlock(Edit edit, VmArea vma) {
        long flags = vma.flags() & ~VmaFlags.LOCKED_MASK;
        edit.replace(vma, null, null, VmaMerge.part(edit, vma, vma.start(), vma.end(), flags));
    }

    /**
     * Locks the part of one VMA in a range; returns the end of the VMA that now covers that part, or a negated errno.
     */
    private static long lock(Edit edit, VmArea vma, long start, long end, long lock) {
        long flags = (vma.flags() & ~VmaFlags.LOCKED_MASK) | lock;
        if (flags == vma.flags() || vma.hasAny(NEVER_LOCKED)) {
            return vma.end();
        }
        return VmaMerge.change(edit, vma, start, end, flags);
    }

    /**
     * Returns the end of the range in which locked pages are counted. If the range wraps, this is the highest address.
     */
    private static long stopOf(long start, long end) {
        return Addresses.isBelow(end, start) ? -1L : end;
    }

    /** Returns the number of locked pages in a range. */
    private static long lockedIn(Edit edit, long start, long end) {
        if (edit.isBatched()) {
            return edit.note();
        }
        long stop = stopOf(start, end);
        long pages = 0;
        for (VmArea vma = edit.firstIn(start, stop); vma != null; vma = edit.firstIn(vma.end(), stop)) {
            edit.countVma();
            pages += lockedIn(edit.geometry, vma, start, stop);
        }
        return pages;
    }

    /** Returns the number of locked pages of one VMA in a range that it overlaps. */
    private static long lockedIn(Geometry geometry, VmArea vma, long start, long end) {
        return vma.has(VmaFlags.LOCKED)
                ? geometry.pages(Addresses.lower(vma.end(), end) - Addresses.higher(vma.start(), start))
                : 0;
    }

    /**
     * Requests population of memory that is not locked on fault. Fails with ENOMEM at memory that permits no access;
     * the locks stay. Memory that cannot be locked is also faulted in, except memory of a device.
     */
    private static long populate(Edit edit, long start, long end) {
        if (edit.isBatched() && edit.layout.memoryOrNull() != null) {
            // No check is needed here: the population itself fails at memory that permits no access, with the same
            // error.
            edit.populate(PopulateRange.Kind.LOCK, start, end);
            return DONE;
        }
        for (VmArea vma = edit.firstIn(start, end); vma != null; vma = edit.firstIn(vma.end(), end)) {
            if (!vma.hasAny(VmaFlags.ACCESS | VmaFlags.LOCKONFAULT | VmaFlags.IO | VmaFlags.PFNMAP)) {
                edit.populate(PopulateRange.Kind.LOCK, start, vma.start());
                return Errno.ENOMEM.result();
            }
        }
        edit.populate(PopulateRange.Kind.LOCK, start, end);
        return DONE;
    }
}
