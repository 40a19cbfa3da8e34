// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.maple.Snapshot;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The layout of an address space at one instant. Immutable and thread-safe; it has no cost after it is dropped. */
public final class LayoutSnapshot {
    private final Geometry geometry;
    private final Snapshot<VmArea> tree;
    private final List<VmArea> above;
    private final long heapStart;
    private final long brk;
    private final long stackStart;

    LayoutSnapshot(
            Geometry geometry, Snapshot<VmArea> tree, List<VmArea> above, long heapStart, long brk, long stackStart) {
        this.geometry = geometry;
        this.tree = tree;
        this.above = above;
        this.heapStart = heapStart;
        this.brk = brk;
        this.stackStart = stackStart;
    }

    /**
     * Returns the VMA that covered an address.
     *
     * @param address any address
     * @return the VMA, or null for none
     */
    public @Nullable Vma find(long address) {
        return tree.get(address);
    }

    /**
     * Returns all VMAs.
     *
     * @return a new list in ascending order; mappings above the limit of the space come last
     */
    public List<Vma> vmas() {
        List<Vma> vmas = new ArrayList<>();
        tree.forEach((first, last, vma) -> vmas.add(vma));
        vmas.addAll(above);
        return vmas;
    }

    /**
     * Returns all mappings as {@code /proc/PID/maps} shows them.
     *
     * @return a new list of lines
     */
    public List<String> maps() {
        return vmas().stream()
                .map(vma -> ProcMaps.line(geometry, vma, nameOf(vma)))
                .toList();
    }

    /**
     * Returns the range and the attributes of all mappings.
     *
     * @return a new list of lines, each {@code <start>-<end> <VmFlags>}
     */
    public List<String> vmFlags() {
        return vmas().stream().map(ProcMaps::flagsLine).toList();
    }

    /**
     * Returns the displayed name. Memory without a name of its own is the heap if it overlaps the heap's range, or the
     * main stack if it contains the stack's start, or ends there.
     */
    private String nameOf(Vma vma) {
        if (vma.name() != null) {
            return vma.name();
        }
        if (vma.backing() != null) {
            return vma.backing().name();
        }
        if (Addresses.overlap(vma.start(), vma.end(), heapStart, brk)) {
            return "[heap]";
        }
        boolean holdsStackStart = stackStart != 0
                && Addresses.isAtMost(vma.start(), stackStart)
                && !Addresses.isBelow(vma.end(), stackStart);
        return holdsStackStart ? "[stack]" : "";
    }
}
