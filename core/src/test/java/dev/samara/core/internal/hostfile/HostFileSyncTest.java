// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("A written file of the host")
final class HostFileSyncTest extends HostFileFixture {
    private long map(HostFile file, long pages) {
        return fixture.map(0, pages, READ | WRITE, MapFlags.SHARED, file, 0);
    }

    private void failWrites(String text) {
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE) {
                throw new IOException(text);
            }
        };
    }

    @Test
    @DisplayName("is on its device when msync returns: written in order, in large parts, and then forced")
    void msync() throws Exception {
        Path path = write("f", 16 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = map(file, 16);
        for (int page : new int[] {9, 3, 1, 2, 8}) {
            fixture.store(at + page * PAGE, page);
        }
        assertEquals(0, space.msync(at, 16 * PAGE, SyncFlags.ASYNC));
        assertEquals(List.of(), channels.calls);
        assertEquals(0, space.msync(at, 9 * PAGE, SyncFlags.SYNC));
        assertEquals(
                List.of("write " + PAGE + "+" + 3 * PAGE, "write " + 8 * PAGE + "+" + PAGE, "force"), channels.calls);
        assertEquals(3, number(path, 3 * PAGE));
        channels.calls.clear();
        assertEquals(0, space.msync(at, 9 * PAGE, SyncFlags.SYNC));
        assertEquals(List.of(), channels.calls, "nothing was written since");
        assertEquals(0, file.fsync());
        assertEquals(List.of("write " + 9 * PAGE + "+" + PAGE, "force"), channels.calls);
        file.close();
    }

    @Test
    @DisplayName("is saved up to a hole of the range or a locked mapping, whose error follows")
    void msyncErrors() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = map(file, 4);
        for (int page = 0; page < 4; page++) {
            fixture.store(at + page * PAGE, 1);
        }
        assertEquals(0, space.munmap(at + PAGE, PAGE));
        assertResult(Errno.ENOMEM, space.msync(at, 3 * PAGE, SyncFlags.SYNC));
        assertEquals(1, number(path, 2 * PAGE));
        assertEquals(STAMP + 1, number(path, PAGE), "not in the range of a mapping");
        assertEquals(0, space.mlock(at + 3 * PAGE, PAGE));
        fixture.store(at + 2 * PAGE, 2);
        assertResult(Errno.EBUSY, space.msync(at + 2 * PAGE, 2 * PAGE, SyncFlags.SYNC | SyncFlags.INVALIDATE));
        assertEquals(2, number(path, 2 * PAGE));
        assertEquals(STAMP + 3, number(path, 3 * PAGE));
        assertEquals(0, file.fsync());
        assertEquals(1, number(path, PAGE));
        failWrites("No space left on device");
        fixture.store(at, 3);
        assertResult(Errno.ENOSPC, space.msync(at, 3 * PAGE, SyncFlags.SYNC));
        channels.failure = (call, offset, length) -> {};
        assertResult(Errno.ENOMEM, space.msync(at, 3 * PAGE, SyncFlags.SYNC));
        file.close();
    }

    @Test
    @DisplayName("is saved by its last close, on a thread of the machine if a mapping is the last use")
    void lastClose() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = map(file, 4);
        fixture.store(at, 5);
        file.close();
        assertEquals(STAMP, number(path, 0));
        assertEquals(0, space.munmap(at, 4 * PAGE));
        fixture.machine.awaitQuiescence();
        assertEquals(5, number(path, 0));
        assertEquals(0, channels.open.get());
        assertTrue(channels.calls.contains("force"));
    }

    @Test
    @DisplayName("tells each open once of a failure, and writes the page again")
    void failures() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile first = open(path, RW);
        HostFile second = open(path, RW);
        long at = map(first, 4);
        fixture.store(at + PAGE, 6);
        failWrites("Input/output error");
        assertResult(Errno.EIO, space.msync(at, 4 * PAGE, SyncFlags.SYNC));
        channels.failure = (call, offset, length) -> {};
        HostFile late = open(path, RW);
        assertResult(Errno.EIO, second.fsync());
        assertEquals(6, number(path, PAGE));
        assertEquals(0, second.fsync());
        assertEquals(0, first.fsync());
        assertEquals(0, late.fsync(), "another open was told before it was opened");
        first.close();
        second.close();
        late.close();
    }

    @Test
    @DisplayName("is written again if the force fails")
    void failedForce() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = map(file, 4);
        fixture.store(at + PAGE, 6);
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.FORCE) {
                throw new IOException("Input/output error");
            }
        };
        assertResult(Errno.EIO, file.fsync());
        channels.failure = (call, offset, length) -> {};
        channels.calls.clear();
        assertEquals(0, file.fsync());
        assertEquals(List.of("write " + PAGE + "+" + PAGE, "force"), channels.calls);
        file.close();
    }

    @Test
    @DisplayName("that cannot be saved at its last close is reported, and the next open has the pages")
    void failedClose() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        assertEquals(8, file.pwrite(bytes(8), PAGE));
        failWrites("No space left on device");
        file.close();
        assertEquals(1, fixture.reports.size());
        assertEquals(Report.Kind.FILE_NOT_SAVED, fixture.reports.get(0).kind());
        fixture.reports.clear();
        channels.failure = (call, offset, length) -> {};
        HostFile again = open(path, RW);
        ByteBuffer target = bytes(0);
        assertEquals(8, again.pread(target, PAGE));
        assertEquals(8, target.getLong(0));
        assertEquals(STAMP + 1, number(path, PAGE));
        assertResult(Errno.ENOSPC, again.fsync());
        assertEquals(8, number(path, PAGE));
        again.close();
    }

    @Test
    @DisplayName("is written in short parts, too, and never beyond its end")
    void shortWrites() throws Exception {
        Path path = write("f", PAGE_BYTES + 100);
        HostFile file = open(path, RW);
        long at = map(file, 2);
        fixture.store(at + PAGE + 8, 1);
        fixture.store(at + PAGE + 200, 2);
        channels.mostBytes = 60;
        assertEquals(0, file.fsync());
        assertEquals(List.of("write " + PAGE + "+60", "write " + (PAGE + 60) + "+40", "force"), channels.calls);
        assertEquals(PAGE + 100, Files.size(path));
        file.close();
    }

    @Test
    @DisplayName("grows by writes and truncations, at once on the host, and is zeros in between")
    void growth() throws Exception {
        Path path = write("f", 100);
        HostFile file = open(path, RW);
        long at = map(file, 8);
        assertEquals(8, file.pwrite(bytes(3), 3 * PAGE));
        assertEquals(3 * PAGE + 8, Files.size(path));
        assertEquals(0, fixture.load(at + 2 * PAGE));
        assertEquals(3, fixture.load(at + 3 * PAGE));
        assertEquals(0, file.truncate(6 * PAGE));
        assertEquals(6 * PAGE, Files.size(path));
        fixture.store(at + 5 * PAGE, 5);
        assertEquals(0, file.fsync());
        assertEquals(3, number(path, 3 * PAGE));
        assertEquals(5, number(path, 5 * PAGE));
        failWrites("No space left on device");
        assertResult(Errno.ENOSPC, file.pwrite(bytes(3), 9 * PAGE));
        assertResult(Errno.ENOSPC, file.truncate(9 * PAGE));
        assertEquals(6 * PAGE, file.size());
        channels.failure = (call, offset, length) -> {};
        assertResult(Errno.EINVAL, file.pwrite(bytes(1), -1));
        assertResult(Errno.EINVAL, file.truncate(-1));
        file.close();
    }

    @Test
    @DisplayName("is shorter at once after a truncation: no page beyond the end is written")
    void truncation() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = map(file, 8);
        for (int page = 0; page < 8; page++) {
            fixture.store(at + page * PAGE + 8, 1);
        }
        assertEquals(0, file.truncate(2 * PAGE + 12));
        assertEquals(2 * PAGE + 12, Files.size(path));
        assertFault(Fault.ADRERR, fixture.memory.load(at + 4 * PAGE, 8));
        assertEquals(0, file.fsync());
        assertEquals(2 * PAGE + 12, Files.size(path));
        assertEquals(0, file.truncate(8 * PAGE));
        assertEquals(0, fixture.load(at + 5 * PAGE + 8));
        assertEquals(STAMP + 2, fixture.load(at + 2 * PAGE));
        assertEquals(0, fixture.load(at + 2 * PAGE + 16));
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.TRUNCATE) {
                throw new IOException("Operation not permitted");
            }
        };
        assertResult(Errno.EPERM, file.truncate(0));
        assertEquals(8 * PAGE, file.size());
        file.close();
    }

    @Test
    @DisplayName("has zeros where a hole was punched, in memory and on the host")
    void holes() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES + 16);
        HostFile file = open(path, RW);
        long at = map(file, 9);
        for (int page = 0; page < 9; page++) {
            fixture.store(at + page * PAGE + 8, page + 1);
        }
        assertEquals(0, file.punch(PAGE + 12, 3 * PAGE));
        assertEquals(2L, fixture.load(at + PAGE + 8) & 0xffff_ffffL);
        assertEquals(0, fixture.load(at + 2 * PAGE + 8));
        assertEquals(0, fixture.load(at + 4 * PAGE));
        assertEquals(0, fixture.load(at + 4 * PAGE + 8) & 0xffff_ffffL);
        assertEquals(0, file.punch(8 * PAGE + 4, 100));
        assertEquals(0, file.punch(6 * PAGE + 16, 8));
        assertEquals(0, file.fsync());
        assertEquals(8 * PAGE + 16, Files.size(path));
        assertEquals(0, number(path, 3 * PAGE));
        assertEquals(0, number(path, 4 * PAGE));
        assertEquals(STAMP + 5, number(path, 5 * PAGE));
        assertEquals(7, number(path, 6 * PAGE + 8));
        assertEquals(STAMP + 8, number(path, 8 * PAGE));
        assertResult(Errno.EINVAL, file.punch(0, 0));
        assertResult(Errno.EINVAL, file.punch(-1, 10));
        assertEquals(0, space.madvise(at, PAGE, Advice.REMOVE));
        assertEquals(0, fixture.load(at + 8));
        assertEquals(0, number(path, 0));
        file.close();
    }

    @Test
    @DisplayName("may be larger than the memory: pages are written and freed as others are needed")
    void largerThanMemory() throws Exception {
        int pages = 1500;
        Path path = write("f", pages * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = map(file, pages);
        for (int page = 0; page < pages; page++) {
            fixture.store(at + page * PAGE + 8, page);
        }
        for (int page = 0; page < pages; page++) {
            assertEquals(STAMP + page, fixture.load(at + page * PAGE));
            assertEquals(page, fixture.load(at + page * PAGE + 8));
        }
        file.close();
        assertEquals(0, space.munmap(at, pages * PAGE));
        fixture.machine.awaitQuiescence();
        for (int page = 0; page < pages; page += 100) {
            assertEquals(page, number(path, page * PAGE + 8));
        }
    }

    @Test
    @DisplayName("has each byte that the calls and stores of a random run have written, after failures too")
    void randomRun() throws Exception {
        long seed = Long.getLong("samara.seed", 32);
        Random random = new Random(seed);
        Path path = write("f", 16 * PAGE_BYTES);
        byte[] expected = Files.readAllBytes(path);
        HostFile file = open(path, RW);
        long at = map(file, 32);
        Random failures = new Random(seed + 1);
        channels.failure = (call, offset, length) -> {
            if (call != FaultyChannels.ChannelCall.TRUNCATE && failures.nextInt(12) == 0) {
                throw new IOException("Input/output error");
            }
        };
        for (int step = 0; step < 2_000; step++) {
            channels.mostBytes = random.nextBoolean() ? 1 + random.nextInt(3 * PAGE_BYTES) : Integer.MAX_VALUE;
            int offset = random.nextInt(expected.length + PAGE_BYTES) & -8;
            switch (random.nextInt(12)) {
                case 0 -> {
                    int size = random.nextInt(32 * PAGE_BYTES - 16) & -8;
                    if (file.truncate(size) == 0) {
                        expected = Arrays.copyOf(expected, size);
                    }
                }
                case 1 -> {
                    byte[] bytes = new byte[random.nextInt(2 * PAGE_BYTES)];
                    random.nextBytes(bytes);
                    if (offset + bytes.length < 32 * PAGE_BYTES) {
                        long written = file.pwrite(ByteBuffer.wrap(bytes), offset);
                        if (written > 0) {
                            int end = (int) (offset + written);
                            expected = end > expected.length ? Arrays.copyOf(expected, end) : expected;
                            System.arraycopy(bytes, 0, expected, offset, (int) written);
                        }
                    }
                }
                case 2 -> {
                    FaultyChannels.ChannelFailure failing = channels.failure;
                    channels.failure = (call, from, length) -> {};
                    int length = 1 + random.nextInt(4 * PAGE_BYTES);
                    assertEquals(0, file.punch(offset, length));
                    if (offset < expected.length) {
                        Arrays.fill(expected, offset, Math.min(expected.length, offset + length), (byte) 0);
                    }
                    channels.failure = failing;
                }
                case 3 -> file.fsync();
                case 4 -> space.msync(at + (offset & -PAGE), PAGE, SyncFlags.SYNC);
                case 5 -> ((FilePages) file.pageCache()).memory().reclaim();
                case 6 -> {
                    ByteBuffer target = ByteBuffer.allocate(PAGE_BYTES);
                    long read = file.pread(target, offset);
                    if (read > 0) {
                        assertArrayEquals(
                                Arrays.copyOfRange(expected, offset, (int) (offset + read)),
                                Arrays.copyOf(target.array(), (int) read),
                                "step " + step);
                    }
                }
                default -> {
                    if (offset + 8 <= expected.length && fixture.memory.store(at + offset, 8, step) == Fault.NONE) {
                        ByteBuffer.wrap(expected).order(ByteOrder.LITTLE_ENDIAN).putLong(offset, step);
                    }
                }
            }
            assertEquals(expected.length, file.size(), "step " + step);
        }
        channels.failure = (call, offset, length) -> {};
        channels.mostBytes = Integer.MAX_VALUE;
        while (file.fsync() != 0) {
            assertFalse(Thread.interrupted());
        }
        assertArrayEquals(expected, Files.readAllBytes(path));
        file.close();
    }

    @Test
    @DisplayName("fsync forces what others wrote before an open, once for each open; a close does not")
    void bytesOfOthers() throws Exception {
        Path path = write("f", PAGE_BYTES);
        HostFile file = open(path, RW);
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
        HostFile own = open(write("f", PAGE_BYTES), RW);
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
        first.close();
        second.close();
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
            if (call == FaultyChannels.ChannelCall.FORCE && ++forces[0] == 2) {
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
        again.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"Invalid argument", "Operation not supported"})
    @DisplayName("a folder whose file system cannot force it does not make a save fail")
    void unforcedFolder(String refusal) {
        HostFile file = create("new");
        int[] forces = {0};
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.FORCE && ++forces[0] == 2) {
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
        gone.close();
    }
}
