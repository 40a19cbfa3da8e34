// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.maple.Cursor;
import dev.samara.maple.Snapshot;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The layout of an address space at one instant. Immutable and thread-safe; it need not be closed.
 *
 * <p>A snapshot of a layout that was divided for concurrency consists of parts. The first call other than {@link #find}
 * joins them, which takes up to 16 times as long as an edit, and allocates.
 *
 * <p>Mappings above the limit of the space, such as {@code [vsyscall]}, are included in the lists and the iteration, at
 * the end. As on Linux, lookups by address do not find them.
 */
public final class LayoutSnapshot implements Iterable<Vma> {
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
     * @return the VMA, or null if there was none
     */
    public @Nullable Vma find(long address) {
        return tree.get(address);
    }

    /**
     * Returns the VMA that covered an address, or else the next one above it ({@code find_vma}).
     *
     * @param address any address
     * @return the lowest VMA with an end above the address, or null if there was none
     */
    public @Nullable Vma findNext(long address) {
        return tree.atOrAfter(address);
    }

    /**
     * Returns the VMA below an address: the predecessor of {@link #findNext}, as {@code find_vma_prev} finds it. A VMA
     * that covers the address is not below it.
     *
     * @param address any address
     * @return the highest VMA with an end at or below the address, or null if there was none
     */
    public @Nullable Vma findPrevious(long address) {
        VmArea below = address == 0 ? null : tree.atOrBefore(address - 1);
        if (below == null || Addresses.isAtMost(below.end(), address)) {
            return below;
        }
        return below.start() == 0 ? null : tree.atOrBefore(below.start() - 1);
    }

    /**
     * Passes each VMA that overlaps a range to an action, in ascending order.
     *
     * @param start the first address
     * @param length bytes, unsigned; a range that wraps ends at the highest address
     * @param action receives each VMA, on this thread, and as a whole even if the VMA extends beyond the range; an
     *     exception that it throws ends the walk and propagates to the caller
     */
    public void forEach(long start, long length, Consumer<? super Vma> action) {
        Objects.requireNonNull(action, "action");
        long end = Addresses.endOf(start, length);
        if (start == end) {
            return;
        }
        Cursor<VmArea> cursor = tree.cursor();
        VmArea vma = cursor.find(start);
        while (vma != null && Addresses.isBelow(vma.start(), end)) {
            action.accept(vma);
            vma = cursor.next();
        }
    }

    /**
     * Returns an iterator over all VMAs in ascending order. It does not support {@code remove}.
     *
     * @return a new iterator, for one thread at a time
     */
    @Override
    public Iterator<Vma> iterator() {
        Cursor<VmArea> cursor = tree.cursor();
        Iterator<VmArea> last = above.iterator();
        return new Iterator<>() {
            private @Nullable VmArea next = cursor.next();

            @Override
            public boolean hasNext() {
                return next != null || last.hasNext();
            }

            @Override
            public Vma next() {
                VmArea vma = next;
                if (vma == null) {
                    return last.next();
                }
                next = cursor.next();
                return vma;
            }
        };
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
     * Returns the displayed name ({@code get_vma_name} in {@code fs/proc/task_mmu.c}). Private memory is the heap if it
     * overlaps the heap's range, or the main stack if it contains the stack's start, or ends there. In both cases a
     * given name is not shown.
     */
    private String nameOf(Vma vma) {
        String name = vma.name();
        Backing backing = vma.backing();
        if (name != null && (backing != null || !vma.isNamed())) {
            return name;
        }
        if (backing != null) {
            return backing.name();
        }
        if (Addresses.overlap(vma.start(), vma.end(), heapStart, brk)) {
            return "[heap]";
        }
        boolean holdsStackStart = stackStart != 0
                && Addresses.isAtMost(vma.start(), stackStart)
                && !Addresses.isBelow(vma.end(), stackStart);
        return holdsStackStart ? "[stack]" : name == null ? "" : name;
    }

    /** Returns the number and the bounds of the mappings as text. */
    @Override
    public String toString() {
        List<Vma> vmas = vmas();
        if (vmas.isEmpty()) {
            return "mappings 0";
        }
        return "mappings " + vmas.size() + " from 0x"
                + Long.toHexString(vmas.get(0).start()) + " to 0x"
                + Long.toHexString(vmas.get(vmas.size() - 1).end());
    }
}
