// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The numbers that a machine's memory gives to page caches. */
final class MachineMemoryTest {
    private final MachineMemory memory = SmallMemory.of(100);

    @ParameterizedTest
    @ValueSource(longs = {Integer.MAX_VALUE - 2L, 2L * Integer.MAX_VALUE - 1})
    @DisplayName("caches of pages have numbers of 64 bits: none is an anonymous page's, or that of a page being filled")
    void numbersOfCaches(long last) {
        memory.numberCachesFrom(last);
        Frames frames = memory.frames;
        List<Long> others = new ArrayList<>();
        for (int i = 1; i <= 6; i++) {
            FilePages cache = new FilePages(memory, 1 << 20, false);
            assertEquals(last + i, cache.number);
            int frame = cache.allocate();
            assertTrue(frames.isPrepared(frame, cache.number));
            assertFalse(frames.isCached(frame, cache.number, 0), "it is still being filled");
            for (long other : others) {
                assertFalse(frames.isPrepared(frame, other), "for another cache");
                assertFalse(frames.isCached(frame, other, 0), "another cache's");
            }
            assertEquals(frame, cache.insert(1, frame));
            assertTrue(frames.isCached(frame, cache.number, 1));
            others.add(cache.number);
            cache.remove(1, 1);
        }
        assertEquals(0, frames.inUse());
    }
}
