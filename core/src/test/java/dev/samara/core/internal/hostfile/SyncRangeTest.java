// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static dev.samara.core.mman.SyncRangeFlags.SYNC_FILE_RANGE_WRITE;
import static dev.samara.core.mman.SyncRangeFlags.WAIT_AFTER;
import static dev.samara.core.mman.SyncRangeFlags.WAIT_BEFORE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("syncRange")
final class SyncRangeTest extends HostFileFixture {
    private static final int ALL = WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | WAIT_AFTER;

    private void failWrites() {
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.WRITE) {
                throw new IOException("No space left on device");
            }
        };
    }

    private void mend() {
        channels.failure = (call, offset, length) -> {};
    }

    @Test
    @DisplayName("writes the dirty pages that a range touches, and forces nothing: the next save does")
    void range() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, 8, READ | WRITE, MapFlags.SHARED, file, 0);
        for (int page = 0; page < 8; page++) {
            fixture.store(at + page * PAGE, page);
        }
        assertEquals(0, file.syncRange(2 * PAGE + 1, PAGE, ALL));
        assertEquals(List.of("write " + 2 * PAGE + "+" + 2 * PAGE), channels.calls);
        assertEquals(0, file.syncRange(7 * PAGE, 0, SYNC_FILE_RANGE_WRITE));
        assertEquals("write " + 7 * PAGE + "+" + PAGE, channels.calls.get(1));
        assertEquals(0, file.syncRange(0, 8 * PAGE, 0));
        assertEquals(0, file.syncRange(0, 8 * PAGE, WAIT_BEFORE | WAIT_AFTER));
        assertEquals(2, channels.calls.size());
        assertEquals(0, file.syncRange(0, 0, ALL));
        assertEquals(4, channels.calls.size());
        assertEquals(0, file.fsync());
        assertEquals("force", channels.calls.get(4));
        assertEquals(5, channels.calls.size());
        file.close();
    }

    @Test
    @DisplayName("refuses what Linux refuses")
    void errors() throws Exception {
        HostFile file = open(write("f", PAGE_BYTES), RW);
        assertResult(Errno.EINVAL, file.syncRange(0, PAGE, 8));
        assertResult(Errno.EINVAL, file.syncRange(-1, PAGE, ALL));
        assertResult(Errno.EINVAL, file.syncRange(0, -1, ALL));
        assertResult(Errno.EINVAL, file.syncRange(PAGE, Long.MAX_VALUE, ALL));
        assertEquals(0, file.syncRange(0, Long.MAX_VALUE, ALL));
        assertEquals(0, file.syncRange(100 * PAGE, PAGE, ALL));
        file.close();
        assertResult(Errno.EBADF, file.syncRange(0, PAGE, 8));
    }

    @Test
    @DisplayName("tells a failure if it waits, once to each open")
    void failures() throws Exception {
        Path path = write("f", 2 * PAGE_BYTES);
        HostFile file = open(path, RW);
        HostFile second = open(path, RW);
        assertEquals(8, file.pwrite(bytes(5), 0));
        failWrites();
        assertEquals(0, file.syncRange(0, 0, SYNC_FILE_RANGE_WRITE));
        assertResult(Errno.ENOSPC, file.syncRange(0, 0, WAIT_AFTER));
        assertEquals(0, file.syncRange(0, 0, WAIT_AFTER));
        mend();
        assertResult(Errno.ENOSPC, second.syncRange(0, 0, ALL));
        assertEquals(List.of(), channels.calls);
        assertEquals(0, second.syncRange(0, 0, ALL));
        assertEquals(5, number(path, 0));
        failWrites();
        assertEquals(8, file.pwrite(bytes(6), 0));
        assertResult(Errno.ENOSPC, file.syncRange(0, 0, ALL));
        mend();
        assertEquals(0, file.fsync());
        assertEquals(6, number(path, 0));
        assertResult(Errno.ENOSPC, second.fsync());
        file.close();
        second.close();
    }
}
