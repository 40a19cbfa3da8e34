// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.fixture.Await;
import dev.samara.core.internal.page.DirectFrames.RegionBudget;
import dev.samara.core.internal.page.DirectFrames.SparseRegion;
import dev.samara.core.vma.FrameStore;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Memory of frames:")
final class DirectFramesTest {
    /** Compares the bytes of frames with an array of the expected bytes. */
    @Nested
    final class Bytes {
        private static final int SHIFT = 9;
        private static final int SIZE = 1 << SHIFT;
        private static final int FRAMES = 8;
        private static final long PATTERN = 0xfedc_ba98_7654_3210L;

        /** Two frames per chunk, so that a frame has one neighbour in its chunk and one in another chunk. */
        private final FrameStore store = new DirectFrames(SHIFT, 1, FRAMES);

        private final byte[][] model = new byte[FRAMES][SIZE];

        @BeforeEach
        void fill() {
            Random random = new Random(7);
            for (int frame = 0; frame < FRAMES; frame += 2) {
                assertTrue(store.extend(frame, 2));
            }
            for (int frame = 0; frame < FRAMES; frame++) {
                random.nextBytes(model[frame]);
                store.write(frame, 0, model[frame], 0, SIZE);
            }
        }

        private long modelGet(int frame, int offset, int size) {
            long value = 0;
            for (int i = size - 1; i >= 0; i--) {
                value = value << 8 | (model[frame][offset + i] & 0xff);
            }
            return value;
        }

        private void modelPut(int frame, int offset, int size, long value) {
            for (int i = 0; i < size; i++) {
                model[frame][offset + i] = (byte) (value >>> (8 * i));
            }
        }

        private void check() {
            byte[] all = new byte[SIZE];
            for (int frame = 0; frame < FRAMES; frame++) {
                store.read(frame, 0, all, 0, SIZE);
                assertArrayEquals(model[frame], all, "frame " + frame);
            }
        }

        @ParameterizedTest
        @ValueSource(ints = {1, 2, 4, 8})
        @DisplayName(
                "plain reads and writes at every offset of a frame, both ends included, touch their bytes and no other")
        void plain(int size) {
            for (int frame : new int[] {0, 1, 2, FRAMES - 1}) {
                for (int offset = 0; offset <= SIZE - size; offset++) {
                    assertEquals(modelGet(frame, offset, size), store.get(frame, offset, size));
                    long value = PATTERN * (offset + 1);
                    store.put(frame, offset, size, value);
                    modelPut(frame, offset, size, value);
                    assertEquals(modelGet(frame, offset, size), store.get(frame, offset, size));
                }
                check();
            }
        }

        @ParameterizedTest
        @ValueSource(ints = {1, 2, 4, 8})
        @DisplayName("atomic reads, writes and exchanges at every aligned offset, with values whose upper bits are set")
        void atomic(int size) {
            long mask = -1L >>> (64 - 8 * size);
            for (int frame : new int[] {0, 1, 2, FRAMES - 1}) {
                for (int offset = 0; offset <= SIZE - size; offset += size) {
                    assertEquals(modelGet(frame, offset, size), store.getVolatile(frame, offset, size));
                    long value = PATTERN * (offset + 3);
                    store.putVolatile(frame, offset, size, value);
                    modelPut(frame, offset, size, value);
                    assertEquals(value & mask, store.getVolatile(frame, offset, size));
                    assertEquals(
                            value & mask, store.compareAndExchange(frame, offset, size, value + 1, 0), "not expected");
                    assertEquals(value & mask, store.get(frame, offset, size), "so nothing is written");
                    assertEquals(value & mask, store.compareAndExchange(frame, offset, size, value, ~value));
                    modelPut(frame, offset, size, ~value);
                    assertEquals(~value & mask, store.getVolatile(frame, offset, size));
                }
                check();
            }
        }

