// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.vma.AnonIdentity;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Capability;
import dev.samara.core.vma.Errno;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.MmException;
import dev.samara.core.vma.Resource;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeEntry;
import dev.samara.maple.Snapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One address space's layout: its VMAs, counters and limits, and the operations on them.
 *
 * <p>Each operation opens an {@link Edit}, which holds the layout lock, and finishes it. {@link #find} and {@link
 * #snapshot} take no lock and may be called at any time by any thread.
 */
public final class Layout {
    private final Host host;
    private final Geometry geometry;
    private final MapleTree<Vma> tree = new MapleTree<>();
    private final boolean topDown;
    private final long mmapBase;
    private final long heapStart;
    private final long stackStart;

    /** Mappings above the user's part, which no call can change; ascending. */
    private final List<Vma> gates;

    /** Written under the layout lock; read without it for showing where the heap ends. */
    private volatile long brk;

    /** Guarded by the layout lock. */
    private final Limits limits;

    /** Guarded by the layout lock. */
    private Counters counters = new Counters();

    /** What mlockall asks of later mappings; guarded by the layout lock. */
    private long defaultLock;

    /**
     * What a layout begins with.
     *
     * @param host the machine's common part
     * @param geometry sizes and bounds
     * @param capabilities the privileges of its owner
     * @param limits soft limits in bytes; -1 or absent for none
     * @param topDown whether placement goes downwards from the mmap base
     * @param heapStart where the heap begins
     * @param brk where the heap ends
     * @param stackStart an address in the main stack, or 0
     */
    public record Origin(
            Host host,
            Geometry geometry,
            Set<Capability> capabilities,
            Map<Resource, Long> limits,
            boolean topDown,
            long heapStart,
            long brk,
            long stackStart) {}

    /**
     * Makes a layout and loads what is mapped from the start.
     *
     * @param origin what it begins with
     * @param mapped descriptions of mappings, in any order; those above the user's limit can never be changed
     * @throws IllegalArgumentException if a mapping is unaligned, overlaps another or crosses the limit
     * @throws MmException with ENOMEM if the commit limit does not allow them
     */
    public Layout(Origin origin, List<Vma> mapped) {
        host = origin.host();
        geometry = origin.geometry();
        limits = new Limits(geometry, origin.capabilities(), origin.limits());
        topDown = origin.topDown();
        mmapBase = geometry.mmapBase(limits.bytes(Resource.STACK), stackGuardGap());
        heapStart = origin.heapStart();
        brk = origin.brk();
        stackStart = origin.stackStart();
        gates = load(mapped);
    }

    /** Makes an empty child of a layout, with its limits. */
    private Layout(Layout parent) {
        host = parent.host;
        geometry = parent.geometry;
        limits = parent.limits.copy();
        topDown = parent.topDown;
        mmapBase = parent.mmapBase;
        heapStart = parent.heapStart;
        brk = parent.brk;
        stackStart = parent.stackStart;
        gates = parent.gates;
    }

    private List<Vma> load(List<Vma> mapped) {
        List<Vma> above = new ArrayList<>();
        try (Edit edit = new Edit(this)) {
            for (Vma vma : mapped) {
                if (!geometry.isAligned(vma.start()) || !geometry.isAligned(vma.end())) {
                    throw new IllegalArgumentException("mapping " + vma + " does not lie on page boundaries");
                }
                if (Long.compareUnsigned(vma.start(), geometry.limit()) >= 0) {
                    above.add(vma);
                    continue;
                }
                if (Long.compareUnsigned(vma.end(), geometry.limit()) > 0) {
                    throw new IllegalArgumentException("mapping " + vma + " crosses the limit of the space");
                }
                if (vma.backing() instanceof SharedAnonymous object && object.host() != host) {
                    throw new IllegalArgumentException("mapping " + vma + " maps an object of another machine");
                }
                Vma other = edit.firstIn(vma.start(), vma.end());
                if (other != null) {
                    throw new IllegalArgumentException("mapping " + vma + " overlaps " + other);
                }
                putCopy(edit, copyOf(vma), "load");
            }
            edit.finish(0);
        }
        above.sort((one, other) -> Long.compareUnsigned(one.start(), other.start()));
        return List.copyOf(above);
    }

    private static void putCopy(Edit edit, Vma copy, String call) {
        if (copy.has(VmaFlags.ACCOUNT) && !edit.charge(edit.pagesOf(copy))) {
            throw new MmException(call + " of " + copy, Errno.ENOMEM);
        }
        edit.put(copy);
    }

    /** A description may be loaded into several spaces; a VMA belongs to one. */
    private Vma copyOf(Vma vma) {
        return MergeRules.part(vma, vma.start(), vma.end(), vma.flags(), geometry.pageShift());
    }

    Host host() {
        return host;
    }

    /**
     * Sizes and bounds.
     *
     * @return the geometry
     */
    public Geometry geometry() {
        return geometry;
    }

    MapleTree<Vma> tree() {
        return tree;
    }

    ReentrantLock lock() {
        return tree.writerLock();
    }

    Limits limits() {
        return limits;
    }

    Counters counters() {
        return counters;
    }

    void adopt(Counters published) {
        counters = published;
    }

    boolean isTopDown() {
        return topDown;
    }

    long mmapBase() {
        return mmapBase;
    }

    long stackGuardGap() {
        return host.stackGuardPages() << geometry.pageShift();
    }

    long defaultFlags() {
        return defaultLock;
    }

    void setDefaultLock(long lock) {
        defaultLock = lock;
    }

    /**
     * Where the heap begins.
     *
     * @return an address
     */
    public long heapStart() {
        return heapStart;
    }

    /**
     * Where the heap ends now.
     *
     * @return an address
     */
    public long brk() {
        return brk;
    }

    void setBrk(long newBrk) {
        brk = newBrk;
    }

    /**
     * An address in the main stack.
     *
     * @return the address, or 0 if there is none
     */
    public long stackStart() {
        return stackStart;
    }

    /**
     * The mappings above the user's part.
     *
     * @return an unmodifiable list, ascending
     */
    public List<Vma> gates() {
        return gates;
    }

    /**
     * The VMA that covers an address. Lock-free.
     *
     * @param address any address
     * @return the VMA, or null if nothing is mapped there
     */
    public @Nullable Vma find(long address) {
        return tree.get(address);
    }

    /**
     * The layout of this instant. Lock-free, O(1).
     *
     * @return an immutable view
     */
    public Snapshot<Vma> snapshot() {
        return tree.snapshot();
    }

    /**
     * Sets a limit; what exceeds it already stays.
     *
     * @param resource which
     * @param bytes the soft limit, unsigned; -1 for none
     */
    public void setLimit(Resource resource, long bytes) {
        lock().lock();
        try {
            limits.set(resource, bytes);
        } finally {
            lock().unlock();
        }
    }

    /**
     * The counters by name, of one instant.
     *
     * @return maps, then pages: total, data, exec, stack, locked, accounted
     */
    public long[] usage() {
        lock().lock();
        try {
            return new long[] {
                counters.maps,
                counters.total,
                counters.data,
                counters.exec,
                counters.stack,
                counters.locked,
                counters.accounted
            };
        } finally {
            lock().unlock();
        }
    }

    // Each call below is documented where it is public, in AddressSpace.

    public long mmap(long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Mapping.mmap(edit, address, length, protection, flags, backing, offset));
        }
    }

    public long munmap(long address, long length) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Unmapping.munmap(edit, address, length));
        }
    }

    public long mprotect(long address, long length, int protection) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Protecting.mprotect(edit, address, length, protection));
        }
    }

    public long mremap(long address, long oldLength, long newLength, int flags, long newAddress) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Remapping.mremap(edit, address, oldLength, newLength, flags, newAddress));
        }
    }

    public long brk(long wanted) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Heap.brk(edit, wanted));
        }
    }

    public long madvise(long address, long length, int advice) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Advising.madvise(edit, address, length, advice));
        }
    }

    public long mlock2(long address, long length, int flags) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Locking.mlock2(edit, address, length, flags));
        }
    }

    public long munlock(long address, long length) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Locking.munlock(edit, address, length));
        }
    }

    public long mlockall(int flags) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Locking.mlockall(edit, flags));
        }
    }

    public long munlockall() {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Locking.munlockall(edit));
        }
    }

    public long msync(long address, long length, int flags) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Syncing.msync(edit, address, length, flags));
        }
    }

    public long mseal(long address, long length, long flags) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Protecting.mseal(edit, address, length, flags));
        }
    }

    public long shmat(@Nullable SharedSegment segment, long address, int flags) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Mapping.shmat(edit, segment, address, flags));
        }
    }

    public long shmdt(long address) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(Unmapping.shmdt(edit, address));
        }
    }

    public long growStack(long address) {
        try (Edit edit = new Edit(this)) {
            return edit.finish(StackGrowth.grow(edit, address));
        }
    }

    /**
     * Copies the layout of one instant for a child ({@code dup_mmap} in {@code kernel/fork.c}).
     *
     * @return the child's layout
     * @throws MmException with ENOMEM if the commit limit does not allow a second copy
     */
    public Layout fork() {
        lock().lock();
        try {
            Layout child = new Layout(this);
            try (Edit edit = new Edit(child)) {
                tree.forEach((first, last, vma) -> {
                    if (!vma.has(VmaFlags.DONTCOPY)) {
                        putCopy(edit, inherit(vma), "fork");
                    }
                });
                edit.finish(0);
            }
            return child;
        } finally {
            lock().unlock();
        }
    }

    /** A child's copy: not locked, and what it shares with the parent until written has an identity of its own. */
    private static Vma inherit(Vma vma) {
        boolean hasPages = vma.anonIdentity() != null && !vma.has(VmaFlags.WIPEONFORK);
        return new Vma(
                vma.start(),
                vma.end(),
                vma.flags() & ~VmaFlags.LOCKED_MASK,
                vma.pageOffset(),
                vma.backing(),
                vma.name(),
                hasPages ? AnonIdentity.inherited() : null);
    }

    /** Takes everything away, seals or not, and gives back what it was charged for. */
    public void clear() {
        try (Edit edit = new Edit(this)) {
            edit.clear(0, geometry.limit());
            edit.finish(0);
        }
    }

    /**
     * Checks the tree, and that VMAs and counters agree with it.
     *
     * @throws AssertionError if they do not, saying where
     */
    public void validate() {
        lock().lock();
        try {
            tree.validate();
            Counters recounted = new Counters();
            for (RangeEntry<Vma> entry : tree.entries()) {
                Vma vma = entry.value();
                if (vma.start() != entry.first() || vma.end() - 1 != entry.last()) {
                    throw new AssertionError(
                            String.format(Locale.ROOT, "tree has %x..%x for VMA %s", entry.first(), entry.last(), vma));
                }
                if (!geometry.isAligned(vma.start()) || !geometry.isAligned(vma.end())) {
                    throw new AssertionError("VMA " + vma + " is not aligned");
                }
                recounted.count(vma, geometry.pages(vma.length()), 1);
            }
            if (!recounted.sameAs(counters)) {
                throw new AssertionError("counted " + recounted + ", but the layout says " + counters);
            }
        } finally {
            lock().unlock();
        }
    }
}
