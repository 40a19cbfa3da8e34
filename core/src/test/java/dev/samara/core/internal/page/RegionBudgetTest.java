// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.fixture.Await;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The sum of all regions that are not collected yet. */
final class RegionBudgetTest {
    private final AtomicInteger collections = new AtomicInteger();

    /** Stands for the buffer of a region. */
    private final Object kept = new Object();

    private final RegionBudget budget = new RegionBudget(1000, 1, collections::incrementAndGet);

    @Test
    @DisplayName("a collection is asked for above the limit, and again after each quarter of the limit")
    void limit() {
        RegionBudget.Share share = budget.share(kept);
        share.add(1000);
        assertEquals(0, collections.get());
        share.add(1);
        assertEquals(1, collections.get());
        share.add(250);
        assertEquals(1, collections.get());
        share.add(1);
        assertEquals(2, collections.get());
        assertEquals(1252, budget.sum());
    }

    @Test
    @DisplayName("the bytes of a collected region no longer count, and the next excess is an excess anew")
    void collected() {
        RegionBudget.Share share = budget.share(kept);
        Object[] other = {new Object()};
        budget.share(other[0]).add(900);
        share.add(200);
        assertEquals(1, collections.get());
        // Not earlier, because a region is reachable while it takes memory.
        other[0] = null;
        Await.until("the end of the other share", () -> {
            System.gc();
            share.add(0);
            return budget.sum() == 200;
        });
        share.add(800);
        assertEquals(1, collections.get());
        share.add(1);
        assertEquals(2, collections.get());
    }
}
