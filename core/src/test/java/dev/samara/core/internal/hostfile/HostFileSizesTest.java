// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("The size of a file of the host, which other programs change,")
final class HostFileSizesTest extends HostFileFixture {
    private static void cut(Path path, long size) {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            channel.truncate(size);
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }

    private static void append(Path path, int bytes) throws IOException {
        byte[] added = new byte[bytes];
        Arrays.fill(added, (byte) 'p');
        Files.write(path, added, StandardOpenOption.APPEND);
    }

    /** Cuts a file before the first call of a kind. */
    private void cutBefore(ChannelCall kind, Path path, long size) {
        boolean[] isCut = {false};
        channels.failure = (call, offset, length) -> {
            if (call == kind && !isCut[0]) {
                isCut[0] = true;
                cut(path, size);
            }
        };
    }

    private static ByteBuffer filled(int bytes, char with) {
        byte[] array = new byte[bytes];
        Arrays.fill(array, (byte) with);
        return ByteBuffer.wrap(array);
    }

    private static void assertSaved(HostFile file, Path path, long size, ByteBuffer bytes, int offset)
            throws IOException {
        assertEquals(size, file.size());
        assertEquals(0, file.fsync());
        byte[] expected = new byte[(int) size];
        bytes.duplicate().rewind().get(expected, offset, bytes.capacity());
        assertArrayEquals(expected, Files.readAllBytes(path));
    }

    @ParameterizedTest(name = "{0} bytes")
    @ValueSource(ints = {5, 4096, 3 * 4096 + 1})
    @DisplayName("was cut: a write within the old size makes the file longer again, and is saved")
    void writeAfterCut(int bytes) throws Exception {
        Path path = folder.resolve("f");
        Files.write(path, new byte[16 * PAGE_BYTES]);
        HostFile file = open(path, RW);
        cut(path, 0);
        ByteBuffer written = filled(bytes, 'w');
        assertEquals(bytes, file.pwrite(written, 8 * PAGE));
        assertSaved(file, path, 8 * PAGE + bytes, written, 8 * PAGE_BYTES);
        file.close();
    }

    @Test
    @DisplayName("is cut during a write, which finds that when it reads a page: it has the file of the host grow")
    void writeBesideCut() throws Exception {
        Path path = folder.resolve("f");
        Files.write(path, new byte[16 * PAGE_BYTES]);
        HostFile file = open(path, RW);
        cutBefore(ChannelCall.READ, path, PAGE);
        ByteBuffer written = filled(5, 'w');
        assertEquals(5, file.pwrite(written, 8 * PAGE + 3));
        assertSaved(file, path, 8 * PAGE + 8, written, 8 * PAGE_BYTES + 3);
        file.close();
    }

    @Test
    @DisplayName("was cut: a hole beyond the new end makes nothing longer")
    void holeAfterCut() throws Exception {
        Path path = write("f", 16 * PAGE_BYTES);
        HostFile file = open(path, RW);
        cut(path, 2 * PAGE + 8);
        assertEquals(0, file.punch(PAGE + 1, 14 * PAGE));
        assertEquals(2 * PAGE + 8, Files.size(path));
        assertEquals(2 * PAGE + 8, file.size());
        assertEquals(0, file.fsync());
        assertEquals(0, number(path, 2 * PAGE));
        assertEquals(STAMP, number(path, 0));
        file.close();
    }

    @ParameterizedTest(name = "before its {0}")
    @ValueSource(strings = {"READ", "WRITE"})
    @DisplayName("is cut while a hole is punched: the hole ends there")
    void holeBesideCut(String kind) throws Exception {
        Path path = write("f", 600 * PAGE_BYTES);
        HostFile file = open(path, RW);
        boolean isRead = ChannelCall.valueOf(kind) == ChannelCall.READ;
        // A cut between a read of the size and the following write cannot be detected, so the file is cut where the
        // second part of the hole starts.
        cutBefore(ChannelCall.valueOf(kind), path, isRead ? PAGE : 256 * PAGE);
        assertEquals(0, file.punch(0, 600 * PAGE));
        assertEquals(isRead ? PAGE : 256 * PAGE, Files.size(path));
        assertEquals(Files.size(path), file.size());
        assertEquals(0, number(path, 0));
        file.close();
    }

    @Test
    @DisplayName("was cut to less than a truncation asks for: the file of the host has the size that was asked for")
    void truncateAfterCut() throws Exception {
        Path path = write("f", 16 * PAGE_BYTES);
        HostFile file = open(path, RW);
        cut(path, 10);
        assertEquals(0, file.truncate(8 * PAGE));
        assertEquals(8 * PAGE, file.size());
        assertEquals(8 * PAGE, Files.size(path));
        file.close();
    }

