// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.space.Layout.Origin;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.syscall.InitialMappings;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A builder of address spaces. Not thread-safe. */
public final class AddressSpaceBuilder {
    private final Machine machine;
    private final Geometry geometry;
    private final EnumSet<Capability> capabilities = EnumSet.noneOf(Capability.class);
    private @Nullable String name;
    private final EnumMap<Resource, Long> limits = new EnumMap<>(Resource.class);
    private boolean topDown = true;
    private long heapStart;
    private long brk;
    private long stackStart;
    private long lowGuard;
    private long highGuard;
    private boolean earlyReuse;
    private boolean isCollected;
    private List<VmArea> mapped = List.of();

    AddressSpaceBuilder(Machine machine, Geometry geometry) {
        this.machine = machine;
        this.geometry = geometry;
        heapStart = geometry.defaultHeap();
        brk = heapStart;
        highGuard = geometry.limit();
        limit(Resource.STACK, 8L << 20);
        limit(Resource.MEMLOCK, 8L << 20);
    }

    /**
     * Names the space, for {@link SpaceIdentity#name}. Children inherit the name.
     *
     * @param text the name
     * @return this
     */
    public AddressSpaceBuilder name(String text) {
        name = Objects.requireNonNull(text, "text");
        return this;
    }

    /**
     * Sets a soft limit. Unless set, STACK and MEMLOCK are 8 MiB and the other resources are unlimited. The STACK limit
     * determines where placement starts.
     *
     * @param resource which limit
     * @param bytes the limit, unsigned; -1 for no limit
     * @return this
     */
    public AddressSpaceBuilder limit(Resource resource, long bytes) {
        limits.put(resource, bytes);
        return this;
    }

    /**
     * Grants initial privileges; {@link AddressSpace#grant} and {@link AddressSpace#drop} change them later.
     *
     * @param granted the privileges
     * @return this
     */
    public AddressSpaceBuilder grant(Capability... granted) {
        capabilities.addAll(Arrays.asList(granted));
        return this;
    }

    /**
     * Revokes privileges that were granted before. Unless granted, a space has none.
     *
     * @param dropped the privileges
     * @return this
     */
    public AddressSpaceBuilder drop(Capability... dropped) {
        Arrays.asList(dropped).forEach(capabilities::remove);
        return this;
    }

    /**
     * Sets the range of the heap. Unless set, it is empty, at {@link Geometry#defaultHeap}.
     *
     * @param start first address of the heap
     * @param end current end of the heap, exclusive, at or above {@code start} and at most the limit of the space
     * @return this
     */
    public AddressSpaceBuilder heap(long start, long end) {
        if (Addresses.isAbove(start, end)) {
            throw new IllegalArgumentException("heap " + range(start, end) + " must not end before it starts");
        }
        if (Addresses.isAbove(end, geometry.limit())) {
            throw new IllegalArgumentException("heap " + range(start, end) + " must not reach beyond the limit 0x"
                    + Long.toHexString(geometry.limit()) + " of the space");
        }
        heapStart = start;
        brk = end;
        return this;
    }

    /**
     * Sets an address of the main stack, whose mapping is then displayed as {@code [stack]}.
     *
     * @param address an address in the stack; 0, the default, for no stack
     * @return this
     */
    public AddressSpaceBuilder stack(long address) {
        stackStart = address;
        return this;
    }

    /**
     * Places mappings from the bottom upwards ({@code ADDR_COMPAT_LAYOUT}).
     *
     * @param isBottomUp true for placement upwards; false, the default, for placement from the top downwards
     * @return this
     */
    public AddressSpaceBuilder bottomUp(boolean isBottomUp) {
        topDown = !isBottomUp;
        return this;
    }

    /**
     * Guards an end of the space permanently: lookups find nothing there, and nothing can be mapped there ({@code
     * ENOMEM}).
     *
     * @param start a page boundary; 0 for a guard at the low end
     * @param end a page boundary, exclusive; the limit of the space for a guard at the high end. If it equals {@code
     *     start}, there is no guard at this end of the space, which is the default
     * @return this
     * @throws IllegalArgumentException if the range is not at one end of the space, is not on page boundaries, overlaps
     *     the other guard, or ends before it starts
     */
    public AddressSpaceBuilder guard(long start, long end) {
        if (!geometry.isAligned(start) || !geometry.isAligned(end)) {
            throw new IllegalArgumentException("guard " + range(start, end)
                    + " must start and end on a multiple of the page size 0x" + Long.toHexString(geometry.pageSize()));
        }
        if (Addresses.isBelow(end, start)) {
            throw new IllegalArgumentException("guard " + range(start, end) + " must not end before it starts");
        }
        if (start == 0 && Addresses.isBelow(end, geometry.limit())) {
            lowGuard = end;
        } else if (start != 0 && end == geometry.limit()) {
            highGuard = start;
        } else {
            throw new IllegalArgumentException("guard " + range(start, end)
                    + " must be at one end of the space, 0 or 0x" + Long.toHexString(geometry.limit()));
        }
        if (Addresses.isAbove(lowGuard, highGuard)) {
            throw new IllegalArgumentException("guards up to 0x" + Long.toHexString(lowGuard) + " and from 0x"
                    + Long.toHexString(highGuard) + " must not overlap");
        }
        return this;
    }

