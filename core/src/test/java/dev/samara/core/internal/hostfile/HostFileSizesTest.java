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
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.VmOperations;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("Sizes of files of the host:")
final class HostFileSizesTest {
    @DisplayName("The size of a file of the host, which other programs change,")
    @Nested
    final class Changes extends HostFileFixture {
        private static void cut(Path of, long size) throws IOException {
            try (FileChannel channel = FileChannel.open(of, StandardOpenOption.WRITE)) {
                channel.truncate(size);
            }
        }

        private static void append(Path path, int bytes) throws IOException {
            byte[] added = new byte[bytes];
            Arrays.fill(added, (byte) 'p');
            Files.write(path, added, StandardOpenOption.APPEND);
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
            Files.write(path, new byte[16 * PAGE_BYTES]);
            HostFile file = open(path, RW);
            cut(path, 0);
            ByteBuffer written = filled(bytes, 'w');
            assertEquals(bytes, file.pwrite(written, 8 * PAGE));
            assertSaved(file, path, 8 * PAGE + bytes, written, 8 * PAGE_BYTES);
        }

        @Test
        @DisplayName("is cut during a write, which finds that when it reads a page: it has the file of the host grow")
        void writeBesideCut() throws Exception {
            Files.write(path, new byte[16 * PAGE_BYTES]);
            HostFile file = open(path, RW);
            channels.beforeNext(ChannelCall.READ, () -> cut(path, PAGE));
            ByteBuffer written = filled(5, 'w');
            assertEquals(5, file.pwrite(written, 8 * PAGE + 3));
            assertSaved(file, path, 8 * PAGE + 8, written, 8 * PAGE_BYTES + 3);
        }

        @ParameterizedTest(name = "before its {0}")
        @ValueSource(strings = {"READ", "WRITE"})
        @DisplayName("is cut while a hole is punched: the hole ends there")
        void holeBesideCut(String kind) throws Exception {
            HostFile file = openNew(600);
            boolean isRead = ChannelCall.valueOf(kind) == ChannelCall.READ;
            // A cut between a read of the size and the following write cannot be detected, so the file is cut where the
            // second part of the hole starts.
            channels.beforeNext(ChannelCall.valueOf(kind), () -> cut(path, isRead ? PAGE : 256 * PAGE));
            assertEquals(0, file.punch(0, 600 * PAGE));
            assertEquals(isRead ? PAGE : 256 * PAGE, Files.size(path));
            assertEquals(Files.size(path), file.size());
            assertEquals(0, number(path, 0));
        }

        @ParameterizedTest(name = "to {0} bytes")
        @ValueSource(ints = {10, 32 * 4096})
        @DisplayName("was changed to less or more than a truncation asks for: the host's file has what was asked for")
        void truncateAfterChange(int changed) throws Exception {
            HostFile file = openNew(16);
            try (FileChannel other = FileChannel.open(path, StandardOpenOption.WRITE)) {
                other.truncate(Math.min(changed, 16 * PAGE)).write(ByteBuffer.allocate(1), changed - 1);
            }
            assertEquals(0, file.truncate(24 * PAGE));
            assertEquals(24 * PAGE, file.size());
            assertEquals(24 * PAGE, Files.size(path));
        }

        @ParameterizedTest(name = "read at {0} bytes from the known end")
        @ValueSource(ints = {-4, 0, 6})
        @DisplayName("has grown: a read that ends at the known end goes on")
        void readAfterGrowth(int from) throws Exception {
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
        }

        @Test
        @DisplayName("has grown: an append comes after what another program has added")
        void appendAfterGrowth() throws Exception {
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
            write("f", 100);
            HostFile file = open(path, RW);
            append(path, 10_000);
            assertEquals(0, file.grow(5_000));
            assertEquals(10_100, file.size());
            assertEquals(10_100, Files.size(path));
            assertEquals(0, file.grow(20_000));
            assertEquals(20_000, file.size());
            assertEquals(20_000, Files.size(path));
            assertResult(Errno.EINVAL, file.grow(-1));
            assertResult(Errno.EINVAL, file.truncate(-1));
            assertResult(Errno.EINVAL, file.punch(0, 0));
            assertResult(Errno.EINVAL, file.punch(-1, 10));
            assertResult(Errno.EINVAL, file.pwrite(filled(1, 'w'), -1));
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
        @DisplayName(
                "is that of before after a write without memory, and keeps what another program has added meanwhile")
        void growthInVain() throws Exception {
            Files.write(path, new byte[0]);
            HostFile file = open(path, RW);
            MemoryFile memory = fill();
            assertResult(Errno.ENOMEM, file.pwrite(filled(8, 'w'), 0));
            assertEquals(0, Files.size(path));
            assertEquals(0, file.size());
            channels.fail(ChannelCall.TRUNCATE, "Input/output error");
            assertResult(Errno.ENOMEM, file.pwrite(filled(8, 'w'), 0));
            assertEquals(8, Files.size(path));
            channels.mend();
            append(path, 4);
            memory.close();
            assertEquals(0, file.revalidate());
            assertEquals(12, file.size(), "not cut");
            assertEquals("wwwwwwwwpppp", Files.readString(path));
        }

        @Test
        @DisplayName(
                "is more than a full device has room for: the write tells how many bytes fit, and the next one why")
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
        }

