// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;
import static dev.samara.core.mman.Mman.DONTUNMAP;
import static dev.samara.core.mman.Mman.MAYMOVE;
import static dev.samara.core.mman.Mman.MREMAP_FIXED;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.op.Placement;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.syscall.Mmap.Munmap;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/**
 * {@code mremap} ({@code mm/mremap.c}). Checks the arguments, and runs one {@link MremapVma} for each VMA.
 *
 * <p>Errors that are decided here: EINVAL for arguments; ENOMEM if a new address is given and the map count leaves no
 * room for the move; EFAULT for a move of several VMAs that starts in a hole, or contains a VMA that can only be moved
 * alone. {@link MremapVma} decides all errors that depend on one VMA.
 */
public record Mremap(long address, long oldLength, long newLength, int flags, long newAddress) implements Call {
    @Override
    public long from(Layout layout) {
        return (flags & MREMAP_FIXED) != 0 ? Addresses.lower(address, newAddress) : address;
    }

    /** If the mapping may move, but the call names no new address, the mapping may be placed anywhere. */
    @Override
    public long to(Layout layout) {
        long end = Addresses.endOf(address, Addresses.higher(oldLength, newLength));
        return (flags & MREMAP_FIXED) != 0 ? Addresses.higher(end, Addresses.endOf(newAddress, newLength)) : end;
    }

    @Override
    public long decide(Edit edit) {
        Geometry geometry = edit.geometry;
        return new Mremap(address, geometry.roundUp(oldLength), geometry.roundUp(newLength), flags, newAddress)
                .remap(edit);
    }

    /** Decides the call, whose lengths are in whole pages ({@code do_mremap}). */
    private long remap(Edit edit) {
        if (edit.isContinued()) {
            return moveEach(edit);
        }
        long refused = checkArguments(edit);
        if (refused != DONE) {
            return refused;
        }
        // Otherwise Placement finds a free target, and growth in place claims its own range.
        edit.claim(address, address + (oldLength == 0 ? edit.geometry.pageSize() : oldLength));
        if ((flags & MREMAP_FIXED) != 0) {
            edit.claim(newAddress, newAddress + newLength);
        }
        if ((flags & MREMAP_FIXED) != 0 && oldLength == newLength) {
            return moveEach(edit);
        }
        return new MremapVma(edit, address, oldLength, newLength, flags, newAddress).remap(edit.at(address));
    }

    private long checkArguments(Edit edit) {
        Geometry geometry = edit.geometry;
        boolean unknown = (flags & ~(MREMAP_FIXED | MAYMOVE | DONTUNMAP)) != 0;
        if (unknown
                || !geometry.isAligned(address)
                || newLength == 0
                || Addresses.isBelow(geometry.limit(), newLength)) {
            return Errno.EINVAL.result();
        }
        if ((flags & (MREMAP_FIXED | DONTUNMAP)) == 0) {
            return DONE;
        }
        if (Addresses.isBelow(geometry.limit() - newLength, newAddress)
                || !geometry.isAligned(newAddress)
                || (flags & MAYMOVE) == 0
                || ((flags & DONTUNMAP) != 0 && oldLength != newLength)
                || Addresses.overlap(address, address + oldLength, newAddress, newAddress + newLength)) {
            return Errno.EINVAL.result();
        }
        return edit.mayGrow(2 + MremapVma.SPARE_MAPS + 1) ? DONE : Errno.ENOMEM.result();
    }

    /**
     * Moves every VMA of the range and keeps the holes between them; if one move fails, the VMAs moved before stay
     * moved.
     */
    private long moveEach(Edit edit) {
        long end = address + oldLength;
        long start = edit.partStart(address);
        long result = edit.isContinued() ? newAddress : Errno.EFAULT.result();
        for (VmArea vma = edit.firstIn(start, end); vma != null; vma = edit.firstIn(vma.end(), end)) {
            boolean first = Errno.isError(result);
            if (edit.endsBatchAt(vma.start())) {
                break;
            }
            if (first && Addresses.isBelow(address, vma.start())) {
                return Errno.EFAULT.result();
            }
            BackingTraits traits = vma.traits;
            if (traits != null && traits.movesAlone() && (!first || Addresses.isBelow(vma.end(), end))) {
                return Errno.EFAULT.result();
            }
            long from = first ? address : vma.start();
            long length = Addresses.lower(vma.end(), end) - from;
            long moved = new MremapVma(edit, from, length, length, flags, newAddress + (from - address)).remap(vma);
            if (Errno.isError(moved)) {
                return moved;
            }
            result = first ? moved : result;
        }
        return result;
    }

    @Override
    public void revoke(Operation operation) {
        operation.revoke(address, oldLength);
        if ((flags & MREMAP_FIXED) != 0) {
            operation.revoke(newAddress, newLength);
        }
    }

    @Override
    public String toString() {
        return Call.text("mremap", address, oldLength, newLength, flags, newAddress);
    }

