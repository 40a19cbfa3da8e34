// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The work of a completion")
final class CompletionWorkTest {
    private final CompletionWork work = new CompletionWork();

    private static LayoutCounters unmapped(long pages) {
        LayoutCounters counters = new LayoutCounters();
        counters.total = pages;
        return counters;
    }

    private long total() {
        return Objects.requireNonNull(work.uncharged()).total;
    }

    @Test
    @DisplayName("adds up what was unmapped, and knows the sum before the batch that is not published")
    void unmapped() {
        assertNull(work.uncharged());
        work.countUnmapped(unmapped(3));
        work.beginBatch();
        work.countUnmapped(unmapped(4));
        assertEquals(7, total());
        assertEquals(3, Objects.requireNonNull(work.unchargedBefore()).total);
        work.undoBatch();
        assertEquals(3, total());
    }

    @Test
    @DisplayName("has no sum again if the batch that unmapped first is dropped")
    void firstBatchDropped() {
        work.beginBatch();
        work.countUnmapped(unmapped(4));
        assertNotNull(work.uncharged());
        work.undoBatch();
        assertNull(work.uncharged());
    }

    @Test
    @DisplayName("tries a join at each address once, forgets those of a dropped batch, and those tried early")
    void joins() {
        assertEquals(List.of(), work.joins());
        work.joinLater(0x1000);
        work.addSeam(0x1000);
        work.joinLater(0x2000);
        PendingJoin seam = new PendingJoin(0x1000, true);
        PendingJoin join = new PendingJoin(0x2000, false);
        assertEquals(List.of(seam, join), work.joins());
        work.beginBatch();
        work.joinLater(0x3000);
        work.undoBatch();
        assertEquals(List.of(seam, join), work.joins());
        assertFalse(work.isJoining());
        work.joined(1);
        assertTrue(work.isJoining());
        assertEquals(List.of(seam), work.joins());
        work.clear();
        assertEquals(List.of(), work.joins());
    }
}
