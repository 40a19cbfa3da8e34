// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The footprint of an operation")
final class FootprintTest {
    private final Footprint footprint = new Footprint();

    /** Returns which of the borders 0x1000 to 0x9000 the footprint leaves. */
    private long[] bordersBeside() {
        long[] borders = new long[9];
        Arrays.setAll(borders, i -> (i + 1) * 0x1000L);
        return Arrays.copyOf(borders, footprint.leaveOutOf(borders, borders.length));
    }

    private static void assertTouched(Consumer<Footprint> adding) {
        Footprint footprint = new Footprint();
        adding.accept(footprint);
        assertFalse(footprint.isUnused());
        assertTrue(footprint.touches(0x2000, 0x3000));
        assertTrue(footprint.touches(0x3fff, 0x9000));
        assertFalse(footprint.touches(0x1000, 0x2000));
        assertFalse(footprint.touches(0x4000, 0x5000));
        assertEquals(0x2000, footprint.low());
        assertEquals(0x4000, footprint.high());
    }

    @Test
    @DisplayName("touches nothing while it is empty, and has borders nowhere")
    void empty() {
        assertTrue(footprint.isUnused());
        assertFalse(footprint.touches(0, -1));
        assertFalse(footprint.occupies(0));
        assertArrayEquals(new long[0], bordersBeside(), "it will have more ranges");
    }

    @Test
    @DisplayName("is touched at its reserved, its occupied and its busy ranges")
    void kinds() {
        assertTouched(footprint -> footprint.reserve(0x2000, 0x4000));
        assertTouched(footprint -> footprint.occupy(0x2000, 0x4000));
        assertTouched(footprint -> footprint.keepBusy(0x2000, 0x4000));
    }

    @Test
    @DisplayName("is not touched between its ranges, but no border lies there")
    void between() {
        footprint.reserve(0x6000, 0x7000);
        footprint.occupy(0x2000, 0x3000);
        assertFalse(footprint.touches(0x3000, 0x6000));
        assertArrayEquals(new long[] {0x1000, 0x2000, 0x7000, 0x8000, 0x9000}, bordersBeside());
    }

    @Test
    @DisplayName("is touched at all that it keeps for batches, and no border lies anywhere")
    void batched() {
        footprint.keepForBatches(0x2000, 0x8000);
        assertTrue(footprint.isBatched());
        assertTrue(footprint.isUnused());
        footprint.occupy(0x3000, 0x4000);
        assertTrue(footprint.touches(0x7000, 0x8000));
        assertArrayEquals(new long[0], bordersBeside());
    }

    @Test
    @DisplayName("occupies addresses of both batched ranges, in whichever order batches add them")
    void occupiedInTwoBatchedRanges() {
        footprint.keepForBatches(0x1000, 0x3000);
        footprint.keepForBatches(0x6000, 0x9000);
        for (int batch = 0; batch < 2; batch++) {
            footprint.beginBatch();
            footprint.occupy(0x6000 + batch * 0x1000, 0x7000 + batch * 0x1000);
            footprint.occupy(0x1000 + batch * 0x1000, 0x2000 + batch * 0x1000);
        }
        for (long address = 0; address < 0xa000; address += 0x1000) {
            boolean isIn = (address >= 0x1000 && address < 0x3000) || (address >= 0x6000 && address < 0x8000);
            assertEquals(isIn, footprint.occupies(address), Long.toHexString(address));
        }
    }

    @Test
    @DisplayName("forgets what a batch that is dropped has added, and nothing else")
    void droppedBatch() {
        footprint.keepForBatches(0x1000, 0x3000);
        footprint.keepForBatches(0x6000, 0x9000);
        footprint.beginBatch();
        footprint.reserve(0x1000, 0x2000);
        footprint.occupy(0x6000, 0x7000);
        footprint.keepBusy(0x8000, 0x8800);
        footprint.beginBatch();
        footprint.reserve(0x2000, 0x3000);
        footprint.occupy(0x7000, 0x8000);
        footprint.occupy(0x2800, 0x3000);
        footprint.keepBusy(0x8800, 0x9000);
        footprint.undoBatch();
        assertEquals("1000-2000", footprint.reserved().toString());
        assertEquals("6000-7000", footprint.occupied().toString());
        assertEquals("8000-8800", footprint.busy().toString());
        assertTrue(footprint.occupies(0x6000));
        assertFalse(footprint.occupies(0x7000));
        assertFalse(footprint.occupies(0x2800));
        assertTrue(footprint.touches(0x2000, 0x3000), "still kept");
    }

    @Test
    @DisplayName("knows whether it has stored over its own reservation")
    void occupiesReserved() {
        footprint.reserve(0x2000, 0x4000);
        footprint.occupy(0x4000, 0x5000);
        assertFalse(footprint.occupiesReserved());
        footprint.occupy(0x1000, 0x2001);
        assertTrue(footprint.occupiesReserved());
    }
}
