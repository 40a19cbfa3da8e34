// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.HookedFrames;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A read of bytes that has found its page, and has not copied it yet")
final class HeldReadTest extends HostFileFixture {
    private static final AtomicReference<@Nullable HookedFrames> STORE = new AtomicReference<>();

    HeldReadTest() {
        super(Machine.builder()
                .memory(64 * SpaceFixture.PAGE)
                .poisonFrames(true)
                .writeBackEvery(Duration.ZERO)
                .frameStore((shift, count) -> {
                    HookedFrames made = new HookedFrames(shift, count);
                    STORE.set(made);
                    return made;
                }));
    }

    @Test
    @DisplayName("I3: delays an eviction of the page, which no entry maps: its frame is not freed")
    void evicted() throws IOException {
        HostFile file = open(write("f", PAGE_BYTES), RW);
        FilePages pages = (FilePages) file.pageCache();
        ByteBuffer target = bytes(0);
        assertEquals(8, file.pread(target, 0));
        HookedFrames.Hold hold = Objects.requireNonNull(STORE.get()).holdNextRead();
        FutureTask<Long> read = new FutureTask<>(() -> file.pread(target.clear(), 0));
        Thread reader = new Thread(read, "pread");
        reader.setDaemon(true);
        reader.start();
        Latches.await(hold.reached);
        FutureTask<Integer> evicted =
                new FutureTask<>(() -> HostFilePages.saved(file).evict(true));
        Thread evicter = new Thread(evicted, "evict");
        evicter.setDaemon(true);
        evicter.start();
        Await.until(
                "the eviction waits or has ended",
                () -> evicted.isDone() || (pages.frameAt(0) == Frames.NONE && isParked(evicter)),
                fixture.reports);
        assertFalse(evicted.isDone());
        hold.released.countDown();
        assertEquals(8, Await.result("pread", read, fixture.reports));
        assertEquals(STAMP, target.getLong(0));
        assertEquals(1, Await.result("evict", evicted, fixture.reports));
        file.close();
    }

    private static boolean isParked(Thread thread) {
        Thread.State state = thread.getState();
        return state == Thread.State.WAITING || state == Thread.State.TIMED_WAITING;
    }
}
