// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.Usage;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A model of an address space that is simple enough to be obviously correct: it stores each page separately, and
 * recounts sums each time. The calls are in other classes of this package.
 */
final class ModelSpace {
    final ModelMachine machine;
    final Geometry geometry;
    final Pages pages;
    final PlaceScan places;
    final long heapStart;
    long brk;

    /** Flags that new mappings get ({@code mlockall} for the future). */
    long newFlags;

    /** {@code PR_MDWE_*} bits. */
    long mdwe;

    private final Set<Capability> capabilities;
    private final boolean topDown;
    private final long mmapBase;
    private final Map<Resource, Long> limits = new EnumMap<>(Resource.class);

    ModelSpace(
            ModelMachine machine,
            Geometry geometry,
            Set<Capability> capabilities,
            boolean topDown,
            long mmapBase,
            long heapStart,
            long brk) {
        this.machine = machine;
        this.geometry = geometry;
        this.capabilities = EnumSet.noneOf(Capability.class);
        this.capabilities.addAll(capabilities);
        this.topDown = topDown;
        this.mmapBase = mmapBase;
        this.heapStart = heapStart;
        this.brk = brk;
        pages = new Pages(geometry);
        places = new PlaceScan(pages, geometry, topDown, mmapBase, machine.guardGap, () -> can(Capability.SYS_RAWIO));
        machine.add(this);
    }

    void load(List<Vma> vmas) {
        for (Vma vma : vmas) {
            Page first = new Page(
                    vma.flags(), vma.backing(), vma.pageOffset(), VmArea.of(vma).anonVma(), vma.name());
            pages.put(page(vma.start()), page(vma.end()), first);
        }
    }

    void setLimit(Resource resource, long bytes) {
        limits.put(resource, bytes);
    }

    long limit(Resource resource) {
        return limits.getOrDefault(resource, -1L);
    }

    void setCapability(Capability capability, boolean isHeld) {
        if (isHeld) {
            capabilities.add(capability);
        } else {
            capabilities.remove(capability);
        }
    }

    long setMdwe(long bits) {
        if (bits < 0 || bits == Mman.NO_INHERIT || bits > 3) {
            return Errno.EINVAL.result();
        }
        if (mdwe != 0 && mdwe != bits) {
            return Errno.EPERM.result();
        }
        mdwe = bits;
        return 0;
    }

    /** Returns whether MDWE forbids these flags for existing or new memory. */
    boolean refuses(boolean wasExecutable, long flags) {
        boolean isExecutable = (flags & VmaFlags.EXEC) != 0;
        return mdwe != 0 && isExecutable && (!wasExecutable || (flags & VmaFlags.WRITE) != 0);
    }

    boolean can(Capability capability) {
        return capabilities.contains(capability);
    }

    int page(long address) {
        return (int) geometry.pages(address);
    }

    long address(int page) {
        return (long) page << geometry.pageShift();
    }

    Usage usage() {
        return new Usage(
                pages.maps(),
                pages.count(0),
                pages.count(page -> isData(page.flags())),
                pages.count(page ->
                        (page.flags() & (VmaFlags.EXEC | VmaFlags.WRITE | VmaFlags.GROWSDOWN)) == VmaFlags.EXEC),
                pages.count(VmaFlags.GROWSDOWN),
                pages.count(VmaFlags.LOCKED),
                pages.accounted());
    }

    static boolean isData(long flags) {
        return (flags & (VmaFlags.WRITE | VmaFlags.SHARED | VmaFlags.GROWSDOWN)) == VmaFlags.WRITE;
    }

    /** Returns whether the given number of additional pages stays below the limits of address space and data. */
    boolean mayExpand(long flags, long more) {
        if (Long.compareUnsigned(pages.count(0) + more, geometry.pages(limit(Resource.AS))) > 0) {
            return false;
        }
        long data = pages.count(page -> isData(page.flags())) + more;
        return !isData(flags)
                || limit(Resource.DATA) == 0
                || Long.compareUnsigned(data, geometry.pages(limit(Resource.DATA))) <= 0;
    }