    @ParameterizedTest(name = "read at {0} bytes from the known end")
    @ValueSource(ints = {-4, 0, 6})
    @DisplayName("has grown: a read that ends at the known end goes on")
    void readAfterGrowth(int from) throws Exception {
        Path path = folder.resolve("f");
        Files.write(path, filled(PAGE_BYTES + 10, 'o').array());
        HostFile file = open(path);
        ByteBuffer target = ByteBuffer.allocate(100);
        assertEquals(10, file.pread(target, PAGE));
        append(path, 20);
        assertEquals(20 - from, file.pread(target.clear(), PAGE + 10 + from));
        String expected = "o".repeat(Math.max(0, -from)) + "p".repeat(20 - Math.max(0, from));
        assertEquals(expected, new String(target.array(), 0, 20 - from, US_ASCII));
        assertEquals(PAGE + 30, file.size());
        assertEquals(0, file.pread(target.clear(), PAGE + 30));
        file.close();
    }

    @Test
    @DisplayName("has grown: an append comes after what another program has added")
    void appendAfterGrowth() throws Exception {
        Path path = folder.resolve("f");
        Files.write(path, filled(10, 'o').array());
        HostFile file = open(path, RW);
        append(path, 5);
        assertEquals(15, file.append(filled(3, 'a')));
        assertEquals(0, file.fsync());
        assertEquals("o".repeat(10) + "ppppp" + "aaa", Files.readString(path));
        HostFile reader = open(path);
        assertResult(Errno.EBADF, reader.append(filled(1, 'a')));
        reader.close();
        file.close();
        assertResult(Errno.EBADF, file.append(filled(1, 'a')));
    }

