// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/** {@code mmap}, {@code shmat} and {@code shmdt} on a model space. */
final class ModelMmap {
    /** The flags that SHARED_VALIDATE accepts: those that existed before it. */
    private static final int LEGACY = Mman.SHARED
            | Mman.PRIVATE
            | Mman.FIXED
            | Mman.ANONYMOUS
            | Mman.BELOW_2G
            | Mman.ABOVE_4G
            | Mman.GROWSDOWN
            | Mman.DENYWRITE
            | Mman.EXECUTABLE
            | Mman.LOCKED
            | Mman.NORESERVE
            | Mman.POPULATE
            | Mman.NONBLOCK
            | Mman.STACK
            | Mman.HUGETLB
            | Mman.UNINITIALIZED
            | (21 << Mman.HUGE_SHIFT)
            | (30 << Mman.HUGE_SHIFT);

    private final ModelSpace space;

    ModelMmap(ModelSpace space) {
        this.space = space;
    }

    long mmap(long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        if (!space.geometry.isAligned(offset)) {
            return Errno.EINVAL.result();
        }
        boolean anonymous = (flags & Mman.ANONYMOUS) != 0;
        if (!anonymous && backing == null) {
            return Errno.EBADF.result();
        }
        return map(address, length, protection, flags, anonymous ? null : backing, offset);
    }

    private long map(long wanted, long bytes, int protection, int flags, @Nullable Backing file, long offset) {
        if (bytes == 0) {
            return Errno.EINVAL.result();
        }
        int placing = (flags & Mman.FIXED_NOREPLACE) != 0 ? flags | Mman.FIXED : flags;
        long address = (placing & Mman.FIXED) != 0 ? wanted : hint(wanted);
        long length = space.geometry.roundUp(bytes);
        if (length == 0 || space.pages.maps() > space.machine.maxMaps) {
            return Errno.ENOMEM.result();
        }
        boolean sharedBit = (flags & Mman.SHARED) != 0;
        long found = space.places.choose(file, address, length, offset, placing, sharedBit);
        if (Errno.isError(found)) {
            return found;
        }
        int from = space.page(found);
        int to = space.page(found + length);
        if ((flags & Mman.FIXED_NOREPLACE) != 0 && !space.pages.isFree(from, to)) {
            return Errno.EEXIST.result();
        }
        long vmaFlags = firstFlags(protection, flags);
        if ((flags & Mman.LOCKED) != 0 && !space.mayLockAtAll()) {
            return Errno.EPERM.result();
        }
        if (!space.mayLock(vmaFlags, to - from)) {
            return Errno.EAGAIN.result();
        }
        long typed = file == null ? typeOfMemory(vmaFlags, flags) : typeOfFile(vmaFlags, flags, file, offset, length);
        if (Errno.isError(typed)) {
            return typed;
        }
        long pageOffset = file != null ? space.geometry.pages(offset) : (typed & VmaFlags.SHARED) != 0 ? 0 : from;
        long result = install(from, to, typed, file, pageOffset);
        return result == 0 ? found : result;
    }

    private long hint(long wanted) {
        long hint = space.geometry.roundDown(wanted);
        boolean low = hint != 0 && Long.compareUnsigned(hint, space.geometry.minimum()) < 0;
        return low ? space.geometry.minimum() : hint;
    }

    private long firstFlags(int protection, int flags) {
        boolean honoursNoReserve = !space.machine.isStrict();
        return (protection & (Mman.READ | Mman.WRITE | Mman.EXEC))
                | VmaFlags.MAY_ACCESS
                | space.newFlags
                | ((flags & Mman.GROWSDOWN) != 0 ? VmaFlags.GROWSDOWN : 0)
                | ((flags & Mman.LOCKED) != 0 ? VmaFlags.LOCKED : 0)
                | ((flags & Mman.MAP_SYNC) != 0 ? VmaFlags.SYNC : 0)
                | ((flags & Mman.STACK) != 0 ? VmaFlags.NOHUGEPAGE : 0)
                | ((flags & Mman.NORESERVE) != 0 && honoursNoReserve ? VmaFlags.NORESERVE : 0);
    }

