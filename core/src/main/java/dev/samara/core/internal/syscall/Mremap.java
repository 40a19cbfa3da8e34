// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;
import static dev.samara.core.mman.RemapFlags.DONTUNMAP;
import static dev.samara.core.mman.RemapFlags.MAYMOVE;
import static dev.samara.core.mman.RemapFlags.MREMAP_FIXED;

import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Placement;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.vma.Geometry;

/**
 * {@code mremap} ({@code mm/mremap.c}). Checks the arguments, and runs one {@link MremapVma} for each VMA.
 *
 * <p>Errors that are decided here: EINVAL for arguments; ENOMEM if a new address is given and the map count leaves no
 * room for the move; EFAULT for a move of several VMAs that starts in a hole, or contains a VMA that can only be moved
 * alone. {@link MremapVma} decides all errors that depend on one VMA.
 */
public record Mremap(long address, long oldLength, long newLength, int flags, long newAddress) implements Call {
    public static long mremap(Layout layout, long address, long oldLength, long newLength, int flags, long newAddress) {
        return Syscall.run(layout, new Mremap(address, oldLength, newLength, flags, newAddress));
    }

    public static PendingCall mremapAsync(
            Layout layout, long address, long oldLength, long newLength, int flags, long newAddress) {
        return Syscall.start(layout, new Mremap(address, oldLength, newLength, flags, newAddress));
    }

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
        claim(edit);
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
     * Claims the source, and the target if it is fixed. Otherwise {@link Placement} finds a free target, and growth in
     * place claims its own range.
     */
    private void claim(Edit edit) {
        edit.claim(address, address + (oldLength == 0 ? edit.geometry.pageSize() : oldLength));
        if ((flags & MREMAP_FIXED) != 0) {
            edit.claim(newAddress, newAddress + newLength);
        }
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
            if (movesAlone(vma) && (!first || Addresses.isBelow(vma.end(), end))) {
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

    private static boolean movesAlone(VmArea vma) {
        BackingTraits traits = vma.traits();
        return traits != null && traits.movesAlone();
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
}
