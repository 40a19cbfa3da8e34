// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.CheckpointLog.Room;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The list of the pages of a checkpoint")
final class CheckpointLogTest {
    private static final int MANY = 600;

    private final SpaceFixture fixture = new SpaceFixture();
    private final PageTable table = fixture.layout().pages();
    private final long first = fixture.anonymous(MANY) >>> table.pageShift;

    private CheckpointLog log() {
        CheckpointLog log = new CheckpointLog(table, fixture.layout().snapshot());
        log.seal(false);
        return log;
    }

    @Test
    @DisplayName("has no room for an operation that reserves some after its end, and is not charged again")
    void ended() {
        CheckpointLog log = log();
        long before = fixture.machine.statistics().pageTableBytes();
        log.end();
        try (Room room = new Room(log)) {
            assertTrue(room.tryReserve(MANY));
        }
        assertEquals(before, fixture.machine.statistics().pageTableBytes());
        fixture.close();
    }

    @Test
    @DisplayName("hands on what it lists, and not what was removed from it before")
    void handedOn() {
        CheckpointLog younger = log();
        CheckpointLog older = log();
        younger.older = older;
        for (int round = 0; round < 2; round++) {
            int pages = round == 0 ? MANY : 4;
            for (int page = 0; page < pages; page++) {
                assertEquals(1, younger.change(first + page, Pte.NONE));
            }
            for (int page = 0; page < pages - round; page++) {
                assertEquals(Pte.NONE, younger.remove(first + page));
            }
        }
        younger.freeze(true);
        younger.moveToOlder();
        assertArrayEquals(new long[] {first + 3}, older.pages());
        assertEquals(Pte.NONE, older.get(first + 3));
        assertArrayEquals(new long[0], younger.pages());
        younger.end();
        older.end();
        fixture.close();
    }
}