    private static long typeOfMemory(long vmaFlags, int flags) {
        boolean grows = (vmaFlags & VmaFlags.GROWSDOWN) != 0;
        return switch (flags & Mman.TYPE) {
            case Mman.SHARED -> grows ? Errno.EINVAL.result() : vmaFlags | VmaFlags.SHARED | VmaFlags.MAYSHARE;
            case Mman.PRIVATE -> vmaFlags;
            case Mman.DROPPABLE ->
                grows || (flags & (Mman.LOCKED | Mman.HUGETLB)) != 0
                        ? Errno.EINVAL.result()
                        : vmaFlags | VmaFlags.DROPPABLE | VmaFlags.NORESERVE | VmaFlags.WIPEONFORK | VmaFlags.DONTDUMP;
            default -> Errno.EINVAL.result();
        };
    }

    private static long typeOfFile(long vmaFlags, int flags, Backing file, long offset, long length) {
        long maximum = file.maximumSize();
        if (Long.compareUnsigned(length, maximum) > 0 || Long.compareUnsigned(offset, maximum - length) > 0) {
            return Errno.EOVERFLOW.result();
        }
        int type = flags & Mman.TYPE;
        long typed = vmaFlags;
        if (type == Mman.SHARED || type == Mman.SHARED_VALIDATE) {
            if (type == Mman.SHARED_VALIDATE && (flags & ~LEGACY) != 0) {
                return Errno.EOPNOTSUPP.result();
            }
            boolean write = (vmaFlags & VmaFlags.WRITE) != 0;
            if (write && !file.writable()) {
                return Errno.EACCES.result();
            }
            if (write && file.swapFile()) {
                return Errno.ETXTBSY.result();
            }
            if (file.appendOnly() && file.writable()) {
                return Errno.EACCES.result();
            }
            typed |= VmaFlags.MAYSHARE | VmaFlags.SHARED;
            if (!file.writable()) {
                typed &= ~(VmaFlags.MAYWRITE | VmaFlags.SHARED);
            }
        } else if (type != Mman.PRIVATE) {
            return Errno.EINVAL.result();
        }
        if (!file.readable()) {
            return Errno.EACCES.result();
        }
        if (!file.executable()) {
            if ((vmaFlags & VmaFlags.EXEC) != 0) {
                return Errno.EPERM.result();
            }
            typed &= ~VmaFlags.MAYEXEC;
        }
        if (!file.mappable()) {
            return Errno.ENODEV.result();
        }
        return (vmaFlags & VmaFlags.GROWSDOWN) != 0 ? Errno.EINVAL.result() : typed;
    }

    private long install(int from, int to, long typed, @Nullable Backing file, long pageOffset) {
        if (space.refuses(true, typed)) {
            return Errno.EACCES.result();
        }
        long result = space.cutOut(from, to);
        if (result != 0) {
            return result;
        }
        long replaced = space.pages.count(from, to, page -> true);
        if (!space.mayExpand(typed, to - from - replaced)) {
            return Errno.ENOMEM.result();
        }
        long flags = typed;
        if ((flags & (VmaFlags.NORESERVE | VmaFlags.SHARED | VmaFlags.WRITE)) == VmaFlags.WRITE) {
            long charge = to - from - space.pages.count(from, to, page -> page.has(VmaFlags.ACCOUNT));
            if (charge > 0 && !space.canCommit(charge)) {
                return Errno.ENOMEM.result();
            }
            flags |= VmaFlags.ACCOUNT;
        }
        if (file != null && file.refusesSync() && (flags & VmaFlags.SYNC) != 0) {
            // This failure comes too late to keep the old mappings, so their range stays unmapped.
            space.pages.clear(from, to);
            return Errno.EOPNOTSUPP.result();
        }
        Backing backing = file;
        boolean shared = (flags & VmaFlags.SHARED) != 0;
        if (shared && (file == null || file.isZeroDevice())) {
            backing = OpenFile.named("/dev/zero (deleted)").acceptsNames().open();
            if ((flags & VmaFlags.NORESERVE) == 0) {
                if (!space.canCommit(to - from)) {
                    space.pages.clear(from, to);
                    return Errno.ENOMEM.result();
                }
                space.machine.charge(backing, to - from);
            }
        }
        space.pages.clear(from, to);
        space.pages.put(from, to, new Page(flags, backing, pageOffset, null, null));
        space.pages.joinNew(from, to);
        if ((flags & VmaFlags.DROPPABLE) != 0) {
            int start = space.pages.startOf(from);
            long joined = space.pages.at(from).flags();
            space.pages.setFlags(start, space.pages.endOf(from), joined & ~VmaFlags.LOCKED_MASK);
        }
        return 0;
    }

