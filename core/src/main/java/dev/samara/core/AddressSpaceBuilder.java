// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;

/** The description of an address space before it is built. For one thread. */
public final class AddressSpaceBuilder {
    private final Machine machine;
    private final Geometry geometry;
    private final EnumSet<Capability> capabilities = EnumSet.noneOf(Capability.class);
    private final EnumMap<Resource, Long> limits = new EnumMap<>(Resource.class);
    private boolean topDown = true;
    private long heapStart;
    private long brk;
    private long stackStart;
    private long lowGuard;
    private long highGuard;
    private boolean earlyReuse;
    private List<Vma> mapped = List.of();

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
     * Sets a soft limit. Unless set, STACK and MEMLOCK are 8 MiB and the others without limit. The limit of the
     * stack decides where placement begins.
     *
     * @param resource which limit
     * @param bytes the limit, unsigned; -1 for none
     * @return this
     */
    public AddressSpaceBuilder limit(Resource resource, long bytes) {
        limits.put(resource, bytes);
        return this;
    }

    /**
     * Grants privileges.
     *
     * @param granted which
     * @return this
     */
    public AddressSpaceBuilder grant(Capability... granted) {
        capabilities.addAll(Arrays.asList(granted));
        return this;
    }

    /**
     * Says where the heap is.
     *
     * @param start where it begins
     * @param end where it ends now, at or above {@code start} and at most the limit of the space
     * @return this
     */
    public AddressSpaceBuilder heap(long start, long end) {
        if (Long.compareUnsigned(start, end) > 0) {
            throw new IllegalArgumentException("heap " + range(start, end) + " must not end before it starts");
        }
        if (Long.compareUnsigned(end, geometry.limit()) > 0) {
            throw new IllegalArgumentException("heap " + range(start, end) + " must not reach beyond the limit 0x"
                    + Long.toHexString(geometry.limit()) + " of the space");
        }
        heapStart = start;
        brk = end;
        return this;
    }

    /**
     * Says where the main stack is, to show its name.
     *
     * @param address an address in it
     * @return this
     */
    public AddressSpaceBuilder stack(long address) {
        stackStart = address;
        return this;
    }

    /**
     * Places mappings from the bottom upwards ({@code ADDR_COMPAT_LAYOUT}).
     *
     * @return this
     */
    public AddressSpaceBuilder bottomUp() {
        topDown = false;
        return this;
    }

    /**
     * Guards an end of the space for ever: look-ups find nothing there, and nothing can be mapped there ({@code
     * ENOMEM}).
     *
     * @param start a page boundary; 0 for a guard at the low end
     * @param end a page boundary above it; the limit of the space for a guard at the high end
     * @return this
     * @throws IllegalArgumentException if it is not at one end, not on page boundaries, or meets the other guard
     */
    public AddressSpaceBuilder guard(long start, long end) {
        if (!geometry.isAligned(start) || !geometry.isAligned(end)) {
            throw new IllegalArgumentException("guard " + range(start, end)
                    + " must start and end on a multiple of the page size 0x" + Long.toHexString(geometry.pageSize()));
        }
        if (Long.compareUnsigned(start, end) >= 0) {
            throw new IllegalArgumentException("guard " + range(start, end) + " must end above its start");
        }
        if (start == 0 && Long.compareUnsigned(end, geometry.limit()) < 0) {
            lowGuard = end;
        } else if (start != 0 && end == geometry.limit()) {
            highGuard = start;
        } else {
            throw new IllegalArgumentException("guard " + range(start, end)
                    + " must be at one end of the space, 0 or 0x" + Long.toHexString(geometry.limit()));
        }
        if (Long.compareUnsigned(lowGuard, highGuard) > 0) {
            throw new IllegalArgumentException("guards up to 0x" + Long.toHexString(lowGuard) + " and from 0x"
                    + Long.toHexString(highGuard) + " must not overlap");
        }
        return this;
    }

    private static String range(long start, long end) {
        return "0x" + Long.toHexString(start) + "..0x" + Long.toHexString(end);
    }

    /**
     * Allows a mapping to be stored over what a {@code munmap} in flight has unmapped. {@code mmap} then returns before
     * the {@code munmap} is complete, and faults and {@link AddressSpace#resolve} wait for it. Where no address is
     * asked for, such a place comes last.
     *
     * <p>No other call gives up a range early. {@code mmap} waits, as without this option, for an {@code mremap} that
     * moves pages away or cuts a mapping short, for {@code brk}, for {@code shmdt} and for the end of the space; and
     * for another mapping that has been stored over a {@code munmap}'s range.
     *
     * @return this
     */
    public AddressSpaceBuilder earlyReuse() {
        earlyReuse = true;
        return this;
    }

    /**
     * Says what is mapped from the start; see {@link ProcMaps#parse}.
     *
     * @param vmas descriptions of mappings, in any order, on page boundaries and without overlap; what lies above the
     *     limit of the space is shown and can never be changed
     * @return this
     */
    public AddressSpaceBuilder load(List<Vma> vmas) {
        mapped = new ArrayList<>(vmas);
        return this;
    }

    /**
     * Builds the space. Waits for the answers of the backings that are loaded.
     *
     * @return a new space
     * @throws IllegalArgumentException if what is loaded is unaligned, overlaps or crosses the limit
     * @throws MmException with ENOMEM if the commit limit does not allow what is loaded, or as a backing refuses
     * @throws IllegalStateException if the machine is closed, if a CPU of the calling thread is in GUEST, or if it is
     *     called within {@code rcuMapPages}; no code of an embedder is called then
     */
    public AddressSpace build() {
        Cpus.checkMayWait("the building of a space");
        MachineState host = machine.host();
        host.spaces().checkOpen();
        Layout.Origin origin = new Layout.Origin(
                host,
                geometry,
                capabilities,
                limits,
                topDown,
                heapStart,
                brk,
                stackStart,
                lowGuard,
                highGuard,
                earlyReuse);
        return machine.register(new Layout(origin, mapped));
    }
}
