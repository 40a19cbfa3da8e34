// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import java.util.Arrays;
import java.util.stream.IntStream;

/** Supplementary groups ({@code struct group_info}). Immutable: a child and its parent share one. */
public final class GroupList {
    /** No groups. */
    public static final GroupList EMPTY = new GroupList(new int[0]);

    private final int[] ids;

    private GroupList(int[] ids) {
        this.ids = ids;
    }

    /**
     * Returns a list with groups.
     *
     * @param ids the unsigned numbers in any order; the list takes the array over
     */
    public static GroupList of(int[] ids) {
        // In ascending unsigned order: the sort treats the highest bit as the sign.
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

    /** Returns the numbers, in ascending order as unsigned ones. */
    public IntStream stream() {
        return Arrays.stream(ids);
    }
}
