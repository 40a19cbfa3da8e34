// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFile.DirtyRange;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("The hooks of a file of the host")
final class PageHooksTest extends HostFileFixture {
    private static final int LIMIT = 64;
    private static final int PAGES = 40;

    /** Refuses pages by their number, and records the calls. */
    private static final class Hooks implements PageHooks {
        private final Set<Long> refused = ConcurrentHashMap.newKeySet();
        private final Set<Long> held = ConcurrentHashMap.newKeySet();
        private final List<String> writes = new ArrayList<>();
        private @Nullable RuntimeException failure;
        private Runnable during = () -> {};
        private volatile Runnable duringWrite = () -> {};

        @Override
        public boolean afterRead(long offset, ByteBuffer page) {
            check(page);
            return !refused.contains(offset / PAGE);
        }

        @Override
        public boolean beforeWrite(long offset, ByteBuffer page) {
            check(page);
            duringWrite.run();
            synchronized (writes) {
                writes.add(offset / PAGE + ":"
                        + page.order(ByteOrder.LITTLE_ENDIAN).getLong(0));
            }
            return !held.contains(offset / PAGE);
        }

        private void check(ByteBuffer page) {
            assertEquals(0, page.position());
            assertTrue(page.isReadOnly());
            during.run();
            if (failure != null) {
                throw failure;
            }
        }
    }

    private final Hooks hooks = new Hooks();

    PageHooksTest() {
        super(Machine.builder()
                .memory(512 * PAGE)
                .cacheLimit(LIMIT * PAGE)
                .poisonFrames(true)
                .writeBackEvery(Duration.ZERO));
    }

