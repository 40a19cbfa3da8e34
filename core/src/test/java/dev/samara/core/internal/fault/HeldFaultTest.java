// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.HeldLeaf;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A fault that has decided, and is not at the lock of the leaf yet")
final class HeldFaultTest {
    private final SpaceFixture fixture =
            new SpaceFixture(Machine.builder().memory(64 * PAGE).poisonFrames(true));
    private final Frames frames = fixture.layout().memory().frames();

    @Test
    @DisplayName("copies a page that a fork gives to a child meanwhile, though no other mapping had it before")
    void sharedMeanwhile() {
        long at = fixture.anonymous(1);
        fixture.store(at, 7);
        // Leaves a page that is not exclusive, and has one mapping.
        fixture.space.fork().close();
        int frame = Pte.frame(fixture.pte(at));
        assertEquals(1, frames.mappings(frame));
        Future<Long> stored;
        try (HeldLeaf held = new HeldLeaf(fixture.space, at)) {
            stored = held.stopped("write", () -> fixture.space.write(at, new byte[] {8}, 0, 1));
            // What a fork does under this lock.
            assertTrue(frames.share(frame));
        }
        assertEquals(1, Await.result("write", stored, fixture.reports));
        assertNotEquals(frame, Pte.frame(fixture.pte(at)));
        assertEquals(7, frames.store().get(frame, 0, 8), "the child's page");
        assertEquals(8, fixture.load(at));
        frames.drop(frame);
        fixture.closeEmpty();
    }
}