    /** Returns whether the given number of additional pages with these flags may be locked. */
    boolean mayLock(long flags, long more) {
        return (flags & VmaFlags.LOCKED) == 0
                || can(Capability.IPC_LOCK)
                || Long.compareUnsigned(pages.count(VmaFlags.LOCKED) + more, geometry.pages(limit(Resource.MEMLOCK)))
                        <= 0;
    }

    /** Returns whether locking is allowed at all. */
    boolean mayLockAtAll() {
        return limit(Resource.MEMLOCK) != 0 || can(Capability.IPC_LOCK);
    }

    boolean canCommit(long more) {
        return machine.canCommit(more, geometry.pageShift());
    }

    long munmap(long address, long length) {
        long limit = geometry.limit();
        if (!geometry.isAligned(address)
                || Long.compareUnsigned(address, limit) > 0
                || Long.compareUnsigned(length, limit - address) > 0
                || geometry.roundUp(length) == 0) {
            return Errno.EINVAL.result();
        }
        return unmap(page(address), page(address + geometry.roundUp(length)));
    }

    long unmap(int from, int to) {
        long result = cutOut(from, to);
        if (result == 0) {
            pages.clear(from, to);
        }
        return result;
    }

    /**
     * Splits the VMAs at both ends of a range that will be replaced. If the second split is refused, the first one
     * stays.
     */
    long cutOut(int from, int to) {
        if (pages.isMapped(from) && pages.startOf(from) < from) {
            if (pages.endOf(from) > to && pages.maps() >= machine.maxMaps) {
                return Errno.ENOMEM.result();
            }
            if (pages.at(from).has(VmaFlags.SEALED)) {
                return Errno.EPERM.result();
            }
            if (pages.at(from).isSpecial()) {
                return Errno.EINVAL.result();
            }
            pages.cut(from);
        }
        for (int at = pages.nextMapped(from); at < to; at = pages.nextMapped(pages.endOf(at))) {
            if (pages.at(at).has(VmaFlags.SEALED)) {
                return Errno.EPERM.result();
            }
            if (pages.endOf(at) > to) {
                if (pages.at(at).isSpecial()) {
                    return Errno.EINVAL.result();
                }
                pages.cut(to);
            }
        }
        return 0;
    }

    /**
     * Changes the flags of a part of one VMA. The part is joined with each neighbour that it then continues; otherwise
     * it is split off.
     *
     * @return 0, or the errno if it cannot be split off; the first split may remain
     */
    long modify(int from, int to, long flags) {
        return modify(from, to, flags, pages.at(from).name());
    }

    /** Changes the flags and the name of a part of one VMA, in the same way as the overload without a name. */
    long modify(int from, int to, long flags, @Nullable String name) {
        int start = pages.startOf(from);
        int end = pages.endOf(from);
        boolean whole = start == from && end == to;
        boolean mayVanish = !whole || !pages.at(from).countsMappings();
        boolean left = mayVanish
                && start == from
                && pages.isMapped(from - 1)
                && pages.at(from - 1)
                        .continuesAs(pages.at(from).withFlags(flags).withName(name));
        boolean right = mayVanish
                && end == to
                && pages.isMapped(to)
                && pages.at(to - 1).withFlags(flags).withName(name).continuesAs(pages.at(to));
        if (!left && !right) {
            long result = start < from ? split(from) : 0;
            if (result == 0 && end > to) {
                result = split(to);
            }
            if (result != 0) {
                return result;
            }
        }
        pages.cut(from);
        pages.cut(to);
        pages.setFlags(from, to, flags);
        pages.setName(from, to, name);
        if (left) {
            pages.join(from);
        }
        if (right) {
            pages.join(to);
        }
        return 0;
    }

    private long split(int at) {
        if (pages.maps() >= machine.maxMaps) {
            return Errno.ENOMEM.result();
        }
        if (pages.at(at).isSpecial()) {
            return Errno.EINVAL.result();
        }
        pages.cut(at);
        return 0;
    }

