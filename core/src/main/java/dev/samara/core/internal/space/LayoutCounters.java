// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;

/**
 * The sizes of a layout that are compared with its limits ({@code mm_struct}'s {@code total_vm} and its relatives). In
 * pages, except the map count and the numbers of VMAs.
 *
 * <p>Guarded by the lock of the district ({@code District.counters}): an edit works on a copy, which replaces the
 * original at publication.
 */
public final class LayoutCounters {
    public long maps;
    public long total;
    long data;
    long exec;
    long stack;

    /** The pages that the machine may drop when no frame is free. */
    long droppable;

    public long locked;
    public long accounted;

    /** VMAs with an open. */
    public long opens;

    /** Sealed VMAs. */
    public long sealed;

    /** VMAs whose pages belong to a page cache. */
    public long cached;

    LayoutCounters copy() {
        LayoutCounters copy = new LayoutCounters();
        copy.set(this);
        return copy;
    }

    void set(LayoutCounters other) {
        maps = other.maps;
        total = other.total;
        data = other.data;
        exec = other.exec;
        stack = other.stack;
        droppable = other.droppable;
        locked = other.locked;
        accounted = other.accounted;
        opens = other.opens;
        sealed = other.sealed;
        cached = other.cached;
    }

    /** Adds a VMA, or with sign -1 subtracts it. */
    public void count(VmArea vma, long pages, int sign) {
        long flags = vma.flags();
        long signed = sign * pages;
        maps += sign;
        total += signed;
        data += isData(flags) ? signed : 0;
        exec += isExec(flags) ? signed : 0;
        stack += (flags & VmaFlags.GROWSDOWN) != 0 ? signed : 0;
        droppable += (flags & VmaFlags.DROPPABLE) != 0 ? signed : 0;
        locked += (flags & VmaFlags.LOCKED) != 0 ? signed : 0;
        accounted += (flags & VmaFlags.ACCOUNT) != 0 ? signed : 0;
        sealed += (flags & VmaFlags.SEALED) != 0 ? sign : 0;
        opens += vma.hasOpen() ? sign : 0;
        cached += vma.isCached() ? sign : 0;
    }

    /** Adds all counters of another object a number of times, or with -1 subtracts them, e.g. of removed VMAs. */
    public void addAll(LayoutCounters other, int times) {
        maps += times * other.maps;
        total += times * other.total;
        data += times * other.data;
        exec += times * other.exec;
        stack += times * other.stack;
        droppable += times * other.droppable;
        locked += times * other.locked;
        accounted += times * other.accounted;
        opens += times * other.opens;
        sealed += times * other.sealed;
        cached += times * other.cached;
    }

    /**
     * Adds VMAs that are unmapped and in flight, or with sign -1 reverts that. Counts their sizes, but neither the map
     * count nor the locked pages, because Linux also subtracts these before it clears pages.
     */
    public void addInFlight(LayoutCounters uncharged, int sign) {
        total += sign * uncharged.total;
        data += sign * uncharged.data;
        exec += sign * uncharged.exec;
        stack += sign * uncharged.stack;
        accounted += sign * uncharged.accounted;
    }

    /** Returns whether the flags count as data: writable, private and not a stack. */
    static boolean isData(long flags) {
        return (flags & (VmaFlags.WRITE | VmaFlags.SHARED | VmaFlags.GROWSDOWN)) == VmaFlags.WRITE;
    }

    private static boolean isExec(long flags) {
        return (flags & (VmaFlags.EXEC | VmaFlags.WRITE | VmaFlags.GROWSDOWN)) == VmaFlags.EXEC;
    }

    /** Returns the sizes that users see. */
    long[] usage() {
        return new long[] {maps, total, data, exec, stack, locked, accounted};
    }

    boolean sameAs(LayoutCounters other) {
        return maps == other.maps
                && total == other.total
                && data == other.data
                && exec == other.exec
                && stack == other.stack
                && droppable == other.droppable
                && locked == other.locked
                && accounted == other.accounted
                && opens == other.opens
                && sealed == other.sealed
                && cached == other.cached;
    }

    @Override
    public String toString() {
        return "maps " + maps + ", total " + total + ", data " + data + ", exec " + exec + ", stack " + stack
                + ", locked " + locked + ", accounted " + accounted + ", opens " + opens
                + ", sealed " + sealed + ", cached " + cached;
    }
}
