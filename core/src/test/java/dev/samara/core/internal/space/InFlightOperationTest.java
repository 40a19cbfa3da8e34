// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.space.InFlightOperation.PageAction;
import dev.samara.core.internal.space.InFlightOperation.PageMove;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("An operation in flight")
final class InFlightOperationTest {
    private static final PageMove MOVE = new PageMove(0x1000, 0x9000, 0x1000);

    /** An operation without a retirement. */
    private static final class BareOperation extends InFlightOperation {
        @Override
        public WaitReporter operation() {
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean givesUpItsRange() {
            return false;
        }

        @Override
        public void completed() {
            throw new UnsupportedOperationException();
        }

        @Override
        protected boolean isReady() {
            return false;
        }

        @Override
        public void run() {
            throw new UnsupportedOperationException();
        }
    }

    private static PageAction discard(long start, long end) {
        return new PageAction(PageAction.Kind.DISCARD, start, end, null, 0);
    }

    private final InFlightOperation operation = new BareOperation();

    /** Returns which of the borders 0x1000 to 0x9000 the operation leaves. */
    private long[] bordersBeside() {
        long[] borders = new long[9];
        Arrays.setAll(borders, i -> (i + 1) * 0x1000L);
        return Arrays.copyOf(borders, operation.leaveOutOf(borders, borders.length));
    }

    private static void assertTouched(Consumer<InFlightOperation> adding) {
        InFlightOperation operation = new BareOperation();
        adding.accept(operation);
        assertFalse(operation.retiresNothing());
        assertTrue(operation.touches(0x2000, 0x3000));
        assertTrue(operation.touches(0x3fff, 0x9000));
        assertFalse(operation.touches(0x1000, 0x2000));
        assertFalse(operation.touches(0x4000, 0x5000));
        assertEquals(0x2000, operation.low());
        assertEquals(0x4000, operation.high());
    }

    @Test
    @DisplayName("touches nothing while it is empty, and has borders nowhere")
    void empty() {
        assertTrue(operation.retiresNothing());
        assertFalse(operation.touches(0, -1));
        assertFalse(operation.occupies(0));
        assertArrayEquals(new long[0], bordersBeside(), "it will have more ranges");
    }

    @Test
    @DisplayName("is touched at its reserved, its occupied and its busy ranges")
    void kinds() {
        assertTouched(operation -> operation.reserve(0x2000, 0x4000));
        assertTouched(operation -> operation.occupy(0x2000, 0x4000, false));
        assertTouched(operation -> operation.act(discard(0x2000, 0x4000)));
    }

    @Test
    @DisplayName("is not touched between its ranges, but no border lies there")
    void between() {
        operation.reserve(0x6000, 0x7000);
        operation.occupy(0x2000, 0x3000, false);
        assertFalse(operation.touches(0x3000, 0x6000));
        assertArrayEquals(new long[] {0x1000, 0x2000, 0x7000, 0x8000, 0x9000}, bordersBeside());
    }

    @Test
    @DisplayName("is touched at all that it keeps for batches, and no border lies anywhere")
    void batched() {
        operation.keepForBatches(0x2000, 0x8000);
        assertTrue(operation.isBatched());
        assertTrue(operation.retiresNothing());
        operation.occupy(0x3000, 0x4000, false);
        assertTrue(operation.touches(0x7000, 0x8000));
        assertArrayEquals(new long[0], bordersBeside());
    }

    @Test
    @DisplayName("occupies addresses of both batched ranges, in whichever order batches add them")
    void occupiedInTwoBatchedRanges() {
        operation.keepForBatches(0x1000, 0x3000);
        operation.keepForBatches(0x6000, 0x9000);
        for (int batch = 0; batch < 2; batch++) {
            operation.beginBatch();
            operation.occupy(0x6000 + batch * 0x1000, 0x7000 + batch * 0x1000, false);
            operation.occupy(0x1000 + batch * 0x1000, 0x2000 + batch * 0x1000, false);
        }
        for (long address = 0; address < 0xa000; address += 0x1000) {
            boolean isIn = (address >= 0x1000 && address < 0x3000) || (address >= 0x6000 && address < 0x8000);
            assertEquals(isIn, operation.occupies(address), Long.toHexString(address));
        }
    }

