// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFile.DirtyRange;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.FileAdvice;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncRangeFlags;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Pages of a file of the host")
final class DirtyRangesTest extends HostFileFixture {
    private static final int PAGES = 40;

    private static List<DirtyRange> all(HostFile file) {
        return file.dirtyRanges(0, Long.MAX_VALUE);
    }

    private static DirtyRange pages(long first, long end) {
        return new DirtyRange(first * PAGE, end * PAGE);
    }

    @Test
    @DisplayName("are listed as dirty after writes by calls and stores through mappings, up to a write-back")
    void listed() throws Exception {
        HostFile file = open(write("f", PAGES * PAGE_BYTES - 100), RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.load(at + 2 * PAGE);
        assertEquals(List.of(), all(file));
        fixture.store(at + 3 * PAGE, 1);
        fixture.store(at + 4 * PAGE, 1);
        assertEquals(8, file.pwrite(bytes(1), 5 * PAGE));
        assertEquals(8, file.pwrite(bytes(1), 9 * PAGE));
        fixture.store(at + (PAGES - 1) * PAGE, 1);
        DirtyRange last = new DirtyRange((PAGES - 1) * PAGE, PAGES * PAGE - 100);
        assertEquals(List.of(pages(3, 6), pages(9, 10), last), all(file));
        assertEquals(List.of(pages(5, 6), pages(9, 10)), file.dirtyRanges(5 * PAGE + 7, 5 * PAGE));
        assertEquals(List.of(pages(3, 6), pages(9, 10), last), all(file), "a list changes nothing");

        int flags = SyncRangeFlags.SYNC_FILE_RANGE_WRITE;
        assertEquals(0, file.syncRange(4 * PAGE, PAGE, flags));
        assertEquals(List.of(pages(3, 4), pages(5, 6), pages(9, 10), last), all(file));
        assertEquals(0, file.fsync());
        assertEquals(List.of(), all(file));
        fixture.store(at + 4 * PAGE, 2);
        assertEquals(List.of(pages(4, 5)), all(file), "a store after the save");
        file.close();
        assertEquals(List.of(), all(file), "a closed file");
    }

    @Test
    @DisplayName("are listed as dirty also where the mapping is gone through which they were written")
    void unmapped() throws Exception {
        HostFile file = open(write("f", PAGES * PAGE_BYTES), RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at + 3 * PAGE, 1);
        assertEquals(0, space.munmap(at, PAGES * PAGE));
        assertEquals(List.of(pages(3, 4)), all(file));
        long copy = fixture.map(0, PAGES, READ | WRITE, MapFlags.PRIVATE, file, 0);
        fixture.store(copy + 5 * PAGE, 1);
        assertEquals(List.of(pages(3, 4)), all(file), "a private page is none of the file");
        file.close();
    }

    @Test
    @DisplayName("are not listed as clean while they are being written")
    void whileWritten() throws Exception {
        HostFile file = open(write("f", PAGES * PAGE_BYTES), RW);
        assertEquals(8, file.pwrite(bytes(1), 0));
        HeldCalls held = new HeldCalls(ChannelCall.WRITE);
        channels.failure = held;
        CallBeside save = CallBeside.start("save", file::fsync);
        held.awaitReached();
        List<DirtyRange> found = new ArrayList<>();
        CallBeside list = CallBeside.startUntilItWaits("list", () -> {
            found.addAll(all(file));
            return 0;
        });
        assertEquals(false, list.isOver());
        held.fail("No space left on device");
        assertEquals(Errno.ENOSPC.result(), save.result());
        assertEquals(0, list.result());
        assertEquals(List.of(pages(0, 1)), found);
        channels.failure = (call, offset, length) -> {};
        file.close();
    }

    @Test
    @DisplayName("are counted as absent until they are read, and no count reads one or waits")
    void absent() throws Exception {
        HostFile file = open(write("f", PAGES * PAGE_BYTES - 100), RW);
        assertEquals(PAGES, file.absentPages(0, Long.MAX_VALUE));
        long at = fixture.map(0, PAGES, READ, MapFlags.SHARED, file, 0);
        fixture.load(at + 8 * PAGE);
        assertEquals(PAGES - 1, file.absentPages(0, PAGES * PAGE));
        assertEquals(0, file.absentPages(8 * PAGE + 100, 5));
        assertEquals(1, file.absentPages(8 * PAGE + 100, PAGE));
        assertEquals(1, file.absentPages(9 * PAGE - 1, 2));
        assertEquals(0, file.absentPages(PAGES * PAGE, 5 * PAGE), "beyond the end");
        assertEquals(0, file.absentPages(3, 0));
        assertEquals(Errno.EINVAL.result(), file.absentPages(-1, 1));
        assertEquals(Errno.EINVAL.result(), file.absentPages(1, -1));
        assertEquals(Errno.EINVAL.result(), file.absentPages(Long.MAX_VALUE, 1));
        int reads = channels.reads.get();
        fixture.cpu.enterGuest();
        assertEquals(PAGES - 1, file.absentPages(0, PAGES * PAGE));
        fixture.cpu.leaveGuest();
        assertEquals(reads, channels.reads.get());
        assertEquals(PAGES * PAGE - 100, file.pread(ByteBuffer.allocate(PAGES * PAGE_BYTES), 0));
        assertTrue(file.absentPages(0, PAGES * PAGE) > 0, "a large read goes past the cache");
        for (int page = 0; page < PAGES; page++) {
            assertEquals(8, file.pread(ByteBuffer.allocate(8), page * PAGE));
        }
        assertEquals(0, file.absentPages(0, PAGES * PAGE));
        reads = channels.reads.get();
        assertEquals(PAGES * PAGE - 100, file.pread(ByteBuffer.allocate(PAGES * PAGE_BYTES), 0));
        assertEquals(reads, channels.reads.get(), "no read waits for the host then");
        file.close();
    }

    @Test
    @DisplayName("are freed by DONTNEED, mapped or not, but for dirty, locked and pinned ones and parts of pages")
    void dontNeed() throws Exception {
        HostFile file = open(write("f", PAGES * PAGE_BYTES - 100), RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        for (int page = 0; page < PAGES; page++) {
            fixture.load(at + page * PAGE);
        }
        fixture.store(at + 3 * PAGE, 33);
        assertEquals(0, space.mlock(at + 5 * PAGE, PAGE));
        try (PinnedFrame pin = fixture.pin(at + 7 * PAGE, READ)) {
            assertEquals(0, file.fadvise(100, 10 * PAGE, FileAdvice.POSIX_FADV_DONTNEED));
            assertEquals(9 - 3, file.absentPages(0, PAGES * PAGE));
            assertEquals(0, file.absentPages(0, PAGE), "a page of which a part is in the range");
            assertEquals(0, file.absentPages(10 * PAGE, PAGE), "a page of which a part is in the range");
            assertEquals(STAMP + 7, SpaceFixture.read(pin));
        }
        assertEquals(0, file.fadvise(0, 0, FileAdvice.POSIX_FADV_DONTNEED));
        assertEquals(PAGES - 2, file.absentPages(0, PAGES * PAGE), "all but the dirty and the locked one");
        assertEquals(33, fixture.load(at + 3 * PAGE));
        for (int page = 4; page < PAGES; page++) {
            assertEquals(STAMP + page, fixture.load(at + page * PAGE));
        }
        assertEquals(0, file.fsync());
        assertEquals(0, file.fadvise(3 * PAGE, PAGE, FileAdvice.POSIX_FADV_DONTNEED));
        assertEquals(1, file.absentPages(3 * PAGE, PAGE));
        file.close();
        assertEquals(Errno.EBADF.result(), file.fadvise(0, 0, FileAdvice.POSIX_FADV_DONTNEED));
    }

    @Test
    @DisplayName("are read ahead as an advice for the open says, or before they are needed")
    void readAhead() throws Exception {
        HostFile file = open(write("f", PAGES * PAGE_BYTES), RW);
        assertEquals(0, file.fadvise(2 * PAGE, 4 * PAGE, FileAdvice.POSIX_FADV_WILLNEED));
        fixture.machine.awaitQuiescence();
        assertEquals(0, file.absentPages(2 * PAGE, 4 * PAGE));
        assertEquals(PAGES - 4, file.absentPages(0, PAGES * PAGE));
        assertEquals(0, file.fadvise(0, 0, FileAdvice.POSIX_FADV_RANDOM));
        for (int page = 10; page < 14; page++) {
            assertEquals(8, file.pread(ByteBuffer.allocate(8), page * PAGE));
        }
        assertEquals(1, file.absentPages(14 * PAGE, PAGE), "one by one");
        assertEquals(0, file.fadvise(0, 0, FileAdvice.POSIX_FADV_SEQUENTIAL));
        assertEquals(8, file.pread(ByteBuffer.allocate(8), 20 * PAGE));
        assertEquals(0, file.absentPages(20 * PAGE, 4 * PAGE), "several at once");
        assertEquals(0, file.fadvise(0, 0, FileAdvice.POSIX_FADV_NOREUSE));
        assertEquals(Errno.EINVAL.result(), file.fadvise(0, 0, 6));
        assertEquals(Errno.EINVAL.result(), file.fadvise(-1, 0, FileAdvice.POSIX_FADV_WILLNEED));
        assertEquals(Errno.EINVAL.result(), file.fadvise(0, -1, FileAdvice.POSIX_FADV_WILLNEED));
        assertThrows(IllegalArgumentException.class, () -> file.dirtyRanges(-1, 0));
        file.close();
    }
}
