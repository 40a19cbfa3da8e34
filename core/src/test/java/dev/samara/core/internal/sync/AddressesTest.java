// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Comparisons of addresses, half of which are negative as a {@code long}. */
final class AddressesTest {
    /** Addresses in unsigned order. */
    private static final long[] ORDER = {0, 1, Long.MAX_VALUE, Long.MIN_VALUE, -4096, -1};

    @Test
    @DisplayName("the order is that of the address space, not that of long")
    void order() {
        for (int i = 0; i < ORDER.length; i++) {
            for (int j = 0; j < ORDER.length; j++) {
                assertEquals(i < j, Addresses.isBelow(ORDER[i], ORDER[j]));
                assertEquals(ORDER[Math.min(i, j)], Addresses.lower(ORDER[i], ORDER[j]));
                assertEquals(ORDER[Math.max(i, j)], Addresses.higher(ORDER[i], ORDER[j]));
            }
        }
    }

    @Test
    @DisplayName("a range has its start and not its end, and may lie across the sign")
    void contains() {
        assertTrue(Addresses.contains(Long.MAX_VALUE, -1, Long.MAX_VALUE));
        assertTrue(Addresses.contains(Long.MAX_VALUE, -1, Long.MIN_VALUE));
        assertFalse(Addresses.contains(Long.MAX_VALUE, -1, -1));
        assertFalse(Addresses.contains(Long.MAX_VALUE, -1, 0));
    }

    @Test
    @DisplayName("ranges that touch do not overlap")
    void overlap() {
        assertFalse(Addresses.overlap(0, 2, 2, 4));
        assertFalse(Addresses.overlap(2, 4, 0, 2));
        assertTrue(Addresses.overlap(0, 3, 2, 4));
        assertTrue(Addresses.overlap(1, Long.MIN_VALUE + 1, Long.MIN_VALUE, -1));
        assertFalse(Addresses.overlap(1, Long.MIN_VALUE, Long.MIN_VALUE, -1));
    }
}
