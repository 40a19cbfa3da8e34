// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileException;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.NonReadableChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(OneThread.class)
@DisplayName("Channels:")
final class HostFileChannelTest {
    @DisplayName("The channel of an open file of the host")
    @Nested
    final class OfOpens extends HostFileFixture {
        private static final int STEPS = 4_000;

        /** The channels of two files with the same calls: one of this library, one of the JDK. */
        private record Twins(FileChannel ours, FileChannel theirs) {}

        @Test
        @DisplayName("does what a channel of the JDK does with a twin of the file")
        void twins() throws IOException {
            Path ours = write("ours", 50_000);
            Path theirs = write("theirs", 50_000);
            channels.isRecording = false;
            long seed = Long.getLong("samara.seed", System.nanoTime());
            Random random = new Random(seed);
            HostFile file = open(ours, RW);
            try (FileChannel channel = file.channel();
                    FileChannel twin = FileChannel.open(theirs, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                Twins twins = new Twins(channel, twin);
                for (int i = 0; i < STEPS; i++) {
                    int kind = random.nextInt(12);
                    long choice = random.nextLong();
                    assertEquals(
                            step(twins.theirs, kind, new Random(choice)),
                            step(twins.ours, kind, new Random(choice)),
                            () -> "kind " + kind + ", -Dsamara.seed=" + seed);
                }
            }
            assertArrayEquals(Files.readAllBytes(theirs), Files.readAllBytes(ours));
            assertEquals(Errno.EBADF.result(), file.fsync());
        }

        /** Returns what a call returned or threw, the bytes that it read, and the position and size after it. */
        private static String step(FileChannel on, int kind, Random random) throws IOException {
            String result;
            try {
                result = call(on, kind, random);
            } catch (RuntimeException thrown) {
                result = thrown.getClass().getSimpleName();
            }
            return result + ", at " + on.position() + " of " + on.size();
        }

        private static String call(FileChannel on, int kind, Random random) throws IOException {
            ByteBuffer[] buffers = {bytes(random), bytes(random), bytes(random)};
            ByteBuffer first = buffers[0];
            long offset = random.nextInt(80_000) - 100L;
            long count = random.nextInt(200_000) - 100L;
            return switch (kind) {
                case 0 -> on.read(first) + shown(buffers);
                case 1 -> on.read(first, offset) + shown(buffers);
                case 2 -> on.read(buffers) + shown(buffers);
                case 3 -> "" + on.write(first);
                case 4 -> "" + on.write(first, offset);
                case 5 -> "" + on.write(buffers, 1, 2);
                case 6 -> "" + (on.position(offset) == on);
                case 7 -> "" + (on.truncate(offset) == on);
                case 8 -> {
                    ByteArrayOutputStream target = new ByteArrayOutputStream();
                    long done = on.transferTo(offset, count, Channels.newChannel(target));
                    yield done + " " + Arrays.hashCode(target.toByteArray());
                }
                case 9 -> {
                    byte[] source = new byte[first.remaining()];
                    first.get(source);
                    // Beyond end of file, JDK 17 transfers nothing, and JDK 25 extends the file.
                    long within = Math.min(offset, on.size());
                    yield "" + on.transferFrom(Channels.newChannel(new ByteArrayInputStream(source)), within, count);
                }
                case 10 -> on.read(ByteBuffer.allocate(0)) + " " + on.read(ByteBuffer.allocate(0), 1L << 40);
                default -> {
                    on.force(random.nextBoolean());
                    yield "forced";
                }
            };
        }

        private static ByteBuffer bytes(Random random) {
            byte[] bytes = new byte[random.nextInt(9_000)];
            random.nextBytes(bytes);
            return ByteBuffer.wrap(bytes);
        }

        private static String shown(ByteBuffer... buffers) {
            int hash = 0;
            for (ByteBuffer one : buffers) {
                hash = 31 * hash + one.flip().hashCode();
            }
            return " bytes " + hash;
        }

        @Test
        @DisplayName("throws what has failed: the path, the call, its range and its errno")
        void failures() throws IOException {
            HostFile file = openNew(4);
            FileChannel channel = file.channel();
            channels.failure = (call, offset, length) -> {
                throw new IOException("No space left on device");
            };
            HostFileException read =
                    assertThrows(HostFileException.class, () -> channel.read(ByteBuffer.allocate(9), 2 * PAGE + 1));
            assertEquals(Errno.EIO, read.errno());
            assertEquals(path.toString(), read.getFile());
            assertEquals(path + ": read of 9 bytes at " + (2 * PAGE + 1) + ": EIO", read.getMessage());
            HostFileException written =
                    assertThrows(HostFileException.class, () -> channel.write(ByteBuffer.allocate(9), 4 * PAGE));
            assertEquals(path + ": write of 9 bytes at " + 4 * PAGE + ": ENOSPC", written.getMessage());
            HostFileException cut = assertThrows(HostFileException.class, () -> channel.truncate(5));
            assertEquals(path + ": truncate to 5 bytes: ENOSPC", cut.getMessage());
            assertEquals(PAGE, file.pwrite(ByteBuffer.allocate(PAGE_BYTES), 0));
            HostFileException forced = assertThrows(HostFileException.class, () -> channel.force(true));
            assertEquals(path + ": fsync: ENOSPC", forced.getMessage());
            channels.mend();
            channel.force(true);
            channel.close();
        }

        @Test
        @DisplayName("makes the file larger by a transfer to a place beyond its end")
        void transferBeyondTheEnd() throws IOException {
            HostFile file = openNew(1);
            FileChannel channel = file.channel();
            byte[] source = {1, 2, 3};
            assertEquals(
                    3,
                    channel.transferFrom(Channels.newChannel(new ByteArrayInputStream(source)), 2 * PAGE, PAGE_BYTES));
            assertEquals(2 * PAGE + 3, channel.size());
            ByteBuffer read = ByteBuffer.allocate(9);
            assertEquals(7, channel.read(read, 2 * PAGE - 4));
            assertArrayEquals(new byte[] {0, 0, 0, 0, 1, 2, 3, 0, 0}, read.array());
            channel.close();
        }

        @Test
        @DisplayName("moves on by what was transferred before a failure, and throws it next time")
        void partOfATransfer() throws IOException {
            HostFile file = openNew(2);
            FileChannel channel = file.channel();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE && offset >= 2 * PAGE) {
                    throw new IOException("No space left on device");
                }
            };
            ByteBuffer[] sources = {ByteBuffer.allocate(2 * PAGE_BYTES), ByteBuffer.allocate(PAGE_BYTES)};
            assertEquals(2 * PAGE, channel.write(sources));
            assertEquals(2 * PAGE, channel.position());
            assertThrows(HostFileException.class, () -> channel.write(sources));
            assertEquals(2 * PAGE, channel.position());
            assertEquals(
                    2 * PAGE,
                    channel.transferFrom(
                            Channels.newChannel(new ByteArrayInputStream(new byte[3 * PAGE_BYTES])), 0, 8192));
            channels.mend();
            ByteBuffer first = ByteBuffer.allocate(10);
            ByteBuffer[] mixed = {first, ByteBuffer.allocate(10).asReadOnlyBuffer()};
            channel.position(0);
            assertThrows(IllegalArgumentException.class, () -> channel.read(mixed));
            assertThrows(IllegalArgumentException.class, () -> channel.read(mixed[1], 0));
            assertEquals(0, first.position());
            assertEquals(0, channel.position());
            assertThrows(NullPointerException.class, () -> channel.write(new ByteBuffer[] {first, null}));
            assertEquals(0, first.position());
            assertEquals(
                    0, channel.transferTo(Long.MAX_VALUE - 10, 100, Channels.newChannel(new ByteArrayOutputStream())));
            WritableByteChannel closed = Channels.newChannel(new ByteArrayOutputStream());
            closed.close();
            assertThrows(ClosedChannelException.class, () -> channel.transferTo(4 * PAGE, 1, closed));
            channel.close();
        }

