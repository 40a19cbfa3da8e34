// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The epochs of a space")
final class EpochsTest {
    @Test
    @DisplayName("start again after the last one: every page counts as older, and no checkpoint loses one")
    void last() {
        SpaceFixture fixture = new SpaceFixture();
        PageTable pages = fixture.layout().pages();
        long at = fixture.anonymous(3);
        // Of the epoch that comes again.
        fixture.space.checkpoint().close();
        fixture.store(at + 2 * PAGE, 7);
        pages.startAt(Pte.LAST_EPOCH - 1);
        fixture.store(at, 1);
        try (Checkpoint first = fixture.space.checkpoint()) {
            fixture.store(at, 2);
            fixture.store(at + PAGE, 2);
            try (Checkpoint second = fixture.space.checkpoint()) {
                assertEquals(Pte.EPOCH_UNIT, pages.epoch());
                fixture.store(at, 3);
                fixture.store(at + PAGE, 3);
                fixture.store(at + 2 * PAGE, 3);
                assertEquals(3, second.restore());
                assertEquals(2, fixture.load(at));
                assertEquals(2, fixture.load(at + PAGE));
                assertEquals(7, fixture.load(at + 2 * PAGE));
                fixture.store(at + PAGE, 4);
            }
            assertEquals(2, first.restore());
            assertEquals(1, fixture.load(at));
            assertEquals(0, fixture.load(at + PAGE));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName(
            "start anew in a child of fork: no page of the parent counts as written since a checkpoint of the child")
    void child() {
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.anonymous(1);
        fixture.space.checkpoint().close();
        fixture.store(at, 1);
        try (AddressSpace child = fixture.space.fork()) {
            // Now the child is the only user of the page.
            assertEquals(0, fixture.space.munmap(at, PAGE));
            try (Checkpoint checkpoint = child.checkpoint()) {
                fixture.cpu.switchTo(child);
                fixture.store(at, 2);
                checkpoint.restore();
                assertEquals(1, fixture.load(at));
                fixture.cpu.switchTo(fixture.space);
            }
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("of pages that a checkpoint keeps are not taken for the same number after they started again")
    void keptPages() {
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.anonymous(1);
        Checkpoint first = fixture.space.checkpoint();
        fixture.store(at, 1);
        Checkpoint second = fixture.space.checkpoint();
        fixture.store(at, 2);
        fixture.layout().pages().startAt(Pte.LAST_EPOCH);
        // The epoch is that of the first store again.
        fixture.space.checkpoint().close();
        for (int run = 0; run < 2; run++) {
            second.restore();
            assertEquals(1, fixture.load(at));
            fixture.store(at, 3);
        }
        second.close();
        first.close();
        fixture.closeEmpty();
    }
}
