// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.internal.memory.IndexBudget;
import dev.samara.core.internal.page.Frames;
import java.util.Arrays;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The last reads of a file")
final class RecentReadsTest {
    private static final int PAGES = 4096;

    private final PageIndex index = new PageIndex(PAGES, IndexBudget.unlimited());
    private RecentReads recent = new RecentReads(128, 1024);

    private void read(long first, int count) {
        for (int i = 0; i < count; i++) {
            index.put(first + i, (int) first + i);
        }
        recent.add(first, count, PAGES);
    }

    private long[] collect(int room) {
        long[] found = new long[room];
        int[] frames = new int[room];
        int count = recent.collect(index, PAGES, found, frames);
        for (int i = 0; i < count; i++) {
            assertEquals(found[i], frames[i]);
            index.put(found[i], Frames.NONE);
        }
        return Arrays.copyOf(found, count);
    }

    private static long[] pages(long first, int count) {
        long[] pages = new long[count];
        Arrays.setAll(pages, i -> first + i);
        return pages;
    }

    @Test
    @DisplayName("are freed in their order, as whole reads, while half of the most pages stay")
    void order() {
        read(320, 32);
        read(64, 32);
        read(32, 32);
        assertArrayEquals(pages(320, 32), collect(64));
        assertArrayEquals(new long[0], collect(64));
        read(0, 32);
        read(96, 32);
        assertArrayEquals(pages(32, 64), collect(64));
    }

    @Test
    @DisplayName("leave the queue unfreed where it is full, and pages that are not in memory are left out")
    void full() {
        for (int i = 0; i < 9; i++) {
            read(32L * i, 32);
        }
        index.put(165, Frames.NONE);
        long[] expected =
                Arrays.stream(pages(160, 32)).filter(page -> page != 165).toArray();
        assertArrayEquals(expected, collect(32));
        assertArrayEquals(pages(192, 32), collect(32));
        assertArrayEquals(new long[0], collect(32));
    }

    @Test
    @DisplayName("are forgotten where a block is read again that was freed, the first time")
    void again() {
        for (int i = 0; i < 4; i++) {
            read(32L * i, 32);
        }
        assertArrayEquals(pages(0, 64), collect(64));
        read(0, 32);
        read(128, 32);
        read(160, 32);
        assertArrayEquals(pages(64, 64), collect(64));
        read(32, 32);
        read(64, 32);
        read(192, 32);
        read(0, 32);
        assertArrayEquals(pages(128, 64), collect(64));
    }

    @Test
    @DisplayName("stay longer after a block is read again that was freed, up to the most pages")
    void longer() {
        recent = new RecentReads(256, 1024);
        for (int i = 0; i < 4; i++) {
            read(32L * i, 32);
        }
        assertArrayEquals(pages(0, 64), collect(64));
        read(0, 32);
        for (int i = 4; i < 7; i++) {
            read(32L * i, 32);
        }
        assertArrayEquals(pages(64, 32), collect(64));
        read(32, 32);
        read(224, 32);
        assertArrayEquals(pages(96, 32), collect(64));
    }

    @Test
    @DisplayName("are remembered within the horizon only")
    void horizon() {
        for (int i = 0; i < 4; i++) {
            read(32L * i, 32);
        }
        collect(64);
        // Uses the same place as page 0.
        read(1024, 32);
        read(1056, 32);
        collect(64);
        read(1088, 32);
        read(1120, 32);
        collect(64);
        read(0, 32);
        read(2048, 32);
        assertArrayEquals(pages(1088, 64), collect(64));
        read(2080, 32);
        read(2112, 32);
        assertArrayEquals(
                Arrays.stream(new long[][] {pages(0, 32), pages(2048, 32)})
                        .flatMapToLong(Arrays::stream)
                        .toArray(),
                collect(64));
    }
}
