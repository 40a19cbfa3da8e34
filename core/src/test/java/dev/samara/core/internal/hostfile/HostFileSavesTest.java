// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static dev.samara.core.mman.Mman.SYNC_FILE_RANGE_WRITE;
import static dev.samara.core.mman.Mman.WAIT_AFTER;
import static dev.samara.core.mman.Mman.WAIT_BEFORE;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFile.DirtyRange;
import dev.samara.core.backing.HostFileException;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.HeldLeaf;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.sync.Background;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.testing.Incidents;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("Saves of files of the host:")
final class HostFileSavesTest {
    @DisplayName("A written file of the host")
    @Nested
    final class Saves extends HostFileFixture {
        private long map(HostFile file, long pages) {
            return fixture.map(0, pages, READ | WRITE, Mman.SHARED, file, 0);
        }

        @Test
        @DisplayName("is on its device when msync returns: written in order, in large parts, and then forced")
        void msync() throws Exception {
            HostFile file = openNew(16);
            long at = map(file, 16);
            for (int page : new int[] {9, 3, 1, 2, 8}) {
                fixture.store(at + page * PAGE, page);
            }
            assertEquals(0, space.msync(at, 16 * PAGE, Mman.ASYNC));
            assertEquals(List.of(), channels.calls);
            assertEquals(0, space.msync(at, 9 * PAGE, Mman.SYNC));
            assertEquals(
                    List.of("write " + PAGE + "+" + 3 * PAGE, "write " + 8 * PAGE + "+" + PAGE, "force"),
                    channels.calls);
            assertEquals(3, number(path, 3 * PAGE));
            channels.calls.clear();
            assertEquals(0, space.msync(at, 9 * PAGE, Mman.SYNC));
            assertEquals(List.of(), channels.calls, "nothing was written since");
            assertEquals(0, file.fsync());
            assertEquals(List.of("write " + 9 * PAGE + "+" + PAGE, "force"), channels.calls);
        }

        @Test
        @DisplayName("is saved up to a hole of the range or a locked mapping, whose error follows")
        void msyncErrors() throws Exception {
            HostFile file = openNew(4);
            long at = map(file, 4);
            for (int page = 0; page < 4; page++) {
                fixture.store(at + page * PAGE, 1);
            }
            assertEquals(0, space.munmap(at + PAGE, PAGE));
            assertResult(Errno.ENOMEM, space.msync(at, 3 * PAGE, Mman.SYNC));
            assertEquals(1, number(path, 2 * PAGE));
            assertEquals(STAMP + 1, number(path, PAGE), "not in the range of a mapping");
            assertEquals(0, space.mlock(at + 3 * PAGE, PAGE));
            fixture.store(at + 2 * PAGE, 2);
            assertResult(Errno.EBUSY, space.msync(at + 2 * PAGE, 2 * PAGE, Mman.SYNC | Mman.INVALIDATE));
            assertEquals(2, number(path, 2 * PAGE));
            assertEquals(STAMP + 3, number(path, 3 * PAGE));
            assertEquals(0, file.fsync());
            assertEquals(1, number(path, PAGE));
            channels.fail(ChannelCall.WRITE, "No space left on device");
            fixture.store(at, 3);
            assertResult(Errno.ENOSPC, space.msync(at, 3 * PAGE, Mman.SYNC));
            channels.mend();
            assertResult(Errno.ENOMEM, space.msync(at, 3 * PAGE, Mman.SYNC));
        }

        @Test
        @DisplayName("fsync forces what others wrote before an open, once for each open; a close does not")
        void bytesOfOthers() throws Exception {
            HostFile file = openNew(1);
            assertEquals(0, file.fsync());
            assertEquals(0, file.fsync());
            assertEquals(List.of("force"), channels.calls);
            write("f", PAGE_BYTES);
            HostFile reader = open(path);
            assertEquals(0, fixture.machine.sync());
            assertEquals(List.of("force"), channels.calls, "sync saves what this machine wrote");
            assertEquals(0, reader.fsync());
            assertEquals(0, file.fsync());
            assertEquals(List.of("force", "force"), channels.calls);
            open(path, RW).close();
            file.close();
            reader.close();
            assertEquals(List.of("force", "force"), channels.calls);
        }

        @Test
        @DisplayName("fsync forces what others wrote before an open of the embedder's channel, too")
        void lentAgain() throws Exception {
            HostFile own = openNew(1);
            try (FileChannel lent = own.channel();
                    Machine other = Machine.builder().memory(64 * PAGE).build()) {
                HostFile first = other.openFile("lent", GEOMETRY, lent, true);
                assertEquals(0, first.fsync());
                assertEquals(8, own.pwrite(bytes(1), 0));
                channels.calls.clear();
                HostFile second = other.openFile("lent", GEOMETRY, lent, true);
                assertEquals(0, second.fsync());
                assertEquals(List.of("write 0+" + PAGE_BYTES, "force"), channels.calls);
                second.close();
                first.close();
            }
        }

        @Test
        @DisplayName("the first save of a file that was created under two names forces the folders of both")
        void twoNames() throws Exception {
            Path one = Files.createDirectory(folder.resolve("one")).resolve("f");
            Path two = Files.createDirectory(folder.resolve("two")).resolve("f");
            HostFile first = open(one, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
            Files.createLink(two, one);
            HostFile second = open(two, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
            assertEquals(0, first.fsync());
            assertEquals(List.of("force", "force folder", "force folder"), channels.calls);
            assertEquals(0, second.fsync());
            assertEquals(3, channels.calls.size());
        }

        private HostFile create(String name) {
            return open(folder.resolve(name), StandardOpenOption.WRITE, StandardOpenOption.CREATE);
        }

        @Test
        @DisplayName("the first save of a new file also forces its folder, and fails if that fails")
        void newFile() throws Exception {
            HostFile file = create("new");
            int[] forces = {0};
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.FORCE && ++forces[0] == 2) {
                    throw new IOException("Input/output error");
                }
            };
            assertEquals(Errno.EIO.result(), file.fsync());
            assertEquals(List.of("force"), channels.calls);
            assertEquals(0, file.fsync());
            assertEquals(List.of("force", "force", "force folder"), channels.calls);
            assertEquals(8, file.pwrite(bytes(1), 0));
            channels.calls.clear();
            assertEquals(0, file.fsync());
            assertEquals(List.of("write 0+8", "force"), channels.calls);
            file.close();
            channels.calls.clear();
            HostFile other = create("other");
            assertEquals(8, other.pwrite(bytes(1), 0));
            other.close();
            assertEquals(List.of("force", "force folder"), channels.calls.subList(2, 4));
            channels.calls.clear();
            HostFile again = open(folder.resolve("other"), RW);
            assertEquals(0, again.fsync());
            assertEquals(List.of("force"), channels.calls, "not created by this open");
        }

