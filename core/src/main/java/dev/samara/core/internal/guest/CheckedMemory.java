// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.event.InvariantViolation;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.fault.Resolve;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.PageRights;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.tlb.CheckedTlb;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.util.Locale;

/**
 * The translated memory of a checked machine. Every access is checked after it was made, and before its CPU can
 * acknowledge a request. A handle encodes the translation's slot and epoch, so the use of an ended handle is refused.
 *
 * <p>A translation is right under four conditions: the page table has this frame with this right, the layout permits
 * the right, the frame was not freed since, and no store can escape the watchers of the page. If the table or the
 * layout has changed, the operation that changed it waits for this CPU. So a revocation of the page or the right has
 * begun and not ended (I2). And while this CPU has one frame, the table has no other (I1).
 */
public final class CheckedMemory extends TranslatedMemory {
    /** The right of a forced read. */
    private static final long FORCED_READ = 0;

    private static final int RIGHT_BITS = 3;
    private static final long[] RIGHTS = {Pte.READ, Pte.WRITE, Pte.EXEC, FORCED_READ, Pte.FORCED_WRITE};

    private final Thread owner = Thread.currentThread();
    private final AccessChecker checker;
    private final Frames known;
    private final CheckedTlb tlb;
    private final int shift;
    private final long mask;
    private final int slotBits;

    /* By slot of the TLB: the page and the physical address of the latest translation. */
    private final long[] pages;
    private final long[] physicals;

    /* Of the space that is served. */
    private Layout layout;
    private PageTable table;

    /**
     * Makes the memory of one thread's CPU.
     *
     * @param processor the CPU's own translations, with a checked TLB; whenever this object is used, it is in the
     *     space that this object serves
     * @param faulter handles faults in that space
     * @param worker the thread's page table context
     * @param frames the machine's frames
     * @param layout the layout of that space, at first
     * @param checker the machine's access checker
     */
    public CheckedMemory(
            CpuTlb processor,
            Faulter faulter,
            PageTableContext worker,
            Frames frames,
            Layout layout,
            AccessChecker checker) {
        super(processor, faulter, worker, frames);
        this.checker = checker;
        this.layout = layout;
        table = layout.pages();
        known = frames;
        tlb = (CheckedTlb) processor.tlb();
        shift = Integer.numberOfTrailingZeros(frames.pageSize());
        mask = frames.pageSize() - 1L;
        slotBits = Integer.numberOfTrailingZeros(tlb.entries());
        pages = new long[tlb.entries()];
        physicals = new long[tlb.entries()];
    }

    private static int indexOf(long right) {
        int index = 0;
        while (RIGHTS[index] != right) {
            index++;
        }
        return index;
    }

    /** Returns a handle for a translation. A negative result of a translation is returned unchanged. */
    private long handle(long address, long right, long physical) {
        if (physical < 0) {
            return physical;
        }
        int slot = tlb.slotOf(address);
        pages[slot] = address & ~mask;
        physicals[slot] = physical & ~mask;
        long index = (tlb.epoch() << slotBits | slot) << RIGHT_BITS | indexOf(right);
        // Epochs repeat, but not within the life of a handle.
        return (index << shift | (address & mask)) & Long.MAX_VALUE;
    }

