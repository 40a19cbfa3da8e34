// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.guest.PageRun;
import dev.samara.core.guest.PageView;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("The blocks of a file of the host:")
final class BlocksTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    /** The number of pages of a block of 16 KiB. */
    private static final int BLOCK = 4;

    private static final long BLOCK_BYTES = BLOCK * PAGE;

    private static MachineBuilder machine(long memory, long limit) {
        return Machine.builder()
                .memory(memory * PAGE)
                .cacheLimit(limit * PAGE)
                // With a limit of 8 blocks, the least number of dirty blocks.
                .poisonFrames(true)
                .writeBackEvery(Duration.ZERO)
                .reportWaitsLongerThan(Await.LONG)
                .reportShootdownsLongerThan(Await.LONG);
    }

    private static OpenOption[] writable(OpenOption... more) {
        OpenOption[] all = Arrays.copyOf(HostFileFixture.RW, 2 + more.length);
        System.arraycopy(more, 0, all, 2, more.length);
        return all;
    }

    /** Asserts that each block is in memory as a whole, in consecutive frames, or not at all. */
    private static void assertWhole(HostFile file, int block) {
        long pages = (file.size() + PAGE - 1) / PAGE;
        for (long first = 0; first < pages; first += block) {
            int base = file.pageCache().frameAt(first);
            for (int i = 0; i < block && first + i < pages; i++) {
                int expected = base < 0 ? base : base + i;
                assertEquals(expected, file.pageCache().frameAt(first + i), "page " + (first + i) + ", seed " + SEED);
            }
            assertTrue(base < 0 || base % block == 0, "frame " + base);
        }
    }

    /** A machine with room for many blocks, and no limit that a test reaches by accident. */
    abstract static class Fixture extends HostFileFixture {
        Fixture(MachineBuilder builder) {
            super(builder);
        }

        HostFile openBlocks(int pages) throws IOException {
            return open(write("f", pages * PAGE_BYTES), writable(HostFileOption.BLOCKS_16K));
        }

        long mapShared(HostFile file, long pages) {
            return fixture.map(0, pages, READ | WRITE, Mman.SHARED, file, 0);
        }

        void assertInMemory(HostFile file, boolean is, long first) {
            for (long page = first; page < first + BLOCK; page++) {
                assertEquals(is, isPresent(file, page), "page " + page);
            }
            assertWhole(file, BLOCK);
        }

        /** Makes all blocks of a file leave memory that can. */
        void evict(HostFile file) {
            assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_DONTNEED));
        }

        int seek(PageRun run, long address, int length, int access) {
            fixture.cpu.enterGuest();
            try {
                return run.seek(address, length, access);
            } finally {
                fixture.cpu.leaveGuest();
            }
        }
    }

    @DisplayName("In a machine with much memory")
    @Nested
    final class Usual extends Fixture {
        Usual() {
            super(machine(512, 256));
        }

        @Test
        @DisplayName("an access reads one whole block, by one read of the host")
        void access() throws Exception {
            HostFile file = openBlocks(40);
            long at = mapShared(file, 40);
            int reads = channels.reads.get();
            assertEquals(STAMP + 5, fixture.load(at + 5 * PAGE));
            assertEquals(reads + 1, channels.reads.get());
            assertInMemory(file, false, 0);
            assertInMemory(file, true, 4);
            assertInMemory(file, false, 8);
            assertEquals(4, fixture.frames());
            assertEquals(STAMP + 18, read(file, 18));
            assertEquals(reads + 2, channels.reads.get());
            assertInMemory(file, true, 16);
            assertEquals(8, fixture.frames());
        }

        @Test
        @DisplayName("of 64 KiB have 16 pages")
        void sixteen() throws Exception {
            HostFile file = open(write("f", 40 * PAGE_BYTES), writable(HostFileOption.BLOCKS_64K));
            assertEquals(STAMP + 20, read(file, 20));
            assertEquals(16, inMemory(file, 40));
            assertEquals(STAMP + 39, read(file, 39));
            assertEquals(24, inMemory(file, 40));
            assertWhole(file, 16);
            PageRun run = fixture.memory.newRun();
            long at = mapShared(file, 40);
            assertEquals(16 * PAGE_BYTES, seek(run, at + 16 * PAGE, 16 * PAGE_BYTES, READ));
        }

        @Test
        @DisplayName("a scan reads several blocks at a time")
        void scan() throws Exception {
            HostFile file = openBlocks(256);
            int reads = channels.reads.get();
            for (int page = 0; page < 256; page++) {
                assertEquals(STAMP + page, read(file, page));
                assertWhole(file, BLOCK);
            }
            assertTrue(channels.reads.get() - reads < 30, () -> "reads: " + (channels.reads.get() - reads));
        }

        @Test
        @DisplayName("a run covers the rest of a block, whatever was accessed before")
        void runs() throws Exception {
            HostFile file = openBlocks(40);
            long at = mapShared(file, 40);
            PageRun run = fixture.memory.newRun();
            assertEquals(BLOCK_BYTES, seek(run, at + 8 * PAGE, (int) BLOCK_BYTES, WRITE));
            assertEquals(BLOCK_BYTES, seek(run, at + 12 * PAGE, (int) BLOCK_BYTES, READ));
            fixture.load(at + 18 * PAGE);
            assertEquals(BLOCK_BYTES, seek(run, at + 16 * PAGE, (int) BLOCK_BYTES, READ | WRITE));
            assertEquals(BLOCK_BYTES - 100, seek(run, at + 20 * PAGE + 100, (int) BLOCK_BYTES - 100, WRITE));
            // Only one page of the block is mapped, and only for reading.
            assertEquals(0, space.madvise(at, 40 * PAGE, Mman.DONTNEED));
            assertEquals(0, space.madvise(at, 40 * PAGE, Mman.RANDOM));
            fixture.load(at + 25 * PAGE);
            assertEquals(BLOCK_BYTES, seek(run, at + 24 * PAGE, (int) BLOCK_BYTES, WRITE));
            assertTrue(seek(run, at + 26 * PAGE, (int) BLOCK_BYTES, READ) >= 2 * PAGE);
        }

        @Test
        @DisplayName("a run for writing of a private mapping copies no page that was not accessed")
        void privateRun() throws Exception {
            HostFile file = openBlocks(8);
            long at = fixture.map(0, 8, READ | WRITE, Mman.PRIVATE, file, 0);
            PageRun run = fixture.memory.newRun();
            assertEquals(BLOCK_BYTES, seek(run, at, (int) BLOCK_BYTES, READ));
            assertEquals(PAGE, seek(run, at, (int) BLOCK_BYTES, WRITE));
            assertEquals(5, fixture.frames());
        }

        @Test
        @DisplayName("a view of a block is not a copy")
        void view() throws Exception {
            HostFile file = openBlocks(8);
            long at = mapShared(file, 8);
            try (PageView view = Objects.requireNonNull(fixture.memory.view(at + BLOCK_BYTES, (int) BLOCK_BYTES))) {
                assertEquals(0, fixture.machine.statistics().viewCopies());
                assertEquals(BLOCK_BYTES, view.buffer().remaining());
                evict(file);
                assertInMemory(file, true, 4);
            }
            evict(file);
            assertInMemory(file, false, 4);
        }

        @Test
        @DisplayName("the end of the file may lie within a block, into which the file grows")
        void growth() throws Exception {
            HostFile file = open(write("f", 5 * PAGE_BYTES + 100), writable(HostFileOption.BLOCKS_16K));
            assertEquals(STAMP + 4, read(file, 4));
            assertEquals(4, fixture.frames());
            int base = file.pageCache().frameAt(4);
            int reads = channels.reads.get();
            assertEquals(2 * PAGE, file.pwrite(page(77, 2), 6 * PAGE));
            assertEquals(77, read(file, 6));
            assertEquals(77, read(file, 7));
            assertEquals(0, read(file, 5) - (STAMP + 5));
            assertEquals(reads, channels.reads.get());
            assertEquals(base + 3, file.pageCache().frameAt(7));
            assertEquals(4, fixture.frames());
            assertWhole(file, BLOCK);
            // Bytes between the old end and the written ones are zeros.
            assertEquals(0, file.getLong(5 * PAGE + 104));
            assertEquals(0, file.grow(9 * PAGE + 8));
            assertEquals(0, read(file, 9));
            assertInMemory(file, true, 4);
            assertWhole(file, BLOCK);
            assertEquals(0, file.fsync());
            assertEquals(77, number(path, 7 * PAGE));
        }

        @Test
        @DisplayName("appended page by page are whole, and read nothing")
        void appends() throws Exception {
            HostFile file = open(write("f", 0), writable(HostFileOption.BLOCKS_16K));
            int reads = channels.reads.get();
            for (int page = 0; page < 10; page++) {
                assertEquals(page * PAGE, file.append(page(page, 1)));
                assertWhole(file, BLOCK);
            }
            assertEquals(reads, channels.reads.get());
            assertEquals(12, fixture.frames());
            for (int page = 0; page < 10; page++) {
                assertEquals(page, read(file, page));
            }
        }

        @Test
        @DisplayName("a write of a whole block reads nothing, one of a part reads the block")
        void writes() throws Exception {
            HostFile file = openBlocks(18);
            int reads = channels.reads.get();
            assertEquals(BLOCK_BYTES, file.pwrite(page(5, BLOCK), 4 * PAGE));
            // Covers its block up to the end of the file.
            assertEquals(2 * PAGE, file.pwrite(page(6, 2), 16 * PAGE));
            assertEquals(reads, channels.reads.get());
            assertInMemory(file, true, 4);
            assertEquals(PAGE, file.pwrite(page(7, 1), 9 * PAGE));
            assertEquals(reads + 1, channels.reads.get());
            assertEquals(STAMP + 10, read(file, 10));
            assertEquals(7, read(file, 9));
            // A long write that starts within a block reads only that block, and the last one.
            assertEquals(11 * PAGE, file.pwrite(page(8, 11), 2 * PAGE));
            assertEquals(reads + 3, channels.reads.get());
            assertEquals(STAMP + 1, read(file, 1));
            assertEquals(8, read(file, 12));
            assertEquals(STAMP + 13, read(file, 13));
            assertWhole(file, BLOCK);
        }

        @Test
        @DisplayName("a write-back writes whole blocks, each by one write")
        void writeBack() throws Exception {
            HostFile file = openBlocks(16);
            long at = mapShared(file, 16);
            fixture.store(at + 5 * PAGE + 8, 1);
            fixture.store(at + 14 * PAGE + 8, 1);
            channels.calls.clear();
            assertEquals(0, file.syncRange(5 * PAGE, PAGE, Mman.SYNC_FILE_RANGE_WRITE | Mman.WAIT_AFTER));
            assertEquals(List.of("write " + 4 * PAGE + "+" + BLOCK_BYTES), channels.calls);
            assertEquals(0, file.fsync());
            assertEquals("write " + 12 * PAGE + "+" + BLOCK_BYTES, channels.calls.get(1));
            assertEquals(List.of(), file.dirtyRanges(0, 16 * PAGE));
        }

        @Test
        @DisplayName("a background write-back writes the dirty pages that another program did not cut off")
        void cutBlock() throws Exception {
            HostFile file = openBlocks(8);
            long at = mapShared(file, 8);
            fixture.store(at + 8, 4711);
            fixture.store(at + 6 * PAGE + 8, 1);
            try (FileChannel other = FileChannel.open(path, StandardOpenOption.WRITE)) {
                other.truncate(PAGE);
            }
            // As a periodic write-back, and one above the bounds.
            PeriodicRounds.writeAll(MachineInternals.hostFiles(fixture.machine));
            assertEquals(4711, number(path, 8));
            assertEquals(PAGE, Files.size(path));
            fixture.store(at + 8, 4712);
            PeriodicRounds.writeAll(MachineInternals.hostFiles(fixture.machine));
            assertEquals(4712, number(path, 8));
            assertEquals(0, file.fsync());
            assertEquals(PAGE, file.size());
            assertWhole(file, BLOCK);
        }

        @Test
        @DisplayName("stay whole in memory because of one page that is dirty, pinned or locked")
        void kept() throws Exception {
            HostFile file = openBlocks(24);
            long at = mapShared(file, 24);
            fixture.load(at + 16 * PAGE);
            fixture.store(at + 2 * PAGE + 8, 1);
            assertEquals(0, space.mlock(at + 7 * PAGE, PAGE));
            try (PinnedFrame pin = fixture.pin(at + 9 * PAGE, READ)) {
                evict(file);
                assertInMemory(file, true, 0);
                assertInMemory(file, true, 4);
                assertInMemory(file, true, 8);
                assertInMemory(file, false, 16);
                assertEquals(STAMP + 9, SpaceFixture.read(pin));
            }
            assertEquals(0, file.fsync());
            assertEquals(0, space.munlock(at + 7 * PAGE, PAGE));
            evict(file);
            assertEquals(0, inMemory(file, 24));
            assertEquals(0, fixture.frames());
            assertEquals(1, fixture.load(at + 2 * PAGE + 8));
        }

        @Test
        @DisplayName("advice about a part of a block frees none of it")
        void advice() throws Exception {
            HostFile file = openBlocks(24);
            for (int page = 0; page < 24; page += 4) {
                read(file, page);
            }
            assertEquals(0, file.fadvise(PAGE, 2 * PAGE, Mman.POSIX_FADV_DONTNEED));
            assertEquals(24, inMemory(file, 24));
            assertEquals(0, file.fadvise(PAGE, 8 * PAGE, Mman.POSIX_FADV_DONTNEED));
            assertInMemory(file, true, 0);
            assertInMemory(file, false, 4);
            assertInMemory(file, true, 8);
            // The last page of the file ends the range.
            assertEquals(0, file.fadvise(19 * PAGE, 0, Mman.POSIX_FADV_DONTNEED));
            assertInMemory(file, true, 16);
            assertInMemory(file, false, 20);
        }

        @Test
        @DisplayName("a truncation within a block keeps its frames for the growth of the file")
        void truncation() throws Exception {
            HostFile file = openBlocks(12);
            long at = mapShared(file, 12);
            fixture.load(at + 4 * PAGE);
            fixture.store(at + 6 * PAGE + 8, 1);
            int base = file.pageCache().frameAt(4);
            assertEquals(0, file.truncate(5 * PAGE + 8));
            assertFalse(isPresent(file, 6));
            assertEquals(4, fixture.frames());
            assertFault(Fault.ADRERR, fixture.memory.load(at + 6 * PAGE, 8));
            assertEquals(0, file.grow(12 * PAGE));
            assertEquals(0, fixture.load(at + 6 * PAGE));
            assertEquals(0, fixture.load(at + 6 * PAGE + 8));
            assertEquals(STAMP + 5, fixture.load(at + 5 * PAGE));
            assertEquals(base + 3, file.pageCache().frameAt(7));
            assertEquals(4, fixture.frames());
            assertInMemory(file, true, 4);
            assertEquals(BLOCK_BYTES, seek(fixture.memory.newRun(), at + 4 * PAGE, (int) BLOCK_BYTES, WRITE));
            assertEquals(0, file.truncate(4 * PAGE));
            assertEquals(0, fixture.frames());
        }

        @Test
        @DisplayName("a page that was cut off while it was pinned is apart from its block until the block is evicted")
        void apart() throws Exception {
            HostFile file = openBlocks(8);
            long at = mapShared(file, 8);
            fixture.load(at);
            int base = file.pageCache().frameAt(0);
            try (PinnedFrame pin = fixture.pin(at + 2 * PAGE, READ)) {
                assertEquals(0, file.truncate(PAGE));
                assertEquals(0, file.grow(8 * PAGE));
                assertEquals(0, fixture.load(at + 2 * PAGE));
                assertEquals(0, fixture.load(at + 3 * PAGE));
                fixture.store(at + 2 * PAGE, 5);
                assertEquals(STAMP + 2, SpaceFixture.read(pin));
                assertNotEquals(base + 2, file.pageCache().frameAt(2));
                assertEquals(base + 3, file.pageCache().frameAt(3));
                assertEquals(2 * PAGE, seek(fixture.memory.newRun(), at, (int) BLOCK_BYTES, WRITE));
                assertEquals(5, fixture.frames());
            }
            assertEquals(0, file.fsync());
            evict(file);
            assertEquals(0, fixture.frames());
            assertEquals(5, fixture.load(at + 2 * PAGE));
            assertInMemory(file, true, 0);
            assertEquals(BLOCK_BYTES, seek(fixture.memory.newRun(), at, (int) BLOCK_BYTES, WRITE));
        }

        @Test
        @DisplayName("a page that is apart is not inserted alone if its block is evicted during its read")
        void apartAlone() throws Exception {
            HostFile file = openBlocks(8);
            long at = mapShared(file, 8);
            fixture.load(at);
            try (PinnedFrame pin = fixture.pin(at + 2 * PAGE, READ)) {
                assertEquals(0, file.truncate(PAGE));
                assertEquals(0, file.grow(8 * PAGE));
                ExecutorService other = Executors.newSingleThreadExecutor();
                channels.beforeNext(
                        ChannelCall.READ,
                        () -> Await.result("the eviction", other.submit(() -> evict(file)), fixture.reports));
                assertEquals(0, fixture.load(at + 2 * PAGE));
                other.shutdown();
                assertInMemory(file, true, 0);
                assertEquals(STAMP + 2, SpaceFixture.read(pin));
            }
        }

        @Test
        @DisplayName("a hole removes whole blocks, and fills parts with zeros")
        void hole() throws Exception {
            HostFile file = openBlocks(24);
            for (int page = 0; page < 24; page += 4) {
                read(file, page);
            }
            assertEquals(0, file.punch(3 * PAGE, 6 * PAGE));
            assertInMemory(file, true, 0);
            assertInMemory(file, false, 4);
            assertInMemory(file, true, 8);
            for (int page = 0; page < 24; page++) {
                assertEquals(page >= 3 && page < 9 ? 0 : STAMP + page, read(file, page));
            }
            assertEquals(0, file.fsync());
            assertEquals(0, number(path, 3 * PAGE));
            assertEquals(STAMP + 9, number(path, 9 * PAGE));
            assertWhole(file, BLOCK);
        }

        @ParameterizedTest
        @ValueSource(booleans = {false, true})
        @DisplayName("another program appends to the file")
        void foreignAppend(boolean isWritable) throws Exception {
            HostFile file = open(
                    write("f", 5 * PAGE_BYTES + 40),
                    isWritable ? writable(HostFileOption.BLOCKS_16K) : new OpenOption[] {HostFileOption.BLOCKS_16K});
            read(file, 4);
            byte[] more = new byte[4 * PAGE_BYTES];
            Arrays.fill(more, (byte) 9);
            Files.write(path, more, StandardOpenOption.APPEND);
            assertEquals(0, file.revalidate());
            assertEquals(9 * PAGE + 40, file.size());
            assertWhole(file, BLOCK);
            byte[] found = new byte[9 * PAGE_BYTES + 40];
            assertEquals(found.length, file.pread(ByteBuffer.wrap(found), 0));
            assertArrayEquals(Files.readAllBytes(path), found);
            assertWhole(file, BLOCK);
        }

        @Test
        @DisplayName("a page that cannot be read makes its block fail, and no other")
        void unreadable() throws Exception {
            HostFile file = openBlocks(24);
            long at = mapShared(file, 24);
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.READ && offset <= 6 * PAGE && offset + length > 6 * PAGE) {
                    throw new IOException("Input/output error");
                }
            };
            assertFault(Fault.ADRERR, fixture.memory.load(at + 5 * PAGE, 8));
            assertResult(Errno.EIO, file.pread(bytes(0), 7 * PAGE));
            assertEquals(STAMP + 3, fixture.load(at + 3 * PAGE));
            assertEquals(STAMP + 8, fixture.load(at + 8 * PAGE));
            channels.mend();
            assertEquals(STAMP + 5, fixture.load(at + 5 * PAGE));
            assertWhole(file, BLOCK);
        }

        @Test
        @DisplayName("a hook sees each page, and holds back or rejects its block")
        void hooks() throws Exception {
            List<Long> seen = new ArrayList<>();
            boolean[] accepts = {true, true};
            PageHooks hooks = new PageHooks() {
                @Override
                public boolean afterRead(long offset, ByteBuffer page) {
                    seen.add(offset / PAGE);
                    return accepts[0] || offset != 6 * PAGE;
                }

                @Override
                public boolean beforeWrite(long offset, ByteBuffer page) {
                    return accepts[1] || offset != 9 * PAGE;
                }
            };
            HostFile file = open(write("f", 16 * PAGE_BYTES), writable(HostFileOption.BLOCKS_16K, hooks));
            accepts[0] = false;
            assertResult(Errno.EIO, file.pread(bytes(0), 4 * PAGE));
            accepts[0] = true;
            seen.clear();
            read(file, 5);
            assertEquals(List.of(4L, 5L, 6L, 7L), seen);
            long at = mapShared(file, 16);
            fixture.store(at + 5 * PAGE + 8, 1);
            fixture.store(at + 10 * PAGE + 8, 1);
            accepts[1] = false;
            channels.calls.clear();
            assertResult(Errno.EAGAIN, file.fsync());
            assertEquals("write " + 4 * PAGE + "+" + BLOCK_BYTES, channels.calls.get(0));
            assertFalse(channels.calls.contains("write " + 8 * PAGE + "+" + BLOCK_BYTES));
            accepts[1] = true;
            assertEquals(0, file.fsync());
            assertTrue(channels.calls.contains("write " + 8 * PAGE + "+" + BLOCK_BYTES));
        }

        @Test
        @DisplayName("calls of a direct open bypass memory, but not a block in memory")
        void direct() throws Exception {
            HostFile file = openBlocks(18);
            HostFile direct = open(path, writable(HostFileOption.DIRECT));
            read(file, 16);
            assertEquals(4, fixture.frames());
            assertEquals(2 * PAGE, direct.pwrite(page(3, 2), 5 * PAGE));
            assertFalse(isPresent(file, 4));
            // Page 18 is beyond the end, in a block that is in memory.
            assertEquals(4 * PAGE, direct.pwrite(page(4, 4), 18 * PAGE));
            assertEquals(4, read(file, 18));
            assertEquals(4, read(file, 19));
            assertEquals(4, read(file, 20));
            assertEquals(3, read(file, 6));
            assertEquals(STAMP + 7, read(file, 7));
            assertWhole(file, BLOCK);
        }

        @Test
        @DisplayName("a block that is read while a direct write brings pages into it has the written bytes")
        void directBeside() throws Exception {
            HostFile file = openBlocks(1);
            HostFile direct = open(path, writable(HostFileOption.DIRECT));
            ExecutorService other = Executors.newSingleThreadExecutor();
            int reads = channels.reads.get();
            List<Future<Long>> reader = new ArrayList<>();
            channels.beforeNext(ChannelCall.WRITE, () -> {
                Future<Long> begun = other.submit(() -> read(file, 0));
                reader.add(begun);
                // The first read is in vain, because the write is under way.
                Await.until("the second read", () -> begun.isDone() || channels.reads.get() > reads + 1);
            });
            assertEquals(2 * PAGE, direct.pwrite(page(6, 2), PAGE));
            assertEquals(STAMP, reader.get(0).get());
            other.shutdown();
            assertEquals(6, read(file, 1));
            assertEquals(6, read(file, 2));
            assertWhole(file, BLOCK);
        }

        @Test
        @DisplayName("the first open decides their size")
        void opens() throws Exception {
            HostFile file = openBlocks(8);
            assertRefused(Errno.EINVAL, path, HostFileOption.BLOCKS_64K);
            HostFile same = open(path, HostFileOption.BLOCKS_16K);
            HostFile unnamed = open(path);
            read(unnamed, 5);
            assertInMemory(same, true, 4);
            same.close();
            unnamed.close();
            file.close();
            open(path).close();
            HostFile without = open(path);
            assertRefused(Errno.EINVAL, path, HostFileOption.BLOCKS_16K);
            without.close();
            open(path, HostFileOption.BLOCKS_64K).close();
            assertThrows(
                    IllegalArgumentException.class,
                    () -> open(path, HostFileOption.BLOCKS_16K, HostFileOption.BLOCKS_64K));
        }

        @Test
        @DisplayName("are inserted and removed whole through the page cache")
        void pageCache() throws Exception {
            HostFile file = openBlocks(10);
            read(file, 0);
            read(file, 8);
            assertThrows(IllegalArgumentException.class, () -> file.pageCache().remove(1, 4));
            assertThrows(IllegalArgumentException.class, () -> file.pageCache().remove(0, 2));
            int frame = file.pageCache().allocate();
            assertThrows(IllegalStateException.class, () -> file.pageCache().insert(4, frame));
            file.pageCache().free(frame);
            file.pageCache().remove(8, 2);
            assertEquals(4, fixture.frames());
            file.pageCache().remove(0, Long.MAX_VALUE);
            assertEquals(0, fixture.frames());
        }
    }

    @DisplayName("In a machine with a limit of 8 blocks")
    @Nested
    final class Limited extends Fixture {
        private static final int LIMIT = 8 * BLOCK;

        Limited() {
            super(machine(512, LIMIT));
        }

        @Test
        @DisplayName("larger blocks are refused")
        void refused() throws Exception {
            assertRefused(Errno.EINVAL, write("f", PAGE_BYTES), HostFileOption.BLOCKS_64K);
            open(path, HostFileOption.BLOCKS_16K);
        }

        @Test
        @DisplayName("a refused open creates no file")
        void refusedNew() {
            Path created = folder.resolve("new");
            assertRefused(
                    Errno.EINVAL,
                    created,
                    StandardOpenOption.CREATE_NEW,
                    StandardOpenOption.WRITE,
                    HostFileOption.BLOCKS_64K);
            assertFalse(Files.exists(created));
        }

        @Test
        @DisplayName("leave memory whole, and stay within the limit")
        void limit() throws Exception {
            HostFile file = openBlocks(400);
            long at = mapShared(file, 400);
            Random random = new Random(SEED);
            long[] expected = new long[400];
            PageRun run = fixture.memory.newRun();
            for (int i = 1; i < 2_000; i++) {
                int page = random.nextInt(400);
                fixture.store(at + page * PAGE + 8, i);
                expected[page] = i;
                int other = random.nextInt(400);
                assertEquals(expected[other], fixture.load(at + other * PAGE + 8), "seed " + SEED);
                long block = random.nextInt(100) * BLOCK_BYTES;
                assertEquals(BLOCK_BYTES, seek(run, at + block, (int) BLOCK_BYTES, i % 2 == 0 ? READ : WRITE));
                assertTrue(fixture.frames() <= LIMIT + 33, () -> "frames: " + fixture.frames());
                if (i % 16 == 0) {
                    assertWhole(file, BLOCK);
                }
            }
            assertEquals(0, file.fsync());
            for (int page = 0; page < 400; page++) {
                assertEquals(expected[page], number(path, page * PAGE + 8));
            }
        }
    }

    @DisplayName("In a machine in which less than 2 blocks may be dirty")
    @Nested
    final class FewDirty extends Fixture {
        FewDirty() {
            super(machine(512, 8 * BLOCK).dirtyRatio(0.1, 0.12));
        }

        @Test
        @DisplayName("blocks are refused")
        void refused() throws Exception {
            assertRefused(Errno.EINVAL, write("f", PAGE_BYTES), HostFileOption.BLOCKS_16K);
            open(path);
        }
    }

    @DisplayName("In a machine with a limit of 8 blocks and many small files")
    @Nested
    final class SmallFiles extends Fixture {
        SmallFiles() {
            super(machine(512, 8 * BLOCK));
        }

        @Test
        @DisplayName("the frames behind the ends of the files count toward the limit")
        void smallFiles() throws Exception {
            for (int i = 0; i < 60; i++) {
                HostFile file = open(write("f" + i, PAGE_BYTES), writable(HostFileOption.BLOCKS_16K));
                assertEquals(STAMP, read(file, 0));
                assertTrue(fixture.frames() <= 9 * BLOCK, () -> "frames: " + fixture.frames());
            }
        }
    }

    @DisplayName("In a machine with 64 frames")
    @Nested
    final class FewFrames extends Fixture {
        FewFrames() {
            super(machine(64, 256));
        }

        @Test
        @DisplayName("a block that finds no consecutive frames evicts blocks until it does")
        void fragmented() throws Exception {
            HostFile file = openBlocks(100);
            // Anonymous pages, every fourth of which stays, so that the other frames form no runs.
            long scattered = fixture.anonymous(64);
            int taken = 0;
            while (taken < 64 && fixture.memory.store(scattered + taken * PAGE, 8, 1) == Fault.NONE) {
                taken++;
            }
            for (int page = 0; page < taken; page++) {
                if (page % 4 != 1 || page > 32) {
                    assertEquals(0, space.madvise(scattered + page * PAGE, PAGE, Mman.DONTNEED));
                }
            }
            for (int round = 0; round < 3; round++) {
                for (int page = 0; page < 100; page++) {
                    assertEquals(STAMP + page, read(file, page));
                    assertWhole(file, BLOCK);
                }
            }
            assertEquals(1, fixture.load(scattered + PAGE));
        }

        @Test
        @DisplayName("an access fails if no consecutive frames are left, and nothing can be evicted")
        void exhausted() throws Exception {
            HostFile file = openBlocks(100);
            long at = mapShared(file, 100);
            long locked = fixture.anonymous(61);
            assertEquals(0, space.mlock(locked, 61 * PAGE));
            assertFault(Fault.OUT_OF_MEMORY, fixture.memory.load(at, 8));
            assertResult(Errno.ENOMEM, file.pread(bytes(0), 0));
            assertResult(Errno.ENOMEM, file.pwrite(page(1, BLOCK), 0));
            assertEquals(0, space.munmap(locked, 61 * PAGE));
            assertEquals(STAMP, fixture.load(at));
        }
    }

    @DisplayName("In a machine with pages of another size")
    @Nested
    final class Sizes extends Fixture {
        Sizes() {
            super(machine(1 << 12, 1 << 12));
        }

        @Test
        @DisplayName(
                "a block is a page of the same or a larger size, or is refused if there is no such number of pages")
        void sizes() throws Exception {
            write("f", 1 << 20);
            fixture.machine
                    .openFile(path, Geometry.LINUX_AARCH64_64K, HostFileOption.BLOCKS_16K)
                    .close();
            try (HostFile file =
                    fixture.machine.openFile(path, Geometry.LINUX_AARCH64_16K, HostFileOption.BLOCKS_64K)) {
                assertEquals(8, file.pread(bytes(0), 0));
                assertTrue(file.pageCache().frameAt(3) >= 0);
                assertTrue(file.pageCache().frameAt(4) < 0);
            }
        }
    }

    @DisplayName("A file with blocks of 16 KiB and a limit of 8 has the bytes of an array")
    @Nested
    final class SmallModel extends Model {
        SmallModel() {
            super(BLOCK, HostFileOption.BLOCKS_16K);
        }
    }

    @DisplayName("A file with blocks of 64 KiB and a limit of 8 has the bytes of an array")
    @Nested
    final class LargeModel extends Model {
        LargeModel() {
            super(16, HostFileOption.BLOCKS_64K);
        }
    }

    /** Compares a file with an array of bytes. */
    abstract static class Model extends Fixture {
        /** The number of pages of a block. */
        private final int block;

        private final int blockBytes;
        private final HostFileOption option;

        /** The maximum number of bytes of the file. */
        private final int most;

        private final Random random = new Random(SEED);
        private byte[] bytes = {};
        private int steps;

        Model(int block, HostFileOption option) {
            super(machine(64L * block, 8L * block));
            this.block = block;
            this.option = option;
            blockBytes = block * PAGE_BYTES;
            most = 15 * blockBytes;
        }

        private byte[] someBytes(int most) {
            byte[] some = new byte[1 + random.nextInt(most)];
            random.nextBytes(some);
            return some;
        }

        private void put(int at, byte[] source) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length, at + source.length));
            System.arraycopy(source, 0, bytes, at, source.length);
        }

        @ParameterizedTest
        @ValueSource(booleans = {false, true})
        @DisplayName("after calls, stores, holes, changes of its size and appends of another program")
        void oneThread(boolean hasPins) throws Exception {
            HostFile file = open(write("f", 0), writable(option));
            long at = mapShared(file, most / PAGE);
            List<PinnedFrame> pins = new ArrayList<>();
            for (int step = 0; step < 3_000; step++) {
                step(file, at, step);
                if (hasPins) {
                    pin(at, pins);
                } else if (step % 8 == 0) {
                    assertWhole(file, block);
                }
                if (step % 64 == 0) {
                    check(file);
                }
            }
            pins.forEach(PinnedFrame::close);
            check(file);
            assertEquals(0, file.fsync());
            assertArrayEquals(bytes, Files.readAllBytes(path), "seed " + SEED);
            evict(file);
            assertEquals(0, fixture.frames(), "seed " + SEED);
        }

        private void pin(long at, List<PinnedFrame> pins) {
            if (bytes.length > 0 && pins.size() < 6 && random.nextInt(4) == 0) {
                pins.add(fixture.pin(at + random.nextInt(bytes.length), READ));
            } else if (!pins.isEmpty() && random.nextInt(4) == 0) {
                pins.remove(random.nextInt(pins.size())).close();
            }
        }

        private void step(HostFile file, long at, int step) throws IOException {
            int offset = random.nextInt(most);
            byte[] some = someBytes(random.nextInt(4) == 0 ? 3 * blockBytes : 200);
            switch (random.nextInt(12)) {
                case 0, 1 -> {
                    int start = random.nextBoolean() ? offset & -PAGE_BYTES : offset;
                    int from = Math.min(start, bytes.length + 2 * PAGE_BYTES);
                    byte[] part = Arrays.copyOf(some, Math.min(some.length, most - from));
                    assertEquals(part.length, file.pwrite(ByteBuffer.wrap(part), from));
                    if (part.length > 0) {
                        put(from, part);
                    }
                }
                case 2, 3, 4 -> {
                    if (offset + 8 <= bytes.length) {
                        fixture.store(at + (offset & -8), step);
                        put(offset & -8, HostFileFixture.bytes(step).array());
                    }
                }
                case 5, 6 -> {
                    if (offset < bytes.length) {
                        ByteBuffer target = ByteBuffer.allocate(some.length);
                        int read = (int) file.pread(target, offset);
                        assertEquals(Math.min(some.length, bytes.length - offset), read);
                        assertArrayEquals(
                                Arrays.copyOfRange(bytes, offset, offset + read),
                                Arrays.copyOf(target.array(), read),
                                "seed " + SEED + " step " + step);
                    }
                }
                case 7 -> {
                    int size =
                            random.nextInt(3) == 0 ? random.nextInt(most) : Math.max(0, bytes.length - offset % 30000);
                    assertEquals(0, file.truncate(size));
                    bytes = Arrays.copyOf(bytes, size);
                }
                case 8 -> {
                    int size = Math.min(most, bytes.length + offset % 30000);
                    assertEquals(0, file.grow(size));
                    bytes = Arrays.copyOf(bytes, size);
                }
                case 9 -> {
                    int end = Math.min(bytes.length, offset + some.length);
                    assertEquals(0, file.punch(offset, some.length));
                    if (offset < end) {
                        Arrays.fill(bytes, offset, end, (byte) 0);
                    }
                }
                case 10 -> {
                    if (bytes.length + some.length <= most) {
                        Files.write(path, some, StandardOpenOption.APPEND);
                        assertEquals(0, file.revalidate());
                        put(bytes.length, some);
                    }
                }
                default -> {
                    if (random.nextBoolean()) {
                        assertEquals(0, file.fsync());
                    } else {
                        evict(file);
                    }
                }
            }
            steps++;
        }

        private void check(HostFile file) {
            byte[] found = new byte[bytes.length];
            assertEquals(bytes.length, file.size());
            for (int from = 0; from < found.length; from += 5_000) {
                int length = Math.min(5_000, found.length - from);
                assertEquals(length, file.pread(ByteBuffer.wrap(found, from, length), from));
            }
            assertArrayEquals(bytes, found, () -> "seed " + SEED + " after " + steps);
        }

        @Test
        @DisplayName("that several threads change, each its own bytes")
        void threads() throws Exception {
            int threads = 4;
            HostFile file = open(write("f", most), writable(option));
            ExecutorService all = Executors.newFixedThreadPool(threads);
            List<Future<?>> ended = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                int number = i;
                ended.add(all.submit(() -> {
                    try (Cpu cpu = fixture.machine.claimCpu()) {
                        cpu.switchTo(space);
                        new Worker(file, cpu.memory(), cpu, number, threads).run();
                        cpu.switchTo(null);
                    }
                    return null;
                }));
            }
            for (Future<?> each : ended) {
                each.get();
            }
            all.shutdown();
            assertWhole(file, block);
            assertEquals(0, file.fsync());
            evict(file);
            assertEquals(0, fixture.frames());
        }

        /** A thread that uses the words whose numbers have one remainder. */
        private final class Worker {
            private final HostFile file;
            private final GuestMemory memory;
            private final Cpu cpu;
            private final int number;
            private final int threads;
            private final Random own;
            private final long[] words = new long[most / 8];

            Worker(HostFile file, GuestMemory memory, Cpu cpu, int number, int threads) {
                this.file = file;
                this.memory = memory;
                this.cpu = cpu;
                this.number = number;
                this.threads = threads;
                own = new Random(SEED + number);
                for (int page = 0; page < most / PAGE_BYTES; page++) {
                    words[page * PAGE_BYTES / 8] = STAMP + page;
                }
            }

            void run() throws IOException {
                long at = mapShared(file, most / PAGE);
                PageRun run = memory.newRun();
                for (int step = 1; step < 3_000; step++) {
                    int word = own.nextInt(words.length / threads) * threads + number;
                    switch (own.nextInt(6)) {
                        case 0 -> {
                            assertEquals(8, file.pwrite(bytes(step), word * 8L));
                            words[word] = step;
                        }
                        case 1 -> {
                            assertFault(Fault.NONE, memory.store(at + word * 8L, 8, step));
                            words[word] = step;
                        }
                        case 2 -> assertEquals(words[word], file.getLong(word * 8L), message(step));
                        case 3 -> {
                            assertFault(Fault.NONE, memory.load(at + word * 8L, 8));
                            assertEquals(words[word], memory.value(), message(step));
                        }
                        case 4 -> runs(run, at, step);
                        default -> {
                            if (own.nextInt(20) == 0) {
                                assertEquals(0, file.fsync());
                            }
                        }
                    }
                }
            }

            private String message(int step) {
                return "seed " + SEED + " thread " + number + " step " + step;
            }

            /** Checks and changes this thread's words of one block, through a run. */
            private void runs(PageRun run, long at, int step) {
                int number = own.nextInt(most / blockBytes);
                boolean writes = own.nextBoolean();
                long start = (long) number * blockBytes;
                cpu.enterGuest();
                try {
                    assertEquals(blockBytes, run.seek(at + start, blockBytes, writes ? WRITE : READ), message(step));
                    ByteBuffer of = run.buffer();
                    for (int i = 0; i < blockBytes / 8; i++) {
                        int word = (int) (start / 8) + i;
                        if (word % threads == this.number) {
                            assertEquals(words[word], of.getLong(run.offset() + 8 * i), message(step));
                            if (writes) {
                                of.putLong(run.offset() + 8 * i, step);
                                words[word] = step;
                            }
                        }
                    }
                } finally {
                    cpu.leaveGuest();
                }
            }
        }
    }
}