        @ParameterizedTest
        @ValueSource(strings = {"Invalid argument", "Operation not supported"})
        @DisplayName("a folder whose file system cannot force it does not make a save fail")
        void unforcedFolder(String refusal) {
            HostFile file = create("new");
            int[] forces = {0};
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.FORCE && ++forces[0] == 2) {
                    throw new IOException(refusal);
                }
            };
            assertEquals(0, file.fsync());
            assertEquals(2, forces[0]);
            assertEquals(0, file.fsync());
            file.close();
            assertEquals(2, forces[0], "all is forced");
        }

        @Test
        @DisplayName("a folder that this process may not open, or that is gone, does not make a save fail")
        void closedFolder() throws Exception {
            MachineInternals.hostFiles(fixture.machine).openBy((path, options) -> {
                if (Files.isDirectory(path)) {
                    throw new AccessDeniedException(path.toString());
                }
                return channels.open(path, options);
            });
            HostFile file = create("new");
            assertEquals(0, file.fsync());
            assertEquals(List.of("force"), channels.calls);
            file.close();
            Path inside = Files.createDirectory(folder.resolve("inside"));
            HostFile gone = create("inside/new");
            Files.delete(inside.resolve("new"));
            Files.delete(inside);
            assertEquals(0, gone.fsync());
        }
    }

    @DisplayName("syncRange")
    @Nested
    final class Ranges extends HostFileFixture {
        private static final int ALL = WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | WAIT_AFTER;

        @Test
        @DisplayName("writes the dirty pages that a range touches, and forces nothing: the next save does")
        void range() throws Exception {
            HostFile file = openNew(8);
            long at = fixture.map(0, 8, READ | WRITE, Mman.SHARED, file, 0);
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
        }

        @Test
        @DisplayName("refuses what Linux refuses")
        void errors() throws Exception {
            HostFile file = openNew(1);
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
            HostFile file = openNew(2);
            HostFile second = open(path, RW);
            assertEquals(8, file.pwrite(bytes(5), 0));
            channels.fail(ChannelCall.WRITE, "No space left on device");
            assertEquals(0, file.syncRange(0, 0, SYNC_FILE_RANGE_WRITE));
            assertResult(Errno.ENOSPC, file.syncRange(0, 0, WAIT_AFTER));
            assertEquals(0, file.syncRange(0, 0, WAIT_AFTER));
            channels.mend();
            assertResult(Errno.ENOSPC, second.syncRange(0, 0, ALL));
            assertEquals(List.of(), channels.calls);
            assertEquals(0, second.syncRange(0, 0, ALL));
            assertEquals(5, number(path, 0));
            channels.fail(ChannelCall.WRITE, "No space left on device");
            assertEquals(8, file.pwrite(bytes(6), 0));
            assertResult(Errno.ENOSPC, file.syncRange(0, 0, ALL));
            channels.mend();
            assertEquals(0, file.fsync());
            assertEquals(6, number(path, 0));
            assertResult(Errno.ENOSPC, second.fsync());
        }
    }

    @DisplayName("Of a machine whose closes force nothing, a file of the host")
    @Nested
    final class UnforcedCloses extends HostFileFixture {
        UnforcedCloses() {
            super(Machine.builder()
                    .memory(512 * PAGE)
                    .writeBackEvery(Duration.ZERO)
                    .forceOnClose(false));
        }

        private static String written(long page) {
            return "write " + page * PAGE + "+" + PAGE;
        }

        @Test
        @DisplayName("is written by its last close, and not forced")
        void lastClose() throws Exception {
            HostFile file = openNew(16);
            long at = fixture.map(0, 16, READ | WRITE, Mman.SHARED, file, 0);
            fixture.store(at + 3 * PAGE, 6);
            assertEquals(8, file.pwrite(bytes(5), PAGE));
            file.close();
            assertEquals(List.of(), channels.calls);
            assertEquals(0, space.munmap(at, 16 * PAGE));
            fixture.machine.awaitQuiescence();
            assertEquals(List.of(written(1), written(3)), channels.calls);
            assertEquals(0, channels.open.get());
            assertEquals(5, number(path, PAGE));
            assertEquals(6, number(path, 3 * PAGE));
        }

        @Test
        @DisplayName("is forced by a save, also of what an open wrote that is closed, and also by one that only reads")
        void laterSave() throws Exception {
            HostFile file = openNew(16);
            assertEquals(8, file.pwrite(bytes(5), PAGE));
            file.close();
            HostFile reader = open(path);
            assertEquals(0, reader.fsync());
            assertEquals(0, reader.fsync());
            reader.close();
            assertEquals(List.of(written(1), "force"), channels.calls);
        }

        @Test
        @DisplayName("is written by the end of the machine, and not forced")
        void endOfMachine() throws Exception {
            write("f", 16 * PAGE_BYTES);
            try (Machine machine =
                    Machine.builder().memory(16 * PAGE).forceOnClose(false).build()) {
                MachineInternals.hostFiles(machine).openBy(channels);
                HostFile file = machine.openFile(path, GEOMETRY, RW);
                assertEquals(8, file.pwrite(bytes(5), PAGE));
            }
            assertEquals(List.of(written(1)), channels.calls);
            assertEquals(5, number(path, PAGE));
        }
    }

    @DisplayName("During the force of a file of the host,")
    @Nested
    final class Forces extends HostFileFixture {
        private final HeldCalls force = new HeldCalls(ChannelCall.FORCE);

        private static String written(long page) {
            return "write " + page * PAGE + "+" + PAGE;
        }

        /** Starts a save, and returns once it wrote a page and its force is held. */
        private CallBeside held(HostFile file, long page) {
            assertEquals(8, file.pwrite(bytes(5), page * PAGE));
            channels.failure = force;
            CallBeside save = CallBeside.start("save", file::fsync);
            force.awaitReached();
            return save;
        }

        @Test
        @DisplayName("another save writes its pages, and returns after a force that started after its writes")
        void secondSave() throws Exception {
            HostFile file = openNew(16);
            CallBeside first = held(file, 1);
            assertEquals(8, file.pwrite(bytes(6), 5 * PAGE));
            CallBeside second = CallBeside.startUntilItWaits("second save", file::fsync);
            CallBeside third = CallBeside.startUntilItWaits("third save", file::fsync);
            assertEquals(List.of(written(1), written(5)), channels.calls);
            assertFalse(second.isOver() || third.isOver());
            force.release();
            assertEquals(0, first.result());
            assertEquals(0, second.result());
            assertEquals(0, third.result());
            assertEquals(
                    List.of(written(1), written(5), "force", "force"), channels.calls, "the third one shares a force");
        }

        @Test
        @DisplayName("a save of pages that another one has written waits for that force, and makes no other one")
        void sharedForce() throws Exception {
            HostFile file = openNew(16);
            CallBeside first = held(file, 1);
            CallBeside second = CallBeside.startUntilItWaits("second save", file::fsync);
            assertFalse(second.isOver());
            force.release();
            assertEquals(0, first.result());
            assertEquals(0, second.result());
            assertEquals(List.of(written(1), "force"), channels.calls);
        }

        @Test
        @DisplayName("writes, holes and changes of the size are made, and no page is written that is gone")
        void changes() throws Exception {
            HostFile file = openNew(16);
            CallBeside save = held(file, 9);
            assertEquals(
                    8,
                    CallBeside.start("append", () -> file.pwrite(bytes(7), 16 * PAGE))
                            .result());
            assertEquals(
                    0,
                    CallBeside.start("hole", () -> file.punch(2 * PAGE, PAGE)).result());
            assertEquals(
                    0,
                    CallBeside.start("truncation", () -> file.truncate(4 * PAGE))
                            .result());
            assertFalse(save.isOver());
            force.fail("Input/output error");
            assertResult(Errno.EIO, save.result());
            channels.calls.clear();
            assertEquals(0, file.fsync());
            assertEquals(List.of("force"), channels.calls);
            assertEquals(4 * PAGE, Files.size(path));
            assertEquals(0, number(path, 2 * PAGE));
        }

        @Test
        @DisplayName("which fails, each save fails, and what they have written is dirty again")
        void failure() throws Exception {
            HostFile file = openNew(16);
            HostFile other = open(path, RW);
            CallBeside first = held(file, 1);
            assertEquals(8, file.pwrite(bytes(6), 5 * PAGE));
            CallBeside same = CallBeside.startUntilItWaits("save by the same open", file::fsync);
            CallBeside another = CallBeside.startUntilItWaits("save by another open", other::fsync);
            assertEquals(8, file.pwrite(bytes(7), 9 * PAGE));
            assertEquals(0, file.syncRange(0, 0, Mman.SYNC_FILE_RANGE_WRITE));
            force.fail("Input/output error");
            assertResult(Errno.EIO, first.result());
            assertResult(Errno.EIO, same.result());
            assertResult(Errno.EIO, another.result());
            assertEquals(List.of(written(1), written(5), written(9)), channels.calls);
            channels.calls.clear();
            assertEquals(0, file.fsync());
            assertEquals(List.of(written(1), written(5), written(9), "force"), channels.calls);
            assertEquals(0, other.fsync());
            assertEquals(0, file.fsync());
            assertEquals(4, channels.calls.size(), "all is on the device");
        }

        @Test
        @DisplayName("which fails, a page is dirty again whose write is under way when it fails")
        void failureBesideWrite() throws Exception {
            HostFile file = openNew(16);
            CallBeside save = held(file, 1);
            HeldCalls write = new HeldCalls(ChannelCall.WRITE);
            channels.failure = write;
            assertEquals(8, file.pwrite(bytes(6), 5 * PAGE));
            CallBeside range = CallBeside.start("a write", () -> file.syncRange(0, 0, Mman.SYNC_FILE_RANGE_WRITE));
            write.awaitReached();
            force.fail("Input/output error");
            save.awaitIn("hostfile.HostInode$PageWrites", "setDirty");
            write.release();
            assertEquals(0, range.result());
            assertResult(Errno.EIO, save.result());
            channels.calls.clear();
            assertEquals(0, file.fsync());
            assertEquals(List.of(written(1), written(5), "force"), channels.calls);
        }

        @Test
        @DisplayName("which throws, its save throws, and others fail")
        void error() throws Exception {
            HostFile file = openNew(16);
            assertEquals(8, file.pwrite(bytes(5), PAGE));
            HeldCalls held = new HeldCalls(ChannelCall.FORCE);
            channels.failure = (call, offset, length) -> {
                try {
                    held.before(call, offset, length);
                } catch (IOException thrown) {
                    throw new OutOfMemoryError(thrown.getMessage());
                }
            };
            CallBeside first = CallBeside.start("save", () -> {
                try {
                    return file.fsync();
                } catch (OutOfMemoryError expected) {
                    return 1;
                }
            });
            held.awaitReached();
            CallBeside second = CallBeside.startUntilItWaits("second save", file::fsync);
            held.fail("for a force");
            assertEquals(1, first.result());
            assertResult(Errno.EIO, second.result());
            channels.calls.clear();
            assertEquals(0, file.fsync());
            assertEquals(List.of(written(1), "force"), channels.calls);
        }
    }

    /**
     * Marks that a call clears before it acts on them, so a mark that is set during the call is left to the next call.
     */
    @DisplayName("A save of a file of the host, and the call that sets a mark again in the middle of it")
    @Nested
    final class Marks extends HostFileFixture {
        private static final long FIRST = 1L << 30;
        private static final long SECOND = 1L << 31;

        private long forces() {
            return channels.calls.stream().filter("force"::equals).count();
        }

        @Test
        @DisplayName("forces bytes that were added during an earlier force")
        void addedDuringForce() throws IOException {
            HostFile file = openNew(1);
            assertEquals(8, file.pwrite(bytes(5), 0));
            channels.beforeNext(ChannelCall.FORCE, () -> file.grow(2 * PAGE));
            assertEquals(0, file.fsync());
            assertEquals(1, forces());
            assertEquals(0, file.fsync());
            assertEquals(2, forces());
            assertEquals(0, file.fsync());
            assertEquals(2, forces(), "nothing is left to force");
        }

        @Test
        @DisplayName("forces a growth whose write had not come to the host when an earlier force began")
        void forcedDuringGrowth() throws IOException {
            HostFile file = openNew(1);
            assertEquals(8, file.pwrite(bytes(5), 0));
            // The hook writes and forces; its own write does not call the hook again.
            channels.beforeNext(ChannelCall.WRITE, file::fsync);
            assertEquals(0, file.grow(2 * PAGE));
            assertEquals(1, forces());
            assertEquals(0, file.fsync());
            assertEquals(2, forces());
        }

        @Test
        @DisplayName("writes what was stored through a mapping that may be written no longer")
        void narrowed() throws IOException {
            HostFile file = openNew(1);
            long at = fixture.map(0, 1, READ | WRITE, Mman.SHARED, file, 0);
            fixture.store(at, 9);
            assertEquals(0, space.mprotect(at, PAGE, READ));
            assertEquals(0, file.fsync());
            assertEquals(9, number(path, 0));
        }

        @Test
        @DisplayName("writes a page again whose force has failed while an eviction had it, which puts it back")
        void forceFailsDuringEviction() throws IOException {
            HostFile file = openNew(1);
            for (long at : new long[] {FIRST, SECOND}) {
                fixture.map(at, 1, READ | WRITE, Mman.SHARED | Mman.FIXED, file, 0);
                assertEquals(STAMP, fixture.load(at));
            }
            fixture.store(FIRST, 9);
            List<HeldLeaf> held = new ArrayList<>();
            List<Future<Integer>> evicted = new ArrayList<>();
            CountDownLatch isHeld = new CountDownLatch(1);
            channels.beforeNext(ChannelCall.FORCE, () -> {
                held.add(new HeldLeaf(space, FIRST));
                evicted.add(held.get(0)
                        .stopped(
                                "evict",
                                () -> HostFilePages.saved(file).eviction().evict(true)));
                isHeld.countDown();
                throw new IOException("Input/output error");
            });
            FutureTask<Long> saved = new FutureTask<>(file::fsync);
            Thread saver = new Thread(saved, "fsync");
            saver.setDaemon(true);
            saver.start();
            Await.until("the eviction has the page", () -> isHeld.getCount() == 0 || saved.isDone(), fixture.reports);
            // Makes the eviction put the page back.
            PinnedFrame pin = fixture.pin(SECOND, READ);
            Await.stopped(saver, fixture.reports);
            held.get(0).close();
            assertEquals(0, Await.result("evict", evicted.get(0), fixture.reports));
            assertResult(Errno.EIO, Await.result("fsync", saved, fixture.reports));
            pin.close();
            channels.calls.clear();
            assertEquals(0, file.fsync());
            assertEquals(List.of("write 0+" + PAGE_BYTES, "force"), channels.calls);
        }
    }

    @DisplayName("What could not be saved")
    @Nested
    final class Unsaved extends HostFileFixture {
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
            HostFile file = openNew(8);
            assertEquals(8, file.pwrite(bytes(1), 3 * PAGE));
            assertEquals(8, file.pwrite(bytes(1), 5 * PAGE));
            channels.fail(ChannelCall.WRITE, "No space left on device");
            file.close();
            assertReport(path, "dirty pages: 2, the first at byte " + 3 * PAGE);
            assertEquals(List.of(), fixture.reports);
            channels.mend();
            HostFile again = open(path, RW);
            assertEquals(1, again.getLong(3 * PAGE), "the next open has the pages");
            assertResult(Errno.ENOSPC, again.fsync());
            assertEquals(1, number(path, 5 * PAGE));
        }

        @Test
        @DisplayName("by the end of a mapping that was the last use is reported so, too: a store that no call has seen")
        void lastUnmapping() throws Exception {
            write("f", 8 * PAGE_BYTES);
            long at;
            try (HostFile file = open(path, RW)) {
                at = fixture.map(0, 8, READ | WRITE, Mman.SHARED, file, 0);
            }
            fixture.store(at + 7 * PAGE, 1);
            channels.fail(ChannelCall.WRITE, "No space left on device");
            assertEquals(0, space.munmap(at, 8 * PAGE));
            fixture.machine.awaitQuiescence();
            assertReport(path, "dirty pages: 1, the first at byte " + 7 * PAGE);
            assertEquals(List.of(), fixture.reports);
            channels.mend();
            open(path).close();
        }

        @Test
        @DisplayName("by a sync of the machine is reported for each file, and returned; the others are saved")
        void sync() throws Exception {
            Path first = write("a", PAGE_BYTES);
            Path second = write("b", 2 * PAGE_BYTES);
            HostFile a = open(first, RW);
            HostFile b = open(second, RW);
            long at = fixture.map(0, 1, READ | WRITE, Mman.SHARED, a, 0);
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
            channels.mend();
            assertEquals(Errno.ENOSPC.result(), b.fsync(), "each open is told of it as well");
            channels.calls.clear();
            assertEquals(8, b.pwrite(bytes(9), PAGE));
            fixture.store(at, 9);
            assertEquals(0, fixture.machine.sync());
            assertEquals(9, number(first, 0));
            assertEquals(9, number(second, PAGE));
            assertEquals(2, channels.calls.stream().filter("force"::equals).count(), channels.calls::toString);
            assertEquals(List.of(), fixture.reports);
        }
    }

    @DisplayName("A call that saves several files of the host")
    @Nested
    final class SeveralFiles extends HostFileFixture {
        private final List<HostFile> files = new ArrayList<>();

        /** Opens some files, and makes a page dirty whose number is the index of the file. */
        private void makeDirty(int count) throws IOException {
            for (int i = 0; i < count; i++) {
                HostFile file = open(write("f" + i, (i + 1) * PAGE_BYTES), RW);
                files.add(file);
                assertEquals(8, file.pwrite(bytes(1), i * PAGE));
            }
        }

        private void assertWritten(int count) throws IOException {
            for (int i = 0; i < count; i++) {
                assertEquals(1, number(folder.resolve("f" + i), i * PAGE), "file " + i);
            }
        }

        /** Makes each call of a kind wait until as many of them are under way. */
        private void awaitTogether(ChannelCall kind, int count) {
            CountDownLatch together = new CountDownLatch(count);
            channels.failure = (call, offset, length) -> {
                if (call == kind) {
                    together.countDown();
                    Await.until(count + " calls together", () -> together.getCount() == 0);
                }
            };
        }

        @Test
        @DisplayName("is a sync of the machine, which saves four at a time, and each of them once")
        void sync() throws Exception {
            makeDirty(6);
            awaitTogether(ChannelCall.FORCE, 4);
            channels.calls.clear();
            assertEquals(0, fixture.machine.sync());
            assertWritten(6);
            assertEquals(6, channels.calls.stream().filter("force"::equals).count(), channels.calls::toString);
        }

        @Test
        @DisplayName("is a round of the periodic writes")
        void round() throws Exception {
            makeDirty(6);
            awaitTogether(ChannelCall.WRITE, 4);
            assertTrue(MachineInternals.hostFiles(fixture.machine).writeAll());
            assertWritten(6);
        }

        @Test
        @DisplayName("returns when all of them are saved, also those of tasks")
        void waits() throws Exception {
            makeDirty(2);
            AtomicReference<Thread> caller = new AtomicReference<>();
            CountDownLatch taken = new CountDownLatch(1);
            CountDownLatch released = new CountDownLatch(1);
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.FORCE && Thread.currentThread() == caller.get()) {
                    // Leaves the other file to the task.
                    Latches.await(taken);
                } else if (call == ChannelCall.FORCE) {
                    taken.countDown();
                    Latches.await(released);
                }
            };
            CallBeside sync = CallBeside.start("sync", () -> {
                caller.set(Thread.currentThread());
                return fixture.machine.sync();
            });
            try {
                sync.awaitIn("sync.Gate", "awaitUninterruptibly");
                assertFalse(sync.isOver());
            } finally {
                released.countDown();
            }
            assertEquals(0, sync.result());
        }

        @Test
        @DisplayName("returns the failure of the first one, and reports each")
        void failures() throws Exception {
            makeDirty(4);
            CountDownLatch isLater = new CountDownLatch(1);
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE && offset == PAGE) {
                    Latches.await(isLater);
                    throw new IOException("No space left on device");
                } else if (call == ChannelCall.WRITE && offset == 2 * PAGE) {
                    isLater.countDown();
                    throw new IOException("Disk quota exceeded");
                }
            };
            assertEquals(Errno.ENOSPC.result(), fixture.machine.sync());
            assertEquals(2, fixture.reports.size(), fixture.reports::toString);
            fixture.reports.clear();
            channels.mend();
            assertEquals(0, fixture.machine.sync());
            assertWritten(4);
        }

        @Test
        @DisplayName("visits all others if some throw, and throws all of that")
        void exceptions() throws Exception {
            makeDirty(5);
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE && (offset == PAGE || offset == 3 * PAGE)) {
                    throw new IllegalStateException("at " + offset / PAGE);
                }
            };
            HostFiles all = MachineInternals.hostFiles(fixture.machine);
            IllegalStateException thrown = assertThrows(IllegalStateException.class, all::writeAll);
            assertEquals(1, thrown.getSuppressed().length);
            assertEquals(Set.of("at 1", "at 3"), Set.of(thrown.getMessage(), thrown.getSuppressed()[0].getMessage()));
            channels.mend();
            for (int i : new int[] {0, 2, 4}) {
                assertEquals(1, number(folder.resolve("f" + i), i * PAGE), "file " + i);
            }
            assertTrue(all.writeAll());
            assertWritten(5);
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 1})
        @DisplayName("needs no task")
        void noTasks(int taken) throws Exception {
            AtomicInteger left = new AtomicInteger(taken);
            HostFiles without = new HostFiles(report -> {}, task -> {
                if (left.getAndDecrement() <= 0) {
                    throw new RejectedExecutionException("of this test");
                }
                task.run();
            });
            MachineMemory memory = HostFilePages.saved(open(write("f", PAGE_BYTES))).memory;
            List<ByteBuffer> stored = List.of(ByteBuffer.allocate(8), ByteBuffer.allocate(8), ByteBuffer.allocate(8));
            for (ByteBuffer bytes : stored) {
                HostFile file = without.open("file", memory, bytes.duplicate());
                assertEquals(8, file.pwrite(bytes(1), 0));
            }
            assertEquals(0, without.sync());
            assertEquals(-1, left.get(), "no task is tried after one was refused");
            stored.forEach(bytes ->
                    assertEquals(1, bytes.order(ByteOrder.LITTLE_ENDIAN).getLong(0)));
            assertTrue(without.close());
        }

        @Test
        @DisplayName("is made during the close of the machine")
        void closing() throws Exception {
            makeDirty(6);
            HeldCalls force = new HeldCalls(ChannelCall.FORCE);
            channels.failure = force;
            HostFiles all = MachineInternals.hostFiles(fixture.machine);
            CallBeside sync = CallBeside.start("sync", all::sync);
            force.awaitReached();
            CallBeside close = CallBeside.start("close", () -> all.close() ? 1 : 0);
            force.release();
            assertEquals(0, sync.result());
            assertEquals(1, close.result());
            assertWritten(6);
        }
    }

    @DisplayName("Failed writes of files of the host that are dropped")
    @Nested
    final class DroppedWrites extends HostFileFixture {
        private static final int LIMIT = 64;
        private static final int PAGES = 400;

        DroppedWrites() {
            super(Machine.builder()
                    .memory(512 * PAGE)
                    .cacheLimit(LIMIT * PAGE)
                    .dropFailedWrites(true)
                    .writeBackEvery(Duration.ZERO));
        }

        @Test
        @DisplayName("are told once to each open, and the page is written again only after a store to it")
        void clean() throws Exception {
            HostFile file = openNew(4);
            HostFile second = open(path, RW);
            long at = fixture.map(0, 4, READ | WRITE, Mman.SHARED, file, 0);
            fixture.store(at, 5);
            fixture.store(at + 2 * PAGE, 6);
            channels.fail(ChannelCall.WRITE, "No space left on device");
            assertResult(Errno.ENOSPC, space.msync(at, 4 * PAGE, Mman.SYNC));
            assertEquals(0, space.msync(at, 4 * PAGE, Mman.SYNC));
            channels.mend();
            assertEquals(0, file.fsync());
            assertResult(Errno.ENOSPC, second.fsync());
            assertEquals(0, second.fsync());
            assertEquals(
                    List.of(),
                    channels.calls.stream()
                            .filter(call -> call.startsWith("write"))
                            .toList());
            assertEquals(5, fixture.load(at));
            assertEquals(STAMP, number(path, 0));
            fixture.store(at, 7);
            assertEquals(0, file.fsync());
            assertEquals(7, number(path, 0));
            assertEquals(STAMP + 2, number(path, 2 * PAGE));
        }

        @Test
        @DisplayName("leave pages that are evicted as clean ones, whose bytes are lost then")
        void evicted() throws Exception {
            HostFile file = openNew(PAGES);
            long at = fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
            channels.fail(ChannelCall.WRITE, "No space left on device");
            for (int page = 0; page < PAGES; page++) {
                fixture.store(at + page * PAGE, 1);
            }
            assertResult(Errno.ENOSPC, file.fsync());
            channels.mend();
            assertEquals(0, file.fsync());
            assertEquals(STAMP, fixture.load(at));
            assertEquals(STAMP + 1, number(path, PAGE));
        }

        @Test
        @DisplayName("are reported if the last close makes them, and the file is closed")
        void lastClose() throws Exception {
            HostFile file = openNew(2);
            assertEquals(8, file.pwrite(bytes(5), 0));
            channels.fail(ChannelCall.WRITE, "No space left on device");
            file.close();
            channels.mend();
            assertEquals(0, channels.open.get());
            assertEquals(0, fixture.frames());
            assertEquals(
                    List.of(Report.Kind.FILE_NOT_SAVED),
                    fixture.reports.stream().map(Report::kind).toList());
            fixture.reports.clear();
            HostFile again = open(path, RW);
            assertEquals(0, again.fsync());
            assertEquals(STAMP, number(path, 0));
        }

        @Test
        @DisplayName("are not written for another force, if it was the force that has failed")
        void force() throws Exception {
            HostFile file = openNew(2);
            assertEquals(8, file.pwrite(bytes(5), 0));
            channels.fail(ChannelCall.FORCE, "No space left on device");
            assertResult(Errno.ENOSPC, file.fsync());
            channels.mend();
            channels.calls.clear();
            assertEquals(0, file.fsync());
            assertEquals(List.of("force"), channels.calls);
            assertEquals(5, number(path, 0));
        }

        @Test
        @DisplayName("do not include pages of a file that another program cuts, of which the rest is written")
        void cut() throws Exception {
            HostFile file = openNew(4);
            assertEquals(8, file.pwrite(bytes(5), 0));
            assertEquals(8, file.pwrite(bytes(6), PAGE));
            try (FileChannel other = FileChannel.open(path, StandardOpenOption.WRITE)) {
                other.truncate(PAGE);
            }
            assertEquals(0, file.fsync());
            assertEquals(5, number(path, 0));
            assertEquals(PAGE, file.size());
        }
    }

    @DisplayName("Pages of a file of the host")
    @Nested
    final class DirtyRanges extends HostFileFixture {
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
            long at = fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
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

            int flags = Mman.SYNC_FILE_RANGE_WRITE;
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
            HostFile file = openNew(PAGES);
            long at = fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
            fixture.store(at + 3 * PAGE, 1);
            assertEquals(0, space.munmap(at, PAGES * PAGE));
            assertEquals(List.of(pages(3, 4)), all(file));
            long copy = fixture.map(0, PAGES, READ | WRITE, Mman.PRIVATE, file, 0);
            fixture.store(copy + 5 * PAGE, 1);
            assertEquals(List.of(pages(3, 4)), all(file), "a private page is none of the file");
        }

        @Test
        @DisplayName("are not listed as clean while they are being written")
        void whileWritten() throws Exception {
            HostFile file = openNew(PAGES);
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
            channels.mend();
        }

        @Test
        @DisplayName("are counted as absent until they are read, and no count reads one or waits")
        void absent() throws Exception {
            HostFile file = open(write("f", PAGES * PAGE_BYTES - 100), RW);
            assertEquals(PAGES, file.absentPages(0, Long.MAX_VALUE));
            long at = fixture.map(0, PAGES, READ, Mman.SHARED, file, 0);
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
        }

        @Test
        @DisplayName("are freed by DONTNEED, mapped or not, but for dirty, locked and pinned ones and parts of pages")
        void dontNeed() throws Exception {
            HostFile file = open(write("f", PAGES * PAGE_BYTES - 100), RW);
            long at = fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
            for (int page = 0; page < PAGES; page++) {
                fixture.load(at + page * PAGE);
            }
            fixture.store(at + 3 * PAGE, 33);
            assertEquals(0, space.mlock(at + 5 * PAGE, PAGE));
            try (PinnedFrame pin = fixture.pin(at + 7 * PAGE, READ)) {
                assertEquals(0, file.fadvise(100, 10 * PAGE, Mman.POSIX_FADV_DONTNEED));
                assertEquals(9 - 3, file.absentPages(0, PAGES * PAGE));
                assertEquals(0, file.absentPages(0, PAGE), "a page of which a part is in the range");
                assertEquals(0, file.absentPages(10 * PAGE, PAGE), "a page of which a part is in the range");
                assertEquals(STAMP + 7, SpaceFixture.read(pin));
            }
            assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_DONTNEED));
            assertEquals(PAGES - 2, file.absentPages(0, PAGES * PAGE), "all but the dirty and the locked one");
            assertEquals(33, fixture.load(at + 3 * PAGE));
            for (int page = 4; page < PAGES; page++) {
                assertEquals(STAMP + page, fixture.load(at + page * PAGE));
            }
            assertEquals(0, file.fsync());
            assertEquals(0, file.fadvise(3 * PAGE, PAGE, Mman.POSIX_FADV_DONTNEED));
            assertEquals(1, file.absentPages(3 * PAGE, PAGE));
            file.close();
            assertEquals(Errno.EBADF.result(), file.fadvise(0, 0, Mman.POSIX_FADV_DONTNEED));
        }

        @Test
        @DisplayName("are read ahead as an advice for the open says, or before they are needed")
        void readAhead() throws Exception {
            HostFile file = openNew(PAGES);
            assertEquals(0, file.fadvise(2 * PAGE, 4 * PAGE, Mman.POSIX_FADV_WILLNEED));
            fixture.machine.awaitQuiescence();
            assertEquals(0, file.absentPages(2 * PAGE, 4 * PAGE));
            assertEquals(PAGES - 4, file.absentPages(0, PAGES * PAGE));
            assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_RANDOM));
            for (int page = 10; page < 14; page++) {
                assertEquals(8, file.pread(ByteBuffer.allocate(8), page * PAGE));
            }
            assertEquals(1, file.absentPages(14 * PAGE, PAGE), "one by one");
            assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_SEQUENTIAL));
            assertEquals(8, file.pread(ByteBuffer.allocate(8), 20 * PAGE));
            assertEquals(0, file.absentPages(20 * PAGE, 4 * PAGE), "several at once");
            assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_NOREUSE));
            assertEquals(Errno.EINVAL.result(), file.fadvise(0, 0, 6));
            assertEquals(Errno.EINVAL.result(), file.fadvise(-1, 0, Mman.POSIX_FADV_WILLNEED));
            assertEquals(Errno.EINVAL.result(), file.fadvise(0, -1, Mman.POSIX_FADV_WILLNEED));
            assertThrows(IllegalArgumentException.class, () -> file.dirtyRanges(-1, 0));
        }
    }

    @DisplayName("A file of the host that is written only when that is asked for")
    @Nested
    final class NoSteal extends HostFileFixture {
        private static final int MEMORY = 128;
        private static final int LIMIT = 32;
        private static final int PAGES = 64;
        private static final int LARGE = 4 * MEMORY;

        NoSteal() {
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
            write("f", PAGES * PAGE_BYTES);
            HostFile file = openNoSteal(path);
            long at = fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
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
            int flags = Mman.SYNC_FILE_RANGE_WRITE | Mman.WAIT_AFTER;
            assertEquals(0, file.syncRange(3 * PAGE, PAGE, flags));
            assertEquals(1003, number(path, 3 * PAGE));
            assertEquals(STAMP + 2, number(path, 2 * PAGE));
            assertEquals(0, file.fsync());
            for (int page = 0; page < PAGES; page++) {
                assertEquals(1000 + page, number(path, page * PAGE));
            }
        }

        @ParameterizedTest
        @ValueSource(booleans = {true, false})
        @DisplayName("reports a full device by the write beyond the end, like a file with hooks")
        void fullDevice(boolean hasHooks) throws Exception {
            write("f", 0);
            HostFile file =
                    open(path, StandardOpenOption.WRITE, hasHooks ? new PageHooks() {} : HostFileOption.NO_STEAL);
            long[] room = {2 * PAGE};
            channels.mostBytes = PAGE_BYTES;
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE && offset >= room[0]) {
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
            long at = fixture.map(0, LARGE, READ | WRITE, Mman.SHARED, file, 0);
            assertEquals(Fault.OUT_OF_MEMORY, fixture.memory.load(at + (LARGE - 1) * PAGE, 8));
            assertEquals(0, file.fsync());
            assertEquals(STAMP + LARGE - 1, fixture.load(at + (LARGE - 1) * PAGE));
        }

        @Test
        @DisplayName("is written by its last close, and has zeros on the host for bytes beyond the end until then")
        void close() throws Exception {
            write("f", PAGES * PAGE_BYTES);
            HostFile file = openNoSteal(path);
            assertEquals(PAGES * PAGE, file.append(bytes(5)));
            assertEquals(8, file.pwrite(bytes(6), 0));
            assertEquals((PAGES * PAGE) + 8, Files.size(path));
            assertEquals(0, number(path, PAGES * PAGE));
            assertUnchanged(path);
            ByteBuffer read = ByteBuffer.allocate(8);
            assertEquals(8, file.pread(read, PAGES * PAGE));
            assertEquals(
                    bytes(5).getLong(0), read.order(ByteOrder.LITTLE_ENDIAN).getLong(0));
            file.close();
            assertEquals(5, number(path, PAGES * PAGE));
            assertEquals(6, number(path, 0));
        }
    }

    @DisplayName("Dirty pages of files of the host, written in the background,")
    @Nested
    final class Periodic extends HostFileFixture {
        Periodic() {
            super(Machine.builder().memory(512 * PAGE).writeBackEvery(Duration.ofMillis(5)));
        }

        private static boolean has(Path path, long page, long wanted) {
            try {
                return number(path, page * PAGE) == wanted;
            } catch (IOException failed) {
                throw new AssertionError(failed);
            }
        }

        @Test
        @DisplayName("reach the file without a save, again and again, and are not forced")
        void written() throws Exception {
            HostFile file = openNew(4);
            long at = fixture.map(0, 4, READ | WRITE, Mman.SHARED, file, 0);
            for (int round = 1; round < 4; round++) {
                long wanted = round;
                fixture.store(at + round * PAGE, wanted);
                Await.until("a write", () -> has(path, wanted, wanted));
            }
            assertFalse(channels.calls.contains("force"));
            assertEquals(0, file.fsync());
        }

        @Test
        @DisplayName("are written once the host works again, and the failure is told by the next save")
        void failure() throws Exception {
            HostFile file = openNew(4);
            long at = fixture.map(0, 4, READ | WRITE, Mman.SHARED, file, 0);
            AtomicInteger failed = new AtomicInteger();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE) {
                    failed.incrementAndGet();
                    throw new IOException("No space left on device");
                }
            };
            fixture.store(at, 7);
            Await.until("failures", () -> failed.get() > 2);
            channels.mend();
            Await.until("a write", () -> has(path, 0, 7));
            assertResult(Errno.ENOSPC, file.fsync());
            assertEquals(0, file.fsync());
        }

        @Test
        @DisplayName("are written though the executor once had no memory for a task")
        void noTask() throws Exception {
            AtomicInteger tasks = new AtomicInteger();
            HostFiles files = new HostFiles(report -> {}, task -> {
                if (tasks.incrementAndGet() == 2) {
                    throw new OutOfMemoryError("of this test");
                }
                task.run();
            });
            files.writeEvery(1_000_000);
            MachineMemory memory = HostFilePages.saved(open(write("f", PAGE_BYTES))).memory;
            try (HostFile file = files.open("written", memory, ByteBuffer.allocate(PAGE_BYTES))) {
                Await.until("rounds after the failure", () -> tasks.get() >= 4);
                assertEquals(0, file.fsync());
            }
            assertTrue(files.close());
            Incidents.take("thread samara-timer ends with java.lang.OutOfMemoryError");
        }

        @Test
        @DisplayName("are written of a file that is opened after others were closed")
        void openedLater() throws Exception {
            for (int i = 0; i < 3; i++) {
                Path path = write("f" + i, PAGE_BYTES);
                HostFile file = open(path, RW);
                assertEquals(8, file.pwrite(bytes(5), 0));
                Await.until("a write", () -> has(path, 0, 5));
                file.close();
            }
        }
    }

    @DisplayName("A round of the periodic writes")
    @Nested
    final class Rounds extends HostFileFixture {
        /** More than two batches of a write-back. Here each batch is one write to the host. */
        private static final int PAGES = 600;

        private static final int BATCHES = 3;

        private final Semaphore reached = new Semaphore(0);
        private final Semaphore released = new Semaphore(0);

        Rounds() {
            super(Machine.builder().memory(1024 * PAGE).writeBackEvery(Duration.ZERO));
        }

        @Test
        @DisplayName(
                "writes each page that is dirty at its start, though another thread has the lock before each batch")
        void busyFile() throws Exception {
            HostFile file = openNew(PAGES);
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE) {
                    reached.release();
                    released.acquireUninterruptibly();
                }
            };
            // A page that becomes dirty during a round is dirty at the start of the next one, so it is written within
            // two
            // periods.
            for (int round = 1; round <= 2; round++) {
                long number = 1000L * round;
                for (int page = 0; page < PAGES; page++) {
                    assertEquals(8, file.pwrite(bytes(number), (long) page * PAGE));
                }
                roundBesideWriter(file, number);
                ByteBuffer content = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
                List<Integer> missing = new ArrayList<>();
                for (int page = 1; page < PAGES; page++) {
                    if (content.getLong(page * PAGE_BYTES) != number) {
                        missing.add(page);
                    }
                }
                assertEquals(List.of(), missing);
                assertTrue(content.getLong(0) >= number);
            }
            channels.mend();
        }

        /**
         * Runs a round on another thread. The calling thread writes to a page, and holds the lock whenever the round
         * needs it.
         */
        private void roundBesideWriter(HostFile file, long number) {
            FilePages pages = (FilePages) file.pageCache();
            CallBeside round;
            pages.lock();
            try {
                round = CallBeside.start("round", () -> {
                    PeriodicRounds.writeAll(MachineInternals.hostFiles(fixture.machine));
                    return 0;
                });
                for (int batch = 1; batch <= BATCHES; batch++) {
                    round.awaitIn("file.WriteBack", "lock");
                    assertFalse(round.isOver(), "ends before batch " + batch);
                    assertEquals(8, file.pwrite(bytes(number + batch), 0));
                    pages.unlock();
                    try {
                        Await.until("the write of batch " + batch, () -> reached.tryAcquire());
                    } finally {
                        pages.lock();
                    }
                    released.release();
                }
            } finally {
                pages.unlock();
            }
            assertEquals(0, round.result());
        }
    }

    @DisplayName("Files of the host of a machine")
    @Nested
    final class Ends {
        private static final OpenOption[] RW = {StandardOpenOption.READ, StandardOpenOption.WRITE};

        @TempDir
        Path folder;

        private final FaultyChannels channels = new FaultyChannels();
        private final List<Report> reports = new ArrayList<>();
        private final Machine machine = Machine.builder()
                .memory(1 << 20)
                .writeBackEvery(Duration.ZERO)
                .reportTo(reports::add)
                .build();
        private final HostFiles files = MachineInternals.hostFiles(machine);

        Ends() {
            files.openBy(channels);
        }

        private Path write(String name, String content) throws IOException {
            return Files.writeString(folder.resolve(name), content);
        }

        private static String read(HostFile file) {
            ByteBuffer target = ByteBuffer.allocate(10);
            int length = (int) file.pread(target, 0);
            return new String(target.array(), 0, length, US_ASCII);
        }

        /**
         * Replaces a path by another file, which also has a second name, during each of the first opens of the path.
         */
        private void replaceDuringOpens(int times, Path path, List<Path> others) {
            List<Path> left = new ArrayList<>(others.subList(0, times));
            files.openBy((opened, options) -> {
                boolean isReplaced = opened.equals(path) && !left.isEmpty();
                // The path named a different file when it was checked before the open; after the open it names the
                // opened
                // file.
                Path other = isReplaced ? left.remove(0) : path;
                HostChannel channel = channels.open(isReplaced ? other : opened, options);
                if (isReplaced) {
                    Path second = Files.createLink(folder.resolve("second"), other);
                    Files.move(second, path, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
                }
                return channel;
            });
        }

        @Test
        @DisplayName("are those whose channels were opened, though other files take the path meanwhile")
        void replaced() throws Exception {
            Path path = write("path", "first");
            List<Path> others = List.of(write("a", "a"), write("b", "b"), write("c", "c"));
            replaceDuringOpens(3, path, others);
            try (HostFile file = machine.openFile(path, GEOMETRY, RW)) {
                assertEquals("c", read(file));
                assertEquals(((Number) Files.getAttribute(others.get(2), "unix:ino")).longValue(), file.inode());
                for (Path other : others) {
                    try (HostFile stable = machine.openFile(other, GEOMETRY)) {
                        assertEquals(Files.readString(other), read(stable));
                    }
                }
            }
            machine.close();
            assertEquals(0, channels.open.get());
        }

        @Test
        @DisplayName("are those whose channels were opened, though another file has the path only at that instant")
        void replacedForAMoment() throws Exception {
            Path path = write("path", "first");
            Path other = write("other", "other");
            boolean[] isReplaced = {false};
            boolean[] isSeen = {false};
            files.openBy((opened, options) -> {
                if (isReplaced[0]) {
                    return channels.open(opened, options);
                }
                isReplaced[0] = true;
                Object before = Files.getAttribute(path, "unix:ctime");
                Files.move(path, folder.resolve("away"));
                Files.createLink(path, other);
                HostChannel channel = channels.open(opened, options);
                Files.move(folder.resolve("away"), path, StandardCopyOption.REPLACE_EXISTING);
                // A kernel before 6.13 stamps files with the time of the last tick.
                isSeen[0] = !before.equals(Files.getAttribute(path, "unix:ctime"));
                return channel;
            });
            try (HostFile file = machine.openFile(path, GEOMETRY, RW)) {
                assumeTrue(isSeen[0], "the time of the host is too coarse");
                assertEquals("first", read(file));
            } finally {
                machine.close();
            }
        }

        @Test
        @DisplayName("that are created are known by their own keys, though another file takes the path at once")
        void replacedWhenCreated() throws Exception {
            Path path = folder.resolve("path");
            Path other = write("other", "other");
            boolean[] isReplaced = {false};
            files.openBy((opened, options) -> {
                HostChannel channel = channels.open(opened, options);
                if (!isReplaced[0]) {
                    isReplaced[0] = true;
                    Files.delete(path);
                    Files.createLink(path, other);
                }
                return channel;
            });
            try (HostFile file = machine.openFile(path, GEOMETRY, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
                    HostFile stable = machine.openFile(other, GEOMETRY)) {
                assertEquals("other", read(stable));
                assertEquals("other", read(file));
            }
            machine.close();
            assertEquals(0, channels.open.get());
        }

        @Test
        @DisplayName("are saved by the end of the machine but for those that cannot be, which a further close saves")
        void endOfMachine() throws Exception {
            List<Path> paths = List.of(write("a", "-"), write("b", "-"), write("c", "-"), write("d", "-"));
            List<HostFile> opens = new ArrayList<>();
            for (Path path : paths) {
                HostFile file = machine.openFile(path, GEOMETRY, RW);
                assertEquals(1, file.pwrite(ByteBuffer.wrap(new byte[] {'X'}), 0));
                opens.add(file);
            }
            List<String> failures = new ArrayList<>(List.of("No space left on device", "memory", "channel"));
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE && !failures.isEmpty()) {
                    String failure = failures.remove(0);
                    if (failure.equals("memory")) {
                        throw new OutOfMemoryError("a test");
                    } else if (failure.equals("channel")) {
                        throw new IllegalStateException("a channel of an embedder");
                    }
                    throw new IOException(failure);
                }
            };
            machine.close();
            List<Path> left = new ArrayList<>();
            for (Path path : paths) {
                if (!Files.readString(path).equals("X")) {
                    left.add(path);
                }
            }
            assertEquals(3, left.size());
            assertEquals(3, reports.size());
            for (int i = 0; i < 3; i++) {
                assertEquals(Report.Kind.FILE_NOT_SAVED, reports.get(i).kind());
                String message = Objects.requireNonNull(reports.get(i).message());
                assertTrue(left.stream().anyMatch(path -> message.contains(path.toString())), message);
            }
            assertEquals(3, channels.open.get());
            machine.close();
            for (Path path : paths) {
                assertEquals("X", Files.readString(path));
            }
            assertEquals(0, channels.open.get());
            opens.forEach(HostFile::close);
            machine.close();
            assertEquals(3, reports.size());
        }

        @Test
        @DisplayName(
                "that were deleted, and that their last close could not save, are closed by the next round that can")
        void leftOpen() throws Exception {
            Path path = write("a", "-");
            HostFile file = machine.openFile(path, GEOMETRY, RW);
            assertEquals(1, file.pwrite(ByteBuffer.wrap(new byte[] {'X'}), 0));
            channels.fail(ChannelCall.WRITE, "No space left on device");
            file.close();
            Files.delete(path);
            assertTrue(files.writeAll());
            assertTrue(files.writeAll());
            assertEquals(1, channels.open.get());
            assertEquals(1, reports.size(), "reported once");
            channels.mend();
            assertEquals(false, files.writeAll());
            assertEquals(0, channels.open.get());
            machine.close();
            assertEquals(1, reports.size());
        }

        @Test
        @DisplayName("is closed by its last close alone, though a round of periodic writes comes while that saves it")
        void roundDuringLastClose() throws Exception {
            HostFile file = machine.openFile(write("a", "-"), GEOMETRY, RW);
            assertEquals(1, file.pwrite(ByteBuffer.wrap(new byte[] {'X'}), 0));
            List<Boolean> rounds = new ArrayList<>();
            channels.beforeNext(ChannelCall.FORCE, () -> {
                rounds.add(files.writeAll());
                assertEquals(1, channels.open.get());
            });
            file.close();
            assertEquals(List.of(true), rounds, "is open for writing until then");
            assertEquals(0, channels.open.get());
            assertEquals(List.of(), reports);
            assertEquals("X", Files.readString(folder.resolve("a")));
        }

        /** Runs an action before each call of one method of a channel. */
        private static HostChannel before(String call, HostChannel channel, Runnable before) {
            return (HostChannel) Proxy.newProxyInstance(
                    Ends.class.getClassLoader(), new Class<?>[] {HostChannel.class}, (proxy, method, arguments) -> {
                        if (method.getName().equals(call)) {
                            before.run();
                        }
                        try {
                            return method.invoke(channel, arguments);
                        } catch (InvocationTargetException thrown) {
                            throw thrown.getCause();
                        }
                    });
        }

        private static ReentrantLock changesLock(HostFile file) {
            return ((OpenHostFile) file).inode.changes;
        }

        @Test
        @DisplayName(
                "are not reported if their last close saves them while the machine finds them cut by another program")
        void lastCloseDuringClose() throws Exception {
            Path path = write("a", "0123456789");
            AtomicReference<Thread> closer = new AtomicReference<>();
            CountDownLatch looks = new CountDownLatch(1);
            CountDownLatch isLocked = new CountDownLatch(1);
            files.openBy((opened, options) -> before("size", channels.open(opened, options), () -> {
                if (Thread.currentThread() == closer.get() && looks.getCount() > 0) {
                    looks.countDown();
                    Latches.await(isLocked);
                }
            }));
            HostFile file = machine.openFile(path, GEOMETRY, RW);
            assertEquals(1, file.pwrite(ByteBuffer.wrap(new byte[] {'X'}), 9));
            Files.writeString(path, "01");
            ReentrantLock changes = changesLock(file);
            Thread closes = new Thread(machine::close, "closes the machine");
            closer.set(closes);
            closes.start();
            // The machine read the size under the write-back lock, and will read it once more under the lock of
            // changes.
            Latches.await(looks);
            changes.lock();
            try {
                isLocked.countDown();
                Await.until("the machine's save finds the file short", () -> changes.hasQueuedThread(closes));
                file.close();
                assertEquals(0, channels.open.get());
            } finally {
                changes.unlock();
            }
            closes.join();
            assertEquals(List.of(), reports);
            assertEquals("01", Files.readString(path));
        }

        @Test
        @DisplayName("are closed when the machine is, also by a last close in another thread")
        void closesOfOthers() throws Exception {
            CountDownLatch reached = new CountDownLatch(1);
            CountDownLatch released = new CountDownLatch(1);
            files.openBy((opened, options) -> before("close", channels.open(opened, options), () -> {
                reached.countDown();
                Latches.await(released);
            }));
            HostFile file = machine.openFile(write("a", "-"), GEOMETRY, RW);
            Thread closesFile = new Thread(file::close, "closes the file");
            AtomicInteger left = new AtomicInteger();
            Thread closes = new Thread(
                    () -> {
                        machine.close();
                        left.set(channels.open.get());
                    },
                    "closes the machine");
            closesFile.start();
            try {
                Latches.await(reached);
                closes.start();
                Await.stopped(closes);
            } finally {
                released.countDown();
            }
            closesFile.join();
            closes.join();
            assertEquals(0, left.get());
            assertEquals(List.of(), reports);
        }

        @Test
        @DisplayName("that are read ahead while the machine is closed end the reads without a report")
        void readAhead() throws Exception {
            Path path = write("path", "content");
            for (int readsBefore = 0; readsBefore < 2; readsBefore++) {
                closeDuringReadAhead(path, readsBefore);
            }
            assertEquals(List.of(), reports);
        }

        /**
         * Closes a machine during a read ahead of two windows, before or after the first window was read.
         *
         * @param readsBefore the number of windows that are read before the close
         */
        private void closeDuringReadAhead(Path path, int readsBefore) throws Exception {
            Files.write(path, new byte[1 << 20]);
            ExecutorService tasks = Executors.newSingleThreadExecutor();
            Machine closed = Machine.builder()
                    .memory(4 << 20)
                    .reportTo(reports::add)
                    .executor(tasks)
                    .build();
            CountDownLatch reached = new CountDownLatch(1);
            CountDownLatch released = new CountDownLatch(1);
            AtomicInteger reads = new AtomicInteger();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.READ && reads.getAndIncrement() == readsBefore) {
                    reached.countDown();
                    Latches.await(released);
                }
            };
            MachineInternals.hostFiles(closed).openBy(channels);
            HostFile file = closed.openFile(path, GEOMETRY);
            assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_WILLNEED));
            Await.until("a read", () -> reached.getCount() == 0);
            file.close();
            closed.close();
            released.countDown();
            tasks.shutdown();
            Await.until("the read ahead ends", tasks::isTerminated);
        }

        @Test
        @DisplayName("leave no thread behind once the machine is closed")
        void threads() throws Exception {
            Path path = write("path", "content");
            ThreadGroup group = new ThreadGroup("caller");
            AtomicBoolean isWaiting = new AtomicBoolean();
            // A thread belongs to the group of the thread that started it.
            Thread caller = new Thread(group, () -> {
                Machine own = Machine.builder()
                        .memory(1 << 20)
                        .writeBackEvery(Duration.ofHours(1))
                        .reportTo(reports::add)
                        .build();
                HostFile file = own.openFile(path, GEOMETRY, RW);
                Thread[] threads = new Thread[10];
                int count = group.enumerate(threads);
                isWaiting.set(Stream.of(threads).limit(count).anyMatch(one -> one instanceof Background.Timer));
                file.close();
                own.close();
            });
            caller.start();
            Await.stopped(caller);
            assertTrue(isWaiting.get(), "a thread waits for the next periodic write");
            Await.until("all threads end", () -> group.activeCount() == 0);
            assertEquals(List.of(), reports);
        }
    }
}
