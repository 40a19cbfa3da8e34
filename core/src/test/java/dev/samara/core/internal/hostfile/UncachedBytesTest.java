// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Watchpoint;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("Bytes that bypass the page cache:")
final class UncachedBytesTest {
    @DisplayName("A read of many bytes that are not in memory")
    @Nested
    final class Reads extends HostFileFixture {
        /** More pages than one call of the host reads. */
        private static final int PAGES = 300;

        private static final int LENGTH = PAGES * PAGE_BYTES - 100;

        private static final byte STORED = 5;

        private final byte[] content = new byte[LENGTH];

        private HostFile opened() throws IOException {
            new Random(8).nextBytes(content);
            Files.write(path, content);
            channels.isRecording = false;
            return open(path, RW);
        }

        private static byte[] read(HostFile file, ByteBuffer target, long offset) {
            long done = file.pread(target, offset);
            assertEquals(Math.max(done, 0), target.position());
            byte[] bytes = new byte[target.flip().remaining()];
            target.get(bytes);
            return bytes;
        }

        private byte[] content(int from, int length) {
            return Arrays.copyOfRange(content, from, Math.min(from + length, LENGTH));
        }

        private static ByteBuffer buffer(int length, boolean isDirect) {
            return isDirect ? ByteBuffer.allocateDirect(length) : ByteBuffer.allocate(length);
        }

        @ParameterizedTest(name = "direct: {0}")
        @ValueSource(booleans = {true, false})
        @DisplayName("has all bytes up to the end, and brings no page into memory")
        void leavesNoPage(boolean isDirect) throws IOException {
            HostFile file = opened();
            assertArrayEquals(content, read(file, buffer(LENGTH + 5000, isDirect), 0));
            assertArrayEquals(content(777, 200_001), read(file, buffer(200_001, isDirect), 777));
            int more = (1 << 20) + PAGE_BYTES;
            assertArrayEquals(content(0, more), read(file, buffer(more, isDirect), 0));
            assertEquals(0, inMemory(file, PAGES));
        }

        @Test
        @DisplayName("brings pages into memory if it is short, or the pages between those in memory are few")
        void fillsTheCache() throws IOException {
            HostFile file = opened();
            assertArrayEquals(content(4096, 32 << 10), read(file, ByteBuffer.allocate(32 << 10), 4096));
            int few = inMemory(file, PAGES);
            assertTrue(few >= 8, () -> few + " pages");
            assertArrayEquals(content(0, 80 << 10), read(file, ByteBuffer.allocate(80 << 10), 0));
            int more = inMemory(file, PAGES);
            assertTrue(more >= 20, () -> more + " pages");
        }

        @Test
        @DisplayName("has what was written to the pages in memory among them")
        void hasWhatIsInMemory() throws IOException {
            HostFile file = opened();
            for (int page : new int[] {0, 16, 17, 18, 60, 120, PAGES - 1}) {
                byte[] stored = {1, 2, (byte) page};
                assertEquals(3, file.pwrite(ByteBuffer.wrap(stored), page * PAGE + 11));
                System.arraycopy(stored, 0, content, page * PAGE_BYTES + 11, 3);
            }
            assertArrayEquals(content, read(file, ByteBuffer.allocateDirect(LENGTH), 0));
            assertEquals(
                    7 + 15, inMemory(file, PAGES), "the pages in memory, and the 15 between the first two of them");
        }