        @Test
        @DisplayName("closes the open, and is closed with it")
        void closes() throws IOException {
            HostFile first = openNew(1);
            FileChannel channel = first.channel();
            channel.close();
            channel.close();
            assertFalse(channel.isOpen());
            assertEquals(Errno.EBADF.result(), first.fsync());
            assertThrows(ClosedChannelException.class, () -> channel.read(ByteBuffer.allocate(1)));
            HostFile second = open(path, RW);
            FileChannel other = second.channel();
            second.close();
            assertTrue(other.isOpen());
            assertThrows(ClosedChannelException.class, () -> other.read(ByteBuffer.allocate(1)));
            assertThrows(ClosedChannelException.class, () -> other.write(ByteBuffer.allocate(1)));
            assertThrows(ClosedChannelException.class, other::size);
            assertThrows(ClosedChannelException.class, () -> other.force(false));
            other.close();
        }

        @Test
        @DisplayName("of a file that is open for reading refuses what changes it; maps are refused always")
        void refusals() throws IOException {
            HostFile file = open(write("f", PAGE_BYTES));
            FileChannel channel = file.channel();
            assertThrows(NonWritableChannelException.class, () -> channel.write(ByteBuffer.allocate(1)));
            assertThrows(NonWritableChannelException.class, () -> channel.truncate(0));
            assertThrows(
                    NonWritableChannelException.class,
                    () -> channel.transferFrom(Channels.newChannel(new ByteArrayInputStream(new byte[1])), 0, 1));
            assertThrows(
                    UnsupportedOperationException.class,
                    () -> channel.map(FileChannel.MapMode.READ_ONLY, 0, PAGE_BYTES));
            assertSame(channel, channel.position(7));
            assertEquals(7, channel.position());
            assertEquals(0, file.channel().position(), "each channel has its own");
            channel.close();
        }