    private static String range(long start, long end) {
        return "0x" + Long.toHexString(start) + "..0x" + Long.toHexString(end);
    }

    /**
     * Allows a mapping to be stored over the range of a {@code munmap} in flight. {@code mmap} then returns before the
     * {@code munmap} is complete, and faults and {@link AddressSpace#resolve} wait for it. Placement without a
     * requested address uses such a range last.
     *
     * <p>No other call releases a range early. As without this option, {@code mmap} waits for a {@code mremap} that
     * moves pages away or shortens a mapping, for {@code brk}, for {@code shmdt} and for the end of the space. It also
     * waits for another mapping that was stored over the range of a {@code munmap}.
     *
     * @param isEarly whether ranges are released early; false unless set
     * @return this
     */
    @Experimental
    public AddressSpaceBuilder earlyReuse(boolean isEarly) {
        earlyReuse = isEarly;
        return this;
    }

    /**
     * Leaves the space to the garbage collector, for an embedder whose objects are never closed explicitly. As without
     * this option, an unreachable reference to its users is released, but it is not reported ({@link
     * dev.samara.core.event.Report.Kind#REFERENCE_LOST}). The same holds for each additional reference ({@link
     * AddressSpace#get}), and for each reference to a child. {@link PageTableRef}s and {@link SpaceIdentity}s are still
     * reported, and so is a claimed CPU that becomes unreachable.
     *
     * <p>The space ends some time after a garbage collection that has found the reference unreachable: when the machine
     * next creates a space, waits for quiescence, is closed or is asked for its statistics. Its memory is in use until
     * then. {@link AddressSpace#close} still ends it immediately.
     *
     * @param collected whether references need not be closed; false unless set
     * @return this
     */
    public AddressSpaceBuilder collected(boolean collected) {
        isCollected = collected;
        return this;
    }

    /**
     * Returns a description of a mapping, for {@link #load}. Asks the backing for its properties.
     *
     * @param start first address
     * @param end first address after the range, unsigned above {@code start}
     * @param flags bits of {@link VmaFlags}
     * @param pageOffset offset of {@code start} in the backing in pages; for private anonymous memory the page number
     *     of the address at which it was mapped
     * @param backing the backing; null for anonymous memory
     * @param name the displayed name of a mapping that has its own name, such as {@code [vdso]} or {@code [anon:pool]};
     *     null for other mappings
     * @return a description, attached to no space
     * @throws IllegalArgumentException if the range is empty
     */
    public static Vma mapping(
            long start, long end, long flags, long pageOffset, @Nullable Backing backing, @Nullable String name) {
        return VmArea.describe(start, end, flags, pageOffset, backing, name, null);
    }

    /**
     * Sets the initial mappings; see {@link #mapping} and {@link ProcMaps#parse}.
     *
     * @param vmas descriptions of mappings, in any order, on page boundaries and without overlap; mappings above the
     *     limit of the space are displayed and can never be changed
     * @return this
     */
    public AddressSpaceBuilder load(List<Vma> vmas) {
        mapped = new ArrayList<>(vmas.size());
        vmas.forEach(vma -> mapped.add(VmArea.of(vma)));
        return this;
    }

    /**
     * Builds the space. Waits for the calls to the backings of the initial mappings.
     *
     * @return a new space
     * @throws IllegalArgumentException if an initial mapping is unaligned, overlaps another or crosses the limit
     * @throws MmException with ENOMEM if the commit limit does not allow the initial mappings, or with the error of a
     *     backing that refuses
     * @throws IllegalStateException if the machine is closed, if a CPU of the calling thread is in GUEST, or if this is
     *     called within {@code rcuMapPages}; no code of an embedder is called then
     */
    public AddressSpace build() {
        ThreadCpus.checkMayWait("the building of a space");
        machine.host.checkOpen();
        // Checked before the first change, because a space whose reference is not returned is torn down.
        StackReserve.check(StackReserve.MANY);
        Origin origin = new Origin(
                name,
                geometry,
                capabilities,
                limits,
                topDown,
                heapStart,
                brk,
                stackStart,
                lowGuard,
                highGuard,
                earlyReuse,
                isCollected);
        return machine.register(InitialMappings.load(machine.spaces, origin, mapped));
    }

    Machine machine() {
        return machine;
    }

    Geometry geometry() {
        return geometry;
    }

    /** Returns a limit in pages, unsigned; -1 for no limit. */
    long limitInPages(Resource resource) {
        long bytes = limits.getOrDefault(resource, -1L);
        return bytes == -1 ? -1 : geometry.pages(bytes);
    }

    boolean isGranted(Capability capability) {
        return capabilities.contains(capability);
    }

    /** Returns the geometry, the heap and the number of initial mappings as text. */
    @Override
    public String toString() {
        return "builder of a space, " + geometry + ", heap 0x" + Long.toHexString(heapStart) + "-0x"
                + Long.toHexString(brk) + ", initial mappings " + mapped.size();
    }
}