        @Test
        @DisplayName("fills, copies and transfers of every kind of start and length touch their bytes and no other")
        void bulk() {
            for (int offset : new int[] {0, 1, 3, 7, 8, 9, 255, SIZE - 9, SIZE - 1, SIZE}) {
                for (int length : new int[] {0, 1, 2, 7, 8, 9, 15, 16, 17, 64, SIZE}) {
                    if (offset + length <= SIZE) {
                        byte with = (byte) (0x80 + offset + length);
                        store.fill(3, offset, length, with);
                        Arrays.fill(model[3], offset, offset + length, with);
                        check();
                        byte[] bytes = new byte[SIZE + 2];
                        new Random(offset).nextBytes(bytes);
                        store.write(4, offset, bytes, 2, length);
                        System.arraycopy(bytes, 2, model[4], offset, length);
                        byte[] expected = bytes.clone();
                        System.arraycopy(model[3], offset, expected, 1, length);
                        store.read(3, offset, bytes, 1, length);
                        assertArrayEquals(expected, bytes);
                        check();
                    }
                }
            }
            store.copy(3, 6);
            model[6] = model[3].clone();
            store.copy(6, 7);
            model[7] = model[3].clone();
            store.copy(5, 5);
            check();
        }

        /** Runs one of four threads, each of which counts in a different part of the same eight bytes. */
        private void count(int part, int size, int rounds, CyclicBarrier start) throws Exception {
            start.await();
            long mask = -1L >>> (64 - 8 * size);
            for (int i = 0; i < rounds; i++) {
                long seen = store.getVolatile(2, part, size);
                for (; ; ) {
                    long witness = store.compareAndExchange(2, part, size, seen, seen + 1);
                    if (witness == seen) {
                        break;
                    }
                    seen = witness;
                }
                assertEquals(seen & mask, seen);
            }
        }

        @ParameterizedTest
        @ValueSource(ints = {1, 2, 4, 8})
        @DisplayName(
                "exchanges that contend, in one place and in its neighbours, lose no count and spill over into none")
        void contended(int size) throws Exception {
            int rounds = 20_000;
            store.fill(2, 0, 8, (byte) 0);
            int parts = Math.max(1, Math.min(2, 8 / size));
            CyclicBarrier start = new CyclicBarrier(2 * parts);
            Thread[] threads = new Thread[2 * parts];
            Throwable[] failed = new Throwable[threads.length];
            for (int i = 0; i < threads.length; i++) {
                int number = i;
                threads[i] = new Thread(() -> {
                    try {
                        count(number % parts * size, size, rounds, start);
                    } catch (Throwable thrown) {
                        failed[number] = thrown;
                    }
                });
                threads[i].start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertArrayEquals(new Throwable[threads.length], failed);
            long mask = -1L >>> (64 - 8 * size);
            for (int part = 0; part < parts; part++) {
                assertEquals(2L * rounds & mask, store.getVolatile(2, part * size, size));
            }
            for (int i = parts * size; i < 8; i++) {
                assertEquals(0, store.get(2, i, 1));
            }
        }

        @Test
        @DisplayName("a plain byte beside exchanges of its neighbours in the same word is never written over")
        void plainByteBesideExchanges() throws Exception {
            store.fill(2, 0, 8, (byte) 0);
            CyclicBarrier start = new CyclicBarrier(2);
            Throwable[] failed = new Throwable[1];
            Thread other = new Thread(() -> {
                try {
                    count(1, 1, 100_000, start);
                } catch (Throwable thrown) {
                    failed[0] = thrown;
                }
            });
            other.start();
            start.await();
            for (int i = 0; i < 100_000; i++) {
                if (i % 2 == 0) {
                    store.put(2, 0, 1, i);
                } else {
                    store.putVolatile(2, 0, 1, i);
                }
                assertEquals(i & 0xff, store.get(2, 0, 1));
            }
            other.join();
            assertArrayEquals(new Throwable[1], failed);
            assertEquals(100_000 & 0xff, store.get(2, 1, 1));
        }

        /** Returns a store with the default methods, which do not use buffers. */
        private FrameStore withDefaults() {
            HookedFrames hooked = new HookedFrames(SHIFT, FRAMES);
            assertTrue(hooked.extend(0, FRAMES));
            return hooked;
        }

        @Test
        @DisplayName("bytes go to and from a heap, a direct and a read-only buffer, whose position does not change")
        void buffers() {
            FrameStore[] stores = {store, withDefaults()};
            ByteBuffer[] buffers = {ByteBuffer.allocate(SIZE), ByteBuffer.allocateDirect(SIZE)};
            for (FrameStore frames : stores) {
                for (ByteBuffer buffer : buffers) {
                    frames.write(1, 0, buffer.put(0, model[0]).asReadOnlyBuffer(), 0, SIZE);
                    frames.write(1, 3, buffer.put(0, model[1]).position(2), 5, 7);
                    byte[] written = model[0].clone();
                    System.arraycopy(model[1], 5, written, 3, 7);
                    byte[] seen = new byte[SIZE];
                    frames.read(1, 0, seen, 0, SIZE);
                    assertArrayEquals(written, seen);

                    frames.read(1, 3, buffer, 11, 7);
                    assertEquals(2, buffer.position());
                    byte[] read = model[1].clone();
                    System.arraycopy(written, 3, read, 11, 7);
                    buffer.get(0, seen);
                    assertArrayEquals(read, seen);
                    buffer.position(0);
                }
            }
        }
    }