        private interface Call {
            Object on(FileChannel channel) throws IOException;
        }

        private static String outcome(FileChannel channel, Call call) throws IOException {
            try {
                return String.valueOf(call.on(channel));
            } catch (RuntimeException | ClosedChannelException thrown) {
                return thrown.getClass().getSimpleName();
            }
        }

        /** Calls each of which violates several rules, or none. */
        private static Map<String, Call> wrongCalls() throws IOException {
            ByteBuffer full = ByteBuffer.allocate(0).asReadOnlyBuffer();
            ReadableByteChannel source = Channels.newChannel(new ByteArrayInputStream(new byte[0]));
            ReadableByteChannel closed = Channels.newChannel(new ByteArrayInputStream(new byte[0]));
            closed.close();
            WritableByteChannel target = Channels.newChannel(new ByteArrayOutputStream());
            ByteBuffer[] none = {null};
            Map<String, Call> calls = new TreeMap<>();
            calls.put("read read-only", of -> of.read(full));
            calls.put("read null", of -> of.read(none[0]));
            calls.put("read at -1 into read-only", of -> of.read(full, -1));
            calls.put("read at 0 into read-only", of -> of.read(full, 0));
            calls.put("read null at -1", of -> of.read(none[0], -1));
            calls.put("read parts into read-only", of -> of.read(new ByteBuffer[] {full}, 0, 1));
            calls.put("read parts out of bounds", of -> of.read(new ByteBuffer[] {full}, 0, 2));
            calls.put("read parts into null", of -> of.read(none, 0, 1));
            calls.put("write null", of -> of.write(none[0]));
            calls.put("write null at -1", of -> of.write(none[0], -1));
            calls.put("write nothing at -1", of -> of.write(full, -1));
            calls.put("write nothing at 0", of -> of.write(full, 0));
            calls.put("write no parts", of -> of.write(none, 0, 0));
            calls.put("write null parts", of -> of.write(none, 0, 1));
            calls.put("write parts out of bounds", of -> of.write(none, 1, 1));
            calls.put("position -1", of -> of.position(-1));
            calls.put("truncate -1", of -> of.truncate(-1));
            calls.put("truncate too large", of -> of.truncate(1 << 20).position());
            calls.put("transfer to null", of -> of.transferTo(0, 1, null));
            calls.put("transfer from -1 to", of -> of.transferTo(-1, 1, target));
            calls.put("transfer -1 bytes to", of -> of.transferTo(0, -1, target));
            calls.put("transfer from null", of -> of.transferFrom(null, 0, 1));
            calls.put("transfer from closed to -1", of -> of.transferFrom(closed, -1, 1));
            calls.put("transfer from to -1", of -> of.transferFrom(source, -1, 1));
            calls.put("transfer -1 bytes from", of -> of.transferFrom(source, 0, -1));
            calls.put("size", FileChannel::size);
            calls.put("lock -1", of -> of.lock(-1, 1, false).isValid());
            calls.put("lock -1 shared", of -> of.tryLock(-1, 1, true));
            calls.put("lock beyond the largest offset", of -> of.tryLock(Long.MAX_VALUE, 2, true));
            return calls;
        }