    long brk(long address) {
        long newEnd = geometry.roundUp(address);
        if (Long.compareUnsigned(newEnd, address) < 0
                || Long.compareUnsigned(address, heapStart) < 0
                || Long.compareUnsigned(address - heapStart, limit(Resource.DATA)) > 0) {
            return brk;
        }
        long oldEnd = geometry.roundUp(brk);
        boolean done;
        if (oldEnd == newEnd) {
            done = true;
        } else if (Long.compareUnsigned(address, brk) <= 0) {
            int from = page(newEnd);
            int to = page(oldEnd);
            done = pages.nextMapped(from) < to && unmap(from, to) == 0;
        } else {
            done = growHeap(oldEnd, newEnd);
        }
        if (done) {
            brk = address;
        }
        return brk;
    }

    private boolean growHeap(long oldEnd, long newEnd) {
        long length = newEnd - oldEnd;
        long flags = VmaFlags.READ | VmaFlags.WRITE | VmaFlags.MAY_ACCESS | VmaFlags.ACCOUNT | newFlags;
        long count = geometry.pages(length);
        if (Errno.isError(places.choose(null, oldEnd, length, 0, Mman.FIXED, false)) || !mayLock(flags, count)) {
            return false;
        }
        int from = page(oldEnd);
        int to = page(newEnd);
        int next = pages.nextMapped(from);
        if (next < pages.size() && next < to + 1 + machine.guardGap) {
            long start = pages.isMapped(from) ? pages.startOf(from) : places.guardedStartOf(next);
            if (to + 1 > start) {
                return false;
            }
        }
        if (!mayExpand(flags, count) || pages.maps() > machine.maxMaps || !canCommit(count)) {
            return false;
        }
        pages.put(from, to, new Page(flags, null, from, null, null));
        if (Long.compareUnsigned(oldEnd, heapStart) > 0) {
            pages.join(from);
        }
        return true;
    }

    long growStack(long address) {
        if (Long.compareUnsigned(address, geometry.limit()) >= 0) {
            return Errno.EFAULT.result();
        }
        int to = page(address);
        if (pages.isMapped(to)) {
            return 0;
        }
        int start = pages.nextMapped(to);
        if (start == pages.size() || !pages.at(start).has(VmaFlags.GROWSDOWN)) {
            return Errno.EFAULT.result();
        }
        if (Long.compareUnsigned(geometry.roundDown(address), geometry.minimum()) < 0) {
            return Errno.EPERM.result();
        }
        int below = pages.previousMapped(to);
        if (below >= 0
                && !pages.at(below).has(VmaFlags.GROWSDOWN)
                && pages.at(below).hasAny(VmaFlags.ACCESS)
                && to - (below + 1) < machine.guardGap) {
            return Errno.ENOMEM.result();
        }
        Page stack = pages.at(start);
        int more = start - to;
        long size = address(pages.endOf(start) - to);
        if (Long.compareUnsigned(more, stack.offset()) > 0
                || !mayExpand(stack.flags(), more)
                || Long.compareUnsigned(size, limit(Resource.STACK)) > 0
                || !mayLock(stack.flags(), more)
                || !canCommit(more)) {
            return Errno.ENOMEM.result();
        }
        pages.growDown(start, to);
        return 0;
    }

    /** Returns the copy for a child, or null if its memory exceeds the commit limit. */
    @Nullable
    ModelSpace fork() {
        long charge = pages.count(page -> page.has(VmaFlags.ACCOUNT) && !page.has(VmaFlags.DONTCOPY));
        if (!canCommit(charge)) {
            return null;
        }
        ModelSpace child = new ModelSpace(machine, geometry, capabilities, topDown, mmapBase, heapStart, brk);
        child.mdwe = (mdwe & Mman.NO_INHERIT) == 0 ? mdwe : 0;
        child.limits.putAll(limits);
        for (int at = pages.nextMapped(0); at < pages.size(); at = pages.nextMapped(pages.endOf(at))) {
            Page first = pages.at(at);
            if (!first.has(VmaFlags.DONTCOPY)) {
                boolean empty = first.identity() == null || first.has(VmaFlags.WIPEONFORK);
                child.pages.put(
                        at,
                        pages.endOf(at),
                        first.withFlags(first.flags() & ~VmaFlags.LOCKED_MASK)
                                .withIdentity(empty ? null : AnonVma.inherited()));
            }
        }
        return child;
    }

    /** Unmaps everything, sealed or not. */
    void close() {
        pages.clear(0, pages.size());
    }
}
