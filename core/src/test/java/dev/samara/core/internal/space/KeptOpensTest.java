// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Checkpoint;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Mman;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The opens that a checkpoint keeps")
final class KeptOpensTest {
    @Test
    @DisplayName("are one for each of its mappings, however many younger checkpoints pass theirs on")
    void bounded() {
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.map(0, 1, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        try (Checkpoint oldest = fixture.space.checkpoint()) {
            KeptOpens kept = Objects.requireNonNull(fixture.layout().keptOpens());
            for (int round = 0; round < 20; round++) {
                try (Checkpoint younger = fixture.space.checkpoint()) {
                    assertEquals(0, fixture.space.munmap(at, PAGE));
                    younger.restore();
                }
            }
            assertEquals(1, kept.size());
            assertEquals(0, oldest.restore());
        }
        fixture.closeEmpty();
    }
}
