// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.VmaFlags;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The calls on a model space that process a range VMA by VMA. */
final class ModelRanges {
    private final ModelSpace space;
    private final Pages pages;

    ModelRanges(ModelSpace space) {
        this.space = space;
        pages = space.pages;
    }

    long mprotect(long address, long length, int protection) {
        int grows = protection & (Mman.PROT_GROWSDOWN | Mman.PROT_GROWSUP);
        int rights = protection & ~grows;
        if (Integer.bitCount(grows) == 2 || !space.geometry.isAligned(address)) {
            return Errno.EINVAL.result();
        }
        if (length == 0) {
            return 0;
        }
        long end = address + space.geometry.roundUp(length);
        if (Long.compareUnsigned(end, address) <= 0) {
            return Errno.ENOMEM.result();
        }
        if ((rights & ~(Mman.READ | Mman.WRITE | Mman.EXEC | Mman.SEM)) != 0) {
            return Errno.EINVAL.result();
        }
        int from = pages.clip(address);
        int to = pages.clip(end);
        int first = pages.nextMapped(from);
        if (first >= to) {
            return Errno.ENOMEM.result();
        }
        if (grows == Mman.PROT_GROWSDOWN) {
            if (!pages.at(first).has(VmaFlags.GROWSDOWN)) {
                return Errno.EINVAL.result();
            }
            from = pages.startOf(first);
        } else if (first > from) {
            return Errno.ENOMEM.result();
        } else if (grows == Mman.PROT_GROWSUP) {
            return Errno.EINVAL.result();
        }
        long result = 0;
        for (int at = from; at < to && result == 0; at = result == 0 ? pages.endOf(at) : at) {
            result = pages.isMapped(at)
                    ? protect(at, Math.min(to, pages.endOf(at)), rights & ~Mman.SEM)
                    : Errno.ENOMEM.result();
        }
        boolean beyond = Long.compareUnsigned(end, space.geometry.limit()) > 0;
        return result == 0 && beyond ? Errno.ENOMEM.result() : result;
    }

    private long protect(int from, int to, long rights) {
        Page page = pages.at(from);
        long flags = (page.flags() & ~VmaFlags.ACCESS) | rights;
        if ((flags & ~(flags >>> 4) & VmaFlags.ACCESS) != 0 || space.refuses(page.has(VmaFlags.EXEC), flags)) {
            return Errno.EACCES.result();
        }
        if (page.has(VmaFlags.SEALED)) {
            return Errno.EPERM.result();
        }
        if (flags == page.flags()) {
            return 0;
        }
        if ((flags & VmaFlags.WRITE) != 0) {
            if (!space.mayExpand(flags, to - from) && space.mayExpand(page.flags(), to - from)) {
                return Errno.ENOMEM.result();
            }
            if (!page.hasAny(
                    VmaFlags.ACCOUNT | VmaFlags.WRITE | VmaFlags.HUGETLB | VmaFlags.SHARED | VmaFlags.NORESERVE)) {
                if (!space.canCommit(to - from)) {
                    return Errno.ENOMEM.result();
                }
                flags |= VmaFlags.ACCOUNT;
            }
        } else if (page.isAnonymous() && page.identity() == null) {
            flags &= ~VmaFlags.ACCOUNT;
        }
        return space.modify(from, to, flags);
    }

    long mlock(long address, long length, int flags) {
        if ((flags & ~Mman.ONFAULT) != 0) {
            return Errno.EINVAL.result();
        }
        if (!space.mayLockAtAll()) {
            return Errno.EPERM.result();
        }
        long start = space.geometry.roundDown(address);
        long size = space.geometry.roundUp(length + (address - start));
        int from = pages.clip(start);
        int to = Long.compareUnsigned(start + size, start) < 0 ? pages.size() : pages.clip(start + size);
        long limit = space.geometry.pages(space.limit(Resource.MEMLOCK));
        long locked = space.geometry.pages(size) + pages.count(VmaFlags.LOCKED);
        if (Long.compareUnsigned(locked, limit) > 0) {
            locked -= from < to ? pages.count(from, to, page -> page.has(VmaFlags.LOCKED)) : 0;
        }
        if (Long.compareUnsigned(locked, limit) > 0 && !space.can(Capability.IPC_LOCK)) {
            return Errno.ENOMEM.result();
        }
        long wanted = flags == 0 ? VmaFlags.LOCKED : VmaFlags.LOCKED_MASK;
        long result = setLock(start, size, wanted);
        if (result != 0) {
            return result;
        }
        long closed = from >= to
                ? 0
                : pages.count(
                        from,
                        to,
                        page -> !page.hasAny(VmaFlags.IO | VmaFlags.PFNMAP | VmaFlags.LOCKONFAULT | VmaFlags.ACCESS));
        return closed > 0 ? Errno.ENOMEM.result() : 0;
    }

