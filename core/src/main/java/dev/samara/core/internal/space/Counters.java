// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.op.OpenTransfer;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;

/**
 * What a layout holds, in numbers that limits are tested against ({@code mm_struct}'s {@code total_vm} and its
 * relatives). Pages, but for the number of mappings.
 *
 * <p>Guarded by the layout lock: an edit works on a copy, which takes the place of the original when it is published.
 */
public final class Counters {
    public long maps;
    public long total;
    long data;
    long exec;
    long stack;
    public long locked;
    public long accounted;

    /** VMAs with an open. */
    public long opens;

    Counters copy() {
        Counters copy = new Counters();
        copy.set(this);
        return copy;
    }

    /** Makes this equal to another. */
    void set(Counters other) {
        maps = other.maps;
        total = other.total;
        data = other.data;
        exec = other.exec;
        stack = other.stack;
        locked = other.locked;
        accounted = other.accounted;
        opens = other.opens;
    }

    /** Adds a VMA, or takes one away. */
    public void count(Vma vma, long pages, int sign) {
        long signed = sign * pages;
        maps += sign;
        total += signed;
        data += isData(vma.flags()) ? signed : 0;
        exec += isExec(vma.flags()) ? signed : 0;
        stack += vma.has(VmaFlags.GROWSDOWN) ? signed : 0;
        locked += vma.has(VmaFlags.LOCKED) ? signed : 0;
        accounted += vma.has(VmaFlags.ACCOUNT) ? signed : 0;
        opens += OpenTransfer.hasOpen(vma) ? sign : 0;
    }

    /**
     * Counts again what was unmapped and is not complete: the sizes, but not the number of mappings nor what is locked,
     * which Linux gives back before it clears pages too.
     */
    void add(Counters uncharged) {
        total += uncharged.total;
        data += uncharged.data;
        exec += uncharged.exec;
        stack += uncharged.stack;
        accounted += uncharged.accounted;
    }

    /** Ends {@link #add}. */
    public void subtract(Counters uncharged) {
        total -= uncharged.total;
        data -= uncharged.data;
        exec -= uncharged.exec;
        stack -= uncharged.stack;
        accounted -= uncharged.accounted;
    }

    /** Data is what is writable, private and no stack. */
    static boolean isData(long flags) {
        return (flags & (VmaFlags.WRITE | VmaFlags.SHARED | VmaFlags.GROWSDOWN)) == VmaFlags.WRITE;
    }

    private static boolean isExec(long flags) {
        return (flags & (VmaFlags.EXEC | VmaFlags.WRITE | VmaFlags.GROWSDOWN)) == VmaFlags.EXEC;
    }

    boolean sameAs(Counters other) {
        return maps == other.maps
                && total == other.total
                && data == other.data
                && exec == other.exec
                && stack == other.stack
                && locked == other.locked
                && accounted == other.accounted
                && opens == other.opens;
    }

    @Override
    public String toString() {
        return "maps " + maps + ", total " + total + ", data " + data + ", exec " + exec + ", stack " + stack
                + ", locked " + locked + ", accounted " + accounted + ", opens " + opens;
    }
}