    /**
     * The effect of one {@code mremap} on one VMA: it shrinks, grows in place, moves, or is duplicated ({@code struct
     * vma_remap_struct} in {@code mm/mremap.c}). {@link Mremap} checks the arguments, and contains the loop for a call
     * that moves several VMAs.
     *
     * <p>Errors that are decided here: EFAULT if there is no VMA, for a range beyond the VMA, and for growth of a VMA
     * of fixed size; EPERM for a sealed VMA; EINVAL for a duplicate of private memory, for DONTUNMAP of a VMA of fixed
     * size, and for an offset that overflows; EAGAIN for the limit of locked memory; ENOMEM for the other limits, the
     * map count, and growth in place without room. {@link Munmap}, {@link Placement} and the backing may return other
     * errors.
     */
    private static final class MremapVma {
        /** A move keeps this many mappings in reserve, since source and target may each be cut in three. */
        static final int SPARE_MAPS = 3;

        private final Edit edit;
        private final Geometry geometry;
        private final int flags;
        private final long address;
        private final long newLength;
        private final long newAddress;

        /** In whole pages, like the new length. */
        private long oldLength;

        MremapVma(Edit edit, long address, long oldLength, long newLength, int flags, long newAddress) {
            this.edit = edit;
            this.geometry = edit.geometry;
            this.address = address;
            this.oldLength = oldLength;
            this.newLength = newLength;
            this.flags = flags;
            this.newAddress = newAddress;
        }

        private boolean namesNewPlace() {
            return (flags & (MREMAP_FIXED | DONTUNMAP)) != 0;
        }

        private boolean growsLength() {
            return Addresses.isBelow(oldLength, newLength);
        }

        /** Decides on the VMA at the address; returns the new address of its memory, or a negated errno. */
        long remap(@Nullable VmArea vma) {
            if (vma == null) {
                return Errno.EFAULT.result();
            }
            if (vma.has(VmaFlags.SEALED)) {
                return Errno.EPERM.result();
            }
            if (!namesNewPlace() && !growsLength()) {
                // Neither case checks the range: a shrink may cross holes, and an equal length changes nothing.
                return oldLength == newLength ? address : shrink();
            }
            long refused = checkSource(vma);
            if (refused != DONE) {
                return refused;
            }
            return namesNewPlace() ? moveTo() : grow(vma);
        }

        /** Checks whether the VMA may be copied or may grow; returns 0 or a negated errno. */
        private long checkSource(VmArea vma) {
            if (oldLength == 0 && !vma.hasAny(VmaFlags.SHARED | VmaFlags.MAYSHARE)) {
                return Errno.EINVAL.result();
            }
            boolean fixedSize = vma.hasAny(VmaFlags.DONTEXPAND | VmaFlags.PFNMAP);
            if ((flags & DONTUNMAP) != 0 && fixedSize) {
                return Errno.EINVAL.result();
            }
            // The part that a shrink removes may be in other mappings, or may not be mapped.
            if (Addresses.isBelow(vma.end() - address, Addresses.lower(oldLength, newLength))) {
                return Errno.EFAULT.result();
            }
            if (!growsLength()) {
                return DONE;
            }
            long offset = vma.pageOffset() + geometry.pages(address - vma.start());
            if (Addresses.isBelow(offset + geometry.pages(newLength), offset)) {
                return Errno.EINVAL.result();
            }
            if (fixedSize) {
                return Errno.EFAULT.result();
            }
            long pages = geometry.pages(newLength - oldLength);
            if (!edit.district.limits.mayLockMore(edit.privileges(), edit.counters, vma.flags(), pages)) {
                return Errno.EAGAIN.result();
            }
            return edit.district.limits.mayExpand(edit.counters, vma.flags(), pages) ? DONE : Errno.ENOMEM.result();
        }

        private long shrink() {
            long result = Munmap.munmap(edit, address + newLength, oldLength - newLength);
            return result == DONE ? address : result;
        }

        private long grow(VmArea vma) {
            long delta = newLength - oldLength;
            long end = vma.end();
            if (end - address == oldLength
                    && Addresses.isAtMost(delta, geometry.limit() - end)
                    && edit.district.limits.mayMapAt(edit.privileges(), vma.start())
                    && isFreeToGrow(end, end + delta)) {
                if (vma.has(VmaFlags.ACCOUNT) && !edit.charge(geometry.pages(delta))) {
                    return Errno.ENOMEM.result();
                }
                VmArea tail = new VmArea(
                        end,
                        end + delta,
                        vma.flags(),
                        vma.pageOffset() + edit.pagesOf(vma),
                        vma.traits,
                        vma.name(),
                        vma.anonVma());
                if (VmaMerge.join(edit, tail, true) == null) {
                    return Errno.ENOMEM.result();
                }
                populateIfLocked(vma, end, end + delta);
                return address;
            }
            if ((flags & MAYMOVE) == 0) {
                return Errno.ENOMEM.result();
            }
            return move(vma, 0);
        }