        @ParameterizedTest(name = "the other one saved and evicted after the read of the host: {0}")
        @ValueSource(booleans = {false, true})
        @DisplayName(
                "sees two writes of another thread in their order, if the later one is on the host before the other")
        void seesWritesInTheirOrder(boolean isSavedToo) throws IOException {
            HostFile file = opened();
            int earlier = 40;
            int later = 20;
            AtomicInteger steps = new AtomicInteger();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.READ && length > PAGE && steps.compareAndSet(0, 1)) {
                    // Another thread could do the same, because no lock is held.
                    store(file, earlier);
                    store(file, later);
                    saveAndEvict(file, later);
                }
            };
            channels.afterRead = () -> {
                if (isSavedToo && steps.compareAndSet(1, 2)) {
                    saveAndEvict(file, earlier);
                }
            };
            byte[] seen = read(file, ByteBuffer.allocateDirect(LENGTH), 0);
            assertEquals(isSavedToo ? 2 : 1, steps.get());
            assertEquals(STORED, seen[later * PAGE_BYTES]);
            assertEquals(STORED, seen[earlier * PAGE_BYTES], "written before the other page");
        }

        private static void store(HostFile file, int page) {
            byte[] stored = new byte[PAGE_BYTES];
            Arrays.fill(stored, STORED);
            assertEquals(PAGE, file.pwrite(ByteBuffer.wrap(stored), page * PAGE));
        }

        private static void saveAndEvict(HostFile file, int page) {
            assertEquals(0, file.fsync(page * PAGE, PAGE));
            assertEquals(1, HostFilePages.saved(file).eviction().evict(true));
        }

        @Test
        @DisplayName(
                "has a page as before or after a truncation that cuts the page, also if the host reads it in parts")
        void besideATruncation() throws IOException {
            HostFile file = opened();
            int page = 40 * PAGE_BYTES;
            // The first call of the host ends within the range that the truncation cuts off.
            channels.mostBytes = page + 200;
            AtomicReference<@Nullable CallBeside> cut = new AtomicReference<>();
            channels.afterNextRead(() -> cut.set(CallBeside.startUntilItWaits("truncation", () -> {
                long failed = file.truncate(page + 100);
                return failed != 0 ? failed : file.truncate(LENGTH);
            })));
            byte[] seen = read(file, ByteBuffer.allocateDirect(page + PAGE_BYTES), 0);
            assertEquals(0, Objects.requireNonNull(cut.get()).result());
            int before = page + 150;
            int after = page + 300;
            assertTrue(content[before] != 0 && content[after] != 0);
            assertEquals(seen[before] == content[before], seen[after] == content[after]);
        }

        @Test
        @DisplayName("ends before a page that the host cannot read, and tells EIO if that is the first one")
        void failing() throws IOException {
            HostFile file = opened();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.READ && offset <= 30 * PAGE && 30 * PAGE < offset + length) {
                    throw new IOException("Input/output error");
                }
            };
            assertArrayEquals(content(0, 30 * PAGE_BYTES), read(file, ByteBuffer.allocate(LENGTH), 0));
            assertEquals(Errno.EIO.result(), file.pread(ByteBuffer.allocate(LENGTH), 30 * PAGE));
        }

        @Test
        @DisplayName("ends where another program has cut the file, and takes the size")
        void cutByAnother() throws IOException {
            HostFile file = opened();
            int cut = 100 * PAGE_BYTES + 50;
            Files.write(path, content(0, cut));
            assertArrayEquals(content(0, cut), read(file, ByteBuffer.allocateDirect(LENGTH), 0));
            assertEquals(cut, file.size());
        }

        @ParameterizedTest(name = "{0} bytes")
        @ValueSource(ints = {1, 5000, 65_536, Integer.MAX_VALUE})
        @DisplayName("has all bytes if each call of the host is short")
        void shortCalls(int most) throws IOException {
            HostFile file = opened();
            channels.mostBytes = most;
            int length = most == 1 ? 100_000 : LENGTH;
            assertArrayEquals(content(123, length), read(file, ByteBuffer.allocateDirect(length), 123));
            assertEquals(0, inMemory(file, PAGES));
        }
    }

    @DisplayName("A write by a direct open")
    @Nested
    final class Writes extends HostFileFixture {
        static final OpenOption[] DIRECT = {StandardOpenOption.READ, StandardOpenOption.WRITE, HostFileOption.DIRECT};

        private static final int PAGES = 20;
        private static final int LENGTH = PAGES * PAGE_BYTES + 100;

        private byte[] content = new byte[LENGTH];

        private HostFile opened() throws IOException {
            return opened(LENGTH);
        }

        private HostFile opened(int length) throws IOException {
            content = new byte[length];
            new Random(8).nextBytes(content);
            Files.write(path, content);
            return open(path, DIRECT);
        }

        private static ByteBuffer random(int length, int seed, boolean isDirect) {
            byte[] bytes = new byte[length];
            new Random(seed).nextBytes(bytes);
            return isDirect
                    ? ByteBuffer.allocateDirect(length).put(bytes).flip()
                    : ByteBuffer.wrap(bytes).asReadOnlyBuffer();
        }

        /** Writes bytes to the file and to {@link #content}. */
        private void write(HostFile file, ByteBuffer source, int offset) {
            int length = source.remaining();
            content = Arrays.copyOf(content, Math.max(content.length, offset + length));
            source.get(source.position(), content, offset, length);
            assertEquals(length, file.pwrite(source, offset));
            assertEquals(0, source.remaining());
        }

        private static byte[] readAll(HostFile file) {
            ByteBuffer target = ByteBuffer.allocate((int) file.size() + 10);
            assertEquals(file.size(), file.pread(target, 0));
            return Arrays.copyOf(target.array(), target.position());
        }

        private void assertSaved(HostFile file) throws IOException {
            assertArrayEquals(content, readAll(file));
            assertEquals(0, file.fsync());
            assertArrayEquals(content, Files.readAllBytes(path));
            file.close();
        }

        @ParameterizedTest(name = "direct buffer: {0}")
        @ValueSource(booleans = {true, false})
        @DisplayName("has whole pages with the host when it returns, in one call, and brings no page into memory")
        void wholePages(boolean isDirect) throws IOException {
            HostFile file = opened();
            write(file, random(3 * PAGE_BYTES, 1, isDirect), 2 * PAGE_BYTES);
            assertEquals(List.of("write 8192+12288"), channels.calls);
            assertArrayEquals(content, Files.readAllBytes(path));
            assertArrayEquals(content, readAll(file));
            assertEquals(0, inMemory(file, PAGES + 1));
            assertSaved(file);
            assertEquals(List.of("write 8192+12288", "force"), channels.calls);
        }

        @ParameterizedTest(name = "direct buffer: {0}")
        @ValueSource(booleans = {true, false})
        @DisplayName("writes the parts of pages at its ends in memory, and the pages between them to the host")
        void partsOfPages(boolean isDirect) throws IOException {
            HostFile file = opened();
            write(file, random(3 * PAGE_BYTES, 2, isDirect), PAGE_BYTES + 77);
            assertEquals(List.of("write 8192+8192"), channels.calls);
            assertEquals(2, inMemory(file, PAGES + 1));
            assertSaved(file);
        }

        @Test
        @DisplayName("writes the pages in memory there, and the pages between them to the host")
        void pagesInMemory() throws IOException {
            HostFile file = opened();
            HostFile cached = open(path, RW);
            assertEquals(1, cached.pwrite(random(1, 0, true), 3 * PAGE));
            assertEquals(1, cached.pread(ByteBuffer.allocate(1), 6 * PAGE));
            int before = inMemory(file, PAGES + 1);
            write(file, random(8 * PAGE_BYTES, 3, true), 0);
            assertEquals(List.of("write 0+12288", "write 16384+8192", "write 28672+4096"), channels.calls);
            assertEquals(before, inMemory(file, PAGES + 1));
            cached.close();
            assertSaved(file);
        }

        @ParameterizedTest(name = "{0} bytes from {1} on")
        @CsvSource({"8192, 81920", "8192, 90112", "12345, 81920", "8192, 82020", "16384, 77824", "5000, 200000"})
        @DisplayName("makes the file larger, and what was stored behind the old end by a mapping is zeros")
        void growing(int length, int offset) throws IOException {
            HostFile file = opened();
            long at = space.mmap(0, (PAGES + 1) * PAGE, Mman.READ | Mman.WRITE, Mman.SHARED, file, 0);
            fixture.store(at + LENGTH + 50, 99);
            write(file, random(length, 4, true), offset);
            assertEquals(content.length, file.size());
            assertEquals(content.length, Files.size(path));
            assertEquals(0, space.munmap(at, (PAGES + 1) * PAGE));
            assertSaved(file);
        }

        @Test
        @DisplayName("appends at the end of the file, also beside another open")
        void appending() throws IOException {
            HostFile file = opened(3 * PAGE_BYTES);
            HostFile cached = open(path, RW);
            assertEquals(3 * PAGE, file.append(random(2 * PAGE_BYTES, 5, true)));
            assertEquals(5 * PAGE, cached.append(random(10, 5, true)));
            assertEquals(5 * PAGE + 10, file.append(random(2 * PAGE_BYTES, 5, true)));
            assertEquals(7 * PAGE + 10, file.size());
            byte[] all = readAll(file);
            assertArrayEquals(
                    Arrays.copyOfRange(all, 5 * PAGE_BYTES + 10, 6 * PAGE_BYTES),
                    Arrays.copyOfRange(all, 3 * PAGE_BYTES, 4 * PAGE_BYTES - 10));
            cached.close();
            assertEquals(0, file.fsync());
            assertArrayEquals(all, Files.readAllBytes(path));
        }
    }

    @DisplayName("Beside a write of whole pages by a direct open,")
    @Nested
    final class WriteRaces extends HostFileFixture {
        private final HeldCalls write = new HeldCalls(ChannelCall.WRITE);

        /** Starts a write of 9 to a page, and holds the write. */
        private CallBeside held(HostFile direct, long page) {
            channels.failure = write;
            CallBeside call = CallBeside.start("write", () -> direct.pwrite(page(9, 1), page * PAGE));
            write.awaitReached();
            return call;
        }

        @Test
        @DisplayName("a fault of such a page waits for the write, and one of another page does not")
        void fault() throws Exception {
            HostFile file = open(write("f", 8 * PAGE_BYTES), Writes.DIRECT);
            long at = fixture.map(0, 8, READ | WRITE, Mman.SHARED, file, 0);
            HostFile other = open(path, RW);
            CallBeside call = held(file, 5);
            assertEquals(STAMP + 3, fixture.load(at + 3 * PAGE));
            CallBeside fault = CallBeside.startUntilItWaits("read", () -> read(other, 5));
            assertFalse(fault.isOver());
            write.release();
            assertEquals(PAGE, call.result());
            assertEquals(9, fault.result());
            assertEquals(9, fixture.load(at + 5 * PAGE));
        }

        @Test
        @DisplayName("a read by a direct open waits, and brings the page not into memory")
        void directRead() throws Exception {
            HostFile file = open(write("f", 8 * PAGE_BYTES), Writes.DIRECT);
            CallBeside call = held(file, 5);
            CallBeside read = CallBeside.startUntilItWaits("read", () -> read(file, 5));
            assertFalse(read.isOver());
            write.release();
            assertEquals(PAGE, call.result());
            assertEquals(9, read.result());
            assertFalse(isPresent(file, 5));
        }

        @Test
        @DisplayName("another write, a growth, a hole, an append and a truncation wait, and are made after it")
        void changes() throws Exception {
            write("f", 8 * PAGE_BYTES);
            HostFile file = open(path, Writes.DIRECT);
            HostFile other = open(path, RW);
            CallBeside call = held(file, 5);
            List<CallBeside> others = List.of(
                    CallBeside.startUntilItWaits("write", () -> other.pwrite(page(7, 1), 4 * PAGE)),
                    CallBeside.startUntilItWaits("growth", () -> other.grow(9 * PAGE)),
                    CallBeside.startUntilItWaits("hole", () -> file.punch(5 * PAGE, PAGE)),
                    CallBeside.startUntilItWaits("append", () -> file.append(page(6, 1))),
                    CallBeside.startUntilItWaits("truncation", () -> other.truncate(16 * PAGE)));
            assertTrue(others.stream().noneMatch(CallBeside::isOver));
            write.release();
            assertEquals(PAGE, call.result());
            assertEquals(PAGE, others.get(0).result());
            assertEquals(0, others.get(1).result());
            assertEquals(0, others.get(2).result());
            long end = others.get(3).result();
            assertTrue(List.of(8 * PAGE, 9 * PAGE, 16 * PAGE).contains(end), () -> "appended at " + end);
            assertEquals(0, others.get(4).result());
            assertEquals(7, read(other, 4));
            assertEquals(0, read(other, 5));
            assertEquals(6, read(other, end / PAGE));
        }

        @Test
        @DisplayName("a force that ends before the write does not cover it: a later save forces the file again")
        void forcedBefore() throws Exception {
            HostFile file = open(write("f", 8 * PAGE_BYTES), Writes.DIRECT);
            HostFile other = open(path, RW);
            HeldCalls force = new HeldCalls(ChannelCall.FORCE);
            channels.failure = force;
            assertEquals(8, other.pwrite(bytes(1), 0));
            CallBeside first = CallBeside.start("first save", other::fsync);
            force.awaitReached();
            assertEquals(8, other.pwrite(bytes(2), PAGE));
            CallBeside second = CallBeside.start("second save", other::fsync);
            // It has written its page, so its force starts during the direct write.
            second.awaitIn("hostfile.HostInode$PageWrites", "force");
            CallBeside call = held(file, 5);
            force.release();
            assertEquals(0, first.result());
            assertEquals(0, second.result());
            write.release();
            assertEquals(PAGE, call.result());
            channels.calls.clear();
            assertEquals(0, other.fsync());
            assertEquals(List.of("force"), channels.calls);
        }

        @Test
        @DisplayName("a write-back waits, and the other way round, and a save after both forces both")
        void writeBack() throws Exception {
            write("f", 8 * PAGE_BYTES);
            HostFile file = open(path, Writes.DIRECT);
            HostFile other = open(path, RW);
            assertEquals(8, other.pwrite(bytes(7), PAGE));
            CallBeside call = held(file, 5);
            CallBeside save = CallBeside.startUntilItWaits("save", other::fsync);
            assertFalse(save.isOver());
            write.release();
            assertEquals(PAGE, call.result());
            assertEquals(0, save.result());
            assertEquals(List.of("write 20480+4096", "write 4096+4096", "force"), channels.calls);
            assertEquals(8, other.pwrite(bytes(8), PAGE));
            HeldCalls second = new HeldCalls(ChannelCall.WRITE);
            channels.failure = second;
            save = CallBeside.start("save", other::fsync);
            second.awaitReached();
            call = CallBeside.startUntilItWaits("write", () -> file.pwrite(page(9, 1), 6 * PAGE));
            assertFalse(call.isOver());
            second.release();
            assertEquals(0, save.result());
            assertEquals(PAGE, call.result());
            assertEquals(9, number(path, 6 * PAGE));
        }

        @Test
        @DisplayName("an eviction of dirty pages writes none, and the access that needs a frame gets a clean one")
        void eviction() throws Exception {
            write("f", 8 * PAGE_BYTES);
            HostFile file = open(path, Writes.DIRECT);
            HostFile other = open(path, RW);
            assertEquals(8, other.pwrite(bytes(7), PAGE));
            assertEquals(STAMP + 2, read(other, 2));
            CallBeside call = held(file, 5);
            int freed = HostFilePages.saved(other).eviction().evict(true);
            assertTrue(freed > 0, () -> freed + " pages");
            assertTrue(isPresent(other, 1));
            assertFalse(isPresent(other, 2));
            write.release();
            assertEquals(PAGE, call.result());
            assertEquals(7, read(other, 1));
        }

        @Test
        @DisplayName("another program cuts the file: what is left of the write does not lengthen it")
        void cutByAnother() throws Exception {
            int mib = 1 << 20;
            Files.write(path, new byte[3 * mib]);
            HostFile file = open(path, Writes.DIRECT);
            AtomicInteger writes = new AtomicInteger();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE && writes.incrementAndGet() == 2) {
                    try (FileChannel another = FileChannel.open(path, StandardOpenOption.WRITE)) {
                        another.truncate(100);
                    }
                }
            };
            assertEquals(3L * mib, file.pwrite(ByteBuffer.allocateDirect(3 * mib), 0));
            assertEquals(2, writes.get(), "the second one has begun when the file is cut");
            assertEquals(2L * mib, Files.size(path));
            assertEquals(0, file.fsync());
            assertEquals(2L * mib, Files.size(path));
            assertEquals(2L * mib, file.size());
        }

        @Test
        @DisplayName("the host fails: the call returns what was written before, and the pages are what the host has")
        void failure() throws Exception {
            write("f", 8 * PAGE_BYTES);
            HostFile file = open(path, Writes.DIRECT);
            channels.mostBytes = PAGE_BYTES + 8;
            AtomicInteger writes = new AtomicInteger();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE && writes.incrementAndGet() > 1) {
                    throw new IOException("No space left on device");
                }
            };
            ByteBuffer source = page(9, 4);
            assertEquals(PAGE + 8, file.pwrite(source, 2 * PAGE));
            assertEquals(PAGE + 8, source.position());
            assertResult(Errno.ENOSPC, file.pwrite(page(9, 2), 0));
            source = page(6, 3);
            writes.set(0);
            assertEquals(PAGE + 8, file.pwrite(source, 8 * PAGE));
            assertEquals(9 * PAGE + 8, file.size());
            assertEquals(9 * PAGE + 8, Files.size(path));
            channels.mend();
            assertEquals(STAMP, read(file, 0));
            assertEquals(9, read(file, 2));
            assertEquals(9, read(file, 3));
            assertEquals(STAMP + 4, read(file, 4));
            assertEquals(6, read(file, 8));
            assertEquals(6, read(file, 9));
            assertEquals(0, file.fsync(), "the call was told of the failure, and no save is");
        }

        @Test
        @DisplayName("a force fails: each open is told once, and what is in memory by then is written again")
        void failedForce() throws Exception {
            write("f", 8 * PAGE_BYTES);
            HostFile file = open(path, Writes.DIRECT);
            HostFile other = open(path, RW);
            assertEquals(2 * PAGE, file.pwrite(page(9, 2), 4 * PAGE));
            assertEquals(9, read(other, 5));
            channels.fail(ChannelCall.FORCE, "Input/output error");
            assertResult(Errno.EIO, file.fsync());
            channels.mend();
            channels.calls.clear();
            assertResult(Errno.EIO, other.fsync());
            assertEquals(0, other.fsync());
            assertEquals(0, file.fsync());
            assertEquals(List.of("write 20480+4096", "force"), channels.calls, "page 4 is not in memory");
            assertEquals(2 * PAGE, file.pwrite(page(9, 2), 4 * PAGE));
            assertEquals(0, file.fsync());
            assertEquals(
                    List.of("write 20480+4096", "force", "write 16384+4096", "write 20480+4096", "force"),
                    channels.calls);
        }
    }

    @DisplayName("A copy of many bytes out of a mapping of a file of the host that are not in memory")
    @Nested
    final class Copies extends HostFileFixture {
        private static final int PAGES = 300;
        private static final int LENGTH = PAGES * PAGE_BYTES - 100;
        private static final byte STORED = 5;

        private final byte[] content = new byte[PAGES * PAGE_BYTES];

        private HostFile opened() throws IOException {
            byte[] bytes = new byte[LENGTH];
            new Random(8).nextBytes(bytes);
            System.arraycopy(bytes, 0, content, 0, LENGTH);
            Files.write(path, bytes);
            channels.isRecording = false;
            return open(path, RW);
        }

        private long map(HostFile file, int flags) {
            return fixture.map(0, PAGES, READ | WRITE, flags, file, 0);
        }

        private byte[] copyOut(long at, int length) {
            byte[] bytes = new byte[length];
            assertEquals(length, fixture.memory.copyOut(at, bytes, 0, length));
            return bytes;
        }

        private byte[] content(int from, int length) {
            return Arrays.copyOfRange(content, from, from + length);
        }

        /** Runs an action during the first read of many bytes. */
        private AtomicInteger during(Runnable something) {
            AtomicInteger reads = new AtomicInteger();
            AtomicBoolean isDone = new AtomicBoolean();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.READ && length > 32 * PAGE && !isDone.getAndSet(true)) {
                    reads.incrementAndGet();
                    something.run();
                }
            };
            return reads;
        }

        @ParameterizedTest(name = "direct buffer: {0}")
        @ValueSource(booleans = {true, false})
        @DisplayName("has them, and brings into memory only the last pages, which are few")
        void leavesNoPage(boolean isDirect) throws IOException {
            HostFile file = opened();
            for (int flags : new int[] {Mman.SHARED, Mman.PRIVATE}) {
                long at = map(file, flags);
                int length = 200 * PAGE_BYTES + 77;
                ByteBuffer target = isDirect ? ByteBuffer.allocateDirect(length) : ByteBuffer.allocate(length);
                assertEquals(length, fixture.memory.copyOut(at + 123, target));
                byte[] bytes = new byte[length];
                target.flip().get(bytes);
                assertArrayEquals(content(123, length), bytes);
                assertEquals(0, inMemory(file, PAGES));
            }
            long at = map(file, Mman.SHARED);
            assertArrayEquals(content, copyOut(at, PAGES * PAGE_BYTES));
            assertTrue(inMemory(file, PAGES) <= 64, () -> inMemory(file, PAGES) + " pages");
        }

        @Test
        @DisplayName("has what was stored to pages in memory, and to private copies of pages")
        void storedPages() throws IOException {
            HostFile file = opened();
            long shared = map(file, Mman.SHARED);
            long own = map(file, Mman.PRIVATE);
            for (int page : new int[] {50, 90, 200}) {
                fixture.store(shared + page * PAGE, STORED);
                fixture.store(own + page * PAGE + 8, STORED);
            }
            assertEquals(0, file.fsync());
            while (HostFilePages.saved(file).eviction().evict(true) > 0) {
                assertTrue(inMemory(file, PAGES) < PAGES);
            }
            byte[] of = Files.readAllBytes(path);
            System.arraycopy(of, 0, content, 0, LENGTH);
            int length = 250 * PAGE_BYTES;
            assertArrayEquals(content(0, length), copyOut(shared, length));
            for (int page : new int[] {50, 90, 200}) {
                Arrays.fill(content, page * PAGE_BYTES + 8, page * PAGE_BYTES + 16, (byte) 0);
                content[page * PAGE_BYTES + 8] = STORED;
            }
            assertArrayEquals(content(0, length), copyOut(own, length));
        }

        @Test
        @DisplayName("is told to a listener of reads page by page, as one of pages in memory")
        @SuppressWarnings("try") // a watchpoint is active until it is closed
        void told() throws IOException {
            HostFile file = opened();
            long at = map(file, Mman.SHARED);
            List<String> parts = new ArrayList<>();
            try (Watchpoint watch = fixture.space.watchReads(
                    at + 50 * PAGE + 8,
                    PAGE,
                    (access, address, bytes, value) -> parts.add((address - at) / PAGE + ": " + bytes))) {
                copyOut(at + 16, 200 * PAGE_BYTES);
            }
            assertEquals(0, inMemory(file, PAGES));
            assertEquals(List.of("50: " + PAGE, "51: " + PAGE), parts);
        }

        @Test
        @DisplayName("sees two stores of another CPU in their order")
        void storesInTheirOrder() throws Exception {
            HostFile file = opened();
            long at = map(file, Mman.SHARED);
            int earlier = 40;
            int later = 20;
            try (OtherCpu other = new OtherCpu(space)) {
                AtomicInteger reads = during(() -> {
                    other.call(cpu -> cpu.memory().store(at + earlier * PAGE, 1, STORED));
                    other.call(cpu -> cpu.memory().store(at + later * PAGE, 1, STORED));
                    assertEquals(0, file.fsync(later * PAGE, PAGE));
                });
                content[earlier * PAGE_BYTES] = (byte) ~STORED;
                byte[] seen = copyOut(at, 100 * PAGE_BYTES);
                assertEquals(1, reads.get());
                assertTrue(seen[later * PAGE_BYTES] != STORED || seen[earlier * PAGE_BYTES] == STORED);
            }
        }

        @Test
        @DisplayName("fails if the mapping is removed in the meantime, and has nothing of it")
        void unmapped() throws Exception {
            HostFile file = opened();
            long at = map(file, Mman.SHARED);
            AtomicInteger reads = during(() -> assertEquals(
                    0,
                    CallBeside.start("munmap", () -> space.munmap(at, PAGES * PAGE))
                            .result()));
            assertEquals(0, fixture.memory.copyOut(at, ByteBuffer.allocate(LENGTH)));
            assertEquals(1, reads.get());
            assertEquals(Fault.MAPERR, fixture.memory.fault());
        }

        @Test
        @DisplayName("ends before a page that may not be read any more")
        void unreadable() throws Exception {
            HostFile file = opened();
            long at = map(file, Mman.SHARED);
            assertEquals(0, space.mprotect(at + 100 * PAGE, PAGE, Mman.NONE));
            byte[] target = new byte[LENGTH];
            assertEquals(100 * PAGE, fixture.memory.copyOut(at, target, 0, LENGTH));
            assertEquals(Fault.ACCERR, fixture.memory.fault());
            assertArrayEquals(content(0, 100 * PAGE_BYTES), Arrays.copyOf(target, 100 * PAGE_BYTES));
        }

        @Test
        @DisplayName("has a private copy that another CPU makes in the meantime, or the page before it")
        void copiedOnWrite() throws Exception {
            HostFile file = opened();
            long at = map(file, Mman.PRIVATE);
            try (OtherCpu other = new OtherCpu(space)) {
                AtomicInteger reads =
                        during(() -> other.call(cpu -> cpu.memory().store(at + 30 * PAGE, 1, STORED)));
                content[30 * PAGE_BYTES] = STORED;
                assertArrayEquals(content(0, 100 * PAGE_BYTES), copyOut(at, 100 * PAGE_BYTES));
                assertEquals(1, reads.get());
            }
        }
    }
}
