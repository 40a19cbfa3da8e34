// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import java.util.Arrays;
import java.util.stream.IntStream;

/** Supplementary groups ({@code struct group_info}). Immutable, so a child and its parent share one list. */
public final class GroupList {
    /** No groups. */
    public static final GroupList EMPTY = new GroupList(new int[0]);

    private final int[] ids;

    private GroupList(int[] ids) {
        this.ids = ids;
    }

    /**
     * Returns a list of the given groups.
     *
     * @param ids the group IDs, unsigned, in any order; the list takes ownership of the array
     */
    public static GroupList of(int[] ids) {
        // Sorts in ascending unsigned order. The highest bit is flipped because the sort treats it as the sign.
        flip(ids);
        Arrays.sort(ids);
        flip(ids);
        return new GroupList(ids);
    }

    private static void flip(int[] ids) {
        for (int i = 0; i < ids.length; i++) {
            ids[i] ^= Integer.MIN_VALUE;
        }
    }

    public int size() {
        return ids.length;
    }

    /** Returns the group IDs in ascending unsigned order. */
    public IntStream stream() {
        return Arrays.stream(ids);
    }
}