        @Test
        @DisplayName("is that of a hole: punching it writes nothing, and punching around it only the other pages")
        void punchedHole() throws Exception {
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
        }

        @Test
        @DisplayName(
                "was changed: a read finds that if the old end cuts it short, or it needs a page beyond the new end")
        void foundByReads() throws Exception {
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
        }
    }

    @DisplayName("MADV_REMOVE of a file of the host")
    @Nested
    final class Holes extends HostFileFixture {
        private static final int PAGES = 4;

        private long shared(HostFile file) {
            return fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
        }

        private long remove(long at, long pages) {
            return space.madvise(at, pages * PAGE, Mman.REMOVE);
        }

        /** An open that an embedder hands out with a weaker access mode than the file's. */
        private static final class WrappedOpen implements Backing {
            private final HostFile file;

            WrappedOpen(HostFile file) {
                this.file = file;
            }

            @Override
            public int major() {
                return file.major();
            }

            @Override
            public int minor() {
                return file.minor();
            }

            @Override
            public long inode() {
                return file.inode();
            }

            @Override
            public String name() {
                return file.name();
            }

            @Override
            public @Nullable VmOperations operations() {
                return file.operations();
            }

            @Override
            public PageCache pageCache() {
                return file.pageCache();
            }

            @Override
            public Backing underlying() {
                return file;
            }

            @Override
            public int fault(Backing.PageRequest request) {
                return file.fault(request);
            }
        }

        @Test
        @DisplayName("punches the hole into the file that a backing wraps")
        void wrapped() throws IOException {
            HostFile file = openNew(PAGES);
            long at = fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, new WrappedOpen(file), 0);
            file.close();
            assertEquals(STAMP + 1, fixture.load(at + PAGE));
            assertEquals(0, remove(at + PAGE, 1));
            assertEquals(0, fixture.load(at + PAGE));
            assertEquals(0, number(path, PAGE));
            assertEquals(STAMP + 2, number(path, 2 * PAGE));
        }

        @Test
        @DisplayName("is refused for a private mapping, a mapping that may never be written, and locked memory")
        void refused() throws IOException {
            HostFile file = openNew(PAGES);
            assertResult(Errno.EACCES, remove(fixture.map(0, 1, READ | WRITE, Mman.PRIVATE, file, 0), 1));
            HostFile readOnly = open(path);
            assertResult(Errno.EACCES, remove(fixture.map(0, 1, READ, Mman.SHARED, readOnly, 0), 1));
            long at = shared(file);
            assertEquals(0, space.mlock(at, PAGE));
            assertResult(Errno.EINVAL, remove(at, PAGES));
            assertEquals(STAMP, fixture.load(at));
            assertResult(Errno.EINVAL, remove(at + 1, 1));
        }

        @Test
        @DisplayName("tells the error of the host")
        void failure() throws IOException {
            HostFile file = openNew(PAGES);
            long at = shared(file);
            channels.fail(ChannelCall.WRITE, "No space left on device");
            assertResult(Errno.ENOSPC, remove(at, PAGES));
            channels.mend();
            assertEquals(STAMP, fixture.load(at));
        }