    @DisplayName("The JVM's limit of direct memory")
    @Nested
    final class Limit {
        private static final long HEAP = 12345;

        @ParameterizedTest
        @CsvSource({
            "1000, 1000",
            "4k, 4096",
            "4K, 4096",
            "3m, 3145728",
            "2G, 2147483648",
            "1t, 1099511627776",
            "0x10k, 16384",
            "010, 10",
            "0, 12345",
        })
        @DisplayName("is the value of the option, as the JVM reads it; the maximum of the heap if that is 0")
        void sizes(String size, long expected) {
            assertEquals(
                    expected, DirectFrames.memoryLimit(List.of("-Xmx1g", "-XX:MaxDirectMemorySize=" + size), HEAP));
        }

        @Test
        @DisplayName("is the last of several options, and the maximum of the heap without one")
        void options() {
            String first = "-XX:MaxDirectMemorySize=1m";
            assertEquals(2048, DirectFrames.memoryLimit(List.of(first, "-XX:MaxDirectMemorySize=2k"), HEAP));
            assertEquals(HEAP, DirectFrames.memoryLimit(List.of("-XX:MaxMetaspaceSize=1m"), HEAP));
            assertEquals(HEAP, DirectFrames.memoryLimit(List.of(), HEAP));
        }

        @Test
        @DisplayName(
                "bounds the memory of a machine whose frames are there, and names both; an own store is not bounded")
        void machines() {
            long limit = Machine.directMemoryLimit();
            Machine.builder().memory(limit).build();
            // Also too much for regions, because no system has that much memory.
            long tooMuch = Long.MAX_VALUE;
            MachineBuilder more = Machine.builder().memory(tooMuch);
            assertEquals(
                    "memory " + tooMuch + " is above " + limit
                            + ", the JVM's limit of direct memory: -XX:MaxDirectMemorySize, "
                            + "or the maximum heap without it",
                    assertThrows(IllegalArgumentException.class, more::build).getMessage());
            more.frameStore((pageShift, frames) -> new DirectFrames(pageShift, 4, 16))
                    .build();
        }
    }

    /** Frames of one or several regions, for which the system may run out of memory after some pieces. */
    @Nested
    final class Fallback {
        private static final int SHIFT = 12;
        private static final int PAGE = 1 << SHIFT;
        private static final int CHUNK_SHIFT = 4;
        private static final int CHUNK = 1 << CHUNK_SHIFT;

        /** The last piece is smaller than a chunk. */
        private static final int FRAMES = 5 * CHUNK + 3;

        private static void extend(DirectFrames frames, int from, int to) {
            for (int first = from; first < to; first += CHUNK) {
                assertTrue(frames.extend(first, Math.min(CHUNK, to - first)));
            }
        }

        private static void assertHolds(DirectFrames frames, int from, int to) {
            byte[] page = new byte[PAGE];
            for (int frame = from; frame < to; frame++) {
                frames.read(frame, 0, page, 0, PAGE);
                assertArrayEquals(new byte[PAGE], page, "frame " + frame + " at first");
                frames.put(frame, 8, 8, 1_000_000L + frame);
                frames.put(((long) frame << SHIFT) + PAGE - 4, 4, frame);
                frames.putVolatile(frame, 16, 8, -frame);
                assertEquals(-frame, frames.compareAndExchange(frame, 16, 8, -frame, ~frame));
            }
            for (int frame = from; frame < to; frame++) {
                assertEquals(1_000_000L + frame, frames.get(((long) frame << SHIFT) + 8, 8));
                assertEquals(frame, frames.get(frame, PAGE - 4, 4));
                assertEquals(~frame, frames.getVolatile(frame, 16, 8));
            }
        }