    private HostFile openHooked(Path path) {
        return open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, hooks);
    }

    private HostFile openHooked(int pages) throws Exception {
        return openHooked(write("f", pages * PAGE_BYTES));
    }

    private long map(HostFile file) {
        return fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
    }

    private void awaitTasks() throws InterruptedException {
        fixture.machine.awaitQuiescence();
    }

    @Test
    @DisplayName("refuse a page that was read: EIO or a SIGBUS, and nothing comes into memory until it is accepted")
    void refused() throws Exception {
        HostFile file = openHooked(PAGES);
        long at = map(file);
        hooks.refused.add(3L);
        ByteBuffer whole = ByteBuffer.allocate(PAGES * PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(3 * PAGE, file.pread(whole, 0), "up to the page, though this is a large read");
        assertEquals(Errno.EIO.result(), file.pread(ByteBuffer.allocate(8), 3 * PAGE + 8));
        assertFault(Fault.ADRERR, fixture.memory.load(at + 3 * PAGE, 8));
        assertFault(Fault.ADRERR, fixture.memory.store(at + 3 * PAGE, 8, 1));
        assertEquals(Errno.EIO.result(), file.pwrite(bytes(1), 3 * PAGE), "a part of the page");
        assertEquals(1, file.absentPages(3 * PAGE, PAGE));
        assertEquals(STAMP + 4, fixture.load(at + 4 * PAGE), "its neighbours are read without it");
        assertEquals(PAGE, file.pwrite(ByteBuffer.allocate(PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN), 3 * PAGE));
        assertEquals(0, fixture.load(at + 3 * PAGE), "a page that is written as a whole is not read");
        hooks.refused.add(30L);
        assertFault(Fault.ADRERR, fixture.memory.load(at + 30 * PAGE, 8));
        hooks.refused.clear();
        assertEquals(STAMP + 30, fixture.load(at + 30 * PAGE));
    }

    @Test
    @DisplayName("see the last page up to the end of the file, and a hole as zeros")
    void lastPage() throws Exception {
        List<Integer> lengths = new ArrayList<>();
        PageHooks recording = new PageHooks() {
            @Override
            public boolean afterRead(long offset, ByteBuffer page) {
                lengths.add(page.remaining());
                return true;
            }
        };
        HostFile file = open(write("f", PAGE_BYTES + 10), StandardOpenOption.WRITE, recording);
        assertEquals(10, file.pread(ByteBuffer.allocate(100), PAGE));
        assertEquals(0, file.grow(3 * PAGE));
        assertEquals(8, file.pread(ByteBuffer.allocate(8), 2 * PAGE));
        assertEquals(List.of(10, PAGE_BYTES), lengths);
    }

    @Test
    @DisplayName("that throw refuse, are reported, and change nothing")
    void throwing() throws Exception {
        HostFile file = openHooked(PAGES);
        hooks.failure = new IllegalStateException("a test");
        assertEquals(Errno.EIO.result(), file.pread(ByteBuffer.allocate(8), 0));
        hooks.failure = null;
        assertEquals(8, file.pwrite(bytes(1), 0));
        hooks.failure = new IllegalStateException("a test");
        assertEquals(Errno.EAGAIN.result(), file.fsync());
        assertEquals(List.of(new DirtyRange(0, PAGE)), file.dirtyRanges(0, Long.MAX_VALUE));
        assertTrue(fixture.reports.size() >= 2);
        for (Report report : fixture.reports) {
            assertEquals(Report.Kind.CALLBACK_FAILED, report.kind());
            assertSame(
                    hooks.failure.getClass(),
                    report.cause() == null ? null : report.cause().getClass());
        }
        fixture.reports.clear();
        hooks.failure = null;
        assertEquals(0, file.fsync());
        assertEquals(1, number(path, 0));
    }

    @Test
    @DisplayName("hold pages back from a save, which writes the others and fails; no open is told of a failed write")
    void held() throws Exception {
        write("f", PAGES * PAGE_BYTES);
        HostFile file = openHooked(path);
        long at = map(file);
        for (int page = 1; page < 6; page++) {
            fixture.store(at + page * PAGE, 100 + page);
        }
        hooks.held.addAll(List.of(2L, 4L));
        assertEquals(Errno.EAGAIN.result(), file.fsync());
        assertEquals(List.of("1:101", "2:102", "3:103", "4:104", "5:105"), hooks.writes);
        assertEquals(101, number(path, PAGE));
        assertEquals(STAMP + 2, number(path, 2 * PAGE));
        assertEquals(103, number(path, 3 * PAGE));
        assertEquals(STAMP + 4, number(path, 4 * PAGE));
        DirtyRange second = new DirtyRange(2 * PAGE, 3 * PAGE);
        DirtyRange fourth = new DirtyRange(4 * PAGE, 5 * PAGE);
        assertEquals(List.of(second, fourth), file.dirtyRanges(0, Long.MAX_VALUE));
        assertEquals(Errno.EAGAIN.result(), fixture.machine.sync());
        assertEquals(Report.Kind.FILE_NOT_SAVED, fixture.reports.remove(0).kind());
        fixture.store(at + 2 * PAGE, 202);
        hooks.held.clear();
        hooks.writes.clear();
        assertEquals(0, file.fsync());
        assertEquals(List.of("2:202", "4:104"), hooks.writes, "a later store asks again");
        assertEquals(202, number(path, 2 * PAGE));
    }

    @Test
    @DisplayName("hold pages back from evictions and periodic writes, and a thread that needs memory waits for none")
    void heldInBackground() throws Exception {
        write("f", PAGES * PAGE_BYTES);
        HostFile file = openHooked(path);
        long at = map(file);
        for (long page = 0; page < PAGES; page++) {
            hooks.held.add(page);
            fixture.store(at + page * PAGE, 100 + page);
        }
        HostFile other = open(write("other", 3 * LIMIT * PAGE_BYTES));
        for (int page = 0; page < 3 * LIMIT; page++) {
            assertEquals(8, other.pread(ByteBuffer.allocate(8), page * PAGE));
        }
        PeriodicRounds.writeAll(MachineInternals.hostFiles(fixture.machine));
        awaitTasks();
        assertTrue(hooks.writes.size() >= PAGES, "asked by a task");
        for (int page = 0; page < PAGES; page++) {
            assertEquals(STAMP + page, number(path, page * PAGE));
            assertEquals(100 + page, fixture.load(at + page * PAGE));
        }
        hooks.held.clear();
        PeriodicRounds.writeAll(MachineInternals.hostFiles(fixture.machine));
        awaitTasks();
        assertEquals(List.of(), file.dirtyRanges(0, Long.MAX_VALUE));
        assertEquals(139, number(path, 39 * PAGE));
    }

    @Test
    @DisplayName("that hold a page back at the last close keep the file, though failed writes are dropped")
    void heldAtLastClose() throws Exception {
        List<Report> reports = new ArrayList<>();
        Machine machine = Machine.builder()
                .memory(64 * PAGE)
                .dropFailedWrites(true)
                .writeBackEvery(Duration.ZERO)
                .reportTo(reports::add)
                .build();
        write("f", PAGE_BYTES);
        OpenOption[] hooked = {StandardOpenOption.WRITE, hooks};
        HostFile file = machine.openFile(path, GEOMETRY, hooked);
        assertEquals(8, file.pwrite(bytes(5), 0));
        hooks.held.add(0L);
        file.close();
        assertEquals(1, reports.size());
        String message = String.valueOf(reports.get(0).message());
        assertTrue(message.contains(path + " could not be saved: EAGAIN; dirty pages: 1"), message);
        machine.close();
        assertEquals(2, reports.size());
        hooks.held.clear();
        machine.close();
        assertEquals(5, number(path, 0));
        assertEquals(2, reports.size());
    }

    @Test
    @DisplayName("decide on bytes beyond the end, too: the host's file has zeros there until a save")
    void append() throws Exception {
        write("f", PAGE_BYTES);
        HostFile file = openHooked(path);
        hooks.held.add(1L);
        assertEquals(PAGE, file.append(bytes(77)));
        assertEquals(PAGE + 8, Files.size(path));
        assertEquals(0, number(path, PAGE));
        assertEquals(Errno.EAGAIN.result(), file.fsync());
        assertEquals(0, number(path, PAGE));
        hooks.held.clear();
        assertEquals(0, file.fsync());
        assertEquals(77, number(path, PAGE));
    }

    @Test
    @DisplayName("decide on whole pages that an open with DIRECT writes, and check those that it reads")
    void direct() throws Exception {
        write("f", 4 * PAGE_BYTES);
        HostFile file = openHooked(path);
        HostFile direct = open(path, StandardOpenOption.WRITE, HostFileOption.DIRECT);
        hooks.held.add(1L);
        hooks.refused.add(2L);
        assertEquals(PAGE, direct.pwrite(ByteBuffer.allocate(PAGE_BYTES), PAGE));
        assertEquals(Errno.EIO.result(), direct.pread(ByteBuffer.allocate(PAGE_BYTES), 2 * PAGE));
        assertEquals(Errno.EAGAIN.result(), direct.fsync());
        assertEquals(STAMP + 1, number(path, PAGE));
        hooks.held.clear();
        direct.close();
        file.close();
        assertEquals(0, number(path, PAGE));
    }

    @Test
    @DisplayName("may save another file first: the log is on the device before the page is written")
    void logFirst() throws Exception {
        HostFile log = open(write("log", 8), RW);
        HostFile file = openHooked(PAGES);
        long at = map(file);
        assertEquals(8, log.pwrite(bytes(1), 0));
        fixture.store(at + 3 * PAGE, 9);
        hooks.during = () -> assertEquals(0, log.fsync());
        channels.calls.clear();
        assertEquals(0, file.fsync());
        assertEquals(List.of("write 0+8", "force", "write " + 3 * PAGE + "+" + PAGE, "force"), channels.calls);
        hooks.during = () -> {};
    }

    @Test
    @DisplayName("see the bytes that are written, though another thread stores to the page meanwhile")
    void storeDuringHook() throws Exception {
        HostFile file = openHooked(write("f", PAGES * PAGE_BYTES));
        long at = map(file);
        fixture.store(at, 1);
        try (OtherCpu other = new OtherCpu(fixture.space)) {
            hooks.duringWrite = () -> other.call(cpu -> {
                cpu.enterGuest();
                int fault = cpu.memory().store(at, 8, 2);
                cpu.leaveGuest();
                assertEquals(0, fault);
                return 0;
            });
            assertEquals(0, file.fsync());
            hooks.duringWrite = () -> {};
        }
        assertEquals("0:1", hooks.writes.get(0));
        assertEquals(1, number(path, 0), "the store comes with the next save");
        assertEquals(0, file.fsync());
        assertEquals(2, number(path, 0));
    }

    @Test
    @DisplayName("that wait hold up the saves of their file, and nothing else")
    void waiting() throws Exception {
        write("f", PAGES * PAGE_BYTES);
        HostFile file = openHooked(path);
        long at = map(file);
        HostFile log = open(write("log", LIMIT * PAGE_BYTES), RW);
        fixture.store(at, 1);
        CountDownLatch isReached = new CountDownLatch(1);
        CountDownLatch isReleased = new CountDownLatch(1);
        hooks.duringWrite = () -> {
            isReached.countDown();
            Latches.await(isReleased);
        };
        CallBeside save = CallBeside.start("save", file::fsync);
        Latches.await(isReached);
        // Causes more dirty pages of both files than the limit, periodic writes, evictions, and saves of the log.
        for (int round = 0; round < 3; round++) {
            for (int page = 0; page < LIMIT; page++) {
                assertEquals(8, log.pwrite(bytes(page), page * PAGE));
                assertEquals(8, file.pwrite(bytes(round), PAGE * (page % PAGES)));
            }
            PeriodicRounds.writeAll(MachineInternals.hostFiles(fixture.machine));
            assertEquals(0, log.fsync());
        }
        assertEquals(STAMP, number(path, 0));
        hooks.duringWrite = () -> {};
        isReleased.countDown();
        assertEquals(0, save.result());
        assertEquals("0:1", hooks.writes.get(0), "the copy that was written first");
        awaitTasks();
        file.close();
        assertEquals(2, number(path, 0));
    }

    @Test
    @DisplayName("cannot call their own file, by any open or mapping")
    void ownFile() throws Exception {
        HostFile file = openHooked(PAGES);
        HostFile second = open(path, RW);
        long at = map(file);
        List<Runnable> calls = List.of(
                () -> file.pread(ByteBuffer.allocate(8), 0),
                () -> second.pwrite(bytes(1), 0),
                () -> second.append(bytes(1)),
                () -> second.truncate(0),
                () -> second.grow(1),
                () -> file.punch(0, PAGE),
                file::fsync,
                () -> file.syncRange(0, 0, 7),
                file::revalidate,
                () -> file.dirtyRanges(0, 1),
                () -> file.fadvise(0, 0, 0),
                () -> file.fadvise(new long[1], new long[1], 1, 0),
                fixture.machine::sync,
                fixture.machine::close,
                second::close);
        List<Throwable> thrown = new ArrayList<>();
        hooks.during = () -> {
            for (Runnable call : calls) {
                thrown.add(assertThrows(IllegalStateException.class, call::run));
            }
            hooks.during = () -> {};
        };
        assertEquals(STAMP, fixture.load(at));
        assertEquals(calls.size(), thrown.size());
        hooks.during = () -> {
            thrown.add(assertThrows(IllegalStateException.class, fixture.machine::sync));
            hooks.during = () -> {};
        };
        fixture.store(at, 1);
        assertEquals(0, file.fsync());
        assertEquals(calls.size() + 1, thrown.size());
        assertInstanceOf(IllegalStateException.class, thrown.get(0));
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("cannot save all files or close the machine, and no file is saved then")
    void allFiles() throws Exception {
        HostFile log = open(write("log", PAGE_BYTES), RW);
        HostFile file = openHooked(PAGES);
        HostFile last = open(write("last", PAGE_BYTES), RW);
        List<Throwable> thrown = new ArrayList<>();
        hooks.duringWrite = () -> {
            assertEquals(8, log.pwrite(bytes(7), 0));
            assertEquals(8, last.pwrite(bytes(8), 0));
            thrown.add(assertThrows(IllegalStateException.class, fixture.machine::sync));
            thrown.add(assertThrows(IllegalStateException.class, fixture.machine::close));
            assertEquals(List.of(new DirtyRange(0, PAGE)), log.dirtyRanges(0, PAGE));
            assertEquals(List.of(new DirtyRange(0, PAGE)), last.dirtyRanges(0, PAGE));
            hooks.duringWrite = () -> {};
        };
        assertEquals(8, file.pwrite(bytes(1), 0));
        assertEquals(0, file.fsync());
        assertEquals(2, thrown.size());
        assertEquals(0, fixture.machine.sync());
        assertEquals(7, number(folder.resolve("log"), 0));
        assertEquals(8, number(folder.resolve("last"), 0));
    }

    @Test
    @DisplayName("hold for all opens of the file; others are refused until the last one is closed")
    void otherHooks() throws Exception {
        write("f", PAGES * PAGE_BYTES);
        HostFile first = openHooked(path);
        HostFile second = open(path, RW);
        assertRefused(Errno.EBUSY, path, StandardOpenOption.WRITE, new Hooks());
        HostFile third = openHooked(path);
        hooks.refused.add(1L);
        assertEquals(Errno.EIO.result(), second.pread(ByteBuffer.allocate(8), PAGE));
        first.close();
        third.close();
        assertEquals(Errno.EIO.result(), second.pread(ByteBuffer.allocate(8), PAGE));
        second.close();
        HostFile other = open(path, StandardOpenOption.WRITE, new Hooks());
        assertEquals(8, other.pread(ByteBuffer.allocate(8), PAGE));
        other.close();
        HostFile plain = open(path);
        assertRefused(Errno.EBUSY, path, hooks);
        plain.close();
        assertThrows(IllegalArgumentException.class, () -> open(path, hooks, new Hooks()));
    }

    @Test
    @DisplayName("see no large read that would go past them, and no page during a write of it")
    void heldRead() throws Exception {
        HostFile file = openHooked(PAGES);
        HeldCalls held = new HeldCalls(ChannelCall.READ);
        channels.failure = held;
        CallBeside read = CallBeside.start("read", () -> file.pread(ByteBuffer.allocate(8), 0));
        held.awaitReached();
        hooks.refused.add(0L);
        held.release();
        assertEquals(Errno.EIO.result(), read.result());
        channels.mend();
        hooks.refused.clear();
        assertEquals(8, file.pread(ByteBuffer.allocate(8), 0));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("are called by the thread that saves all files, while tasks write the files without hooks")
    void threadOfAllFiles(boolean isPeriodic) throws Exception {
        List<Path> paths = new ArrayList<>();
        hooks.held.add(0L);
        for (int i = 0; i < 6; i++) {
            Path each = write("f" + i, PAGE_BYTES);
            paths.add(each);
            // Periodic writes leave dirty pages with hooks to tasks of their own, but not those of NO_STEAL.
            HostFile file = i < 2 ? open(each, RW[0], RW[1], hooks, HostFileOption.NO_STEAL) : open(each, RW);
            assertEquals(8, file.pwrite(bytes(i), 0));
            if (isPeriodic && i < 2) {
                // The periodic writes retry the save that a last close could not make.
                file.close();
            }
        }
        assertEquals(isPeriodic ? 2 : 0, fixture.reports.size());
        fixture.reports.clear();
        hooks.held.clear();
        channels.calls.clear();
        List<Thread> threads = new CopyOnWriteArrayList<>();
        hooks.duringWrite = () -> {
            threads.add(Thread.currentThread());
            // Whoever visits a file with hooks, another thread visits the files that follow it.
            Await.until("the writes of the files without hooks", () -> writes() >= 4);
        };
        if (isPeriodic) {
            PeriodicRounds.writeAll(MachineInternals.hostFiles(fixture.machine));
        } else {
            assertEquals(0, fixture.machine.sync());
        }
        assertEquals(List.of(Thread.currentThread(), Thread.currentThread()), threads);
        for (int i = 0; i < 6; i++) {
            assertEquals(i, number(paths.get(i), 0));
        }
    }

    private long writes() {
        return channels.calls.stream().filter(call -> call.startsWith("write")).count();
    }
}
