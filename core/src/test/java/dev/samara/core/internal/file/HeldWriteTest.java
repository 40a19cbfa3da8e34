// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.mman.MapFlags;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A write of bytes to a page that is not in memory, which has filled a frame and not inserted it yet")
final class HeldWriteTest {
    private final AtomicReference<@Nullable HookedFrames> store = new AtomicReference<>();
    private final SpaceFixture fixture =
            new SpaceFixture(Machine.builder().memory(64 * PAGE).frameStore((shift, count) -> {
                HookedFrames made = new HookedFrames(shift, count);
                store.set(made);
                return made;
            }));

    @Test
    @DisplayName("writes to the page that a fault inserts meanwhile")
    void insertedMeanwhile() {
        MemoryFile file = fixture.machine.newFile("/f", 7, GEOMETRY, PAGE);
        long at = fixture.map(0, 1, RW, MapFlags.SHARED, file.open(), 0);
        HookedFrames.Hold hold = Objects.requireNonNull(store.get()).holdNextWrite();
        FutureTask<Long> written = new FutureTask<>(() -> file.pwrite(new byte[] {9}, 0, 1, 0));
        Thread writer = new Thread(written, "pwrite");
        writer.setDaemon(true);
        writer.start();
        Latches.await(hold.reached);
        assertEquals(0, fixture.load(at));
        hold.released.countDown();
        assertEquals(1, Await.result("pwrite", written, fixture.reports));
        assertEquals(9, fixture.load(at));
        file.close();
        assertEquals(0, fixture.space.munmap(at, PAGE));
        fixture.close();
    }
}