        private static void assertAlike(FileChannel theirs, FileChannel ours) throws IOException {
            for (Map.Entry<String, Call> call : wrongCalls().entrySet()) {
                assertEquals(outcome(theirs, call.getValue()), outcome(ours, call.getValue()), call.getKey());
            }
        }

        @Test
        @DisplayName("checks in the order of the JDK: closed, the rights of the channel, and then the arguments")
        void order() throws IOException {
            write("f", PAGE_BYTES);
            Path twin = write("twin", PAGE_BYTES);
            OpenOption[] reads = {StandardOpenOption.READ};
            for (OpenOption[] options : List.of(reads, RW)) {
                FileChannel ours = open(path, options).channel();
                FileChannel theirs = FileChannel.open(twin, options);
                assertAlike(theirs, ours);
                ours.close();
                theirs.close();
                assertAlike(theirs, ours);
            }
        }

        @Test
        @DisplayName("transfers to no channel that is not open for writing, and from none not open for reading")
        void rightsOfOthers() throws IOException {
            try (FileChannel channel = open(write("f", PAGE_BYTES), RW).channel();
                    FileChannel reader = FileChannel.open(write("g", PAGE_BYTES));
                    FileChannel writer = FileChannel.open(write("h", PAGE_BYTES), StandardOpenOption.WRITE)) {
                assertThrows(NonWritableChannelException.class, () -> channel.transferTo(-1, 1, reader));
                assertThrows(NonReadableChannelException.class, () -> channel.transferFrom(writer, -1, 1));
                assertEquals(PAGE_BYTES, channel.transferTo(0, PAGE_BYTES, writer));
                assertEquals(PAGE_BYTES, channel.transferFrom(reader, 0, PAGE_BYTES));
            }
        }