        @Test
        @DisplayName(
                "frames before the piece that has no memory are in the region, later ones elsewhere; all keep bytes")
        void pieces() throws IOException {
            for (int room = 0; room <= 6; room++) {
                int inRegion = Math.min(room * CHUNK, FRAMES);
                DirectFrames frames = RegionThatFills.frames(SHIFT, CHUNK_SHIFT, FRAMES, inRegion);
                extend(frames, 0, FRAMES);
                MappedByteBuffer region = Objects.requireNonNull(frames.region());
                assertHolds(frames, 0, FRAMES);
                for (int frame = 0; frame < FRAMES; frame++) {
                    assertEquals(
                            frame < inRegion, frames.isInRegion(frame), "frame " + frame + " with room for " + room);
                    if (frame < inRegion) {
                        assertEquals(1_000_000L + frame, region.getLong((frame << SHIFT) + 8));
                    }
                }
            }
        }

        @Test
        @DisplayName("the bytes of frames in the region stay when a later piece has no memory; copies go both ways")
        void stays() throws IOException {
            DirectFrames frames = RegionThatFills.frames(SHIFT, CHUNK_SHIFT, FRAMES, 2 * CHUNK);
            extend(frames, 0, 2 * CHUNK);
            frames.put(CHUNK, 0, 8, 77);
            frames.put(((long) CHUNK << SHIFT) + 8, 8, 78);
            extend(frames, 2 * CHUNK, FRAMES);
            assertTrue(frames.isInRegion(2 * CHUNK - 1));
            assertFalse(frames.isInRegion(2 * CHUNK));
            assertEquals(77, frames.get((long) CHUNK << SHIFT, 8));
            assertEquals(78, frames.get(CHUNK, 8, 8));
            frames.copy(CHUNK, 3 * CHUNK);
            assertEquals(78, frames.get(((3L * CHUNK) << SHIFT) + 8, 8));
            frames.fill(3 * CHUNK, 0, PAGE, (byte) 1);
            frames.copy(3 * CHUNK, 0);
            assertEquals(0x0101_0101_0101_0101L, frames.get(0L, 8));
            assertEquals(77, frames.get(CHUNK, 0, 8));
        }

        @Test
        @DisplayName(
                "several regions: only frames of the first one are in the region; all keep bytes, wherever room ends")
        void severalRegions() {
            int inRegion = 2 * CHUNK;
            for (int room = 0; room <= 6; room++) {
                int frames = Math.min(room * CHUNK, FRAMES);
                DirectFrames store = RegionThatFills.frames(SHIFT, CHUNK_SHIFT, FRAMES, inRegion, frames);
                MappedByteBuffer first = Objects.requireNonNull(store.region());
                assertEquals(inRegion << SHIFT, first.capacity());
                extend(store, 0, FRAMES);
                assertHolds(store, 0, FRAMES);
                for (int frame = 0; frame < FRAMES; frame++) {
                    boolean isFirst = frame < Math.min(inRegion, frames);
                    assertEquals(isFirst, store.isInRegion(frame), "frame " + frame + " with room for " + room);
                    if (isFirst) {
                        assertEquals(1_000_000L + frame, first.getLong((frame << SHIFT) + 8));
                    }
                }
                store.copy(1, FRAMES - 1);
                assertEquals(1_000_001, store.get(FRAMES - 1, 8, 8));
            }
        }

        @Test
        @DisplayName("a region is opened when its first frame is needed; the zero page makes no region of its own")
        void opened() {
            List<Long> sizes = new ArrayList<>();
            long most = (long) CHUNK << SHIFT;
            for (int count = 1; count <= 3; count++) {
                sizes.clear();
                int frames = count * CHUNK + 1;
                DirectFrames store = new DirectFrames(SHIFT, CHUNK_SHIFT, frames, most, PAGE, size -> {
                    sizes.add(size);
                    return SparseRegion.open(size);
                });
                assumeTrue(store.region() != null, "the system has shared memory");
                assertEquals(List.of(count == 1 ? most + PAGE : most), sizes);
                extend(store, 0, frames);
                assertHolds(store, 0, frames);
                assertEquals(count, sizes.size());
                assertEquals(most + PAGE, sizes.get(count - 1));
                assertTrue(store.isInRegion(0));
                assertEquals(count == 1, store.isInRegion(frames - 1));
            }
        }

