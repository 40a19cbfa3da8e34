// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.RepeatedStep;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("Files of the host in a machine with a limit for their pages")
final class HostFileLimitTest extends HostFileFixture {
    private static final int LIMIT = 64;

    /** The limit plus the window of a read in progress. */
    private static final int MOST = LIMIT + 33;

    private static final int PAGES = 400;

    HostFileLimitTest() {
        super(Machine.builder()
                .memory(2048 * PAGE)
                .cacheLimit(LIMIT * PAGE)
                .writeBackEvery(Duration.ZERO)
                .reportWaitsLongerThan(Await.LONG)
                .reportShootdownsLongerThan(Await.LONG));
    }

    private void assertWithin() {
        assertTrue(fixture.frames() <= MOST, () -> "frames: " + fixture.frames());
    }

    @Test
    @DisplayName("are read through one mapping in full, with no more pages in memory than that")
    void reading() throws Exception {
        HostFile file = open(write("f", PAGES * PAGE_BYTES));
        long at = fixture.map(0, PAGES, READ, MapFlags.SHARED, file, 0);
        for (int round = 0; round < 3; round++) {
            for (int page = 0; page < PAGES; page++) {
                assertEquals(STAMP + page, fixture.load(at + page * PAGE));
                assertWithin();
            }
        }
        file.close();
    }

