// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncRangeFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("A file of the host that is written only when that is asked for")
final class NoStealTest extends HostFileFixture {
    private static final int MEMORY = 128;
    private static final int LIMIT = 32;
    private static final int PAGES = 64;
    private static final int LARGE = 4 * MEMORY;

    NoStealTest() {
        super(Machine.builder()
                .memory(MEMORY * PAGE)
                .cacheLimit(LIMIT * PAGE)
                .poisonFrames(true)
                .writeBackEvery(Duration.ZERO));
    }

    private HostFile openNoSteal(Path path) {
        return open(path, StandardOpenOption.WRITE, HostFileOption.NO_STEAL);
    }

    private void assertUnchanged(Path path) throws Exception {
        for (int page = 0; page < PAGES; page++) {
            assertEquals(STAMP + page, number(path, page * PAGE));
        }
    }

    @Test
    @DisplayName("keeps its dirty pages in memory beyond the limit, and has them on the host after a save")
    void limit() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = openNoSteal(path);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        for (int page = 0; page < PAGES; page += 2) {
            fixture.store(at + page * PAGE, 1000 + page);
            assertEquals(8, file.pwrite(bytes(1001 + page), (page + 1) * PAGE));
        }
        HostFile other = open(write("other", 4 * LIMIT * PAGE_BYTES), RW);
        for (int page = 0; page < 4 * LIMIT; page++) {
            assertEquals(8, other.pwrite(bytes(page), page * PAGE));
        }
        PeriodicRounds.writeAll(MachineInternals.hostFiles(fixture.machine));
        fixture.machine.awaitQuiescence();
        assertUnchanged(path);
        assertEquals(0, file.absentPages(0, PAGES * PAGE));
        assertEquals(List.of(new HostFile.DirtyRange(0, PAGES * PAGE)), file.dirtyRanges(0, Long.MAX_VALUE));
        int flags = SyncRangeFlags.SYNC_FILE_RANGE_WRITE | SyncRangeFlags.WAIT_AFTER;
        assertEquals(0, file.syncRange(3 * PAGE, PAGE, flags));
        assertEquals(1003, number(path, 3 * PAGE));
        assertEquals(STAMP + 2, number(path, 2 * PAGE));
        assertEquals(0, file.fsync());
        for (int page = 0; page < PAGES; page++) {
            assertEquals(1000 + page, number(path, page * PAGE));
        }
        file.close();
        other.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @DisplayName("reports a full device by the write beyond the end, like a file with hooks")
    void fullDevice(boolean hasHooks) throws Exception {
        Path path = write("f", 0);
        HostFile file = open(path, StandardOpenOption.WRITE, hasHooks ? new PageHooks() {} : HostFileOption.NO_STEAL);
        long[] room = {2 * PAGE};
        channels.mostBytes = PAGE_BYTES;
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE && offset >= room[0]) {
                throw new IOException("No space left on device");
            }
        };
        ByteBuffer bytes = ByteBuffer.allocate(4 * PAGE_BYTES).putLong(0, 5);
        assertEquals(2 * PAGE, file.pwrite(bytes, 0));
        assertEquals(2 * PAGE, file.size());
        assertEquals(Errno.ENOSPC.result(), file.append(bytes));
        assertEquals(0, number(path, 0), "not written before the save");
        assertEquals(0, file.fsync());
        room[0] = 4 * PAGE;
        assertEquals(2 * PAGE, file.append(bytes));
        file.close();
        assertEquals(4 * PAGE, Files.size(path));
    }

    @Test
    @DisplayName("is out of memory where no frame is free and all its pages are dirty, and goes on after a save")
    void noFrame() throws Exception {
        HostFile file = openNoSteal(write("f", LARGE * PAGE_BYTES));
        int page = 0;
        long result = 8;
        while (result == 8) {
            assertTrue(page < LARGE);
            result = file.pwrite(bytes(page), page * PAGE);
            page++;
        }
        assertEquals(Errno.ENOMEM.result(), result);
        assertTrue(page > LIMIT);
        long at = fixture.map(0, LARGE, READ | WRITE, MapFlags.SHARED, file, 0);
        assertEquals(Fault.OUT_OF_MEMORY, fixture.memory.load(at + (LARGE - 1) * PAGE, 8));
        assertEquals(0, file.fsync());
        assertEquals(STAMP + LARGE - 1, fixture.load(at + (LARGE - 1) * PAGE));
        file.close();
    }

    @Test
    @DisplayName("is written by its last close, and has zeros on the host for bytes beyond the end until then")
    void close() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = openNoSteal(path);
        assertEquals(PAGES * PAGE, file.append(bytes(5)));
        assertEquals(8, file.pwrite(bytes(6), 0));
        assertEquals((PAGES * PAGE) + 8, Files.size(path));
        assertEquals(0, number(path, PAGES * PAGE));
        assertUnchanged(path);
        ByteBuffer read = ByteBuffer.allocate(8);
        assertEquals(8, file.pread(read, PAGES * PAGE));
        assertEquals(bytes(5).getLong(0), read.order(ByteOrder.LITTLE_ENDIAN).getLong(0));
        file.close();
        assertEquals(5, number(path, PAGES * PAGE));
        assertEquals(6, number(path, 0));
    }

    @Test
    @DisplayName("is so for all its opens, which name the option or none")
    void options() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile plain = fixture.machine.openFile(path, GEOMETRY);
        assertRefused(Errno.EBUSY, path, HostFileOption.NO_STEAL);
        plain.close();
        HostFile first = openNoSteal(path);
        HostFile second = open(path);
        HostFile third = openNoSteal(path);
        second.close();
        first.close();
        third.close();
    }
}
