// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The number of pages that a fault reads")
final class ReadAheadTest {
    private static final int PAGE_SIZE = 4096;

    /** Returns the number of pages read by each of several faults, if each fault is at the end of the previous read. */
    private static List<Integer> sequence(long first, long flags, int faults) {
        ReadAhead ahead = new ReadAhead(PAGE_SIZE);
        List<Integer> counts = new ArrayList<>();
        long page = first;
        for (int i = 0; i < faults; i++) {
            int count = ahead.window(page, flags);
            counts.add(count);
            page += count;
        }
        return counts;
    }

    @Test
    @DisplayName("doubles while accesses are sequential, up to 128 KiB, and ends at a multiple of that")
    void sequential() {
        assertEquals(List.of(2, 2, 4, 8, 16, 32, 32), sequence(0, 0, 7));
        assertEquals(List.of(1, 2, 4, 8, 8, 32, 32), sequence(1001, 0, 7));
    }

    @Test
    @DisplayName("is one at random, or with that advice, and 256 KiB with the other one")
    void advised() {
        assertEquals(List.of(1, 1, 1), sequence(40, VmaFlags.RAND_READ, 3));
        assertEquals(List.of(64, 64), sequence(64, VmaFlags.SEQ_READ, 2));
        assertEquals(List.of(63, 64), sequence(1, VmaFlags.SEQ_READ, 2));
        ReadAhead ahead = new ReadAhead(PAGE_SIZE);
        for (long page : new long[] {9, 3, 700, 12}) {
            assertEquals(1, ahead.window(page, 0));
        }
    }

    @Test
    @DisplayName("is one of a page that is larger than all that is read ahead")
    void largePages() {
        assertEquals(1, new ReadAhead(1 << 18).window(0, 0));
    }
}