    long munlock(long address, long length) {
        long start = space.geometry.roundDown(address);
        return setLock(start, space.geometry.roundUp(length + (address - start)), 0);
    }

    private long setLock(long start, long size, long wanted) {
        long end = start + size;
        if (Long.compareUnsigned(end, start) < 0) {
            return Errno.EINVAL.result();
        }
        int to = pages.clip(end);
        boolean beyond = Long.compareUnsigned(end, space.geometry.limit()) > 0;
        int at = pages.clip(start);
        while (at < to) {
            if (!pages.isMapped(at)) {
                return Errno.ENOMEM.result();
            }
            long result = lockPiece(at, Math.min(to, pages.endOf(at)), wanted);
            if (result != 0) {
                return result;
            }
            at = pages.endOf(at);
        }
        return size != 0 && beyond ? Errno.ENOMEM.result() : 0;
    }

    private long lockPiece(int from, int to, long wanted) {
        Page page = pages.at(from);
        long flags = (page.flags() & ~VmaFlags.LOCKED_MASK) | wanted;
        boolean passed = flags == page.flags() || page.hasAny(VmaFlags.SPECIAL | VmaFlags.HUGETLB | VmaFlags.DROPPABLE);
        return passed ? 0 : space.modify(from, to, flags);
    }

    long mlockall(int flags) {
        int known = Mman.CURRENT | Mman.FUTURE | Mman.ALL_ONFAULT;
        if (flags == 0 || (flags & ~known) != 0 || flags == Mman.ALL_ONFAULT) {
            return Errno.EINVAL.result();
        }
        if (!space.mayLockAtAll()) {
            return Errno.EPERM.result();
        }
        boolean current = (flags & Mman.CURRENT) != 0;
        long limit = space.geometry.pages(space.limit(Resource.MEMLOCK));
        if (current && Long.compareUnsigned(pages.count(0), limit) > 0 && !space.can(Capability.IPC_LOCK)) {
            return Errno.ENOMEM.result();
        }
        long wanted = (flags & Mman.ALL_ONFAULT) != 0 ? VmaFlags.LOCKED_MASK : VmaFlags.LOCKED;
        space.newFlags = (flags & Mman.FUTURE) != 0 ? wanted : 0;
        if (current) {
            lockAll(wanted);
        }
        return 0;
    }

    long munlockall() {
        space.newFlags = 0;
        lockAll(0);
        return 0;
    }

    /** Locks or unlocks all VMAs; a VMA that cannot be changed stays as it is. */
    private void lockAll(long wanted) {
        for (int at = pages.nextMapped(0); at < pages.size(); at = pages.nextMapped(pages.endOf(at))) {
            lockPiece(at, pages.endOf(at), wanted);
        }
    }

    long msync(long address, long length, int flags) {
        int known = Mman.ASYNC | Mman.INVALIDATE | Mman.SYNC;
        boolean both = (flags & Mman.ASYNC) != 0 && (flags & Mman.SYNC) != 0;
        if ((flags & ~known) != 0 || !space.geometry.isAligned(address) || both) {
            return Errno.EINVAL.result();
        }
        long end = address + space.geometry.roundUp(length);
        if (Long.compareUnsigned(end, address) < 0) {
            return Errno.ENOMEM.result();
        }
        boolean hole = Long.compareUnsigned(end, space.geometry.limit()) > 0 && end != address;
        int to = pages.clip(end);
        for (int at = pages.clip(address); at < to; at++) {
            if (!pages.isMapped(at)) {
                if (flags == Mman.ASYNC) {
                    return Errno.ENOMEM.result();
                }
                hole = true;
            } else if ((flags & Mman.INVALIDATE) != 0 && pages.at(at).has(VmaFlags.LOCKED)) {
                return Errno.EBUSY.result();
            }
        }
        return hole ? Errno.ENOMEM.result() : 0;
    }

