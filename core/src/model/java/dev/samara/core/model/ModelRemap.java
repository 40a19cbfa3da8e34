// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;

/** {@code mremap} on a model space. */
final class ModelRemap {
    private final ModelSpace space;
    private final Pages pages;
    private final Geometry geometry;

    ModelRemap(ModelSpace space) {
        this.space = space;
        pages = space.pages;
        geometry = space.geometry;
    }

    long mremap(long address, long oldBytes, long newBytes, int flags, long newAddress) {
        long oldLength = geometry.roundUp(oldBytes);
        long newLength = geometry.roundUp(newBytes);
        boolean fixed = (flags & Mman.MREMAP_FIXED) != 0;
        boolean moves = fixed || (flags & Mman.DONTUNMAP) != 0;
        long wrong = checkArguments(address, oldLength, newLength, flags, newAddress, moves);
        if (wrong != 0) {
            return wrong;
        }
        if (fixed && oldLength == newLength) {
            return moveEach(address, oldLength, flags, newAddress);
        }
        if (!pages.isMapped(pages.clip(address))) {
            return Errno.EFAULT.result();
        }
        wrong = checkVma(address, oldLength, newLength, flags);
        if (wrong != 0) {
            return wrong;
        }
        if (moves) {
            return moveTo(address, oldLength, newLength, flags, newAddress);
        }
        if (newLength == oldLength) {
            return address;
        }
        if (Long.compareUnsigned(newLength, oldLength) < 0) {
            long result = space.munmap(address + newLength, oldLength - newLength);
            return result == 0 ? address : result;
        }
        return grow(address, oldLength, newLength, flags);
    }

    private long checkArguments(
            long address, long oldLength, long newLength, int flags, long newAddress, boolean moves) {
        int known = Mman.MAYMOVE | Mman.MREMAP_FIXED | Mman.DONTUNMAP;
        if ((flags & ~known) != 0
                || !geometry.isAligned(address)
                || newLength == 0
                || Long.compareUnsigned(newLength, geometry.limit()) > 0) {
            return Errno.EINVAL.result();
        }
        if (!moves) {
            return 0;
        }
        boolean overlap = Long.compareUnsigned(address + oldLength, newAddress) > 0
                && Long.compareUnsigned(newAddress + newLength, address) > 0;
        if (Long.compareUnsigned(newAddress, geometry.limit() - newLength) > 0
                || !geometry.isAligned(newAddress)
                || (flags & Mman.MAYMOVE) == 0
                || ((flags & Mman.DONTUNMAP) != 0 && oldLength != newLength)
                || overlap) {
            return Errno.EINVAL.result();
        }
        return pages.maps() + 2 >= space.machine.maxMaps - 3 ? Errno.ENOMEM.result() : 0;
    }

    private long checkVma(long address, long oldLength, long newLength, int flags) {
        int at = space.page(address);
        Page page = pages.at(at);
        if (page.has(VmaFlags.SEALED)) {
            return Errno.EPERM.result();
        }
        boolean grows = Long.compareUnsigned(newLength, oldLength) > 0;
        if (!grows && (flags & (Mman.MREMAP_FIXED | Mman.DONTUNMAP)) == 0) {
            return 0;
        }
        if (oldLength == 0 && !page.hasAny(VmaFlags.SHARED | VmaFlags.MAYSHARE)) {
            return Errno.EINVAL.result();
        }
        if ((flags & Mman.DONTUNMAP) != 0 && page.hasAny(VmaFlags.DONTEXPAND | VmaFlags.PFNMAP)) {
            return Errno.EINVAL.result();
        }
        long kept = grows ? oldLength : newLength;
        if (Long.compareUnsigned(kept, space.address(pages.endOf(at)) - address) > 0) {
            return Errno.EFAULT.result();
        }
        if (!grows) {
            return 0;
        }
        long more = geometry.pages(newLength - oldLength);
        if (Long.compareUnsigned(page.offset() + geometry.pages(newLength), page.offset()) < 0) {
            return Errno.EINVAL.result();
        }
        if (page.hasAny(VmaFlags.DONTEXPAND | VmaFlags.PFNMAP)) {
            return Errno.EFAULT.result();
        }
        if (!space.mayLock(page.flags(), more)) {
            return Errno.EAGAIN.result();
        }
        return space.mayExpand(page.flags(), more) ? 0 : Errno.ENOMEM.result();
    }

    private long moveEach(long address, long length, int flags, long newAddress) {
        int from = pages.clip(address);
        int to = pages.clip(address + length);
        long shift = newAddress - address;
        if (!pages.isMapped(from)) {
            return Errno.EFAULT.result();
        }
        boolean first = true;
        for (int at = from; at < to; ) {
            int vmaEnd = pages.endOf(at);
            int end = Math.min(vmaEnd, to);
            boolean last = Long.compareUnsigned(space.address(vmaEnd), address + length) >= 0;
            if (hasItsOwnPlacing(pages.at(at)) && !(first && last)) {
                return Errno.EFAULT.result();
            }
            long here = space.address(at);
            long part = space.address(end - at);
            long result = checkVma(here, part, part, flags);
            if (result == 0) {
                result = moveTo(here, part, part, flags, here + shift);
            }
            if (Errno.isError(result)) {
                return result;
            }
            first = false;
            at = pages.nextMapped(end);
        }
        return newAddress;
    }