        private boolean isFreeToGrow(long start, long end) {
            if (edit.firstIn(start, end) == null && !edit.isFree(start, end)) {
                edit.claim(start, end);
            }
            return edit.isFree(start, end);
        }

        /**
         * Moves to a given address, or, with DONTUNMAP but without FIXED, to a hint. A fixed move empties the target
         * first, so a later failure leaves it empty.
         */
        private long moveTo() {
            if ((flags & MREMAP_FIXED) != 0) {
                long emptied = Munmap.munmap(edit, newAddress, newLength);
                if (emptied != DONE) {
                    return emptied;
                }
                // If lengths wrap around, the target may have been the source.
                if (edit.at(address) == null) {
                    return Errno.EFAULT.result();
                }
            }
            if (Addresses.isBelow(newLength, oldLength)) {
                long shrunk = shrink();
                if (Errno.isError(shrunk)) {
                    return shrunk;
                }
                oldLength = newLength;
            }
            VmArea vma = edit.at(address);
            if (vma == null) {
                return Errno.EFAULT.result();
            }
            if ((flags & DONTUNMAP) != 0
                    && !edit.district.limits.mayExpand(edit.counters, vma.flags(), geometry.pages(oldLength))) {
                return Errno.ENOMEM.result();
            }
            return move(vma, newAddress);
        }

        private long move(VmArea vma, long hint) {
            long offset = vma.pageOffset() + geometry.pages(address - vma.start());
            int mapFlags =
                    ((flags & MREMAP_FIXED) != 0 ? Mman.FIXED : 0) | (vma.has(VmaFlags.MAYSHARE) ? Mman.SHARED : 0);
            long target = Placement.find(edit, vma.traits, hint, newLength, offset << geometry.pageShift(), mapFlags);
            if (Errno.isError(target)) {
                return target;
            }
            if (!edit.mayGrow(SPARE_MAPS + 1)) {
                return Errno.ENOMEM.result();
            }
            Errno refusal = refusalToCutOut(vma);
            if (refusal != null) {
                return refusal.result();
            }
            boolean keepOld = (flags & DONTUNMAP) != 0;
            long charged = keepOld ? newLength : newLength - oldLength;
            if (vma.has(VmaFlags.ACCOUNT) && !edit.charge(geometry.pages(charged))) {
                return Errno.ENOMEM.result();
            }
            AnonVma anonVma = vma.anonVma();
            if (vma.isAnonymous() && anonVma == null) {
                // Memory without pages gets the offset of its new address, so that it can merge with its new
                // neighbours.
                offset = geometry.pages(target);
            }
            VmArea copy = new VmArea(target, target + newLength, vma.flags(), offset, vma.traits, vma.name(), anonVma);
            VmArea placed = VmaMerge.place(edit, copy);
            if (oldLength != 0 || edit.hasUnmapped(target, target + newLength)) {
                edit.gate(target, target + newLength);
            }
            if (oldLength != 0) {
                edit.move(address, target, Addresses.lower(oldLength, newLength));
            }
            if (growsLength()) {
                populateIfLocked(vma, target + oldLength, target + newLength);
            }
            if (keepOld) {
                leaveEmpty(vma, placed);
            } else if (oldLength != 0) {
                VmaMerge.unmapMoved(edit, address, address + oldLength);
            }
            return target;
        }

        private void populateIfLocked(VmArea vma, long start, long end) {
            if (vma.has(VmaFlags.LOCKED)) {
                edit.populate(PopulateRange.Kind.BEST_EFFORT, start, end);
            }
        }

        /**
         * Returns the errno with which a backing refuses the splits at the ends of the source, or null. For a
         * duplicate, the backing is asked only about the start.
         */
        private @Nullable Errno refusalToCutOut(VmArea vma) {
            Errno refusal = address == vma.start() ? null : VmaMerge.refusal(edit, vma, address);
            long end = address + oldLength;
            return refusal != null || oldLength == 0 || end == vma.end() ? refusal : VmaMerge.refusal(edit, vma, end);
        }

        /**
         * Ends a DONTUNMAP. The whole old VMA, with which the copy may have merged, is no longer locked. If all of the
         * old VMA was copied, its anon_vma moved with its pages.
         */
        private void leaveEmpty(VmArea before, VmArea placed) {
            VmArea old = edit.at(address);
            if (old == null) {
                throw new IllegalStateException("a mapping vanished under the layout lock at its copying: " + before);
            }
            boolean whole = old != placed && old.start() == address && old.length() == oldLength;
            VmArea emptied = new VmArea(
                    old.start(),
                    old.end(),
                    old.flags() & ~VmaFlags.LOCKED_MASK,
                    old.pageOffset(),
                    old.traits,
                    old.name(),
                    whole ? null : old.anonVma());
            edit.replaceByEmptied(old, emptied, placed);
            edit.gate(address, address + oldLength);
        }
    }
}