    @Override
    void checkCaller() {
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException("a CPU of thread " + owner.getName() + " is used by thread "
                    + Thread.currentThread().getName() + ": only its own thread may");
        }
    }

    @Override
    long probe(long address, int size, long right) {
        checkCaller();
        CpuMemory.checkSize(size);
        return handle(address, right, super.probe(address, size, right));
    }

    @Override
    long walk(long address, long right) {
        long physical = super.walk(address, right);
        if (physical != SoftTlb.MISS) {
            long page = address & ~mask;
            tlb.history().add("walks to frame", physical >>> shift, table.number(), page, page + mask + 1);
        }
        return handle(address, right, physical);
    }

    @Override
    void serve(Layout next) {
        super.serve(next);
        layout = next;
        table = next.pages();
    }

    @Override
    void endHandles() {
        tlb.endHandles();
    }

    /**
     * Returns the physical address of a valid handle, or throws if the handle has ended or does not permit the access.
     */
    private long physical(long handle, int length, boolean writes) {
        checkCaller();
        if (handle < 0) {
            throw new IllegalArgumentException(
                    "handle " + handle + " is negative: it is MISS, NO_HANDLE or a negated fault, and not a handle");
        }
        long index = handle >>> shift;
        int right = rightOf(handle);
        int slot = slotOf(handle);
        long offset = handle & mask;
        if (right >= RIGHTS.length || isOfAnotherEpoch(index)) {
            throw new IllegalStateException("handle 0x" + Long.toHexString(handle)
                    + " has ended: a poll, a resolving, an access by address or the end of GUEST came after it");
        }
        if (writes && !isWrite(RIGHTS[right])) {
            throw new IllegalStateException(
                    "handle 0x" + Long.toHexString(handle) + " is used to write, and was not made for that");
        }
        if (offset + length > mask + 1) {
            throw new IllegalStateException("handle 0x" + Long.toHexString(handle) + " is used for " + length
                    + " bytes, which are not all in its page");
        }
        return physicals[slot] | offset;
    }

    /** Compares as many bits of the epoch as a handle has. */
    private boolean isOfAnotherEpoch(long index) {
        int used = slotBits + RIGHT_BITS + shift;
        return (((index >>> (RIGHT_BITS + slotBits)) ^ tlb.epoch()) << (used + 1)) != 0;
    }

    private int slotOf(long handle) {
        return (int) (handle >>> (shift + RIGHT_BITS)) & pages.length - 1;
    }

    private int rightOf(long handle) {
        return (int) (handle >>> shift) & (1 << RIGHT_BITS) - 1;
    }

    @Override
    long get(long handle, int size) {
        CpuMemory.checkSize(size);
        long number = super.get(physical(handle, size, false), size);
        judge(handle);
        return number;
    }

    @Override
    void put(long handle, int size, long number) {
        CpuMemory.checkSize(size);
        super.put(physical(handle, size, true), size, number);
        judge(handle);
    }

    @Override
    long update(GuestAtomic what, long handle, int size, long expected, long operand, boolean swaps) {
        CpuMemory.checkSize(size);
        long seen =
                super.update(what, physical(handle, size, what != GuestAtomic.LOAD), size, expected, operand, swaps);
        judge(handle);
        return seen;
    }

    @Override
    void copy(long handle, byte[] bytes, int at, int length, boolean writes) {
        super.copy(physical(handle, length, writes), bytes, at, length, writes);
        judge(handle);
    }

    @Override
    void copy(long handle, ByteBuffer bytes, int at, int length, boolean writes) {
        super.copy(physical(handle, length, writes), bytes, at, length, writes);
        judge(handle);
    }

    @Override
    void fill(long handle, int length, byte with) {
        super.fill(physical(handle, length, true), length, with);
        judge(handle);
    }

    @Override
    int frameAt(long handle) {
        return (int) (physical(handle, 1, false) >>> shift);
    }

    /** Checks the access that was just made. */
    private void judge(long handle) {
        int slot = slotOf(handle);
        long page = pages[slot];
        long right = RIGHTS[rightOf(handle)];
        int frame = (int) (physicals[slot] >>> shift);
        checker.countAccess();
        if (known.reuseStamp(frame) != tlb.reuseStampAtFill(slot)) {
            throw violated("I3", "was freed while this CPU could use it", page, frame, right);
        }
        long pte = table.get(page);
        int missing = missing(pte, page | (handle & mask), frame, right);
        if (missing == 0) {
            return;
        }
        if (!checker.isRevoking(table.number(), page, missing)) {
            throw violated(
                    "I2",
                    "differs from the page table, and no running call revokes it: " + Pte.toString(pte),
                    page,
                    frame,
                    right);
        }
        if (Pte.has(pte, Pte.PRESENT) && Pte.frame(pte) != frame) {
            throw violated("I1", "is used beside another: " + Pte.toString(pte), page, frame, right);
        }
    }

    /**
     * Returns the rights and marks that were used, and that the page table or the layout lacks, as bits of {@link
     * AccessChecker}.
     */
    private int missing(long pte, long address, int frame, long right) {
        boolean writes = isWrite(right);
        if (!Pte.has(pte, Pte.PRESENT | (writes ? 0 : right))
                || Pte.frame(pte) != frame
                || !isAllowed(address, right)) {
            return AccessChecker.PAGE;
        }
        // A store through the TLB needs an entry that says that the page was written: otherwise a dirty scan would miss
        // it.
        return (Pte.has(pte, Pte.ACCESSED | (writes ? Pte.DIRTY : 0)) ? 0 : AccessChecker.MARK)
                | (writes && (!Pte.has(pte, right) || escapesWatches(address)) ? AccessChecker.WRITE : 0);
    }

    /**
     * Returns whether a page is watched and the TLB nevertheless has the right to write it: no watcher would be told of
     * such a store.
     */
    private boolean escapesWatches(long address) {
        long page = address & ~mask;
        return tlb.probe(address, 1, Pte.WRITE) != SoftTlb.MISS
                && table.watches().touches(page, page + mask);
    }

    private boolean isAllowed(long address, long right) {
        VmArea vma = layout.find(address);
        if (vma == null) {
            return false;
        }
        if (right == FORCED_READ) {
            return vma.hasAny(VmaFlags.READ | VmaFlags.MAYREAD);
        }
        return right == Pte.FORCED_WRITE ? Resolve.isCopyOnWrite(vma) : (PageRights.most(vma) & right) == right;
    }

    private static boolean isWrite(long right) {
        return right == Pte.WRITE || right == Pte.FORCED_WRITE;
    }

    private InvariantViolation violated(String invariant, String what, long page, int frame, long right) {
        return checker.report(
                invariant,
                String.format(
                        Locale.ROOT,
                        "frame %d %s; accessed at 0x%x for %s by thread %s",
                        frame,
                        what,
                        page,
                        isWrite(right) ? "writing" : right == Pte.EXEC ? "executing" : "reading",
                        Thread.currentThread().getName()),
                table.number(),
                page,
                tlb.history());
    }
}
