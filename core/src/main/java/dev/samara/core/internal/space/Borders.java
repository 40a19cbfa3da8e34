// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import java.util.Arrays;

/** Addresses between the parts of a layout, in ascending order. */
final class Borders {
    static final long[] NONE = {};

    private Borders() {}

    /**
     * Returns the address in {@code [from, to]} with the most trailing zero bits. An allocator aligns the areas that it
     * hands to threads. So this address rarely lies inside such an area, even if an area that is not known yet lies
     * between {@code from} and {@code to}. The midpoint would lie inside it more often: if three areas are at equal
     * distances, the midpoint is inside the middle one.
     *
     * @param from not 0, and at most {@code to}
     */
    static long mostAligned(long from, long to) {
        return to & -Long.highestOneBit((from - 1) ^ to);
    }

    /** Returns whether a VMA lies across an address. */
    static boolean isCrossed(MapleTree<VmArea> tree, long border) {
        VmArea there = tree.get(border);
        return there != null && there.start() != border;
    }

    /**
     * Removes, from the first {@code count} elements of an array, the addresses inside a range. Returns how many
     * remain.
     */
    static int leaveOut(long[] borders, int count, long start, long end) {
        int left = 0;
        for (int i = 0; i < count; i++) {
            if (!isInside(borders[i], start, end)) {
                borders[left++] = borders[i];
            }
        }
        return left;
    }

    private static boolean isInside(long border, long start, long end) {
        return Addresses.isBelow(start, border) && Addresses.isBelow(border, end);
    }

    /**
     * Removes, from the first {@code count} elements of an array, the addresses that lie inside a VMA. Returns how many
     * remain.
     */
    static int leaveOutCrossed(long[] borders, int count, MapleTree<VmArea> tree) {
        int left = 0;
        for (int i = 0; i < count; i++) {
            if (!isCrossed(tree, borders[i])) {
                borders[left++] = borders[i];
            }
        }
        return left;
    }

    /** Returns the addresses that are not inside a range. */
    static long[] outside(long[] borders, long start, long end) {
        long[] kept = borders.clone();
        return Arrays.copyOf(kept, leaveOut(kept, kept.length, start, end));
    }

    /** Returns the borders that are not among {@code others}. */
    static long[] without(long[] borders, long[] others) {
        long[] kept = new long[borders.length];
        int count = 0;
        for (long border : borders) {
            if (!contains(others, border)) {
                kept[count++] = border;
            }
        }
        return Arrays.copyOf(kept, count);
    }

    private static boolean contains(long[] borders, long border) {
        for (long each : borders) {
            if (each == border) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns the old borders, and as many new ones as there is room for. If not all new ones fit, they are picked at
     * even intervals.
     */
    static long[] merged(long[] old, long[] more, int most) {
        long[] added = without(more, old);
        int room = Math.max(0, Math.min(added.length, most - old.length));
        long[] all = Arrays.copyOf(old, old.length + room);
        for (int i = 0; i < room; i++) {
            all[old.length + i] = added[room == added.length ? i : (i + 1) * added.length / (room + 1)];
        }
        return distinct(Addresses.sorted(all, all.length));
    }

    /** Returns ascending addresses without duplicates. */
    static long[] distinct(long[] sorted) {
        long[] kept = sorted.clone();
        int count = 0;
        for (long border : sorted) {
            if (count == 0 || kept[count - 1] != border) {
                kept[count++] = border;
            }
        }
        return Arrays.copyOf(kept, count);
    }
}
