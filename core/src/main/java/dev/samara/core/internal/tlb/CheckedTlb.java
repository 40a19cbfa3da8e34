// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.check.History;
import dev.samara.core.internal.page.Frames;

/** One that remembers besides in which of its lives each frame was, and counts the times for which handles live. */
public final class CheckedTlb extends SoftTlb {
    private final Frames known;
    private final History history;
    private final long[] lives;
    private final int pageShift;

    private long epoch;

    /**
     * Makes an empty one.
     *
     * @param pageShift binary logarithm of the page size
     * @param entries how many, a power of two
     * @param known the machine's frames
     * @param history takes what it forgets
     */
    public CheckedTlb(int pageShift, int entries, Frames known, History history) {
        super(pageShift, entries);
        this.pageShift = pageShift;
        this.known = known;
        this.history = history;
        lives = new long[entries];
    }

    @Override
    long fill(long address, int frame, long rights) {
        lives[slotOf(address)] = known.lives(frame);
        return super.fill(address, frame, rights);
    }

    @Override
    boolean flush(long start, long end) {
        history.add("flushes a range of pages", (end - start) >>> pageShift, AccessChecker.ANY, start, end);
        return super.flush(start, end);
    }

    @Override
    int newNumber() {
        history.add("forgets a space", 0, AccessChecker.ANY, 0, 0);
        return super.newNumber();
    }

    /** The CPU goes to GUEST, or leaves it, or has told listeners. */
    @Override
    void select(int number) {
        epoch++;
        super.select(number);
    }

    /** Handles from before mean nothing from now on. */
    public void endHandles() {
        epoch++;
    }

    /**
     * When it is, for handles.
     *
     * @return a number that grows whenever they end
     */
    public long epoch() {
        return epoch;
    }

    /**
     * What the CPU did last.
     *
     * @return always the same
     */
    public History history() {
        return history;
    }

    /**
     * Where the translation of an address would be.
     *
     * @param address any address
     * @return an index
     */
    public int slotOf(long address) {
        return (int) (address >>> pageShift) & lives.length - 1;
    }

    /**
     * How often the frame had been freed when it was filled in.
     *
     * @param slot of a translation that it has
     * @return a number
     */
    public long livesAtFill(int slot) {
        return lives[slot];
    }

    /**
     * How many translations it has room for.
     *
     * @return a power of two
     */
    public int entries() {
        return lives.length;
    }
}
