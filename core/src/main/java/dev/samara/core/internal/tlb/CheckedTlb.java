// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.check.History;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.sync.StackReserve;

/** The TLB of a checked machine. It also records the reuse stamp of each frame when a slot is filled. */
public final class CheckedTlb extends SoftTlb {
    /** The stack that recording an event needs, including the calls up to it, in stack frames. */
    private static final int RENUMBER_DEPTH = 12;

    private final Frames known;
    private final History history;
    private final long[] reuseStamps;

    /** By entry of the second level, the stamp of its frame when the entry was filled. */
    private long[] secondStamps = new long[1];

    private final int pageShift;
    private final int shift;

    /**
     * Creates an empty TLB.
     *
     * @param pageShift binary logarithm of the page size in bytes
     * @param entries the number of translations, a power of two
     * @param known the machine's frames
     * @param history records flushes
     */
    public CheckedTlb(int pageShift, int entries, Frames known, History history) {
        super(pageShift, entries);
        this.pageShift = pageShift;
        shift = Math.min(pageShift, GRANULE_SHIFT);
        this.known = known;
        this.history = history;
        reuseStamps = new long[entries];
    }

    @Override
    long fill(long address, int frame, long rights, long right) {
        stamp(address, frame);
        long physical = super.fill(address, frame, rights, right);
        if (right != Pte.EXEC) {
            secondStamps[secondEntryOf(address)] = reuseStampAtFill(address);
        }
        return physical;
    }

    @Override
    long promote(long address, long right) {
        long physical = inSecond(address, right);
        if (physical != MISS) {
            // As in stamp, but with the stamp of the fill, by which a flush that missed the entry is detected.
            drop(address);
            reuseStamps[slotOf(address)] = secondStamps[secondEntryOf(address)];
            super.promote(address, right);
        }
        return physical;
    }

    @Override
    void resizeSecond(int entries) {
        long[] stamps = new long[entries];
        super.resizeSecond(entries);
        secondStamps = stamps;
    }

    @Override
    long pass(long address, int frame) {
        stamp(address, frame);
        return super.pass(address, frame);
    }

    private void stamp(long address, int frame) {
        // A slot has only one stamp, so both parts of the TLB must have the same translation in it.
        drop(address);
        reuseStamps[slotOf(address)] = known.reuseStamp(frame);
    }

    /** Returns false, because a checked machine checks every access, so a view must not make any. */
    @Override
    public boolean isViewed() {
        return false;
    }

    @Override
    boolean tryFlush(long start, long end) {
        history.add("flushes a range of pages", (end - start) >>> pageShift, History.ANY, start, end);
        return super.tryFlush(start, end);
    }

    @Override
    void checkMayRenumber() {
        StackReserve.check(RENUMBER_DEPTH);
    }

    @Override
    int newNumber() {
        history.add("forgets a space", 0, History.ANY, 0, 0);
        return super.newNumber();
    }

    /** Returns the history of the CPU's latest actions; always the same object. */
    public History history() {
        return history;
    }

    private int slotOf(long address) {
        return (int) (address >>> shift) & reuseStamps.length - 1;
    }

    /**
     * Returns whether two addresses share a slot, so that the translation of one replaces the translation of the other.
     */
    public boolean sharesSlot(long address, long other) {
        return slotOf(address) == slotOf(other);
    }

    /**
     * Returns the reuse stamp that the frame had when the slot of an address was filled.
     *
     * @param address an address whose slot contains a translation
     */
    public long reuseStampAtFill(long address) {
        return reuseStamps[slotOf(address)];
    }
}
