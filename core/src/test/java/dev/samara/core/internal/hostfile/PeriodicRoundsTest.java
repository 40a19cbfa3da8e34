// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A round of the periodic writes")
final class PeriodicRoundsTest extends HostFileFixture {
    /** More than two batches of a write-back. Here each batch is one write to the host. */
    private static final int PAGES = 600;

    private static final int BATCHES = 3;

    private final Semaphore reached = new Semaphore(0);
    private final Semaphore released = new Semaphore(0);

    PeriodicRoundsTest() {
        super(Machine.builder().memory(1024 * PAGE).writeBackEvery(Duration.ZERO));
    }

    @Test
    @DisplayName("writes each page that is dirty at its start, though another thread has the lock before each batch")
    void busyFile() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.WRITE) {
                reached.release();
                released.acquireUninterruptibly();
            }
        };
        // A page that becomes dirty during a round is dirty at the start of the next one, so it is written within two
        // periods.
        for (int round = 1; round <= 2; round++) {
            long number = 1000L * round;
            for (int page = 0; page < PAGES; page++) {
                assertEquals(8, file.pwrite(bytes(number), (long) page * PAGE));
            }
            roundBesideWriter(file, number);
            ByteBuffer content = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
            List<Integer> missing = new ArrayList<>();
            for (int page = 1; page < PAGES; page++) {
                if (content.getLong(page * PAGE_BYTES) != number) {
                    missing.add(page);
                }
            }
            assertEquals(List.of(), missing);
            assertTrue(content.getLong(0) >= number);
        }
        channels.failure = (call, offset, length) -> {};
        file.close();
    }

    /**
     * Runs a round on another thread. The calling thread writes to a page, and holds the lock whenever the round needs
     * it.
     */
    private void roundBesideWriter(HostFile file, long number) {
        FilePages pages = (FilePages) file.pageCache();
        CallBeside round;
        pages.lock();
        try {
            round = CallBeside.start("round", () -> {
                PeriodicRounds.writeAll(MachineInternals.hostFiles(fixture.machine));
                return 0;
            });
            for (int batch = 1; batch <= BATCHES; batch++) {
                round.awaitIn("file.Removals", "lock");
                assertFalse(round.isOver(), "ends before batch " + batch);
                assertEquals(8, file.pwrite(bytes(number + batch), 0));
                pages.unlock();
                try {
                    Await.until("the write of batch " + batch, () -> reached.tryAcquire());
                } finally {
                    pages.lock();
                }
                released.release();
            }
        } finally {
            pages.unlock();
        }
        assertEquals(0, round.result());
    }
}
