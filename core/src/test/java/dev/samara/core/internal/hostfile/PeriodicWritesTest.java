// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.testing.Incidents;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Dirty pages of files of the host, written in the background,")
final class PeriodicWritesTest extends HostFileFixture {
    PeriodicWritesTest() {
        super(Machine.builder().memory(512 * PAGE).writeBackEvery(Duration.ofMillis(5)));
    }

    private static boolean has(Path path, long page, long wanted) {
        try {
            return number(path, page * PAGE) == wanted;
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }

    @Test
    @DisplayName("reach the file without a save, again and again, and are not forced")
    void written() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, 4, READ | WRITE, MapFlags.SHARED, file, 0);
        for (int round = 1; round < 4; round++) {
            long wanted = round;
            fixture.store(at + round * PAGE, wanted);
            Await.until("a write", () -> has(path, wanted, wanted));
        }
        assertFalse(channels.calls.contains("force"));
        assertEquals(0, file.fsync());
        file.close();
    }

    @Test
    @DisplayName("are written once the host works again, and the failure is told by the next save")
    void failure() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, 4, READ | WRITE, MapFlags.SHARED, file, 0);
        AtomicInteger failed = new AtomicInteger();
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE) {
                failed.incrementAndGet();
                throw new IOException("No space left on device");
            }
        };
        fixture.store(at, 7);
        Await.until("failures", () -> failed.get() > 2);
        channels.failure = (call, offset, length) -> {};
        Await.until("a write", () -> has(path, 0, 7));
        assertResult(Errno.ENOSPC, file.fsync());
        assertEquals(0, file.fsync());
        file.close();
    }

    @Test
    @DisplayName("are written though the executor once had no memory for a task")
    void noTask() {
        AtomicInteger tasks = new AtomicInteger();
        AtomicInteger rounds = new AtomicInteger();
        PeriodicWrites writes = new PeriodicWrites(
                () -> rounds.incrementAndGet() > 0,
                () -> true,
                task -> {
                    if (tasks.incrementAndGet() == 2) {
                        throw new OutOfMemoryError("of this test");
                    }
                    task.run();
                },
                1_000_000);
        writes.begin();
        Await.until("rounds after the failure", () -> rounds.get() >= 3);
        writes.cancel();
        Incidents.take("thread samara-timer ends with java.lang.OutOfMemoryError");
    }

    @Test
    @DisplayName("are written of a file that is opened after others were closed")
    void openedLater() throws Exception {
        for (int i = 0; i < 3; i++) {
            Path path = write("f" + i, PAGE_BYTES);
            HostFile file = open(path, RW);
            assertEquals(8, file.pwrite(bytes(5), 0));
            Await.until("a write", () -> has(path, 0, 5));
            file.close();
        }
    }
}