        @Test
        @DisplayName("stays open when its thread is interrupted")
        void interrupted() throws IOException {
            HostFile file = openNew(1);
            FileChannel channel = file.channel();
            Thread.currentThread().interrupt();
            assertEquals(8, channel.read(ByteBuffer.allocate(8)));
            assertTrue(Thread.interrupted());
            assertTrue(channel.isOpen());
            channel.close();
        }
    }

    @DisplayName("A channel of a path")
    @Timeout(120)
    @Nested
    final class OfPaths {
        private static final Set<StandardOpenOption> RW = Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE);
        private static final int SIZE = 4 << 20;
        private static final int ROUNDS = 20;

        @TempDir
        Path folder;

        private final byte[] content = new byte[SIZE];
        private Path path;
        private HostChannel.PathChannel channel;

        @BeforeEach
        void open() throws IOException {
            new Random(1).nextBytes(content);
            path = Files.write(folder.resolve("f"), content);
            channel = HostChannel.PathChannel.open(path, RW);
        }

        @AfterEach
        void close() throws IOException {
            channel.close();
        }

        private byte[] readAll() throws IOException {
            ByteBuffer target = ByteBuffer.allocateDirect(SIZE);
            while (target.hasRemaining()) {
                assertTrue(channel.read(target, target.position()) > 0);
            }
            byte[] read = new byte[SIZE];
            target.get(0, read);
            return read;
        }

        @Test
        @DisplayName("reads and writes on an interrupted thread, and keeps the interrupt")
        void interruptBefore() throws IOException {
            Thread.currentThread().interrupt();
            assertArrayEquals(content, readAll());
            assertTrue(Thread.interrupted());
            Thread.currentThread().interrupt();
            assertEquals(8, channel.write(ByteBuffer.allocate(8), 0));
            channel.force();
            assertTrue(Thread.interrupted());
            assertEquals(-1, channel.read(ByteBuffer.allocate(1), SIZE));
        }

        /** Runs a task on another thread, which is interrupted repeatedly. */
        private static void interrupted(Callable<Void> work) throws Exception {
            FutureTask<Void> task = new FutureTask<>(work);
            Thread thread = new Thread(task, "interrupted");
            thread.start();
            while (!task.isDone()) {
                thread.interrupt();
                Awake.turn();
            }
            task.get();
            thread.join();
        }

        @Test
        @DisplayName("reads all bytes though interrupts arrive during the reads")
        void interruptsDuringReads() throws Exception {
            interrupted(() -> {
                for (int round = 0; round < ROUNDS; round++) {
                    assertArrayEquals(content, readAll());
                }
                return null;
            });
        }

        @Test
        @DisplayName("writes all bytes though interrupts arrive during the writes")
        void interruptsDuringWrites() throws Exception {
            byte[] written = new byte[SIZE];
            interrupted(() -> {
                for (int round = 0; round < ROUNDS; round++) {
                    new Random(round + 2).nextBytes(written);
                    ByteBuffer source = ByteBuffer.wrap(written);
                    while (source.hasRemaining()) {
                        assertTrue(channel.write(source, source.position()) > 0);
                    }
                }
                return null;
            });
            assertArrayEquals(written, Files.readAllBytes(path));
        }

        @Test
        @DisplayName("stays one of its file though that is deleted, and another file has its path")
        void gone() throws IOException {
            Files.delete(path);
            Files.write(path, new byte[SIZE]);
            Thread.currentThread().interrupt();
            assertArrayEquals(content, readAll());
            assertTrue(Thread.interrupted());
        }

        @Test
        @DisplayName("is closed by its close")
        void closed() throws IOException {
            channel.close();
            assertThrows(ClosedChannelException.class, () -> channel.read(ByteBuffer.allocate(1), 0));
        }
    }

    @DisplayName("The result of a call of the host that another thread makes")
    @Nested
    final class Results {
        /** A call of the host whose first waits run out of memory. */
        private static final class WithoutMemory extends CompletableFuture<Integer> {
            private int waits;

            @Override
            public Integer get() throws InterruptedException, ExecutionException {
                if (++waits < 3) {
                    throw new OutOfMemoryError("for the wait");
                }
                complete(7);
                return super.get();
            }
        }

        @Test
        @DisplayName("is waited for though there is no memory for a wait: the call still uses its buffer")
        void withoutMemory() throws IOException {
            WithoutMemory call = new WithoutMemory();
            assertEquals(7, HostChannel.result(call));
            assertEquals(3, call.waits);
        }

        @Test
        @DisplayName("is the call's own failure, also if that is an error")
        void failures() {
            IOException broken = new IOException("Input/output error");
            assertEquals(broken, assertThrows(IOException.class, () -> HostChannel.result(failed(broken))));
            OutOfMemoryError own = new OutOfMemoryError("of the call");
            assertEquals(own, assertThrows(OutOfMemoryError.class, () -> HostChannel.result(failed(own))));
            IllegalStateException other = new IllegalStateException("lent, and closed");
            assertEquals(
                    other,
                    assertThrows(IOException.class, () -> HostChannel.result(failed(other)))
                            .getCause());
        }

        private static CompletableFuture<Integer> failed(Throwable with) {
            return CompletableFuture.failedFuture(with);
        }
    }
}
