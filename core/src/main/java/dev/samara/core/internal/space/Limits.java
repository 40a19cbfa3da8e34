// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.util.Map;
import java.util.Set;

/**
 * What a space may use: its resource limits and its privileges. The limits are guarded by the layout lock; the
 * privileges never change.
 */
public final class Limits {
    private static final long UNLIMITED = -1;

    private final Geometry geometry;
    private final Set<Capability> capabilities;
    private long as = UNLIMITED;
    private long data = UNLIMITED;
    private long stack = UNLIMITED;
    private long memlock = UNLIMITED;

    Limits(Geometry geometry, Set<Capability> capabilities, Map<Resource, Long> bytes) {
        this.geometry = geometry;
        this.capabilities = Set.copyOf(capabilities);
        bytes.forEach(this::set);
    }

    Limits copy() {
        Limits copy = new Limits(geometry, capabilities, Map.of());
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
        }
    }

    /** The soft limit; none at all where none was set. */
    public long bytes(Resource resource) {
        return switch (resource) {
            case AS -> as;
            case DATA -> data;
            case STACK -> stack;
            case MEMLOCK -> memlock;
        };
    }

    private long pages(Resource resource) {
        return geometry.pages(bytes(resource));
    }

    boolean isCapable(Capability capability) {
        return capabilities.contains(capability);
    }

    /**
     * Whether pages of a mapping with these flags may be added ({@code may_expand_vm}); fewer than none is possible.
     */
    public boolean mayExpand(Counters counters, long flags, long pages) {
        if (Long.compareUnsigned(counters.total + pages, pages(Resource.AS)) > 0) {
            return false;
        }
        // A soft limit of 0 is not tested, for the sake of programs that want brk to fail; the hard limit is none here.
        return !Counters.isData(flags)
                || bytes(Resource.DATA) == 0
                || Long.compareUnsigned(counters.data + pages, pages(Resource.DATA)) <= 0;
    }

    /** Whether this space may lock anything at all ({@code can_do_mlock}). */
    public boolean mayLock() {
        return bytes(Resource.MEMLOCK) != 0 || isCapable(Capability.IPC_LOCK);
    }

    /** Whether so many locked pages in all are allowed. */
    public boolean mayHoldLocked(long pages) {
        return isCapable(Capability.IPC_LOCK) || Long.compareUnsigned(pages, pages(Resource.MEMLOCK)) <= 0;
    }

    /** Whether new memory with these flags may be locked as they say ({@code mlock_future_ok}). */
    public boolean mayLockMore(Counters counters, long flags, long pages) {
        return (flags & VmaFlags.LOCKED) == 0 || mayHoldLocked(counters.locked + pages);
    }

    /** Whether an address is not too low to be mapped ({@code security_mmap_addr}). */
    public boolean mayMapAt(long address) {
        return Long.compareUnsigned(address, geometry.minimum()) >= 0 || isCapable(Capability.SYS_RAWIO);
    }
}
