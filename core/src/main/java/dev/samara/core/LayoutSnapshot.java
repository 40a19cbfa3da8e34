// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.maple.Snapshot;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The layout of an address space at one instant: immutable, thread-safe, and free of cost once dropped. */
public final class LayoutSnapshot {
    private final Geometry geometry;
    private final Snapshot<Vma> tree;
    private final List<Vma> gates;
    private final long heapStart;
    private final long brk;
    private final long stackStart;

    LayoutSnapshot(Geometry geometry, Snapshot<Vma> tree, List<Vma> gates, long heapStart, long brk, long stackStart) {
        this.geometry = geometry;
        this.tree = tree;
        this.gates = gates;
        this.heapStart = heapStart;
        this.brk = brk;
        this.stackStart = stackStart;
    }

    /**
     * The VMA that covered an address.
     *
     * @param address any address
     * @return the VMA, or null for nothing
     */
    public @Nullable Vma find(long address) {
        return tree.get(address);
    }

    /**
     * Everything that was mapped.
     *
     * @return a new list, ascending; mappings above the limit of the space last
     */
    public List<Vma> vmas() {
        List<Vma> vmas = new ArrayList<>();
        tree.forEach((first, last, vma) -> vmas.add(vma));
        vmas.addAll(gates);
        return vmas;
    }

    /**
     * Everything that was mapped, as {@code /proc/PID/maps} shows it.
     *
     * @return a new list of lines
     */
    public List<String> maps() {
        return vmas().stream()
                .map(vma -> ProcMaps.line(geometry, vma, nameOf(vma)))
                .toList();
    }

    /**
     * The range and the attributes of everything that was mapped.
     *
     * @return a new list of lines, each {@code <start>-<end> <VmFlags>}
     */
    public List<String> vmFlags() {
        return vmas().stream().map(ProcMaps::flagsLine).toList();
    }

    /**
     * Memory without a name of its own is called after the heap if it overlaps it, or the main stack if it reaches its
     * start.
     */
    private String nameOf(Vma vma) {
        if (vma.name() != null) {
            return vma.name();
        }
        if (vma.backing() != null) {
            return vma.backing().name();
        }
        if (Long.compareUnsigned(vma.start(), brk) < 0 && Long.compareUnsigned(vma.end(), heapStart) > 0) {
            return "[heap]";
        }
        boolean holdsStackStart = stackStart != 0
                && Long.compareUnsigned(vma.start(), stackStart) <= 0
                && Long.compareUnsigned(vma.end(), stackStart) >= 0;
        return holdsStackStart ? "[stack]" : "";
    }
}
