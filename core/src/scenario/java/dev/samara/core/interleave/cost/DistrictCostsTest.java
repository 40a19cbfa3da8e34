// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.interleave.cost.DistrictCostScenario.Work;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Checks how many words threads with separate ranges share, i.e. words that one thread writes and another one uses. */
@Tag("interleave")
@DisplayName("The words that threads share which map and unmap in ranges of their own")
final class DistrictCostsTest {
    /** The number of words of committed memory, and of slots for idle contexts. */
    private static final int STRIPES = 8;

    private static void assertShared(int expected, Work work, int threads, int parts) {
        List<String> shared = DistrictCosts.of(work, threads, parts);
        assertEquals(expected, shared.size(), () -> work + ", " + threads + " threads, " + parts + " parts: " + shared);
    }

    /**
     * Returns the number of shared words of a layout: the lock, the number of operations, the root, the charge and the
     * number of mapped pages of each part that is used by several threads.
     */
    private static int ofLayout(int threads, int parts) {
        return (threads > parts ? 5 * parts : 0) + stripes(threads);
    }

    /**
     * Returns how many shared words a removal of pages reads for the peak number of pages, in an undivided layout: with
     * few threads the leaf of each thread, otherwise one count of the pages that were removed since it last read the
     * leaves.
     */
    private static int ofPeak(int threads) {
        return threads <= 2 ? threads : 1;
    }

    private static int stripes(int threads) {
        return threads > STRIPES ? STRIPES : 0;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8, 64})
    @DisplayName("without memory: none in a part of their own, five in a part that they share")
    void layout(int threads) {
        assertShared(ofLayout(threads, 1), Work.LAYOUT, threads, 1);
        int parts = Math.min(threads, DistrictCosts.MOST_PARTS);
        assertShared(ofLayout(threads, parts), Work.LAYOUT, threads, parts);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8, 64})
    @DisplayName("far from a commit limit: none more")
    void limit(int threads) {
        assertShared(ofLayout(threads, 1), Work.LIMIT, threads, 1);
        int parts = Math.min(threads, DistrictCosts.MOST_PARTS);
        assertShared(ofLayout(threads, parts), Work.LIMIT, threads, parts);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8, 64})
    @DisplayName("with memory, and no page: none more for up to eight threads, which have a context each")
    void memory(int threads) {
        assertShared(ofLayout(threads, 1) + stripes(threads), Work.MEMORY, threads, 1);
        int parts = Math.min(threads, DistrictCosts.MOST_PARTS);
        assertShared(ofLayout(threads, parts) + stripes(threads), Work.MEMORY, threads, parts);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8})
    @DisplayName("with a page that its thread alone has used: no flush's generation, and what the highest number reads")
    void touch(int threads) {
        assertShared(ofLayout(threads, 1) + (threads == 1 ? 0 : ofPeak(threads)), Work.TOUCH, threads, 1);
        assertShared(ofLayout(threads, threads), Work.TOUCH, threads, threads);
    }
}