    @Test
    @DisplayName("forgets what a batch that is dropped has added, and nothing else")
    void droppedBatch() {
        operation.keepForBatches(0x1000, 0x3000);
        operation.keepForBatches(0x6000, 0x9000);
        operation.beginBatch();
        operation.reserve(0x1000, 0x2000);
        operation.occupy(0x6000, 0x7000, false);
        operation.act(discard(0x8000, 0x8800));
        operation.beginBatch();
        operation.reserve(0x2000, 0x3000);
        operation.occupy(0x7000, 0x8000, false);
        operation.occupy(0x2800, 0x3000, false);
        operation.act(discard(0x8800, 0x9000));
        operation.undoBatch();
        assertEquals("1000-2000", operation.reserved().toString());
        assertEquals("6000-7000", operation.occupied().toString());
        assertEquals("8000-8800", operation.busy().toString());
        assertTrue(operation.occupies(0x6000));
        assertFalse(operation.occupies(0x7000));
        assertFalse(operation.occupies(0x2800));
        assertTrue(operation.touches(0x2000, 0x3000), "still kept");
    }

    @Test
    @DisplayName("is alone unless it has stored over its own reservation")
    void alone() {
        operation.reserve(0x2000, 0x4000);
        operation.occupy(0x4000, 0x5000, false);
        assertTrue(operation.isAlone());
        operation.occupy(0x1000, 0x2001, false);
        assertFalse(operation.isAlone());
    }

    private static LayoutCounters unmapped(long pages) {
        LayoutCounters counters = new LayoutCounters();
        counters.total = pages;
        return counters;
    }

    private long total() {
        return Objects.requireNonNull(operation.uncharged()).total;
    }

    @Test
    @DisplayName("adds up what was unmapped, and knows the sum before the batch that is not published")
    void unmapped() {
        assertNull(operation.uncharged());
        operation.countUnmapped(unmapped(3));
        operation.beginBatch();
        operation.countUnmapped(unmapped(4));
        assertEquals(7, total());
        assertEquals(3, Objects.requireNonNull(operation.unchargedBefore()).total);
        operation.undoBatch();
        assertEquals(3, total());
    }

    @Test
    @DisplayName("has no sum again if the batch that unmapped first is dropped")
    void firstBatchDropped() {
        operation.beginBatch();
        operation.countUnmapped(unmapped(4));
        assertNotNull(operation.uncharged());
        operation.undoBatch();
        assertNull(operation.uncharged());
    }

    @Test
    @DisplayName("tries a join at each address once, forgets those of a dropped batch, and those tried early")
    void joins() {
        assertEquals(List.of(), operation.joins());
        operation.joinLater(new PendingJoin(0x1000, false));
        operation.joinLater(new PendingJoin(0x1000, true));
        operation.joinLater(new PendingJoin(0x2000, false));
        PendingJoin seam = new PendingJoin(0x1000, true);
        PendingJoin join = new PendingJoin(0x2000, false);
        assertEquals(List.of(seam, join), operation.joins());
        operation.beginBatch();
        operation.joinLater(new PendingJoin(0x3000, false));
        operation.undoBatch();
        assertEquals(List.of(seam, join), operation.joins());
        assertFalse(operation.isJoining());
        operation.joined(1);
        assertTrue(operation.isJoining());
        assertEquals(List.of(seam), operation.joins());
        operation.complete();
        assertEquals(List.of(), operation.joins());
    }

    @Test
    @DisplayName("joins an action with the one before it in the same batch only")
    void joinedActions() {
        operation.act(discard(0x1000, 0x2000));
        operation.act(discard(0x2000, 0x3000));
        assertEquals(List.of(discard(0x1000, 0x3000)), operation.actions());
        operation.beginBatch();
        operation.act(discard(0x3000, 0x4000));
        assertEquals(List.of(discard(0x1000, 0x3000), discard(0x3000, 0x4000)), operation.actions());
        assertEquals(List.of(discard(0x3000, 0x4000)), operation.partActions());
    }

    @Test
    @DisplayName("forgets the moves and actions of a batch that is dropped, and nothing else")
    void droppedMoves() {
        operation.beginBatch();
        operation.undoBatch();
        assertEquals(List.of(), operation.moves());
        operation.move(MOVE);
        operation.act(discard(0x1000, 0x2000));
        operation.beginBatch();
        assertEquals(List.of(), operation.partMoves());
        operation.move(new PageMove(0x2000, 0xa000, 0x1000));
        operation.act(discard(0x2000, 0x3000));
        operation.undoBatch();
        assertEquals(List.of(MOVE), operation.moves());
        assertEquals(List.of(discard(0x1000, 0x2000)), operation.actions());
    }
}
