// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Pages of a file of the host that are advised as needed soon")
final class HostFileAdviceTest extends HostFileFixture {
    private static final int LIMIT = 64;

    HostFileAdviceTest() {
        super(Machine.builder()
                .memory(512 * PAGE)
                .cacheLimit(LIMIT * PAGE)
                .poisonFrames(true)
                .writeBackEvery(Duration.ZERO));
    }

    private long map(HostFile file, int pages) {
        return fixture.map(0, pages, READ, MapFlags.SHARED, file, 0);
    }

    private void advise(long at, int pages) throws InterruptedException {
        assertEquals(0, space.madvise(at, pages * PAGE, Advice.WILLNEED));
        fixture.machine.awaitQuiescence();
    }

    @Test
    @DisplayName("are read in few large parts, and no access reads then")
    void read() throws Exception {
        HostFile file = open(write("f", 32 * PAGE_BYTES));
        long at = fixture.map(0, 32, READ, MapFlags.PRIVATE, file, 0);
        long last = fixture.map(0, 1, READ, MapFlags.SHARED, file, 31);
        assertEquals(STAMP + 31, fixture.load(last));
        int before = channels.reads.get();
        advise(at + PAGE, 31);
        assertEquals(1, channels.reads.get() - before);
        for (int page = 1; page < 32; page++) {
            assertEquals(STAMP + page, fixture.load(at + page * PAGE));
        }
        assertEquals(1, channels.reads.get() - before);
        assertEquals(STAMP, fixture.load(at));
        assertEquals(2, channels.reads.get() - before);
        file.close();
    }

    @Test
    @DisplayName("are as many as half of the limit, so that none is evicted for another")
    void bounded() throws Exception {
        HostFile file = open(write("f", 400 * PAGE_BYTES));
        long at = map(file, 400);
        advise(at, 400);
        assertEquals(LIMIT / 2, fixture.frames());
        int before = channels.reads.get();
        for (int page = 0; page < LIMIT / 2; page++) {
            assertEquals(STAMP + page, fixture.load(at + page * PAGE));
        }
        assertEquals(before, channels.reads.get());
        advise(at + 100 * PAGE, 300);
        advise(at + 200 * PAGE, 200);
        before = channels.reads.get();
        for (int page = 200; page < 200 + LIMIT / 2; page++) {
            assertEquals(STAMP + page, fixture.load(at + page * PAGE));
        }
        assertEquals(before, channels.reads.get());
        file.close();
    }

    @Test
    @DisplayName("are mapped by the first access to each, if the mapping is for random accesses")
    void mappedAlone() throws Exception {
        HostFile file = open(write("f", 32 * PAGE_BYTES));
        long at = map(file, 32);
        advise(at, 32);
        assertEquals(0, space.madvise(at, 16 * PAGE, Advice.RANDOM));
        for (int page : new int[] {2, 9, 20}) {
            assertEquals(STAMP + page, fixture.load(at + page * PAGE));
        }
        for (int page = 0; page < 16; page++) {
            assertEquals(page == 2 || page == 9, fixture.isMapped(at + page * PAGE), "page " + page);
        }
        assertTrue(fixture.isMapped(at + 19 * PAGE) || fixture.isMapped(at + 21 * PAGE));
        file.close();
    }

    @Test
    @DisplayName("end with the file")
    void beyondEnd() throws Exception {
        HostFile file = open(write("f", 4 * PAGE_BYTES + 16));
        long at = map(file, 8);
        channels.failure = (call, offset, length) -> assertTrue(offset + length <= 4 * PAGE + 16);
        advise(at, 8);
        assertEquals(5, fixture.frames());
        advise(at + 6 * PAGE, 2);
        assertEquals(5, fixture.frames());
        assertEquals(STAMP + 4, fixture.load(at + 4 * PAGE));
        assertFault(Fault.ADRERR, fixture.memory.load(at + 5 * PAGE, 8));
        file.close();
    }

    @Test
    @DisplayName("are read for each mapping of a range with a hole, which is an error nevertheless")
    void hole() throws Exception {
        HostFile file = open(write("f", 8 * PAGE_BYTES));
        long at = map(file, 8);
        assertEquals(0, space.munmap(at + 3 * PAGE, PAGE));
        assertResult(Errno.ENOMEM, space.madvise(at, 8 * PAGE, Advice.WILLNEED));
        fixture.machine.awaitQuiescence();
        assertEquals(7, fixture.frames());
        assertEquals(2, channels.reads.get());
        file.close();
    }

    @Test
    @DisplayName("are read after the close of the file, which its mapping keeps open")
    void closed() throws Exception {
        HostFile file = open(write("f", 4 * PAGE_BYTES));
        long at = map(file, 4);
        file.close();
        advise(at, 4);
        assertEquals(1, channels.reads.get());
        assertEquals(STAMP + 3, fixture.load(at + 3 * PAGE));
        assertEquals(1, channels.reads.get());
    }

    @Test
    @DisplayName("are read without the caller, and keep the file open while its last mapping goes")
    void inBackground() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch goesOn = new CountDownLatch(1);
        channels.failure = (call, offset, length) -> {
            begun.countDown();
            Latches.await(goesOn);
        };
        HostFile file = open(write("f", 4 * PAGE_BYTES));
        long at = map(file, 4);
        file.close();
        assertEquals(0, space.madvise(at, 4 * PAGE, Advice.WILLNEED));
        Latches.await(begun);
        assertEquals(0, space.munmap(at, 4 * PAGE));
        assertEquals(1, channels.open.get());
        goesOn.countDown();
        fixture.machine.awaitQuiescence();
        assertEquals(0, channels.open.get());
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("are read by a later access if the read fails, and no call is told")
    void failure() throws Exception {
        channels.failure = (call, offset, length) -> {
            throw new IOException("Input/output error");
        };
        HostFile file = open(write("f", 4 * PAGE_BYTES));
        long at = map(file, 4);
        advise(at, 4);
        assertEquals(0, fixture.frames());
        assertFault(Fault.ADRERR, fixture.memory.load(at, 8));
        channels.failure = (call, offset, length) -> {};
        assertEquals(STAMP, fixture.load(at));
        file.close();
    }
}
