// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The work of a retire phase")
final class MovesAndActionsTest {
    private static final PageMove MOVE = new PageMove(0x1000, 0x9000, 0x1000);

    private static PageAction discard(long start, long end) {
        return new PageAction(PageAction.Kind.DISCARD, start, end, null, 0);
    }

    @Test
    @DisplayName("is shared by all operations that have none, and stays empty")
    void none() {
        MovesAndActions work = MovesAndActions.NONE.with(MOVE);
        assertNotSame(MovesAndActions.NONE, work);
        assertSame(work, work.with(discard(0, 0x1000)));
        MovesAndActions.NONE.beginBatch();
        MovesAndActions.NONE.undoBatch();
        assertEquals(List.of(), MovesAndActions.NONE.moves());
        assertEquals(List.of(), MovesAndActions.NONE.actions());
    }

    @Test
    @DisplayName("joins an action with the one before it in the same batch only")
    void joinedActions() {
        MovesAndActions work = MovesAndActions.NONE.with(discard(0x1000, 0x2000));
        assertSame(work, work.with(discard(0x2000, 0x3000)));
        assertEquals(List.of(discard(0x1000, 0x3000)), work.actions());
        work.beginBatch();
        assertSame(work, work.with(discard(0x3000, 0x4000)));
        assertEquals(List.of(discard(0x1000, 0x3000), discard(0x3000, 0x4000)), work.actions());
        assertEquals(List.of(discard(0x3000, 0x4000)), work.partActions());
    }

    @Test
    @DisplayName("forgets what a batch that is dropped has added, and nothing else")
    void droppedBatch() {
        MovesAndActions work = MovesAndActions.NONE.with(MOVE);
        assertSame(work, work.with(discard(0x1000, 0x2000)));
        work.beginBatch();
        assertEquals(List.of(), work.partMoves());
        assertSame(work, work.with(new PageMove(0x2000, 0xa000, 0x1000)));
        assertSame(work, work.with(discard(0x2000, 0x3000)));
        work.undoBatch();
        assertEquals(List.of(MOVE), work.moves());
        assertEquals(List.of(discard(0x1000, 0x2000)), work.actions());
    }
}
