// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.RepeatedStep;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncFlags;
import dev.samara.core.mman.SyncRangeFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A call on a file of the host beside another one")
final class HostFileRacesTest extends HostFileFixture {
    /** Starts a call on another thread, and returns once the call waits or ended. */
    private static Thread begin(String name, Runnable call) {
        Thread thread = new Thread(call, name);
        thread.setDaemon(true);
        thread.start();
        Await.until(name, () -> isAtRest(thread), thread);
        return thread;
    }

    /**
     * Makes a call on another thread, and returns after the call, which may wait for the machine but not for the
     * caller.
     */
    private static Thread runBeside(Runnable call) {
        Thread thread = begin("another call", call);
        join(List.of(thread));
        return thread;
    }

    private static boolean isAtRest(Thread thread) {
        Thread.State state = thread.getState();
        return state == Thread.State.WAITING || state == Thread.State.TERMINATED;
    }

    private static void join(List<Thread> threads) {
        threads.forEach(thread -> Await.until(thread.getName() + ": its end", () -> !thread.isAlive(), thread));
    }

    @Test
    @DisplayName("no page is written that a truncation has removed: the truncation waits for the write")
    void truncationBesideWrite() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, 4, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at + 3 * PAGE, 1);
        List<Thread> truncations = new ArrayList<>();
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE && truncations.isEmpty()) {
                truncations.add(begin("truncation", () -> file.truncate(PAGE)));
            }
        };
        assertEquals(0, file.fsync());
        join(truncations);
        assertEquals(PAGE, Files.size(path));
        assertEquals(PAGE, file.size());
        file.close();
    }

    @Test
    @DisplayName("no page comes into memory that was read before a truncation: the truncation waits for the read")
    void truncationBesideRead() throws Exception {
        HostFile file = open(write("f", 4 * PAGE_BYTES), RW);
        long at = fixture.map(0, 4, READ | WRITE, MapFlags.SHARED, file, 0);
        List<Thread> truncations = new ArrayList<>();
        channels.afterRead = () -> {
            if (truncations.isEmpty()) {
                truncations.add(begin("truncation", () -> {
                    file.truncate(PAGE);
                    file.truncate(4 * PAGE);
                }));
            }
        };
        fixture.memory.load(at + 3 * PAGE, 8);
        join(truncations);
        channels.afterRead = () -> {};
        assertEquals(0, fixture.load(at + 3 * PAGE));
        file.close();
    }

    @Test
    @DisplayName("what another program has added is found, though the last page is evicted before it is written there")
    void evictionBesideGrowth() throws Exception {
        Path path = write("f", 2 * PAGE_BYTES - 8);
        HostFile file = open(path, RW);
        long at = fixture.map(0, 2, READ | WRITE, MapFlags.SHARED, file, 0);
        assertEquals(STAMP + 1, fixture.load(at + PAGE));
        Files.write(path, bytes(9).array(), StandardOpenOption.APPEND);
        List<Integer> evicted = new ArrayList<>();
        channels.afterRead = () -> {
            if (evicted.isEmpty()) {
                evicted.add(HostFilePages.saved(file).evict(true));
            }
        };
        assertEquals(0, file.revalidate());
        channels.afterRead = () -> {};
        assertEquals(List.of(1), evicted);
        assertEquals(9, fixture.load(at + 2 * PAGE - 8));
        assertEquals(STAMP + 1, fixture.load(at + PAGE));
        file.close();
    }

    @Test
    @DisplayName("what another program has added is in the last page, though the page was read before it was found")
    void growthBesideRead() throws Exception {
        Path path = write("f", 2 * PAGE_BYTES - 8);
        HostFile file = open(path, RW);
        AtomicBoolean isAdded = new AtomicBoolean();
        List<Thread> looks = new ArrayList<>();
        channels.afterRead = () -> {
            if (isAdded.compareAndSet(false, true)) {
                append(path, 9);
                looks.add(begin("revalidation", file::revalidate));
            }
        };
        ByteBuffer target = bytes(0);
        assertEquals(8, file.pread(target, PAGE));
        join(looks);
        channels.afterRead = () -> {};
        assertEquals(STAMP + 1, target.getLong(0));
        assertEquals(8, file.pread(target.clear(), 2 * PAGE - 8));
        assertEquals(9, target.getLong(0));
        file.close();
    }

    private static void append(Path path, long number) {
        try {
            Files.write(path, bytes(number).array(), StandardOpenOption.APPEND);
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }

    @Test
    @DisplayName("no page comes into memory that was read before a hole was punched")
    void holeBesideRead() throws Exception {
        HostFile file = open(write("f", 4 * PAGE_BYTES), RW);
        long at = fixture.map(0, 4, READ | WRITE, MapFlags.SHARED, file, 0);
        List<Thread> holes = new ArrayList<>();
        AtomicBoolean isBegun = new AtomicBoolean();
        channels.afterRead = () -> {
            // The hole reads, too.
            if (isBegun.compareAndSet(false, true)) {
                holes.add(begin("hole", () -> file.punch(2 * PAGE, 2 * PAGE)));
            }
        };
        fixture.memory.load(at + 3 * PAGE, 8);
        join(holes);
        channels.afterRead = () -> {};
        assertEquals(0, fixture.load(at + 3 * PAGE));
        file.close();
    }

    @Test
    @DisplayName(
            "no page comes into memory that was read before it was inserted, written and reclaimed by another call")
    void reclaimBesideRead() throws Exception {
        HostFile file = open(write("f", 4 * PAGE_BYTES), RW);
        FilePages pages = (FilePages) file.pageCache();
        List<Thread> others = new ArrayList<>();
        channels.afterRead = () -> {
            if (others.isEmpty()) {
                others.add(runBeside(() -> {
                    ByteBuffer page = ByteBuffer.allocate(PAGE_BYTES).put(0, (byte) 9);
                    file.pwrite(page, 3 * PAGE);
                    file.fsync();
                    while (pages.frameAt(3) >= 0 && pages.memory().reclaim()) {
                        Awake.turn();
                    }
                }));
            }
        };
        ByteBuffer target = bytes(0);
        assertEquals(8, file.pread(target, 3 * PAGE));
        join(others);
        channels.afterRead = () -> {};
        assertEquals(8, file.pread(target.clear(), 3 * PAGE));
        assertEquals(9, target.getLong(0));
        file.close();
    }

    /** Returns a whole page, whose write reads nothing. */
    private static ByteBuffer page(long number) {
        return ByteBuffer.allocate(PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(0, number);
    }

    @Test
    @DisplayName("no page of a window comes into memory that was changed meanwhile, though the first one is there")
    void windowBesideChanges() throws Exception {
        HostFile file = open(write("f", 4 * PAGE_BYTES), RW);
        List<Thread> others = new ArrayList<>();
        channels.afterRead = () -> {
            if (others.isEmpty()) {
                others.add(runBeside(() -> {
                    // Afterwards the second page of the window is on the host, but no longer in memory.
                    file.pwrite(page(9), PAGE);
                    file.fsync();
                    HostFilePages.saved(file).evict(true);
                    file.pwrite(page(8), 0);
                }));
            }
        };
        ByteBuffer target = bytes(0);
        assertEquals(8, file.pread(target, 0));
        join(others);
        channels.afterRead = () -> {};
        assertEquals(8, target.getLong(0), "the first page is that of the other call");
        assertEquals(8, file.pread(target.clear(), PAGE));
        assertEquals(9, target.getLong(0));
        file.close();
    }

    @Test
    @DisplayName("a read whose page was changed meanwhile is made again, five times beside changes, and then alone")
    void lateAgain() throws Exception {
        HostFile file = open(write("f", 4 * PAGE_BYTES), RW);
        long at = fixture.map(0, 4, READ, MapFlags.SHARED, file, 0);
        List<Thread> others = new ArrayList<>();
        int reads = channels.reads.get();
        channels.afterRead = () -> {
            if (others.size() < 6) {
                int number = others.size() + 8;
                boolean isLast = number == 13;
                Runnable change = () -> {
                    file.pwrite(page(number), PAGE);
                    file.fsync();
                    if (!isLast) {
                        HostFilePages.saved(file).evict(true);
                    }
                };
                // The last change waits for the read, which excludes changes. It does not evict the page, which the
                // read is about to map.
                others.add(!isLast ? runBeside(change) : begin("another call", change));
            }
        };
        assertEquals(13, fixture.load(at + PAGE));
        join(others);
        assertEquals(6, channels.reads.get() - reads);
        channels.afterRead = () -> {};
        assertEquals(13, fixture.load(at + PAGE));
        file.close();
    }

    @Test
    @DisplayName("a page stays in memory while it is written, so that no read gets what the host had before")
    void reclaimBesideWrite() throws Exception {
        HostFile file = open(write("f", 4 * PAGE_BYTES), RW);
        FilePages pages = (FilePages) file.pageCache();
        assertEquals(8, file.pwrite(bytes(5), PAGE));
        AtomicBoolean isChecked = new AtomicBoolean();
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE && isChecked.compareAndSet(false, true)) {
                // A reclaim concurrent with a change may find more pages later, so the number of reclaims is limited.
                join(List.of(begin("reclaim", () -> {
                    for (int i = 0;
                            i < MachineMemory.MOST_RECLAIMS && pages.memory().reclaim();
                            i++) {
                        Awake.turn();
                    }
                })));
                ByteBuffer target = bytes(0);
                assertEquals(8, file.pread(target, PAGE));
                assertEquals(5, target.getLong(0));
            }
        };
        assertEquals(0, file.fsync());
        assertTrue(isChecked.get());
        file.close();
    }

    @Test
    @DisplayName("an open that comes while the last close saves the file keeps it open")
    void openBesideClose() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        assertEquals(8, file.pwrite(bytes(5), PAGE));
        List<HostFile> opened = new ArrayList<>();
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.FORCE && opened.isEmpty()) {
                HostFile again = open(path, RW);
                opened.add(again);
                assertEquals(8, again.pwrite(bytes(6), 2 * PAGE));
            }
        };
        file.close();
        HostFile again = opened.get(0);
        ByteBuffer target = bytes(0);
        assertEquals(8, again.pread(target, 2 * PAGE));
        assertEquals(6, target.getLong(0));
        again.close();
        assertEquals(6, number(path, 2 * PAGE));
    }

    @Test
    @DisplayName("that is under way when its open is closed completes, and what it has written is saved then")
    void closeBesideCall() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.READ) {
                file.close();
            }
        };
        assertEquals(8, file.pwrite(bytes(5), PAGE));
        assertEquals(5, number(path, PAGE));
        assertEquals(0, channels.open.get());
        assertResult(Errno.EBADF, file.pwrite(bytes(6), PAGE));
    }

    @Test
    @DisplayName("is told of its own failure, though another call of its open was told of that meanwhile")
    void failureToldToAnother() throws Exception {
        HostFile file = open(write("f", 16 * PAGE_BYTES), RW);
        long at = fixture.map(0, 16, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at, 1);
        fixture.store(at + 9 * PAGE, 2);
        List<Long> told = new ArrayList<>();
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE && offset == 9 * PAGE) {
                throw new IOException("No space left on device");
            } else if (call == FaultyChannels.ChannelCall.FORCE) {
                // The write failed, and its caller waits for the force of another page.
                told.add(file.syncRange(0, 0, SyncRangeFlags.WAIT_BEFORE));
            }
        };
        assertResult(Errno.ENOSPC, file.fsync());
        fixture.store(at, 3);
        assertResult(Errno.ENOSPC, space.msync(at, 16 * PAGE, SyncFlags.SYNC));
        assertEquals(List.of(Errno.ENOSPC.result(), Errno.ENOSPC.result()), told);
        assertResult(
                Errno.ENOSPC, file.syncRange(0, 0, SyncRangeFlags.SYNC_FILE_RANGE_WRITE | SyncRangeFlags.WAIT_AFTER));
        channels.failure = (call, offset, length) -> {};
        assertEquals(0, file.fsync());
        file.close();
    }

    @Test
    @DisplayName("loses no byte: stores of two spaces, saves, reclaims, holes and truncations of pages of their own")
    void storm() throws Exception {
        Path path = write("f", 32 * PAGE_BYTES);
        HostFile file = open(path, RW);
        FilePages pages = (FilePages) file.pageCache();
        AddressSpace second = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
        long at = fixture.map(0, 8, READ | WRITE, MapFlags.SHARED, file, 0);
        long[] expected = new long[16];
        AtomicLong saves = new AtomicLong();
        try (OtherCpu other = new OtherCpu(second)) {
            long there = second.mmap(0, 8 * PAGE, READ | WRITE, MapFlags.SHARED, file, 8 * PAGE);
            AtomicLong number = new AtomicLong();
            Random random = new Random(1);
            try (RepeatedStep stores = new RepeatedStep(
                            "stores",
                            () -> other.call(cpu -> {
                                long stored = number.incrementAndGet();
                                int page = random.nextInt(8);
                                if (cpu.memory().store(there + page * PAGE, 8, stored) == Fault.NONE) {
                                    expected[8 + page] = stored;
                                }
                                if (random.nextInt(50) == 0) {
                                    second.madvise(there, 8 * PAGE, Advice.DONTNEED);
                                }
                                return 0;
                            }));
                    RepeatedStep syncs = new RepeatedStep("syncs", () -> {
                        assertEquals(0, file.fsync());
                        saves.incrementAndGet();
                    });
                    RepeatedStep reclaims =
                            new RepeatedStep("reclaims", () -> pages.memory().reclaim());
                    RepeatedStep sizes = new RepeatedStep("sizes", () -> {
                        assertEquals(0, file.truncate(24 * PAGE + 8));
                        assertEquals(8, file.pwrite(bytes(1), 30 * PAGE));
                        assertEquals(0, file.punch(20 * PAGE, 4 * PAGE));
                    })) {
                Random own = new Random(2);
                for (int round = 0; round < 3_000 && stores.goesOn() && syncs.goesOn() && sizes.goesOn(); round++) {
                    int page = own.nextInt(8);
                    fixture.store(at + page * PAGE, round);
                    expected[page] = round;
                    if (own.nextInt(100) == 0) {
                        assertEquals(0, space.msync(at, 8 * PAGE, SyncFlags.SYNC));
                        assertEquals(round, number(path, page * PAGE));
                    }
                    assertTrue(reclaims.goesOn());
                }
            }
        }
        second.close();
        file.close();
        assertEquals(0, space.munmap(at, 8 * PAGE));
        fixture.machine.awaitQuiescence();
        long[] found = new long[16];
        long[] wanted = expected.clone();
        for (int page = 0; page < 16; page++) {
            found[page] = number(path, page * PAGE);
            wanted[page] = expected[page] == 0 ? found[page] : expected[page];
        }
        assertArrayEquals(wanted, found);
        assertTrue(saves.get() > 0);
    }
}