        @Test
        @DisplayName("in a range with other mappings goes on to the first that refuses it, and past holes")
        void others() throws IOException {
            HostFile file = openNew(PAGES);
            MemoryFile memory = fixture.file(2);
            long at = fixture.anonymous(8);
            int fixed = Mman.SHARED | Mman.FIXED;
            fixture.map(at, 1, READ | WRITE, fixed, memory.open(), 0);
            assertEquals(0, space.munmap(at + PAGE, PAGE));
            fixture.map(at + 2 * PAGE, 1, READ | WRITE, fixed, file, 0);
            fixture.map(at + 3 * PAGE, 1, READ, Mman.PRIVATE | Mman.FIXED, file, 1);
            fixture.map(at + 4 * PAGE, 1, READ | WRITE, fixed, file, 2);
            assertResult(Errno.ENOMEM, remove(at, 3));
            assertEquals(0, fixture.load(at));
            assertEquals(0, fixture.load(at + 2 * PAGE));
            assertResult(Errno.EACCES, remove(at + 2 * PAGE, 3));
            assertEquals(STAMP + 2, fixture.load(at + 4 * PAGE));
            memory.close();
        }
    }

    @DisplayName("A long hole in a file of the host")
    @Nested
    final class LongHoles extends HostFileFixture {
        private static final long MIB = 1 << 20;
        private static final long LENGTH = 40 * MIB;

        /** A page near the start, and a page near the end. */
        private static final long FIRST = 3 * PAGE;

        private static final long LAST = LENGTH - 5 * PAGE;

        private HostFile file;

        @BeforeEach
        void make() throws IOException {
            file = openNew(0);
            assertEquals(0, file.grow(LENGTH + 100));
            assertEquals(8, file.pwrite(bytes(1), FIRST));
            assertEquals(8, file.pwrite(bytes(2), LAST));
            assertEquals(0, file.fsync());
            channels.calls.clear();
            channels.reads.set(0);
        }

        @Test
        @DisplayName(
                "at the end truncates and extends the file, reads nothing but the first page, and keeps private copies")
        void end() throws IOException {
            long shared = fixture.map(0, 2, READ | WRITE, Mman.SHARED, file, LAST / PAGE);
            long copied = fixture.map(0, 2, READ | WRITE, Mman.PRIVATE, file, LAST / PAGE);
            fixture.store(shared, 3);
            fixture.store(copied + PAGE, 4);
            channels.reads.set(0);
            assertEquals(0, file.punch(FIRST + 8, Long.MAX_VALUE - FIRST - 8));
            long from = FIRST + PAGE;
            assertEquals(List.of("truncate " + from, "write " + (LENGTH + 99) + "+1"), channels.calls);
            assertEquals(0, channels.reads.get(), "the first page is in memory");
            assertEquals(LENGTH + 100, file.size());
            assertEquals(1, file.getLong(FIRST));
            assertEquals(0, file.getLong(LAST));
            assertEquals(0, fixture.load(shared));
            assertEquals(4, fixture.load(copied + PAGE));
        }

        @Test
        @DisplayName("at the end, which MADV_REMOVE punches, may be stored to again")
        void advised() throws IOException {
            long at = fixture.map(0, LENGTH / PAGE + 1, READ | WRITE, Mman.SHARED, file, 0);
            fixture.store(at + LAST, 5);
            assertEquals(0, space.madvise(at, LENGTH + PAGE, Mman.REMOVE));
            assertEquals(0, fixture.load(at + FIRST));
            assertEquals(0, fixture.load(at + LAST));
            fixture.store(at + LAST, 6);
            assertEquals(0, file.fsync());
            assertEquals(LENGTH + 100, file.size());
            assertEquals(6, file.getLong(LAST));
        }

        @Test
        @DisplayName("at the end of a file that cannot be truncated consists of zeros that are written")
        void uncut() throws IOException {
            channels.fail(ChannelCall.TRUNCATE, "Operation not permitted");
            assertEquals(0, file.punch(0, LENGTH + 100));
            assertEquals(List.of("write " + FIRST + "+" + PAGE, "write " + LAST + "+" + PAGE), channels.calls);
            assertEquals(0, number(path, FIRST));
            assertEquals(0, number(path, LAST));
        }

        @Test
        @DisplayName(
                "at the end of a file that cannot be extended again leaves the file smaller, and returns the error")
        void unextended() throws IOException {
            long at = fixture.map(0, 1, READ | WRITE, Mman.SHARED, file, FIRST / PAGE);
            channels.fail(ChannelCall.WRITE, "No space left on device");
            assertResult(Errno.ENOSPC, file.punch(FIRST, LENGTH));
            channels.mend();
            assertEquals(FIRST, file.size());
            assertEquals(FIRST, Files.size(path));
            assertEquals(0, file.grow(LENGTH));
            assertEquals(0, fixture.load(at));
            assertEquals(0, file.getLong(LAST));
        }

        @Test
        @DisplayName("holds no lock while it reads a part of a hole: the file is written and grows in the meantime")
        void besideWrites() throws IOException {
            List<Long> results = new ArrayList<>();
            List<Long> punched = new ArrayList<>();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.READ && offset >= 10 * MIB && results.isEmpty()) {
                    results.add(CallBeside.start("pwrite", () -> file.pwrite(bytes(7), 4 * MIB))
                            .result());
                    results.add(CallBeside.start("append", () -> file.append(bytes(8)))
                            .result());
                }
            };
            punched.add(file.punch(FIRST, LENGTH - FIRST));
            assertEquals(List.of(8L, LENGTH + 100), results);
            assertEquals(List.of(0L), punched);
            assertEquals(7, file.getLong(4 * MIB), "written after this part was punched");
            assertEquals(8, file.getLong(LENGTH + 100));
            assertEquals(0, file.getLong(FIRST));
            assertEquals(0, file.getLong(LAST));
        }

        @Test
        @DisplayName("waits for an eviction that may put a page of its range back")
        void besideEviction() {
            FilePages pages = (FilePages) file.pageCache();
            CallBeside hole;
            pages.lock();
            try {
                hole = CallBeside.start("hole", () -> file.punch(2 * MIB, 4 * MIB));
                hole.awaitIn("file.FilePages", "areAbsent");
                assertFalse(hole.isOver());
            } finally {
                pages.unlock();
            }
            assertEquals(0, hole.result());
        }

        @Test
        @DisplayName("ends after 16 MiB if its thread is interrupted, and leaves the flag; a shorter hole does not end")
        void interrupted() throws IOException {
            Thread.currentThread().interrupt();
            assertResult(Errno.EINTR, file.punch(0, LENGTH));
            assertTrue(Thread.currentThread().isInterrupted());
            assertEquals(0, file.punch(LENGTH - 16 * MIB, 16 * MIB));
            assertTrue(Thread.interrupted());
            assertEquals(0, file.getLong(FIRST));
            assertEquals(0, file.getLong(LAST));
        }
    }
}
