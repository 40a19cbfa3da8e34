// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileException;
import dev.samara.core.event.Report;
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
@DisplayName("What could not be saved")
final class UnsavedReportsTest extends HostFileFixture {
    private void failWrites() {
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.WRITE && length > 0) {
                throw new IOException("No space left on device");
            }
        };
    }

    private void assertReport(Path path, String which) {
        Report report = fixture.reports.remove(0);
        assertEquals(Report.Kind.FILE_NOT_SAVED, report.kind());
        assertEquals("file " + path + " could not be saved: ENOSPC; " + which, report.message());
        HostFileException cause = assertInstanceOf(HostFileException.class, report.cause());
        assertEquals(path.toString(), cause.getFile());
        assertEquals(Errno.ENOSPC, cause.errno());
    }

    @Test
    @DisplayName("by a last close is reported with the path, the errno and the dirty pages")
    void lastClose() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        HostFile file = open(path, RW);
        assertEquals(8, file.pwrite(bytes(1), 3 * PAGE));
        assertEquals(8, file.pwrite(bytes(1), 5 * PAGE));
        failWrites();
        file.close();
        assertReport(path, "dirty pages: 2, the first at byte " + 3 * PAGE);
        assertEquals(List.of(), fixture.reports);
        channels.failure = (call, offset, length) -> {};
        open(path).close();
        assertEquals(1, number(path, 5 * PAGE));
    }

    @Test
    @DisplayName("by the end of a mapping that was the last use is reported so, too: a store that no call has seen")
    void lastUnmapping() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        long at;
        try (HostFile file = open(path, RW)) {
            at = fixture.map(0, 8, READ | WRITE, MapFlags.SHARED, file, 0);
        }
        fixture.store(at + 7 * PAGE, 1);
        failWrites();
        assertEquals(0, space.munmap(at, 8 * PAGE));
        fixture.machine.awaitQuiescence();
        assertReport(path, "dirty pages: 1, the first at byte " + 7 * PAGE);
        assertEquals(List.of(), fixture.reports);
        channels.failure = (call, offset, length) -> {};
        open(path).close();
    }

    @Test
    @DisplayName("by a sync of the machine is reported for each file, and returned; the others are saved")
    void sync() throws Exception {
        Path first = write("a", PAGE_BYTES);
        Path second = write("b", 2 * PAGE_BYTES);
        HostFile a = open(first, RW);
        HostFile b = open(second, RW);
        long at = fixture.map(0, 1, READ | WRITE, MapFlags.SHARED, a, 0);
        fixture.store(at, 7);
        assertEquals(8, b.pwrite(bytes(8), PAGE));
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.WRITE && offset == PAGE) {
                throw new IOException("No space left on device");
            }
        };
        assertEquals(Errno.ENOSPC.result(), fixture.machine.sync());
        assertReport(second, "dirty pages: 1, the first at byte " + PAGE);
        assertEquals(7, number(first, 0));
        channels.failure = (call, offset, length) -> {};
        assertEquals(Errno.ENOSPC.result(), b.fsync(), "each open is told of it as well");
        channels.calls.clear();
        assertEquals(8, b.pwrite(bytes(9), PAGE));
        fixture.store(at, 9);
        assertEquals(0, fixture.machine.sync());
        assertEquals(9, number(first, 0));
        assertEquals(9, number(second, PAGE));
        assertEquals(2, channels.calls.stream().filter("force"::equals).count(), channels.calls::toString);
        assertEquals(List.of(), fixture.reports);
        a.close();
        b.close();
    }
}
