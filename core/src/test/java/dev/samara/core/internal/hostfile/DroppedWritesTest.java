// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncFlags;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Failed writes of files of the host that are dropped")
final class DroppedWritesTest extends HostFileFixture {
    private static final int LIMIT = 64;
    private static final int PAGES = 400;

    DroppedWritesTest() {
        super(Machine.builder()
                .memory(512 * PAGE)
                .cacheLimit(LIMIT * PAGE)
                .dropFailedWrites(true)
                .writeBackEvery(Duration.ZERO));
    }

    private void fail(ChannelCall what) {
        channels.failure = (call, offset, length) -> {
            if (call == what) {
                throw new IOException("No space left on device");
            }
        };
    }

    private void mend() {
        channels.failure = (call, offset, length) -> {};
    }

    @Test
    @DisplayName("are told once to each open, and the page is written again only after a store to it")
    void clean() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        HostFile second = open(path, RW);
        long at = fixture.map(0, 4, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at, 5);
        fixture.store(at + 2 * PAGE, 6);
        fail(ChannelCall.WRITE);
        assertResult(Errno.ENOSPC, space.msync(at, 4 * PAGE, SyncFlags.SYNC));
        assertEquals(0, space.msync(at, 4 * PAGE, SyncFlags.SYNC));
        mend();
        assertEquals(0, file.fsync());
        assertResult(Errno.ENOSPC, second.fsync());
        assertEquals(0, second.fsync());
        assertEquals(
                List.of(),
                channels.calls.stream().filter(call -> call.startsWith("write")).toList());
        assertEquals(5, fixture.load(at));
        assertEquals(STAMP, number(path, 0));
        fixture.store(at, 7);
        assertEquals(0, file.fsync());
        assertEquals(7, number(path, 0));
        assertEquals(STAMP + 2, number(path, 2 * PAGE));
        file.close();
        second.close();
    }

    @Test
    @DisplayName("leave pages that are evicted as clean ones, whose bytes are lost then")
    void evicted() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        fail(ChannelCall.WRITE);
        for (int page = 0; page < PAGES; page++) {
            fixture.store(at + page * PAGE, 1);
        }
        assertResult(Errno.ENOSPC, file.fsync());
        mend();
        assertEquals(0, file.fsync());
        assertEquals(STAMP, fixture.load(at));
        assertEquals(STAMP + 1, number(path, PAGE));
        file.close();
    }

    @Test
    @DisplayName("are reported if the last close makes them, and the file is closed")
    void lastClose() throws Exception {
        Path path = write("f", 2 * PAGE_BYTES);
        HostFile file = open(path, RW);
        assertEquals(8, file.pwrite(bytes(5), 0));
        fail(ChannelCall.WRITE);
        file.close();
        mend();
        assertEquals(0, channels.open.get());
        assertEquals(0, fixture.frames());
        assertEquals(
                List.of(Report.Kind.FILE_NOT_SAVED),
                fixture.reports.stream().map(Report::kind).toList());
        fixture.reports.clear();
        HostFile again = open(path, RW);
        assertEquals(0, again.fsync());
        assertEquals(STAMP, number(path, 0));
        again.close();
    }

    @Test
    @DisplayName("are not written for another force, if it was the force that has failed")
    void force() throws Exception {
        Path path = write("f", 2 * PAGE_BYTES);
        HostFile file = open(path, RW);
        assertEquals(8, file.pwrite(bytes(5), 0));
        fail(ChannelCall.FORCE);
        assertResult(Errno.ENOSPC, file.fsync());
        mend();
        channels.calls.clear();
        assertEquals(0, file.fsync());
        assertEquals(List.of("force"), channels.calls);
        assertEquals(5, number(path, 0));
        file.close();
    }

    @Test
    @DisplayName("do not include pages of a file that another program cuts, of which the rest is written")
    void cut() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        assertEquals(8, file.pwrite(bytes(5), 0));
        assertEquals(8, file.pwrite(bytes(6), PAGE));
        try (FileChannel other = FileChannel.open(path, StandardOpenOption.WRITE)) {
            other.truncate(PAGE);
        }
        assertEquals(0, file.fsync());
        assertEquals(5, number(path, 0));
        assertEquals(PAGE, file.size());
        file.close();
    }
}
