// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.op.Placement;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;

/**
 * The program break ({@code brk}, {@code mm/mmap.c}). A failure returns the unchanged break. Only an interrupted wait
 * and a backing's refusal return a negated errno.
 *
 * @param address the wanted break
 */
public record Brk(long address) implements Call {
    private static final long HEAP_FLAGS = VmaFlags.READ | VmaFlags.WRITE | VmaFlags.MAY_ACCESS | VmaFlags.ACCOUNT;

    @Override
    public long from(Layout layout) {
        return layout.origin.heapStart();
    }

    @Override
    public long to(Layout layout) {
        return Addresses.endOf(Addresses.higher(layout.brk(), address), layout.geometry.pageSize());
    }

    @Override
    public long decide(Edit edit) {
        Layout layout = edit.layout;
        Geometry geometry = edit.geometry;
        long start = layout.origin.heapStart();
        // The lock of the district that contains the start of the heap guards the break.
        edit.require(start, start);
        long current = edit.brk();
        long newEnd = geometry.roundUp(address);
        // Rounding up wraps in the last page of all addresses.
        if (Addresses.isBelow(newEnd, address)
                || Addresses.isBelow(address, start)
                || Addresses.isBelow(edit.limits.bytes(Resource.DATA), address - start)) {
            return current;
        }
        long oldEnd = geometry.roundUp(current);
        boolean done = newEnd == oldEnd
                || (!Addresses.isBelow(current, address)
                        ? shrink(edit, newEnd, oldEnd)
                        : grow(edit, start, oldEnd, newEnd));
        if (!done) {
            return current;
        }
        edit.setBrk(address);
        return address;
    }

    private static boolean shrink(Edit edit, long newEnd, long oldEnd) {
        edit.claim(newEnd, oldEnd);
        return edit.firstIn(newEnd, oldEnd) != null && VmaMerge.cutAndUnmap(edit, newEnd, oldEnd) == 0;
    }

    private static boolean grow(Edit edit, long heapStart, long oldEnd, long newEnd) {
        Geometry geometry = edit.geometry;
        long length = newEnd - oldEnd;
        long pages = geometry.pages(length);
        long flags = HEAP_FLAGS | edit.defaultLock();
        if (Errno.isError(Placement.find(edit, null, oldEnd, length, 0, Mman.PRIVATE | Mman.FIXED))
                || !edit.limits.mayLockMore(edit.privileges(), edit.counters, edit.defaultLock(), pages)) {
            return false;
        }
        edit.claim(oldEnd, newEnd);
        // One page beyond the new end must also be free, and so must the gap below a stack.
        VmArea next = edit.atOrAfter(oldEnd);
        if (next != null && Addresses.isBelow(Placement.guardedStart(edit, next), newEnd + geometry.pageSize())) {
            return false;
        }
        if (!edit.limits.mayExpand(edit.counters, flags, pages) || !edit.mayGrow(0) || !edit.charge(pages)) {
            return false;
        }
        VmArea piece = new VmArea(oldEnd, newEnd, flags, geometry.pages(oldEnd), null, null, null);
        VmArea previous = edit.before(oldEnd);
        boolean ofHeap = previous != null && Addresses.isBelow(heapStart, previous.end());
        if (!ofHeap || VmaMerge.join(edit, piece, false) == null) {
            edit.put(piece);
        }
        if ((edit.defaultLock() & VmaFlags.LOCKED) != 0) {
            edit.populate(PopulateRange.Kind.BEST_EFFORT, oldEnd, newEnd);
        }
        return true;
    }

    @Override
    public void revoke(Operation operation) {
        operation.revokeAll();
    }

    @Override
    public String toString() {
        return Call.text("brk", address);
    }
}