    long remapFilePages(long address, long length, int protection, long pageOffset) {
        long start = space.geometry.roundDown(address);
        long size = space.geometry.roundDown(length);
        long count = space.geometry.pages(size);
        if (protection != 0
                || Long.compareUnsigned(start + size, start) <= 0
                || Long.compareUnsigned(pageOffset + count, pageOffset) < 0) {
            return Errno.EINVAL.result();
        }
        int from = space.pages.clip(start);
        if (!space.pages.isMapped(from) || Long.compareUnsigned(count, space.pages.size() - from) > 0) {
            return Errno.EINVAL.result();
        }
        Page first = space.pages.at(from);
        for (int at = from; at < from + count; at++) {
            if (!space.pages.isMapped(at)
                    || space.pages.at(at).backing() != first.backing()
                    || space.pages.at(at).flags() != first.flags()) {
                return Errno.EINVAL.result();
            }
        }
        if (first.backing() == null || !first.has(VmaFlags.SHARED)) {
            return Errno.EINVAL.result();
        }
        long most = space.geometry.pages(-1L);
        long offset = Long.compareUnsigned(pageOffset, most) > 0 ? most : pageOffset;
        int mapFlags = Mman.SHARED | Mman.FIXED | (first.has(VmaFlags.LOCKED) ? Mman.LOCKED : 0);
        int rights = (int) (first.flags() & VmaFlags.ACCESS);
        long mapped = map(start, size, rights, mapFlags, first.backing(), offset << space.geometry.pageShift());
        return Errno.isError(mapped) ? mapped : 0;
    }

    long shmat(@Nullable SharedSegment segment, long address, int flags) {
        long at = address;
        boolean replace = (flags & Mman.REMAP) != 0;
        if (at == 0) {
            if (replace) {
                return Errno.EINVAL.result();
            }
        } else if (!space.geometry.isAligned(at)) {
            if ((flags & Mman.RND) == 0) {
                return Errno.EINVAL.result();
            }
            at = space.geometry.roundDown(at);
            if (at == 0 && replace) {
                return Errno.EINVAL.result();
            }
        }
        if (segment == null) {
            return Errno.EINVAL.result();
        }
        if (at != 0 && !replace) {
            long end = at + segment.size();
            if (Long.compareUnsigned(end, at) < 0) {
                return Errno.EINVAL.result();
            }
            int last = space.pages.clip(space.geometry.roundUp(end));
            if (!space.pages.isFree(space.pages.clip(at), last)) {
                return Errno.EINVAL.result();
            }
        }
        boolean readOnly = (flags & Mman.RDONLY) != 0;
        int protection = Mman.READ | (readOnly ? 0 : Mman.WRITE) | ((flags & Mman.SHM_EXEC) != 0 ? Mman.EXEC : 0);
        int mapFlags = Mman.SHARED | (address != 0 ? Mman.FIXED : 0);
        return map(at, segment.size(), protection, mapFlags, segment.attach(readOnly), 0);
    }

    long shmdt(long address) {
        if (!space.geometry.isAligned(address)) {
            return Errno.EINVAL.result();
        }
        Pages pages = space.pages;
        int start = pages.clip(address);
        SharedSegment.Attachment found = null;
        long size = 0;
        for (int at = pages.nextMapped(start); at < pages.size(); at = pages.nextMapped(at)) {
            int first = pages.startOf(at);
            int end = pages.endOf(at);
            Page page = pages.at(first);
            boolean fits = found == null || end - start <= size;
            if (!fits) {
                break;
            }
            if (page.backing() instanceof SharedSegment.Attachment attachment
                    && page.offset() == first - start
                    && (found == null || found == attachment)) {
                found = attachment;
                size = space.geometry.pages(
                        space.geometry.roundUp(attachment.segment().size()));
                space.unmap(first, end);
            }
            at = end;
        }
        return found == null ? Errno.EINVAL.result() : 0;
    }
}