    long mseal(long address, long length, long flags) {
        long size = space.geometry.roundUp(length);
        long end = address + size;
        if (flags != 0
                || !space.geometry.isAligned(address)
                || (length != 0 && size == 0)
                || Long.compareUnsigned(end, address) < 0) {
            return Errno.EINVAL.result();
        }
        if (end == address) {
            return 0;
        }
        int from = pages.clip(address);
        int to = pages.clip(end);
        boolean beyond = Long.compareUnsigned(end, space.geometry.limit()) > 0;
        if (beyond || pages.count(from, to, page -> true) < to - from) {
            return Errno.ENOMEM.result();
        }
        for (int at = from; at < to; at = pages.endOf(at)) {
            Page page = pages.at(at);
            long result = page.has(VmaFlags.SEALED)
                    ? 0
                    : space.modify(at, Math.min(to, pages.endOf(at)), page.flags() | VmaFlags.SEALED);
            if (result != 0) {
                return result;
            }
        }
        return 0;
    }

    long setAnonymousName(long address, long length, @Nullable String name) {
        long size = space.geometry.roundUp(length);
        long end = address + size;
        if ("$".equals(name)
                || !space.geometry.isAligned(address)
                || (length != 0 && size == 0)
                || Long.compareUnsigned(end, address) < 0) {
            return Errno.EINVAL.result();
        }
        boolean hole = end != address && Long.compareUnsigned(end, space.geometry.limit()) > 0;
        int to = pages.clip(end);
        int at = pages.clip(address);
        while (at < to) {
            if (!pages.isMapped(at)) {
                hole = true;
                at++;
                continue;
            }
            int pieceEnd = Math.min(to, pages.endOf(at));
            long result = name(at, pieceEnd, name);
            if (result != 0) {
                return result;
            }
            at = Math.max(pieceEnd, pages.endOf(at));
        }
        return hole ? Errno.ENOMEM.result() : 0;
    }

    /** Names a part of one VMA. */
    private long name(int from, int to, @Nullable String name) {
        Page page = pages.at(from);
        Backing backing = page.backing();
        if (backing != null && !backing.acceptsNames()) {
            return Errno.EBADF.result();
        }
        String shown = name == null ? null : (backing == null ? "[anon:" : "[anon_shmem:") + name + ']';
        boolean isWhole = pages.startOf(from) == from && pages.endOf(from) == to;
        if (Objects.equals(shown, page.name()) || (page.isSpecial() && (shown == null || isWhole))) {
            return 0;
        }
        long result = space.modify(from, to, page.flags(), shown);
        return result == Errno.ENOMEM.result() ? Errno.EAGAIN.result() : result;
    }

    long madvise(long address, long length, int advice) {
        long size = space.geometry.roundUp(length);
        long end = address + size;
        if (!ModelAdvice.isKnown(advice)
                || !space.geometry.isAligned(address)
                || (length != 0 && size == 0)
                || Long.compareUnsigned(end, address) < 0) {
            return Errno.EINVAL.result();
        }
        if (end == address) {
            return 0;
        }
        boolean populates = advice == Mman.POPULATE_READ || advice == Mman.POPULATE_WRITE;
        boolean hole = Long.compareUnsigned(end, space.geometry.limit()) > 0;
        int to = pages.clip(end);
        for (int at = pages.clip(address); at < to; ) {
            if (!pages.isMapped(at)) {
                hole = true;
                if (populates) {
                    break;
                }
                at++;
                continue;
            }
            int pieceEnd = Math.min(to, pages.endOf(at));
            long result = ModelAdvice.apply(space, at, pieceEnd, advice);
            if (result != 0) {
                return result;
            }
            at = Math.max(pieceEnd, pages.endOf(at));
        }
        return hole ? Errno.ENOMEM.result() : 0;
    }
}