    /** Returns whether a mapping can only be moved alone, because its backing has its own placement rule. */
    private static boolean hasItsOwnPlacing(Page page) {
        return page.countsMappings()
                || (page.backing() != null && page.backing().isZeroDevice());
    }

    private long moveTo(long address, long oldLength, long newLength, int flags, long newAddress) {
        if ((flags & Mman.MREMAP_FIXED) != 0) {
            long result = space.munmap(newAddress, newLength);
            if (result != 0) {
                return result;
            }
            if (!pages.isMapped(space.page(address))) {
                return Errno.EFAULT.result();
            }
        }
        long length = oldLength;
        if (Long.compareUnsigned(oldLength, newLength) > 0) {
            long result = space.munmap(address + newLength, oldLength - newLength);
            if (result != 0) {
                return result;
            }
            length = newLength;
        }
        boolean keepsSource = (flags & Mman.DONTUNMAP) != 0;
        int at = space.page(address);
        if (keepsSource && !space.mayExpand(pages.at(at).flags(), geometry.pages(length))) {
            return Errno.ENOMEM.result();
        }
        return move(address, length, newLength, flags, newAddress);
    }

    private long grow(long address, long oldLength, long newLength, int flags) {
        int at = space.page(address);
        int end = pages.endOf(at);
        if (space.address(end) - address == oldLength && canExtend(at, end, newLength - oldLength)) {
            Page page = pages.at(at);
            int more = (int) geometry.pages(newLength - oldLength);
            if ((page.has(VmaFlags.ACCOUNT) && !space.canCommit(more)) || page.hasAny(VmaFlags.SPECIAL)) {
                return Errno.ENOMEM.result();
            }
            pages.put(end, end + more, page.further(end - at));
            pages.joinNew(end, end + more);
            return address;
        }
        return (flags & Mman.MAYMOVE) == 0 ? Errno.ENOMEM.result() : move(address, oldLength, newLength, flags, 0);
    }

    private boolean canExtend(int at, int end, long more) {
        long start = space.address(pages.startOf(at));
        long newEnd = space.address(end) + more;
        return Long.compareUnsigned(newEnd, geometry.limit()) <= 0
                && pages.isFree(end, pages.clip(newEnd))
                && !Errno.isError(space.places.choose(null, start, newEnd - start, 0, Mman.FIXED, false));
    }

    /** Copies the mapping to a new place and removes the source. */
    private long move(long address, long oldLength, long newLength, int flags, long newAddress) {
        int at = space.page(address);
        Page source = pages.at(at);
        boolean shared = source.has(VmaFlags.MAYSHARE);
        int placing = (flags & Mman.MREMAP_FIXED) != 0 ? Mman.FIXED : 0;
        long offset = source.offset() << geometry.pageShift();
        long found = space.places.choose(source.backing(), newAddress, newLength, offset, placing, shared);
        if (Errno.isError(found)) {
            return found;
        }
        if (pages.maps() >= space.machine.maxMaps - 3) {
            return Errno.ENOMEM.result();
        }
        int sourceEnd = at + (int) geometry.pages(oldLength);
        boolean whole = pages.startOf(at) == at && pages.endOf(at) == sourceEnd;
        if (!whole && source.isSpecial()) {
            return Errno.EINVAL.result();
        }
        boolean keepsSource = (flags & Mman.DONTUNMAP) != 0;
        long charge = geometry.pages(keepsSource ? newLength : newLength - oldLength);
        if (source.has(VmaFlags.ACCOUNT) && !space.canCommit(charge)) {
            return Errno.ENOMEM.result();
        }
        int to = space.page(found);
        int end = to + (int) geometry.pages(newLength);
        boolean fresh = source.isAnonymous() && source.identity() == null;
        long newOffset = fresh ? to : source.offset();
        pages.put(to, end, new Page(source.flags(), source.backing(), newOffset, source.identity(), source.name()));
        pages.joinNew(to, end);
        if (keepsSource) {
            int start = pages.startOf(at);
            int stop = pages.endOf(at);
            boolean joinedItself = start <= to && to < stop;
            pages.setFlags(start, stop, pages.at(at).flags() & ~VmaFlags.LOCKED_MASK);
            if (whole && !joinedItself) {
                pages.setIdentity(start, stop, null);
            }
        } else if (oldLength != 0) {
            space.unmap(at, sourceEnd);
        }
        return found;
    }
}
