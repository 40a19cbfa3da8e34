// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.space.District.BeyondDistrict;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.util.Map;

/**
 * The resource limits of a space, guarded by the layout lock. A call is checked against them and the {@linkplain
 * Privileges privileges} that it read.
 */
public final class Limits {
    private static final long UNLIMITED = -1;

    private final Geometry geometry;
    private long as = UNLIMITED;
    private long data = UNLIMITED;
    private long stack = UNLIMITED;
    private long memlock = UNLIMITED;
    private long pageTables = UNLIMITED;

    /** Whether these are the limits of a part of a layout. A part cannot decide that a limit is exceeded. */
    private final boolean isOfPart;

    Limits(Geometry geometry, Map<Resource, Long> bytes) {
        this(geometry, false);
        bytes.forEach(this::set);
    }

    private Limits(Geometry geometry, boolean isOfPart) {
        this.geometry = geometry;
        this.isOfPart = isOfPart;
    }

    /** Returns a copy for the parts of a layout, which throws {@link BeyondDistrict} if a limit is exceeded. */
    Limits ofPart() {
        return copyTo(new Limits(geometry, true));
    }

    Limits copy() {
        return copyTo(new Limits(geometry, false));
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

    /**
     * Returns whether pages of a mapping with these flags may be added ({@code may_expand_vm}); the number may be
     * negative.
     *
     * @throws BeyondDistrict if they may not, and these are the limits of a part
     */
    public boolean mayExpand(LayoutCounters counters, long flags, long pages) {
        return decided(isBelowLimits(counters, flags, pages));
    }

    private boolean decided(boolean isAllowed) {
        if (!isAllowed && isOfPart) {
            throw new BeyondDistrict();
        }
        return isAllowed;
    }

    private boolean isBelowLimits(LayoutCounters counters, long flags, long pages) {
        if (Long.compareUnsigned(counters.total + pages, pages(Resource.AS)) > 0) {
            return false;
        }
        // A soft limit of 0 is not checked: programs set it so that only brk fails, and there is no hard limit here
        // that would still apply.
        return !LayoutCounters.isData(flags)
                || bytes(Resource.DATA) == 0
                || Long.compareUnsigned(counters.data + pages, pages(Resource.DATA)) <= 0;
    }

    /** Returns whether a call with these privileges may lock any memory ({@code can_do_mlock}). */
    public boolean mayLock(int privileges) {
        return bytes(Resource.MEMLOCK) != 0 || Privileges.has(privileges, Capability.IPC_LOCK);
    }

    /** Returns the maximum memory that a call with these privileges may lock, in bytes of whole pages, unsigned. */
    public long lockable(int privileges) {
        return Privileges.has(privileges, Capability.IPC_LOCK) || memlock == UNLIMITED
                ? UNLIMITED
                : geometry.roundDown(memlock);
    }

    /**
     * Returns whether a call with these privileges may raise the number of locked pages to this total.
     *
     * @throws BeyondDistrict if it may not, and these are the limits of a part
     */
    public boolean mayHoldLocked(int privileges, long pages) {
        return decided(Privileges.has(privileges, Capability.IPC_LOCK)
                || Long.compareUnsigned(pages, pages(Resource.MEMLOCK)) <= 0);
    }

    /** Returns whether new memory with these flags may be locked as they request ({@code mlock_future_ok}). */
    public boolean mayLockMore(int privileges, LayoutCounters counters, long flags, long pages) {
        return (flags & VmaFlags.LOCKED) == 0 || mayHoldLocked(privileges, counters.locked + pages);
    }

    /** Returns whether an address is high enough to be mapped ({@code security_mmap_addr}). */
    public boolean mayMapAt(int privileges, long address) {
        return !Addresses.isBelow(address, geometry.minimum()) || Privileges.has(privileges, Capability.SYS_RAWIO);
    }
}
