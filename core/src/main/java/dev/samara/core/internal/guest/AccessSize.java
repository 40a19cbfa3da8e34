// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

/** The sizes of numbers in memory. */
final class AccessSize {
    private AccessSize() {}

    /**
     * Checks the size of a number.
     *
     * @throws IllegalArgumentException unless the size is 1, 2, 4 or 8
     */
    static void check(int size) {
        if (size != 8 && size != 4 && size != 2 && size != 1) {
            throw new IllegalArgumentException("size " + size + " is not 1, 2, 4 or 8");
        }
    }
}