        @Test
        @DisplayName(
                "more than 1 GiB has a region of 1 GiB at once, and memory of the system only for frames that are made")
        void large() {
            assumeTrue(DirectFrames.mayHaveRegions(3L << 30), "the system has shared memory for three regions");
            DirectFrames frames = new DirectFrames(SHIFT, 10, (3 << (30 - SHIFT)) + 1, true);
            MappedByteBuffer region = Objects.requireNonNull(frames.region());
            assertEquals(1 << 30, region.capacity());
            int second = 1 << (30 - SHIFT);
            assertTrue(frames.extend(0, 1 << 10));
            assertTrue(frames.extend(second, 1 << 10));
            assertTrue(frames.isInRegion(0));
            assertFalse(frames.isInRegion(second));
            frames.put(((long) second << SHIFT) + 16, 8, 5);
            assertEquals(5, frames.get(second, 16, 8));
            assertFalse(region.slice(1 << 29, PAGE).isLoaded());
        }

        @Test
        @DisplayName("there is no region where none was asked for")
        void none() {
            assertNull(new DirectFrames(SHIFT, 4, 16).region());
            assertFalse(new DirectFrames(SHIFT, 4, 16).isInRegion(0));
            if (DirectFrames.mayHaveRegions(1 << 20)) {
                assertNotNull(new DirectFrames(SHIFT, 4, 256, true).region());
            }
        }
    }

    /** A region of the system's shared memory, where the system has one. */
    @Nested
    final class Sparse {
        private static final int PIECE = 1 << 20;
        private static final int PIECES = 8;
        private static final int SIZE = PIECES * PIECE;

        @BeforeEach
        void isPossible() {
            Assumptions.assumeTrue(DirectFrames.mayHaveRegions(SIZE), "the system has shared memory");
        }

        private static SparseRegion open() {
            return Objects.requireNonNull(SparseRegion.open(SIZE));
        }

        /** Asserts that a part initially contains zeros, and keeps what is written. */
        private static void assertUsable(SparseRegion region, int from, int length) {
            MappedByteBuffer bytes = region.bytes;
            for (int at = from; at < from + length; at += 8) {
                assertEquals(0, bytes.getLong(at));
            }
            for (int at = from; at < from + length; at += 8) {
                bytes.putLong(at, at + 1L);
            }
            for (int at = from; at < from + length; at += 8) {
                assertEquals(at + 1L, bytes.getLong(at));
            }
        }

        /** Returns whether all bytes of a part are in memory, which the system reports without an access to them. */
        private static boolean isResident(SparseRegion region, int from, int length) {
            return region.bytes.slice(from, length).isLoaded();
        }

        @Test
        @DisplayName("the bytes of each part that was provided are zero, and keep what is written")
        void zeros() {
            SparseRegion region = open();
            // The last part is not a multiple of the largest write.
            int odd = PIECE - 4_096;
            assertTrue(region.provide(3L * PIECE, PIECE));
            assertTrue(region.provide(0, PIECE));
            assertTrue(region.provide((long) SIZE - odd, odd));
            assertUsable(region, 3 * PIECE, PIECE);
            assertUsable(region, 0, PIECE);
            assertUsable(region, SIZE - odd, odd);
            assertEquals(0, region.bytes.getLong(SIZE - odd - 8));
            assertEquals(SIZE, region.bytes.capacity());
        }

        @Test
        @DisplayName("the region has memory of the system for the parts that were provided, and for no others")
        void memory() {
            SparseRegion region = open();
            for (int piece = 0; piece < PIECES; piece += 2) {
                assertTrue(region.provide((long) piece * PIECE, PIECE));
            }
            for (int piece = 0; piece < PIECES; piece++) {
                assertEquals(piece % 2 == 0, isResident(region, piece * PIECE, PIECE), "piece " + piece);
                for (int at = 0; at < PIECE && piece % 2 != 0; at += PIECE / 4) {
                    assertFalse(isResident(region, piece * PIECE + at, 1), "piece " + piece + " at " + at);
                }
            }
        }