    @Test
    @DisplayName("takes each append of two opens as a whole: none is lost, and none has the place of another")
    void appendsOfTwo() throws Exception {
        Path path = folder.resolve("f");
        AtomicInteger wrong = new AtomicInteger();
        int each = 200;
        List<Thread> threads = Stream.of('a', 'b')
                .map(letter -> new Thread(
                        () -> {
                            try (HostFile file = open(path, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
                                for (int i = 0; i < each; i++) {
                                    wrong.addAndGet(file.append(filled(8, letter)) % 8 == 0 ? 0 : 1);
                                }
                            }
                        },
                        "append " + letter))
                .toList();
        threads.forEach(Thread::start);
        threads.forEach(thread -> Await.until(thread.getName(), () -> !thread.isAlive(), thread));
        assertEquals(0, wrong.get());
        String all = Files.readString(path);
        assertEquals(16L * each, all.length());
        assertEquals(8L * each, all.chars().filter(letter -> letter == 'a').count());
        assertTrue(all.matches("(a{8}|b{8})*"));
    }

    @Test
    @DisplayName("has grown beyond what a growth asks for: it stays")
    void growAfterGrowth() throws Exception {
        Path path = write("f", 100);
        HostFile file = open(path, RW);
        append(path, 10_000);
        assertEquals(0, file.grow(5_000));
        assertEquals(10_100, file.size());
        assertEquals(10_100, Files.size(path));
        assertEquals(0, file.grow(20_000));
        assertEquals(20_000, file.size());
        assertEquals(20_000, Files.size(path));
        assertResult(Errno.EINVAL, file.grow(-1));
        file.close();
        assertResult(Errno.EBADF, file.grow(1));
    }

    /** Fills all frames with pages that cannot be freed. */
    private MemoryFile fill() {
        MemoryFile memory = fixture.machine.newFile("all", 1, GEOMETRY, 0);
        byte[] page = new byte[PAGE_BYTES];
        long at = 0;
        while (memory.pwrite(page, 0, PAGE_BYTES, at) == PAGE) {
            at += PAGE;
        }
        return memory;
    }

    @Test
    @DisplayName("is that of before after a write without memory, and keeps what another program has added meanwhile")
    void growthInVain() throws Exception {
        Path path = folder.resolve("f");
        Files.write(path, new byte[0]);
        HostFile file = open(path, RW);
        MemoryFile memory = fill();
        assertResult(Errno.ENOMEM, file.pwrite(filled(8, 'w'), 0));
        assertEquals(0, Files.size(path));
        assertEquals(0, file.size());
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.TRUNCATE) {
                throw new IOException("Input/output error");
            }
        };
        assertResult(Errno.ENOMEM, file.pwrite(filled(8, 'w'), 0));
        assertEquals(8, Files.size(path));
        channels.failure = (call, offset, length) -> {};
        append(path, 4);
        memory.close();
        assertEquals(0, file.revalidate());
        assertEquals(12, file.size(), "not cut");
        assertEquals("wwwwwwwwpppp", Files.readString(path));
        file.close();
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"truncate", "pwrite at the next page", "pwrite in the page", "grow", "msync, truncate"})
    @DisplayName("grows: what was stored beyond the end is zeros, in memory and on the host")
    void storedBeyondEnd(String how) throws Exception {
        Path path = folder.resolve("f");
        Files.write(path, filled(100, 'o').array());
        HostFile file = open(path, RW);
        long at = fixture.map(0, 4, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at + 200, 0x58);
        if (how.startsWith("msync")) {
            assertEquals(0, space.msync(at, PAGE, SyncFlags.SYNC));
        }
        if (how.endsWith("truncate")) {
            assertEquals(0, file.truncate(2 * PAGE));
        } else if (how.equals("grow")) {
            assertEquals(0, file.grow(2 * PAGE));
        } else {
            assertEquals(1, file.pwrite(filled(1, 'z'), how.endsWith("next page") ? PAGE : 300));
        }
        assertEquals(0, fixture.load(at + 200));
        ByteBuffer target = ByteBuffer.allocate(1);
        assertEquals(1, file.pread(target, 200));
        assertEquals(0, target.get(0));
        assertEquals(0, file.fsync());
        assertEquals(0, Files.readAllBytes(path)[200]);
        assertEquals('o', Files.readAllBytes(path)[99]);
        file.close();
    }

    @Test
    @DisplayName("is more than a full device has room for: the write tells how many bytes fit, and the next one why")
    void fullDevice() throws Exception {
        long room = 200 * PAGE + 1000;
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.WRITE) {
                if (offset >= room) {
                    throw new IOException("No space left on device");
                }
                channels.mostBytes = (int) Math.min(Integer.MAX_VALUE, room - offset);
            }
        };
        Path path = folder.resolve("f");
        HostFile file = open(path, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
        ByteBuffer bytes = filled(1 << 20, 'w');
        assertEquals(room, file.pwrite(bytes, 0));
        assertEquals(room, bytes.position());
        assertResult(Errno.ENOSPC, file.pwrite(bytes, room));
        assertResult(Errno.ENOSPC, file.append(bytes));
        assertEquals(room, file.size());
        assertEquals(0, file.fsync(), "nothing is left that cannot be saved");
        assertEquals(room, Files.size(path));
        for (byte one : Files.readAllBytes(path)) {
            assertEquals('w', one);
        }
        file.close();
    }

    @Test
    @DisplayName("is that of a hole: punching it writes nothing, and punching around it only the other pages")
    void punchedHole() throws Exception {
        Path path = folder.resolve("f");
        Files.write(path, new byte[0]);
        HostFile file = open(path, RW);
        assertEquals(0, file.truncate(600 * PAGE));
        assertEquals(PAGE, file.pwrite(filled(PAGE_BYTES, 'w'), 300 * PAGE));
        assertEquals(0, file.fsync());
        channels.calls.clear();
        assertEquals(0, file.punch(0, 299 * PAGE));
        assertEquals(List.of(), channels.calls);
        assertEquals(0, file.punch(0, 600 * PAGE));
        assertEquals(List.of("write " + 300 * PAGE + "+" + PAGE), channels.calls);
        assertFalse(new String(Files.readAllBytes(path), US_ASCII).contains("w"));
        file.close();
    }

    @Test
    @DisplayName("was changed: a read finds that if the old end cuts it short, or it needs a page beyond the new end")
    void foundByReads() throws Exception {
        Path path = folder.resolve("f");
        Files.write(path, new byte[4 * PAGE_BYTES]);
        HostFile file = open(path, RW);
        append(path, PAGE_BYTES);
        assertEquals(PAGE, file.pread(ByteBuffer.allocate(PAGE_BYTES), 3 * PAGE));
        assertEquals(4 * PAGE, file.size());
        assertEquals(2 * PAGE, file.pread(ByteBuffer.allocate(3 * PAGE_BYTES), 3 * PAGE));
        assertEquals(5 * PAGE, file.size());
        cut(path, 2 * PAGE);
        assertEquals(PAGE, file.pread(ByteBuffer.allocate(PAGE_BYTES), 0));
        assertEquals(0, file.fsync());
        assertEquals(5 * PAGE, file.size());
        assertEquals(0, file.pread(ByteBuffer.allocate(1), 2 * PAGE));
        assertEquals(2 * PAGE, file.size());
        file.close();
    }
}
