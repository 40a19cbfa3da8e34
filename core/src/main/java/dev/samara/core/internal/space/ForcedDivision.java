// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import java.util.Arrays;

/**
 * Divides a layout at each operation, at the VMA boundaries around its range, whether or not threads contend. For
 * tests: the system property {@code samara.divided} enables this for all layouts.
 */
final class ForcedDivision {
    /** Whether layouts are divided in this way. */
    static final boolean IS_ON = Boolean.getBoolean("samara.divided");

    /** The maximum number of borders below a range, and of borders above it. */
    private static final int EACH = 4;

    private ForcedDivision() {}

    /** Returns the borders nearest to a range, ascending. */
    static long[] borders(MapleTree<VmArea> tree, long start, long end) {
        long[] borders = new long[2 * EACH];
        int count = 0;
        long address = start;
        while (count < EACH && address != 0) {
            VmArea vma = tree.atOrBefore(address - 1);
            if (vma == null) {
                break;
            }
            long next = Addresses.isAtMost(vma.end(), address) && vma.end() != address ? vma.end() : vma.start();
            address = next;
            count = add(borders, count, next);
        }
        int below = count;
        address = end;
        while (count < below + EACH && address != -1) {
            VmArea vma = tree.atOrAfter(address);
            if (vma == null) {
                break;
            }
            long next = Addresses.isBelow(address, vma.start()) ? vma.start() : vma.end();
            address = next;
            count = add(borders, count, next);
        }
        if (tree.get(start) == null || isStart(tree, start)) {
            count = add(borders, count, start);
        }
        return distinct(Addresses.sorted(borders, count));
    }

    private static boolean isStart(MapleTree<VmArea> tree, long address) {
        VmArea vma = tree.get(address);
        return vma != null && vma.start() == address;
    }

    private static int add(long[] borders, int count, long border) {
        if (border == 0 || border == -1 || count == borders.length) {
            return count;
        }
        borders[count] = border;
        return count + 1;
    }

    private static long[] distinct(long[] sorted) {
        int count = 0;
        for (long border : sorted) {
            if (count == 0 || sorted[count - 1] != border) {
                sorted[count++] = border;
            }
        }
        return Arrays.copyOf(sorted, count);
    }
}