    @Test
    @DisplayName("are written through one mapping in full: dirty pages are written, and come back")
    void writing() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        Random random = new Random(3);
        long[] expected = new long[PAGES];
        for (int i = 1; i < 4_000; i++) {
            int page = random.nextInt(PAGES);
            fixture.store(at + page * PAGE + 8, i);
            expected[page] = i;
            assertWithin();
            int other = random.nextInt(PAGES);
            assertEquals(expected[other], fixture.load(at + other * PAGE + 8));
        }
        assertEquals(0, file.fsync());
        for (int page = 0; page < PAGES; page++) {
            assertEquals(expected[page], number(path, page * PAGE + 8));
        }
        file.close();
    }

    @Test
    @DisplayName("keep pages that are pinned or locked, and those that cannot be written")
    void kept() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        assertEquals(0, space.mlock(at, PAGE));
        long locked = fixture.pte(at);
        try (PinnedFrame pin = fixture.pin(at + PAGE, WRITE)) {
            SpaceFixture.write(pin, 5);
            for (int page = 2; page < PAGES; page++) {
                fixture.store(at + page * PAGE, page);
            }
            assertEquals(locked, fixture.pte(at));
            SpaceFixture.write(pin, 6);
            assertEquals(6, fixture.load(at + PAGE));
        }
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE) {
                throw new IOException("No space left on device");
            }
        };
        for (int page = 2; page < PAGES; page++) {
            fixture.store(at + page * PAGE, page + 1);
        }
        channels.failure = (call, offset, length) -> {};
        file.fsync();
        assertEquals(0, file.fsync());
        assertEquals(6, number(path, PAGE));
        assertEquals(PAGES, number(path, (PAGES - 1) * PAGE));
        file.close();
    }

    @ParameterizedTest
    @ValueSource(longs = {4096, 4160, 4224, 8192})
    @DisplayName("are accessed, with a limit of one page, also while this page must stay")
    void onePage(long limit) throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        Machine machine = Machine.builder().memory(64 * PAGE).cacheLimit(limit).build();
        try (AddressSpace one = machine.newSpace(GEOMETRY);
                HostFile file = machine.openFile(path, GEOMETRY, RW)) {
            long at = one.mmap(0, 4 * PAGE, READ | WRITE, MapFlags.SHARED, file, 0);
            assertEquals(0, one.mlock(at, PAGE));
            for (long page = 1; page < 4; page++) {
                Future<Long> number = thread.submit(longAt(file, page * PAGE));
                assertEquals(STAMP + page, Await.result("an access to page " + page, number, List.of()));
            }
        } finally {
            thread.shutdown();
        }
        machine.close();
    }

    private static Callable<Long> longAt(HostFile file, long offset) {
        return () -> file.getLong(offset);
    }

    @Test
    @DisplayName("have their mapped pages freed when other memory is needed")
    void shortMemory() throws Exception {
        HostFile file = open(write("f", LIMIT * PAGE_BYTES), RW);
        long at = fixture.map(0, LIMIT, READ | WRITE, MapFlags.SHARED, file, 0);
        for (int page = 0; page < LIMIT; page++) {
            assertEquals(STAMP + page, fixture.load(at + page * PAGE));
        }
        fixture.store(at, 9);
        long anonymous = fixture.anonymous(2047);
        for (int page = 0; page < 2047; page++) {
            fixture.store(anonymous + page * PAGE, 1);
        }
        assertEquals(9, fixture.load(at));
        assertEquals(0, space.munmap(anonymous, 2047 * PAGE));
        assertEquals(STAMP + 1, fixture.load(at + PAGE));
        file.close();
    }

    @Test
    @DisplayName("have their dirty pages written and freed when other memory is needed")
    void shortMemoryOfDirtyPages() throws Exception {
        Path path = write("f", LIMIT * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, LIMIT, READ | WRITE, MapFlags.SHARED, file, 0);
        for (int page = 0; page < LIMIT; page++) {
            fixture.store(at + page * PAGE, page);
        }
        long anonymous = fixture.anonymous(2040);
        for (int page = 0; page < 2040; page++) {
            fixture.store(anonymous + page * PAGE, 1);
        }
        assertEquals(3, number(path, 3 * PAGE));
        for (int page = 0; page < LIMIT; page++) {
            assertEquals(page, fixture.load(at + page * PAGE));
        }
        file.close();
    }

    @Test
    @DisplayName("take a write that is longer than the limit, and one longer than the memory")
    void longWrites() throws Exception {
        Path path = write("f", 0);
        HostFile file = open(path, RW);
        byte[] bytes = new byte[3 * 2048 * PAGE_BYTES];
        new Random(5).nextBytes(bytes);
        assertEquals(bytes.length, file.pwrite(ByteBuffer.wrap(bytes), 0));
        assertWithin();
        ByteBuffer target = ByteBuffer.allocate(bytes.length);
        assertEquals(bytes.length, file.pread(target, 0));
        assertArrayEquals(bytes, target.array());
        assertWithin();
        file.close();
        assertArrayEquals(bytes, Files.readAllBytes(path));
    }

    @Test
    @DisplayName("lose no store of two CPUs beside evictions and saves")
    void storm() throws Exception {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
        long[] expected = new long[PAGES];
        try (OtherCpu other = new OtherCpu(space)) {
            Random random = new Random(1);
            long[] number = {0};
            try (RepeatedStep stores = new RepeatedStep(
                            "stores",
                            () -> other.call(cpu -> {
                                cpu.enterGuest();
                                for (int i = 0; i < 50; i++) {
                                    int page = 2 * random.nextInt(PAGES / 2) + 1;
                                    assertFault(Fault.NONE, cpu.memory().store(at + page * PAGE, 8, ++number[0]));
                                    expected[page] = number[0];
                                    cpu.poll();
                                }
                                cpu.leaveGuest();
                                return 0;
                            }));
                    RepeatedStep syncs = new RepeatedStep("syncs", () -> assertEquals(0, file.fsync()))) {
                Random own = new Random(2);
                for (int i = 1; i < 10_000 && stores.goesOn() && syncs.goesOn(); i++) {
                    int page = 2 * own.nextInt(PAGES / 2);
                    fixture.store(at + page * PAGE, i);
                    expected[page] = i;
                    int seen = 2 * own.nextInt(PAGES / 2);
                    long wanted = expected[seen] == 0 ? STAMP + seen : expected[seen];
                    assertEquals(wanted, fixture.load(at + seen * PAGE));
                }
            }
        }
        assertEquals(0, file.fsync());
        for (int page = 0; page < PAGES; page++) {
            long wanted = expected[page] == 0 ? STAMP + page : expected[page];
            assertEquals(wanted, fixture.load(at + page * PAGE));
            assertEquals(wanted, number(path, page * PAGE));
        }
        file.close();
    }

    @Test
    @DisplayName("share the limit: many files are open, and few pages are in memory")
    void manyFiles() throws Exception {
        HostFile[] files = new HostFile[40];
        long[] at = new long[files.length];
        for (int i = 0; i < files.length; i++) {
            files[i] = fixture.machine.openFile(write("f" + i, 16 * PAGE_BYTES), GEOMETRY, RW);
            at[i] = fixture.map(0, 16, READ | WRITE, MapFlags.SHARED, files[i], 0);
        }
        Random random = new Random(7);
        for (int i = 0; i < 4_000; i++) {
            int file = random.nextInt(files.length);
            int page = random.nextInt(16);
            assertEquals(STAMP + page, fixture.load(at[file] + page * PAGE));
            fixture.store(at[file] + page * PAGE + 16, i);
            assertWithin();
        }
        for (HostFile file : files) {
            file.close();
        }
    }
}
