// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Of the pages of an eviction,")
final class PagesUnderEvictionTest {
    @Test
    @DisplayName("the first one at or after a page is found; those of a batch before are not")
    void next() {
        PagesUnderEviction out = new PagesUnderEviction();
        assertEquals(Long.MAX_VALUE, out.atOrAfter(0));
        out.set(new long[] {3, 4, 9, 0}, 3);
        assertEquals(3, out.atOrAfter(0));
        assertEquals(3, out.atOrAfter(3));
        assertEquals(9, out.atOrAfter(5));
        assertEquals(9, out.atOrAfter(9));
        assertEquals(Long.MAX_VALUE, out.atOrAfter(10));
        out.set(new long[] {3, 4, 9}, 0);
        assertEquals(Long.MAX_VALUE, out.atOrAfter(3));
    }
}
