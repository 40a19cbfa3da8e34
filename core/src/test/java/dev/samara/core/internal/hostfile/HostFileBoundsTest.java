// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.HostFile;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncRangeFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("I9: what a guest can make a file of the host keep, and what one file can do to others")
final class HostFileBoundsTest extends DirtyLimitFixture {
    /** More runs than are recorded. */
    private static final int RUNS = 1_060;

    HostFileBoundsTest() {
        super(new HeldTasks());
    }

    @Test
    @DisplayName("after more runs than are noted, a force that fails makes each page dirty that it may have lost")
    void runs() throws Exception {
        Path path = write("f", 2 * RUNS * PAGE_BYTES);
        HostFile file = open(path, RW);
        // A task would write back the pages that are dirty after the force.
        tasks.hold();
        for (int i = 0; i < RUNS; i++) {
            long page = 2L * (RUNS - 1 - i);
            assertEquals(8, file.pwrite(bytes(i), page * PAGE));
            assertEquals(0, file.syncRange(page * PAGE, PAGE, SyncRangeFlags.SYNC_FILE_RANGE_WRITE));
        }
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.FORCE) {
                throw new IOException("Input/output error");
            }
        };
        assertEquals(Errno.EIO.result(), file.fsync());
        channels.failure = (call, offset, length) -> {};
        int inMemory = 0;
        for (int i = 0; i < RUNS; i++) {
            inMemory += file.pageCache().frameAt(2L * i) >= 0 ? 1 : 0;
        }
        assertTrue(inMemory > RUNS - (1 << 10), "pages whose runs are not the last ones");
        assertEquals(inMemory, dirty(file, 0));
        tasks.release();
        assertEquals(0, file.fsync());
        file.close();
    }

    @Test
    @DisplayName("advice beyond sixteen reads that are under way is dropped, and later advice is taken")
    void advice() throws Exception {
        HostFile file = open(write("f", 64 * PAGE_BYTES));
        long at = fixture.map(0, 64, READ, MapFlags.SHARED, file, 0);
        tasks.hold();
        for (int page = 0; page < 40; page++) {
            assertEquals(0, space.madvise(at + page * PAGE, PAGE, Advice.WILLNEED));
        }
        Await.until("the tasks", () -> tasks.count() == 16);
        tasks.release();
        fixture.machine.awaitQuiescence();
        assertEquals(16, fixture.frames());
        assertEquals(0, space.madvise(at + 50 * PAGE, PAGE, Advice.WILLNEED));
        fixture.machine.awaitQuiescence();
        assertEquals(17, fixture.frames());
        file.close();
    }

    @Test
    @DisplayName("a write-back that runs out of memory is reported, and is no failure of a write to another file")
    void otherFile() throws Exception {
        Path path = write("other", MOST * PAGE_BYTES);
        HostFile lacking = open(write("lacking", MOST * PAGE_BYTES), RW);
        HostFile other = open(path, RW);
        tasks.hold();
        assertEquals(8, lacking.pwrite(bytes(1), (MOST - 1) * PAGE));
        long lost = (MOST - 1) * PAGE;
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.WRITE && offset == lost) {
                throw new OutOfMemoryError("for a write");
            }
        };
        for (int page = 0; page < MOST - 1; page++) {
            assertEquals(8, other.pwrite(bytes(100 + page), page * PAGE));
        }
        assertEquals(8, other.pwrite(bytes(7), 0));
        assertEquals(100 + 1, number(path, PAGE));
        assertTrue(fixture.reports.stream().allMatch(report -> report.kind() == Report.Kind.FILE_NOT_SAVED));
        assertEquals(1, fixture.reports.size());
        fixture.reports.clear();
        channels.failure = (call, offset, length) -> {};
        assertEquals(0, lacking.fsync());
        lacking.close();
        other.close();
    }

    @Test
    @DisplayName("reads by calls that follow each other read ahead, whatever their sizes")
    void sequentialReads() throws Exception {
        for (int pages : List.of(1, 4, 32)) {
            HostFile file = open(write("f" + pages, 96 * PAGE_BYTES));
            int before = channels.reads.get();
            ByteBuffer target = ByteBuffer.allocate(pages * PAGE_BYTES);
            for (int page = 0; page < 96; page += pages) {
                assertEquals(target.capacity(), file.pread(target.clear(), page * PAGE));
            }
            // If frames are consecutive, the reads have 2, 2, 4, 8, 16, 32 and 32 pages.
            int reads = channels.reads.get() - before;
            assertTrue(reads <= 14, () -> reads + " reads by " + pages + " pages");
            file.close();
        }
    }
}
