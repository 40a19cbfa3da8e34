// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.util.Map;
import java.util.Set;

/** The resource limits and privileges of a space. The layout lock guards the limits; the privileges never change. */
public final class Limits {
    private static final long UNLIMITED = -1;

    private final Geometry geometry;
    private final Set<Capability> capabilities;
    private long as = UNLIMITED;
    private long data = UNLIMITED;
    private long stack = UNLIMITED;
    private long memlock = UNLIMITED;
    private long pageTables = UNLIMITED;

    /** Whether these are the limits of a part of a layout, which does not decide that one is exceeded. */
    private final boolean isOfPart;

    Limits(Geometry geometry, Set<Capability> capabilities, Map<Resource, Long> bytes) {
        this(geometry, capabilities, false);
        bytes.forEach(this::set);
    }

    private Limits(Geometry geometry, Set<Capability> capabilities, boolean isOfPart) {
        this.geometry = geometry;
        this.capabilities = Set.copyOf(capabilities);
        this.isOfPart = isOfPart;
    }

    /** Returns a copy for the parts of a layout: where a limit is exceeded, it throws {@link BeyondDistrict}. */
    Limits ofPart() {
        return copyTo(new Limits(geometry, capabilities, true));
    }

    Limits copy() {
        return copyTo(new Limits(geometry, capabilities, false));
    }

    private Limits copyTo(Limits copy) {
        for (Resource resource : Resource.values()) {
            copy.set(resource, bytes(resource));
        }
        return copy;
    }

    void set(Resource resource, long limit) {
        switch (resource) {
            case AS -> as = limit;
            case DATA -> data = limit;
            case STACK -> stack = limit;
            case MEMLOCK -> memlock = limit;
            case PAGE_TABLES -> pageTables = limit;
        }
    }

    /** Returns the soft limit in bytes, unsigned; -1 if none was set. */
    public long bytes(Resource resource) {
        return switch (resource) {
            case AS -> as;
            case DATA -> data;
            case STACK -> stack;
            case MEMLOCK -> memlock;
            case PAGE_TABLES -> pageTables;
        };
    }

    long pages(Resource resource) {
        return geometry.pages(bytes(resource));
    }

    boolean isCapable(Capability capability) {
        return capabilities.contains(capability);
    }

    /**
     * Returns whether pages of a mapping with these flags may be added ({@code may_expand_vm}); the number may be
     * negative.
     *
     * @throws BeyondDistrict if they may not, in a part of a layout
     */
    public boolean mayExpand(Counters counters, long flags, long pages) {
        return decided(isBelowLimits(counters, flags, pages));
    }

    private boolean decided(boolean isAllowed) {
        if (!isAllowed && isOfPart) {
            throw new BeyondDistrict();
        }
        return isAllowed;
    }

    private boolean isBelowLimits(Counters counters, long flags, long pages) {
        if (Long.compareUnsigned(counters.total + pages, pages(Resource.AS)) > 0) {
            return false;
        }
        // A soft limit of 0 is not checked, for programs that want brk to fail; there is no hard limit here.
        return !Counters.isData(flags)
                || bytes(Resource.DATA) == 0
                || Long.compareUnsigned(counters.data + pages, pages(Resource.DATA)) <= 0;
    }

    /** Returns whether this space may lock any memory ({@code can_do_mlock}). */
    public boolean mayLock() {
        return bytes(Resource.MEMLOCK) != 0 || isCapable(Capability.IPC_LOCK);
    }

    /**
     * Returns whether this total number of locked pages is allowed.
     *
     * @throws BeyondDistrict if it is not, in a part of a layout
     */
    public boolean mayHoldLocked(long pages) {
        return decided(isCapable(Capability.IPC_LOCK) || Long.compareUnsigned(pages, pages(Resource.MEMLOCK)) <= 0);
    }

    /** Returns whether new memory with these flags may be locked as they request ({@code mlock_future_ok}). */
    public boolean mayLockMore(Counters counters, long flags, long pages) {
        return (flags & VmaFlags.LOCKED) == 0 || mayHoldLocked(counters.locked + pages);
    }

    /** Returns whether an address is high enough to be mapped ({@code security_mmap_addr}). */
    public boolean mayMapAt(long address) {
        return !Addresses.isBelow(address, geometry.minimum()) || isCapable(Capability.SYS_RAWIO);
    }
}