        @Test
        @DisplayName("a thread that is interrupted gets a region, loses no part of it, and stays interrupted")
        void interrupted() {
            Thread.currentThread().interrupt();
            SparseRegion region = open();
            assertTrue(region.provide(0, PIECE));
            assertTrue(Thread.interrupted());
            assertTrue(region.provide(PIECE, PIECE));
            Thread.currentThread().interrupt();
            assertTrue(region.provide(2L * PIECE, PIECE));
            assertUsable(region, 0, 3 * PIECE);
            assertTrue(Thread.interrupted());
        }

        @Test
        @DisplayName("a region has no name, so the system takes its memory back when the process ends")
        void nameless() throws IOException {
            Path maps = Path.of("/proc/self/maps");
            Assumptions.assumeTrue(Files.isReadable(maps));
            SparseRegion region = open();
            assertTrue(region.provide(0, PIECE));
            try (Stream<String> lines = Files.lines(maps)) {
                List<String> mapped =
                        lines.filter(line -> line.contains(" /dev/shm/samara")).toList();
                assertFalse(mapped.isEmpty());
                mapped.forEach(line -> assertTrue(line.endsWith("(deleted)"), line));
            }
            assertUsable(region, 0, PIECE);
        }

        @Test
        @DisplayName("there is no region of more than 1 GiB")
        void tooLarge() {
            assertNull(SparseRegion.open(SparseRegion.MOST_MEMORY * 2));
        }

        @Test
        @DisplayName("a part that was not provided does not count, whatever failed, and counts once when it is retried")
        void counted() throws IOException {
            File named = File.createTempFile("samara", null);
            Error[] failure = {null};
            try {
                RandomAccessFile file = new RandomAccessFile(named, "rw") {
                    @Override
                    public void write(byte[] bytes, int from, int length) throws IOException {
                        if (failure[0] != null) {
                            throw failure[0];
                        }
                        super.write(bytes, from, length);
                    }
                };
                file.setLength(SIZE);
                MappedByteBuffer bytes = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, SIZE);
                SparseRegion region = new SparseRegion(file, bytes);
                long before = region.share.bytes();
                for (Error error : List.of(new OutOfMemoryError(), new StackOverflowError())) {
                    failure[0] = error;
                    assertThrows(error.getClass(), () -> region.provide(0, PIECE));
                    assertEquals(before, region.share.bytes());
                }
                failure[0] = null;
                assertTrue(region.provide(0, PIECE));
                assertEquals(before + PIECE, region.share.bytes());
            } finally {
                Files.delete(named.toPath());
            }
        }
    }

    /** The sum of all regions that are not collected yet. */
    @Nested
    final class Budget {
        private final AtomicInteger collections = new AtomicInteger();

        /** Stands for the buffer of a region. */
        private final Object kept = new Object();

        private final RegionBudget budget = new RegionBudget(1000, 1, collections::incrementAndGet);

        @Test
        @DisplayName("a collection is asked for above the limit, and again after each quarter of the limit")
        void limit() {
            RegionBudget.Share share = budget.share(kept);
            share.add(1000);
            assertEquals(0, collections.get());
            share.add(1);
            assertEquals(1, collections.get());
            share.add(250);
            assertEquals(1, collections.get());
            share.add(1);
            assertEquals(2, collections.get());
            assertEquals(1252, budget.sum());
        }

        @Test
        @DisplayName("the bytes of a collected region no longer count, and the next excess is an excess anew")
        void collected() {
            RegionBudget.Share share = budget.share(kept);
            Object[] other = {new Object()};
            budget.share(other[0]).add(900);
            share.add(200);
            assertEquals(1, collections.get());
            // Not earlier, because a region is reachable while it takes memory.
            other[0] = null;
            Await.until("the end of the other share", () -> {
                System.gc();
                share.add(0);
                return budget.sum() == 200;
            });
            share.add(800);
            assertEquals(1, collections.get());
            share.add(1);
            assertEquals(2, collections.get());
        }
    }
}
