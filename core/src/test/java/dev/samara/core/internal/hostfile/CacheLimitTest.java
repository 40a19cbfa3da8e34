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
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.VmaFlags;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("The pages of files of the host in memory:")
final class CacheLimitTest {
    /** The number of pages by which each evicting thread may exceed the limit. */
    private static final int WINDOW = 32;

    /** Returns a builder with a limit in pages, which reports no wait of a test. */
    private static MachineBuilder limited(int pages) {
        return Machine.builder()
                .memory(2048 * PAGE)
                .cacheLimit(pages * PAGE)
                .writeBackEvery(Duration.ZERO)
                .reportWaitsLongerThan(Await.LONG)
                .reportShootdownsLongerThan(Await.LONG);
    }

    @DisplayName("Files of the host in a machine with a limit for their pages")
    @Nested
    final class Limit extends HostFileFixture {
        private static final int LIMIT = 64;

        /** The limit plus the window of a read in progress. */
        private static final int MOST = LIMIT + 33;

        private static final int PAGES = 400;

        Limit() {
            super(limited(LIMIT));
        }

        private void assertWithin() {
            assertTrue(fixture.frames() <= MOST, () -> "frames: " + fixture.frames());
        }

        @Test
        @DisplayName("are written through one mapping in full: dirty pages are written, and come back")
        void writing() throws Exception {
            HostFile file = openNew(PAGES);
            long at = fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
            Random random = new Random(3);
            long[] expected = new long[PAGES];
            for (int i = 1; i < 4_000; i++) {
                int page = random.nextInt(PAGES);
                fixture.store(at + page * PAGE + 8, i);
                expected[page] = i;
                assertWithin();
                int other = random.nextInt(PAGES);
                assertEquals(expected[other], fixture.load(at + other * PAGE + 8));
            }
            assertEquals(0, file.fsync());
            for (int page = 0; page < PAGES; page++) {
                assertEquals(expected[page], number(path, page * PAGE + 8));
            }
        }

        @Test
        @DisplayName("keep pages that are pinned or locked, and those that cannot be written")
        void kept() throws Exception {
            HostFile file = openNew(PAGES);
            long at = fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
            assertEquals(0, space.mlock(at, PAGE));
            long locked = fixture.pte(at);
            try (PinnedFrame pin = fixture.pin(at + PAGE, WRITE)) {
                SpaceFixture.write(pin, 5);
                for (int page = 2; page < PAGES; page++) {
                    fixture.store(at + page * PAGE, page);
                }
                assertEquals(locked, fixture.pte(at));
                SpaceFixture.write(pin, 6);
                assertEquals(6, fixture.load(at + PAGE));
            }
            channels.fail(ChannelCall.WRITE, "No space left on device");
            for (int page = 2; page < PAGES; page++) {
                fixture.store(at + page * PAGE, page + 1);
            }
            channels.mend();
            file.fsync();
            assertEquals(0, file.fsync());
            assertEquals(6, number(path, PAGE));
            assertEquals(PAGES, number(path, (PAGES - 1) * PAGE));
        }

        @ParameterizedTest
        @ValueSource(longs = {4096, 4160, 4224, 8192})
        @DisplayName("are accessed, with a limit of one page, also while this page must stay")
        void onePage(long limit) throws Exception {
            write("f", 4 * PAGE_BYTES);
            ExecutorService thread = Executors.newSingleThreadExecutor();
            Machine machine =
                    Machine.builder().memory(64 * PAGE).cacheLimit(limit).build();
            try (AddressSpace one = machine.newSpace(GEOMETRY);
                    HostFile file = machine.openFile(path, GEOMETRY, RW)) {
                long at = one.mmap(0, 4 * PAGE, READ | WRITE, Mman.SHARED, file, 0);
                assertEquals(0, one.mlock(at, PAGE));
                for (long page = 1; page < 4; page++) {
                    Future<Long> number = thread.submit(longAt(file, page * PAGE));
                    assertEquals(STAMP + page, Await.result("an access to page " + page, number, List.of()));
                }
            } finally {
                thread.shutdown();
            }
            machine.close();
        }

        private static Callable<Long> longAt(HostFile file, long offset) {
            return () -> file.getLong(offset);
        }

        @Test
        @DisplayName("have their dirty pages written and freed when other memory is needed")
        void shortMemoryOfDirtyPages() throws Exception {
            HostFile file = openNew(LIMIT);
            long at = fixture.map(0, LIMIT, READ | WRITE, Mman.SHARED, file, 0);
            for (int page = 0; page < LIMIT; page++) {
                fixture.store(at + page * PAGE, page);
            }
            long anonymous = fixture.anonymous(2040);
            for (int page = 0; page < 2040; page++) {
                fixture.store(anonymous + page * PAGE, 1);
            }
            assertEquals(3, number(path, 3 * PAGE));
            for (int page = 0; page < LIMIT; page++) {
                assertEquals(page, fixture.load(at + page * PAGE));
            }
        }

        @Test
        @DisplayName("take a write that is longer than the limit, and one longer than the memory")
        void longWrites() throws Exception {
            write("f", 0);
            HostFile file = open(path, RW);
            byte[] bytes = new byte[3 * 2048 * PAGE_BYTES];
            new Random(5).nextBytes(bytes);
            assertEquals(bytes.length, file.pwrite(ByteBuffer.wrap(bytes), 0));
            assertWithin();
            ByteBuffer target = ByteBuffer.allocate(bytes.length);
            assertEquals(bytes.length, file.pread(target, 0));
            assertArrayEquals(bytes, target.array());
            assertWithin();
            file.close();
            assertArrayEquals(bytes, Files.readAllBytes(path));
        }
    }

    /**
     * The pages of a file are mapped, and the CPU of the test is in GUEST and does not poll, so that each eviction of a
     * mapped page waits for it.
     */
    @DisplayName("While an eviction waits for a CPU")
    @Nested
    final class Beside extends HostFileFixture {
        private static final int LIMIT = 256;

        Beside() {
            super(limited(LIMIT));
        }

        @Test
        @DisplayName("other misses evict pages themselves, and do not exceed the hard limit")
        void hardLimit() throws Exception {
            HostFile file = open(write("f", 2 * LIMIT * PAGE_BYTES));
            HostFiles files = ((OpenHostFile) file).inode.files;
            assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_RANDOM));
            long at = fixture.map(0, 2 * LIMIT, READ, Mman.SHARED, file, 0);
            int page = 0;
            // Up to the high mark.
            for (; HostFilesCounts.charged(files) < LIMIT * PAGE * 63 / 64; page++) {
                assertEquals(STAMP + page, fixture.load(at + page * PAGE));
            }
            fixture.cpu.enterGuest();
            List<CallBeside> stuck = new ArrayList<>();
            AtomicInteger next = new AtomicInteger(page);
            while (next.get() < 2 * LIMIT && stuck.size() < 3) {
                // Reads pages until one of the misses evicts, and so waits.
                CallBeside reader = CallBeside.start("reader " + stuck.size(), () -> {
                    for (int read = next.getAndIncrement(); read < 2 * LIMIT; read = next.getAndIncrement()) {
                        assertEquals(8, file.pread(ByteBuffer.allocate(8), read * PAGE));
                    }
                    return 0;
                });
                reader.awaitIn("cpu.Shootdowns", "await");
                stuck.add(reader);
                long pages = HostFilesCounts.charged(files) / PAGE;
                long most = LIMIT + (long) stuck.size() * WINDOW;
                assertTrue(pages <= most, () -> pages + " pages, and " + stuck.size() + " threads");
                assertFalse(reader.isOver());
            }
            assertEquals(3, stuck.size());
            fixture.cpu.leaveGuest();
            stuck.forEach(CallBeside::result);
            assertTrue(HostFilesCounts.charged(files) <= LIMIT * PAGE);
        }
    }

    /**
     * All pages in memory are mapped, in different blocks of the cursor, and were not visited yet, so one batch contains
     * them all and takes none of them out. The CPU of the test is in GUEST and does not poll.
     */
    @DisplayName("While one eviction has every page in its batch")
    @Nested
    final class BesideAll extends HostFileFixture {
        private static final int LIMIT = 64;
        private static final int BLOCK = 64;

        BesideAll() {
            super(limited(LIMIT));
        }

        @Test
        @DisplayName("a miss waits at the hard limit for its end, and then evicts")
        void waits() throws Exception {
            HostFile file = open(write("f", LIMIT * BLOCK * PAGE_BYTES));
            HostFiles files = ((OpenHostFile) file).inode.files;
            assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_RANDOM));
            long at = fixture.map(0, LIMIT * BLOCK, READ, Mman.SHARED, file, 0);
            int block = 0;
            // Up to the high mark.
            for (; HostFilesCounts.charged(files) < LIMIT * PAGE * 63 / 64; block++) {
                long first = (long) block * BLOCK;
                assertEquals(STAMP + first, fixture.load(at + first * PAGE));
            }
            fixture.cpu.enterGuest();
            CallBeside eviction = CallBeside.start("the eviction", () -> read(file, 1));
            eviction.awaitIn("cpu.Shootdowns", "await");
            long visited = HostFilesCounts.charged(files) / PAGE;
            int blocks = block;
            CallBeside second = CallBeside.start("the misses", () -> {
                for (int i = 0; i < 8 * LIMIT; i++) {
                    // In blocks of which the batch has a page.
                    read(file, i % blocks * BLOCK + 2 + i / blocks);
                }
                return 0;
            });
            second.awaitIn("file.Eviction$CachedBytes", "awaitBatch");
            long pages = HostFilesCounts.charged(files) / PAGE;
            assertFalse(eviction.isOver());
            assertFalse(second.isOver(), () -> pages + " pages, after " + visited);
            assertTrue(pages <= LIMIT + 2 * WINDOW, () -> pages + " pages");
            fixture.cpu.leaveGuest();
            eviction.result();
            second.result();
            assertTrue(HostFilesCounts.charged(files) <= LIMIT * PAGE);
        }

        private static long read(HostFile file, int page) {
            assertEquals(8, file.pread(ByteBuffer.allocate(8), page * PAGE));
            return 0;
        }

        @Test
        @DisplayName("misses end where all pages must stay, although each finds the batches of others under way")
        void allStay() throws Exception {
            HostFile file = open(write("f", 8 * LIMIT * PAGE_BYTES));
            assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_RANDOM));
            long at = fixture.map(0, 8 * LIMIT, READ, Mman.SHARED, file, 0);
            assertEquals(0, space.mlock(at, 4 * LIMIT * PAGE));
            List<CallBeside> readers = new ArrayList<>();
            for (int thread = 0; thread < 4; thread++) {
                int from = 4 * LIMIT + thread * LIMIT;
                readers.add(CallBeside.start("reader " + thread, () -> {
                    for (int page = from; page < from + LIMIT; page++) {
                        read(file, page);
                    }
                    return 0;
                }));
            }
            readers.forEach(CallBeside::result);
        }
    }

    /** A first file fills the cache up to its limit with pages that cannot be freed, and a second file is read. */
    @DisplayName("Evictions remember the pages that they cannot free")
    @Nested
    final class KeptPages extends HostFileFixture {
        private static final int LIMIT = 2048;
        private static final int MISSES = 200;

        private HostFile first;
        private HostFile second;
        private long at;
        private long other;
        private int missed;

        KeptPages() {
            super(Machine.builder()
                    .memory(2 * LIMIT * PAGE)
                    .cacheLimit(LIMIT * PAGE)
                    .dirtyRatio(1, 1)
                    .writeBackEvery(Duration.ZERO)
                    .reportWaitsLongerThan(Await.LONG)
                    .reportShootdownsLongerThan(Await.LONG));
        }

        @BeforeEach
        void map() throws IOException {
            first = open(write("first", LIMIT * PAGE_BYTES), RW);
            second = open(write("second", LIMIT * PAGE_BYTES));
            at = fixture.map(0, LIMIT, READ | WRITE, Mman.SHARED, first, 0);
            other = fixture.map(0, LIMIT, READ, Mman.SHARED, second, 0);
        }

        /** Reads pages of the second file, each for the first time, and so far apart that nothing is read ahead. */
        private void miss(int count) {
            for (int i = 0; i < count; i++) {
                int page = missed++ * 37 % LIMIT;
                assertEquals(STAMP + page, fixture.load(other + page * PAGE));
            }
        }

        /**
         * Makes all pages of the first file dirty, while no page can be written. Returns the count of attempted writes.
         */
        private AtomicInteger dirty() {
            AtomicInteger writes = new AtomicInteger();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE) {
                    writes.incrementAndGet();
                    throw new IOException("No space left on device");
                }
            };
            for (int page = 0; page < LIMIT; page++) {
                fixture.store(at + page * PAGE, page);
            }
            return writes;
        }

        private void close() {
            channels.mend();
            first.fsync();
            first.close();
            second.close();
        }

        @Test
        @DisplayName("locked: a miss asks for no grace period but that of the page that it frees")
        void locked() {
            assertEquals(0, space.mlock(at, LIMIT * PAGE));
            long before = fixture.machine.statistics().gracePeriods();
            miss(1);
            // Both rounds of the first miss scan all pages.
            assertEquals(before, fixture.machine.statistics().gracePeriods());
            miss(MISSES);
            long periods = fixture.machine.statistics().gracePeriods() - before;
            assertTrue(periods <= MISSES, () -> "grace periods: " + periods);
            assertEquals(LIMIT, inMemory(first, LIMIT));
            assertTrue(inMemory(second, LIMIT) <= 33, () -> "pages: " + inMemory(second, LIMIT));
            close();
        }

        @Test
        @DisplayName("unwritable: a miss writes none of them again, until there were as many misses as there are pages")
        void unwritable() {
            AtomicInteger writes = dirty();
            miss(2);
            int before = writes.get();
            miss(MISSES);
            assertEquals(before, writes.get());
            assertEquals(LIMIT, inMemory(first, LIMIT));
            assertTrue(inMemory(second, LIMIT) <= 33, () -> "pages: " + inMemory(second, LIMIT));
            // The host now has room, but does not report this.
            channels.mend();
            for (int misses = 0; inMemory(first, LIMIT) == LIMIT; misses++) {
                miss(1);
                assertTrue(misses <= 2 * LIMIT, "nothing was written");
            }
            close();
        }

        @Test
        @DisplayName("unwritable pages among clean ones are not written again for each clean page that is freed")
        void unwritableAmongClean() {
            AtomicInteger writes = dirty();
            // A few pages will be clean, so each eviction checks their blocks.
            channels.mend();
            // The first fsync reports the earlier failures.
            first.fsync();
            assertEquals(0, first.fsync());
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE) {
                    writes.incrementAndGet();
                    throw new IOException("No space left on device");
                }
            };
            for (int page = 0; page < LIMIT; page++) {
                if (page % 128 != 0) {
                    fixture.store(at + page * PAGE, page);
                }
            }
            miss(3 * 16);
            int before = writes.get();
            for (int i = 0; i < MISSES; i++) {
                int page = i * 128 % LIMIT;
                assertEquals(page, fixture.load(at + page * PAGE));
            }
            assertEquals(before, writes.get());
            close();
        }

        @Test
        @DisplayName("locked: pages that are unlocked are freed by the next misses")
        void unlocked() {
            assertEquals(0, space.mlock(at, LIMIT * PAGE));
            miss(MISSES);
            assertEquals(0, space.munlock(at + 100 * PAGE, PAGE));
            miss(3);
            assertEquals(LIMIT - 1, inMemory(first, LIMIT));
            assertEquals(0, space.munmap(at + 1500 * PAGE, PAGE));
            miss(3);
            assertEquals(LIMIT - 2, inMemory(first, LIMIT));
            close();
        }

        @Test
        @DisplayName("pinned: a page that is unpinned is freed by the next misses")
        void unpinned() {
            List<PinnedFrame> pins = new ArrayList<>();
            for (int page = 0; page < LIMIT; page++) {
                pins.add(fixture.pin(at + page * PAGE, READ));
            }
            miss(MISSES);
            assertEquals(LIMIT, inMemory(first, LIMIT));
            pins.remove(700).close();
            miss(3);
            assertEquals(LIMIT - 1, inMemory(first, LIMIT));
            pins.forEach(PinnedFrame::close);
            close();
        }

        @Test
        @DisplayName("unwritable: pages that a save has written are freed by the next misses")
        void saved() {
            dirty();
            miss(MISSES);
            assertEquals(LIMIT, inMemory(first, LIMIT));
            channels.mend();
            // Reports the earlier failures, and writes only these pages.
            assertEquals(Errno.ENOSPC.result(), space.msync(at + 600 * PAGE, 10 * PAGE, Mman.SYNC));
            miss(20);
            assertEquals(LIMIT - 10, inMemory(first, LIMIT));
            close();
        }

        @Test
        @DisplayName("a turn ends beside pages that become dirty all the time")
        void dirtiedMeanwhile() {
            dirty();
            AtomicInteger writes = new AtomicInteger();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE) {
                    writes.incrementAndGet();
                    HostFilePages.saved(first).setDirty(0, LIMIT - 1);
                }
            };
            miss(3);
            assertEquals(LIMIT, inMemory(first, LIMIT));
            int tried = writes.get();
            assertTrue(tried > 0 && tried <= 3 * 2 * LIMIT / 256 * 2, () -> "writes: " + tried);
            close();
        }

        @Test
        @DisplayName("locked: an access finds the page that was unlocked where no frame is free")
        void shortMemory() {
            assertEquals(0, space.mlock(at, LIMIT * PAGE));
            long anonymous = fixture.anonymous(2 * LIMIT);
            int page = 0;
            while (fixture.cpu.memory().store(anonymous + page * PAGE, 8, 1) == Fault.NONE) {
                page++;
            }
            assertEquals(0, space.munlock(at + 100 * PAGE, PAGE));
            fixture.store(anonymous + page * PAGE, 1);
            assertEquals(LIMIT - 1, inMemory(first, LIMIT));
            assertEquals(0, space.munmap(anonymous, 2 * LIMIT * PAGE));
            close();
        }

        @Test
        @DisplayName("unwritable: an access finds a frame as soon as the host has room, of which nothing tells")
        void shortMemoryOfUnwritable() {
            dirty();
            long anonymous = fixture.anonymous(2 * LIMIT);
            int page = 0;
            while (fixture.cpu.memory().store(anonymous + page * PAGE, 8, 1) == Fault.NONE) {
                page++;
            }
            channels.mend();
            fixture.store(anonymous + page * PAGE, 1);
            assertEquals(0, space.munmap(anonymous, 2 * LIMIT * PAGE));
            close();
        }
    }

    @DisplayName("A scan of a file of the host that is larger than the limit for pages in memory")
    @Nested
    final class Scans extends HostFileFixture {
        private static final int LIMIT = 2048;

        /** The maximum number of pages that a scan leaves in memory, plus the same number for its windows. */
        private static final int RECENT = LIMIT / 8 * 2;

        private static final int LARGE = 3 * LIMIT;

        Scans() {
            super(Machine.builder()
                    .memory(4 * LIMIT * PAGE)
                    .cacheLimit(LIMIT * PAGE)
                    .writeBackEvery(Duration.ZERO));
        }

        private long map(HostFile file, int pages) {
            return fixture.map(0, pages, READ, Mman.SHARED, file, 0);
        }

        private void scan(long at, int pages) {
            for (int page = 0; page < pages; page++) {
                assertEquals(STAMP + page, fixture.load(at + page * PAGE));
            }
        }

        @Test
        @DisplayName("leaves pages in memory that were read one by one, and those of another scan before it")
        void otherPages() throws Exception {
            HostFile random = open(write("random", LIMIT / 4 * PAGE_BYTES));
            long at = map(random, LIMIT / 4);
            assertEquals(0, space.madvise(at, LIMIT / 4 * PAGE, Mman.RANDOM));
            scan(at, LIMIT / 4);
            HostFile before = open(write("before", LIMIT / 4 * PAGE_BYTES));
            scan(map(before, LIMIT / 4), LIMIT / 4);
            HostFile large = open(write("large", LARGE * PAGE_BYTES));
            scan(map(large, LARGE), LARGE);
            assertEquals(LIMIT / 4, inMemory(random, LIMIT / 4));
            assertEquals(LIMIT / 4, inMemory(before, LIMIT / 4));
        }

        @Test
        @DisplayName("finds a part of the file in memory when it is repeated")
        void repeated() throws Exception {
            HostFile file = open(write("f", LARGE * PAGE_BYTES));
            long at = map(file, LARGE);
            scan(at, LARGE);
            long reads = fixture.machine.statistics().majorFaults();
            scan(at, LARGE);
            assertTrue(inMemory(file, LIMIT - RECENT) == LIMIT - RECENT);
            assertTrue(fixture.machine.statistics().majorFaults() - reads < reads * 7 / 8);
        }

        @Test
        @DisplayName("by small calls does so, too")
        void calls() throws Exception {
            HostFile file = open(write("f", LARGE * PAGE_BYTES));
            ByteBuffer all = ByteBuffer.allocate(LARGE * PAGE_BYTES);
            readInSmallCalls(file, all);
            assertEquals(LIMIT - RECENT, inMemory(file, LIMIT - RECENT));
            readInSmallCalls(file, all.clear());
            assertEquals(STAMP + LARGE - 1, all.order(ByteOrder.LITTLE_ENDIAN).getLong((LARGE - 1) * PAGE_BYTES));
        }

        /** Reads a whole file in small calls, because larger ones bypass the cache. */
        private static void readInSmallCalls(HostFile file, ByteBuffer all) {
            for (int at = 0; at < all.capacity(); at += 8 * PAGE_BYTES) {
                all.limit(at + 8 * PAGE_BYTES);
                assertEquals(8 * PAGE, file.pread(all, at));
            }
        }

        @Test
        @DisplayName("that is repeated takes the place of pages that are not used any more")
        void newPages() throws Exception {
            HostFile old = open(write("old", LIMIT * PAGE_BYTES));
            scan(map(old, LIMIT), LIMIT);
            HostFile file = open(write("new", LIMIT / 2 * PAGE_BYTES));
            long at = map(file, LIMIT / 2);
            for (int turn = 0; turn < 4; turn++) {
                scan(at, LIMIT / 2);
            }
            assertEquals(LIMIT / 2, inMemory(file, LIMIT / 2));
        }

        @Test
        @DisplayName("does not free the pages that an advice has had read, before they are needed")
        void advised() throws Exception {
            HostFile file = open(write("f", LARGE * PAGE_BYTES));
            long at = map(file, LARGE);
            scan(at, LIMIT);
            int advised = LIMIT / 2;
            assertEquals(0, space.madvise(at + 2L * LIMIT * PAGE, advised * PAGE, Mman.WILLNEED));
            fixture.machine.awaitQuiescence();
            int found = 0;
            for (int page = 2 * LIMIT; page < 2 * LIMIT + advised; page++) {
                found += file.pageCache().frameAt(page) >= 0 ? 1 : 0;
            }
            assertEquals(advised, found);
        }
    }

    @DisplayName("The peak of the resident pages")
    @Nested
    final class Peak extends HostFileFixture {
        /** More tables than those with which each removal adds the tables up. */
        private static final int TABLES = 32;

        private static final int PAGES_PER_TABLE = 512;
        private static final int STEP = 64;

        @Test
        @DisplayName("counts pages that only evictions remove, up to a few per table")
        void scattered() throws Exception {
            Path path = folder.resolve("sparse");
            long pages = TABLES * PAGES_PER_TABLE;
            try (RandomAccessFile made = new RandomAccessFile(path.toFile(), "rw")) {
                made.setLength(pages * PAGE);
            }
            HostFile file = open(path, RW);
            long at = fixture.map(0, pages, READ, Mman.SHARED, file, 0);
            for (long page = 0; page < pages; page += STEP) {
                assertEquals(0, fixture.load(at + page * PAGE));
            }
            long read = pages / STEP;
            assertEquals(read, space.residency().file());
            assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_DONTNEED));
            assertEquals(0, space.residency().file());
            // Four pages per table, and the upper tables.
            long peak = space.residency().peak();
            assertTrue(peak <= read && peak >= read - 4 * (TABLES + 4), "peak: " + peak);
        }
    }

    @DisplayName("Pages of a file of the host that are advised as needed soon")
    @Nested
    final class Advised extends HostFileFixture {
        private static final int LIMIT = 64;

        Advised() {
            super(Machine.builder()
                    .memory(512 * PAGE)
                    .cacheLimit(LIMIT * PAGE)
                    .poisonFrames(true)
                    .writeBackEvery(Duration.ZERO));
        }

        private long map(HostFile file, int pages) {
            return fixture.map(0, pages, READ, Mman.SHARED, file, 0);
        }

        private void advise(long at, int pages) throws InterruptedException {
            assertEquals(0, space.madvise(at, pages * PAGE, Mman.WILLNEED));
            fixture.machine.awaitQuiescence();
        }

        @Test
        @DisplayName("are read in few large parts, and no access reads then")
        void read() throws Exception {
            HostFile file = open(write("f", 32 * PAGE_BYTES));
            long at = fixture.map(0, 32, READ, Mman.PRIVATE, file, 0);
            long last = fixture.map(0, 1, READ, Mman.SHARED, file, 31);
            assertEquals(STAMP + 31, fixture.load(last));
            int before = channels.reads.get();
            advise(at + PAGE, 31);
            assertEquals(1, channels.reads.get() - before);
            for (int page = 1; page < 32; page++) {
                assertEquals(STAMP + page, fixture.load(at + page * PAGE));
            }
            assertEquals(1, channels.reads.get() - before);
            assertEquals(STAMP, fixture.load(at));
            assertEquals(2, channels.reads.get() - before);
        }

        @Test
        @DisplayName("are as many as half of the limit, so that none is evicted for another")
        void bounded() throws Exception {
            HostFile file = open(write("f", 400 * PAGE_BYTES));
            long at = map(file, 400);
            advise(at, 400);
            assertEquals(LIMIT / 2, fixture.frames());
            int before = channels.reads.get();
            for (int page = 0; page < LIMIT / 2; page++) {
                assertEquals(STAMP + page, fixture.load(at + page * PAGE));
            }
            assertEquals(before, channels.reads.get());
            advise(at + 100 * PAGE, 300);
            advise(at + 200 * PAGE, 200);
            before = channels.reads.get();
            for (int page = 200; page < 200 + LIMIT / 2; page++) {
                assertEquals(STAMP + page, fixture.load(at + page * PAGE));
            }
            assertEquals(before, channels.reads.get());
        }

        @Test
        @DisplayName("are mapped by the first access to each, if the mapping is for random accesses")
        void mappedAlone() throws Exception {
            HostFile file = open(write("f", 32 * PAGE_BYTES));
            long at = map(file, 32);
            advise(at, 32);
            assertEquals(0, space.madvise(at, 16 * PAGE, Mman.RANDOM));
            for (int page : new int[] {2, 9, 20}) {
                assertEquals(STAMP + page, fixture.load(at + page * PAGE));
            }
            for (int page = 0; page < 16; page++) {
                assertEquals(page == 2 || page == 9, fixture.isMapped(at + page * PAGE), "page " + page);
            }
            assertTrue(fixture.isMapped(at + 19 * PAGE) || fixture.isMapped(at + 21 * PAGE));
        }

        @Test
        @DisplayName("end with the file")
        void beyondEnd() throws Exception {
            HostFile file = open(write("f", 4 * PAGE_BYTES + 16));
            long at = map(file, 8);
            channels.failure = (call, offset, length) -> assertTrue(offset + length <= 4 * PAGE + 16);
            advise(at, 8);
            assertEquals(5, fixture.frames());
            advise(at + 6 * PAGE, 2);
            assertEquals(5, fixture.frames());
            assertEquals(STAMP + 4, fixture.load(at + 4 * PAGE));
            assertFault(Fault.ADRERR, fixture.memory.load(at + 5 * PAGE, 8));
        }

        @Test
        @DisplayName("are read for each mapping of a range with a hole, which is an error nevertheless")
        void hole() throws Exception {
            HostFile file = open(write("f", 8 * PAGE_BYTES));
            long at = map(file, 8);
            assertEquals(0, space.munmap(at + 3 * PAGE, PAGE));
            assertResult(Errno.ENOMEM, space.madvise(at, 8 * PAGE, Mman.WILLNEED));
            fixture.machine.awaitQuiescence();
            assertEquals(7, fixture.frames());
            assertEquals(2, channels.reads.get());
        }

        @Test
        @DisplayName("are read without the caller, and keep the file open while its last mapping goes")
        void inBackground() throws Exception {
            CountDownLatch begun = new CountDownLatch(1);
            CountDownLatch goesOn = new CountDownLatch(1);
            channels.failure = (call, offset, length) -> {
                begun.countDown();
                Latches.await(goesOn);
            };
            HostFile file = open(write("f", 4 * PAGE_BYTES));
            long at = map(file, 4);
            file.close();
            assertEquals(0, space.madvise(at, 4 * PAGE, Mman.WILLNEED));
            Latches.await(begun);
            assertEquals(0, space.munmap(at, 4 * PAGE));
            assertEquals(1, channels.open.get());
            goesOn.countDown();
            fixture.machine.awaitQuiescence();
            assertEquals(0, channels.open.get());
            assertEquals(0, fixture.frames());
        }

        @Test
        @DisplayName("are read by a later access if the read fails, and no call is told")
        void failure() throws Exception {
            channels.failure = (call, offset, length) -> {
                throw new IOException("Input/output error");
            };
            HostFile file = open(write("f", 4 * PAGE_BYTES));
            long at = map(file, 4);
            advise(at, 4);
            assertEquals(0, fixture.frames());
            assertFault(Fault.ADRERR, fixture.memory.load(at, 8));
            channels.mend();
            assertEquals(STAMP, fixture.load(at));
        }

        private long[] offsets(long... pages) {
            return LongStream.of(pages).map(page -> page * PAGE).toArray();
        }

        private void advise(HostFile file, long[] pages, long[] counts) throws InterruptedException {
            assertEquals(0, file.fadvise(offsets(pages), offsets(counts), pages.length, Mman.POSIX_FADV_WILLNEED));
            fixture.machine.awaitQuiescence();
        }

        @Test
        @DisplayName("in ranges are read in the order of the ranges, and together if they are consecutive")
        void ranges() throws Exception {
            HostFile file = open(write("f", 64 * PAGE_BYTES));
            List<Long> reads = new CopyOnWriteArrayList<>();
            channels.failure = (call, offset, length) -> reads.add(offset / PAGE);
            // The second continues the first; the third is in the second; the last one is beyond the end.
            advise(file, new long[] {40, 41, 42, 3, 2, 60, 9, 70}, new long[] {1, 3, 1, 1, 1, 9, 1, 1});
            assertEquals(List.of(40L, 3L, 2L, 60L, 9L), reads);
            assertEquals(4 + 1 + 1 + 4 + 1, inMemory(file, 64));
            for (int page : new int[] {40, 41, 42, 43, 3, 2, 60, 63, 9}) {
                assertEquals(STAMP + page, read(file, page));
            }
            assertEquals(5, reads.size());
            // A length of 0 extends to the end, a part of a page is read wholly, and the arrays may be changed.
            long[] starts = {50 * PAGE + 5, 20 * PAGE - 1};
            long[] lengths = {0, 2};
            assertEquals(0, file.fadvise(starts, lengths, 2, Mman.POSIX_FADV_WILLNEED));
            Arrays.fill(starts, 30 * PAGE);
            Arrays.fill(lengths, PAGE);
            fixture.machine.awaitQuiescence();
            assertEquals(0, file.absentPages(50 * PAGE, 14 * PAGE));
            assertEquals(0, file.absentPages(19 * PAGE, 2 * PAGE));
            assertEquals(11 + 10 + 2, inMemory(file, 64));
        }

        @Test
        @DisplayName("in ranges are at most half as many as may be in memory, for all ranges together")
        void bound() throws Exception {
            HostFile file = open(write("f", 8 * LIMIT * PAGE_BYTES));
            long[] pages = LongStream.range(0, 2 * LIMIT).map(i -> 4 * i).toArray();
            long[] counts = new long[pages.length];
            Arrays.fill(counts, 3);
            advise(file, pages, counts);
            assertEquals(LIMIT / 2, inMemory(file, 8 * LIMIT));
            assertEquals(1, file.absentPages(LIMIT / 2 / 3 * 4 * PAGE, 3 * PAGE), "the last range is cut");
        }

        @Test
        @DisplayName("in ranges are read by one task, however many ranges there are")
        void oneTask() throws Exception {
            CountDownLatch goesOn = new CountDownLatch(1);
            channels.failure = (call, offset, length) -> Latches.await(goesOn);
            HostFile file = open(write("f", 64 * PAGE_BYTES));
            long[] pages = LongStream.range(0, 30).map(i -> 2 * i).toArray();
            long[] counts = new long[pages.length];
            Arrays.fill(counts, 1);
            // With a task for each range, the ranges from the 17th on would be dropped.
            assertEquals(0, file.fadvise(offsets(pages), offsets(counts), pages.length, Mman.POSIX_FADV_WILLNEED));
            goesOn.countDown();
            fixture.machine.awaitQuiescence();
            assertEquals(30, inMemory(file, 64));
        }

        @Test
        @DisplayName("in ranges are checked before any is read or freed")
        void badRanges() throws Exception {
            HostFile file = open(write("f", 8 * PAGE_BYTES));
            assertEquals(STAMP + 1, read(file, 1));
            long[] two = {0, PAGE};
            for (int advice : new int[] {Mman.POSIX_FADV_WILLNEED, Mman.POSIX_FADV_DONTNEED}) {
                assertResult(Errno.EINVAL, file.fadvise(new long[] {0, -1}, two, 2, advice));
                assertResult(Errno.EINVAL, file.fadvise(two, new long[] {0, -PAGE}, 2, advice));
                assertResult(Errno.EINVAL, file.fadvise(two, two, -1, advice));
                assertResult(Errno.EINVAL, file.fadvise(new long[1025], new long[1025], 1025, advice));
                assertResult(Errno.EFAULT, file.fadvise(two, new long[1], 2, advice));
                assertResult(Errno.EFAULT, file.fadvise(new long[1], two, 2, advice));
                assertEquals(0, file.fadvise(two, two, 0, advice));
            }
            assertResult(Errno.EINVAL, file.fadvise(two, two, 2, 6));
            fixture.machine.awaitQuiescence();
            assertEquals(1, inMemory(file, 8));
            assertEquals(0, file.fadvise(new long[1024], new long[1024], 1024, Mman.POSIX_FADV_WILLNEED));
            fixture.machine.awaitQuiescence();
            assertEquals(8, inMemory(file, 8));
            assertEquals(0, file.fadvise(new long[] {2 * PAGE, 5 * PAGE}, two, 2, Mman.POSIX_FADV_DONTNEED));
            assertEquals(2, inMemory(file, 8), "a length of 0 extends to the end");
            file.close();
            assertResult(Errno.EBADF, file.fadvise(two, two, 2, Mman.POSIX_FADV_WILLNEED));
        }

        @Test
        @DisplayName("in ranges are read after a range that cannot be read, and no call is told")
        void failingRange() throws Exception {
            channels.failure = (call, offset, length) -> {
                if (offset <= 3 * PAGE && 3 * PAGE < offset + length) {
                    throw new IOException("Input/output error");
                }
            };
            HostFile file = open(write("f", 16 * PAGE_BYTES));
            advise(file, new long[] {2, 8, 3}, new long[] {4, 2, 1});
            assertEquals(
                    List.of(2, 8, 9),
                    IntStream.range(0, 16)
                            .filter(page -> isPresent(file, page))
                            .boxed()
                            .toList());
            channels.mend();
            assertEquals(STAMP + 3, read(file, 3));
        }
    }

    @DisplayName("The number of pages that a fault reads")
    @Nested
    final class Windows {
        private static final int PAGE_SIZE = 4096;

        /**
         * Returns the number of pages read by each of several faults, if each fault is at the end of the previous read.
         */
        private static List<Integer> sequence(long first, long flags, int faults) {
            OpenHostFile.ReadAhead ahead = new OpenHostFile.ReadAhead(PAGE_SIZE, 1);
            List<Integer> counts = new ArrayList<>();
            long page = first;
            for (int i = 0; i < faults; i++) {
                int count = ahead.window(page, flags);
                counts.add(count);
                page += count;
            }
            return counts;
        }

        @Test
        @DisplayName("doubles while accesses are sequential, up to 128 KiB, and ends at a multiple of that")
        void sequential() {
            assertEquals(List.of(2, 2, 4, 8, 16, 32, 32), sequence(0, 0, 7));
            assertEquals(List.of(1, 2, 4, 8, 8, 32, 32), sequence(1001, 0, 7));
        }

        @Test
        @DisplayName("is one at random, or with that advice, and 256 KiB with the other one")
        void advised() {
            assertEquals(List.of(1, 1, 1), sequence(40, VmaFlags.RAND_READ, 3));
            assertEquals(List.of(64, 64), sequence(64, VmaFlags.SEQ_READ, 2));
            assertEquals(List.of(63, 64), sequence(1, VmaFlags.SEQ_READ, 2));
            OpenHostFile.ReadAhead ahead = new OpenHostFile.ReadAhead(PAGE_SIZE, 1);
            for (long page : new long[] {9, 3, 700, 12}) {
                assertEquals(1, ahead.window(page, 0));
            }
        }

        @Test
        @DisplayName("is one of a page that is larger than all that is read ahead")
        void largePages() {
            assertEquals(1, new OpenHostFile.ReadAhead(1 << 18, 1).window(0, 0));
        }
    }

    /** A machine with small limits for the dirty pages of files, and with tasks that a test can hold. */
    abstract static class DirtyLimitFixture extends HostFileFixture {
        static final int LIMIT = 128;
        static final int BACKGROUND = LIMIT / 8;
        static final int MOST = LIMIT / 4;

        /** Holds tasks back while a test requests it. */
        static final class HeldTasks implements Executor {
            private final Queue<Runnable> held = new ArrayDeque<>();
            private boolean isHolding;

            @Override
            public void execute(Runnable task) {
                synchronized (this) {
                    if (isHolding) {
                        held.add(task);
                        return;
                    }
                }
                task.run();
            }

            synchronized void hold() {
                isHolding = true;
            }

            synchronized int count() {
                return held.size();
            }

            void release() {
                synchronized (this) {
                    isHolding = false;
                }
                for (Runnable task = next(); task != null; task = next()) {
                    task.run();
                }
            }

            private synchronized Runnable next() {
                return held.poll();
            }
        }

        final HeldTasks tasks;

        DirtyLimitFixture(HeldTasks tasks) {
            super(Machine.builder()
                    .memory(512 * PAGE)
                    .cacheLimit(LIMIT * PAGE)
                    .dirtyRatio(0.125, 0.25)
                    .executor(tasks)
                    .writeBackEvery(Duration.ZERO)
                    .reportWaitsLongerThan(Await.LONG)
                    .reportShootdownsLongerThan(Await.LONG));
            this.tasks = tasks;
        }

        @AfterEach
        void releaseTasks() {
            tasks.release();
        }

        /** Returns the number of dirty pages of a file that is mapped at an address, or nowhere if the address is 0. */
        int dirty(HostFile file, long at) {
            FilePages pages = (FilePages) file.pageCache();
            int dirty = 0;
            for (long page = 0; page < pages.pages(); page++) {
                int frame = pages.frameAt(page);
                boolean is = frame >= 0 && pages.memory.frames.isDirty(frame);
                dirty += is || (at != 0 && Pte.has(fixture.pte(at + page * PAGE), Pte.PRESENT | Pte.DIRTY)) ? 1 : 0;
            }
            return dirty;
        }
    }

    @DisplayName("Dirty pages of files of the host, by their share of the limit,")
    @Nested
    final class DirtyPages extends DirtyLimitFixture {
        private static final int PAGES = 400;

        /** The number of pages that are in memory together. */
        private static final int IN_MEMORY = 100;

        DirtyPages() {
            super(new HeldTasks());
        }

        private void pwrite(HostFile file, long page, long number) {
            assertEquals(8, file.pwrite(bytes(number), page * PAGE));
        }

        private void assertSaved(Path path, int pages, long first) throws IOException {
            for (int page = 0; page < pages; page++) {
                assertEquals(first + page, number(path, page * PAGE));
            }
        }

        @ParameterizedTest(name = "stores to pages in memory: {0}")
        @ValueSource(booleans = {false, true})
        @DisplayName("are written in the background from the first share on")
        void background(boolean areStored) throws Exception {
            HostFile file = openNew(IN_MEMORY);
            long at = fixture.map(0, IN_MEMORY, READ | WRITE, Mman.SHARED, file, 0);
            for (int page = 0; areStored && page < IN_MEMORY; page++) {
                fixture.load(at + page * PAGE);
            }
            IntConsumer write = page -> {
                if (areStored) {
                    fixture.store(at + page * PAGE, page);
                } else {
                    pwrite(file, page, page);
                }
            };
            tasks.hold();
            IntStream.range(0, BACKGROUND).forEach(write);
            fixture.machine.awaitQuiescence();
            assertEquals(0, tasks.count());
            write.accept(BACKGROUND);
            write.accept(BACKGROUND + 1);
            Await.until("a task", () -> tasks.count() == 1);
            assertEquals(0, channels.calls.size());
            tasks.release();
            fixture.machine.awaitQuiescence();
            assertEquals(0, dirty(file, at));
            assertSaved(path, BACKGROUND + 2, 0);
            int calls = channels.calls.size();
            write.accept(0);
            write.accept(0);
            fixture.machine.awaitQuiescence();
            assertEquals(calls, channels.calls.size());
        }

        @Test
        @DisplayName("count for the next pass if they become dirty during one")
        void duringAPass() throws Exception {
            HostFile file = openNew(PAGES);
            Frames frames = ((FilePages) file.pageCache()).memory.frames;
            AtomicBoolean isFirst = new AtomicBoolean(true);
            channels.beforeNext(ChannelCall.WRITE, () -> {
                isFirst.set(false);
                for (int page = 0; page < BACKGROUND; page++) {
                    pwrite(file, PAGES / 2 + page, page);
                }
            });
            for (int page = 0; page <= BACKGROUND; page++) {
                pwrite(file, page, page);
            }
            Await.until("a pass has begun", () -> !isFirst.get());
            fixture.machine.awaitQuiescence();
            assertTrue(frames.isBalanceDue());
        }

        @Test
        @DisplayName("are not more than the second share after writes by calls, if the task in the background hangs")
        void pwrites() throws Exception {
            HostFile file = openNew(PAGES);
            tasks.hold();
            for (int page = 0; page < PAGES; page++) {
                pwrite(file, page, page);
                assertTrue(dirty(file, 0) <= MOST);
            }
            tasks.release();
            file.close();
            assertSaved(path, PAGES, 0);
        }

        @Test
        @DisplayName("are not more than the second share after stores to pages that are in memory, mapped or not")
        void storesInMemory() throws Exception {
            HostFile file = openNew(IN_MEMORY);
            long at = fixture.map(0, IN_MEMORY, READ | WRITE, Mman.SHARED, file, 0);
            for (int page = 0; page < IN_MEMORY; page++) {
                fixture.load(at + page * PAGE);
            }
            tasks.hold();
            assertTrue(mostDirty(file, at, 0) <= MOST);
            // The stores now fault, and find their pages in the cache.
            assertEquals(0, space.madvise(at, IN_MEMORY * PAGE, Mman.DONTNEED));
            assertTrue(mostDirty(file, at, 1) <= MOST);
            tasks.release();
            assertEquals(0, file.fsync());
            file.close();
            assertSaved(path, IN_MEMORY, 1);
        }

        /** An open of a backing that must permit the first write to each page. */
        private static final class NoticingOpen extends NamedBacking {
            private final HostFile file;

            NoticingOpen(HostFile file) {
                super("noticing", 1);
                this.file = file;
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
            public boolean noticesWrites() {
                return true;
            }

            @Override
            public int fault(Backing.PageRequest request) {
                return file.fault(request);
            }
        }

        @ParameterizedTest
        @ValueSource(booleans = {false, true})
        @DisplayName("are not more than the second share after stores that notify a backing, to mapped pages or not")
        void noticedStores(boolean isMapped) throws Exception {
            HostFile file = openNew(IN_MEMORY);
            long at = fixture.map(0, IN_MEMORY, READ | WRITE, Mman.SHARED, new NoticingOpen(file), 0);
            for (int page = 0; isMapped && page < IN_MEMORY; page++) {
                fixture.load(at + page * PAGE);
            }
            tasks.hold();
            assertTrue(mostDirty(file, at, 0) <= MOST);
            tasks.release();
            assertEquals(0, file.fsync());
            assertEquals(0, dirty(file, at));
            assertEquals(0, space.munmap(at, IN_MEMORY * PAGE));
            file.close();
            assertSaved(path, IN_MEMORY, 0);
        }

        private int mostDirty(HostFile file, long at, int first) {
            int most = 0;
            for (int page = 0; page < IN_MEMORY; page++) {
                fixture.store(at + page * PAGE, first + page);
                most = Math.max(most, dirty(file, at));
            }
            return most;
        }

        @Test
        @DisplayName("do not stop a store whose thread has another CPU in GUEST, for which a write would wait")
        void mayNotWait() throws Exception {
            HostFile file = openNew(IN_MEMORY);
            long at = fixture.map(0, IN_MEMORY, READ | WRITE, Mman.SHARED, file, 0);
            for (int page = 0; page < IN_MEMORY; page++) {
                fixture.load(at + page * PAGE);
            }
            tasks.hold();
            try (Cpu second = fixture.machine.claimCpu()) {
                second.switchTo(space);
                fixture.cpu.enterGuest();
                for (int page = 0; page < IN_MEMORY; page++) {
                    assertFault(Fault.NONE, second.memory().store(at + page * PAGE, 8, page));
                }
                fixture.cpu.leaveGuest();
            }
            assertEquals(0, channels.calls.size());
            assertEquals(IN_MEMORY, dirty(file, at));
            tasks.release();
        }

        @Test
        @DisplayName("are known though no page is read for the stores; a read does not wait for them, but a write does")
        void silentStores() throws Exception {
            HostFile file = openNew(PAGES);
            long at = fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
            long other = fixture.map(0, PAGES, READ, Mman.SHARED, file, 0);
            for (int page = 0; page < MOST; page++) {
                fixture.load(at + page * PAGE);
            }
            tasks.hold();
            for (int round = 0; round < 2; round++) {
                // In the second round one page is dirty already.
                int stores = MOST - round;
                for (int page = 0; page < stores; page++) {
                    fixture.store(at + page * PAGE, round + page);
                }
                int calls = channels.calls.size();
                assertEquals(STAMP + 200 + round, fixture.load(other + (200 + round) * PAGE));
                assertEquals(8, file.pread(bytes(0), (300 + round) * PAGE));
                assertEquals(calls, channels.calls.size());
                pwrite(file, 399, 1);
                assertTrue(calls < channels.calls.size());
                assertEquals(1, dirty(file, at));
                assertSaved(path, stores, round);
            }
            tasks.release();
        }

        @Test
        @DisplayName("that cannot be written stop no thread before the memory is full, and are written later")
        void failure() throws Exception {
            write("f", 600 * PAGE_BYTES);
            HostFile file = open(path, RW);
            channels.fail(ChannelCall.WRITE, "No space left on device");
            for (int page = 0; page < PAGES; page++) {
                pwrite(file, page, page);
            }
            // A background round clears the dirty marks of the pages that it tries to write.
            Await.until("all pages have their marks", () -> dirty(file, 0) == PAGES);
            long result = 8;
            for (int page = PAGES; page < 600 && result == 8; page++) {
                result = file.pwrite(bytes(page), page * PAGE);
            }
            assertResult(Errno.ENOMEM, result);
            assertResult(Errno.ENOSPC, file.fsync());
            channels.mend();
            assertEquals(0, file.fsync());
            assertSaved(path, PAGES, 0);
        }

        @Test
        @DisplayName("that cannot be written are left out by later passes, and are retried by the periodic writes")
        void leftOut() throws Exception {
            HostFile file = openNew(PAGES);
            AtomicLong tried = new AtomicLong();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE) {
                    tried.addAndGet(length / PAGE_BYTES);
                    throw new IOException("No space left on device");
                }
            };
            // Below the limit of the cache, so no eviction writes a page.
            int pages = 6 * BACKGROUND;
            for (int page = 0; page < pages; page++) {
                pwrite(file, page, page);
                fixture.machine.awaitQuiescence();
            }
            assertTrue(tried.get() > pages - 2 * BACKGROUND, tried::toString);
            assertTrue(tried.get() <= pages, tried::toString);
            channels.mend();
            assertEquals(pages, dirty(file, 0));
            PeriodicRounds.writeAll(MachineInternals.hostFiles(fixture.machine));
            assertEquals(0, dirty(file, 0));
            assertSaved(path, pages, 0);
            assertResult(Errno.ENOSPC, file.fsync());
        }

        @Test
        @DisplayName("are written by a later task if the executor rejects the first one")
        void rejected() {
            AtomicBoolean rejects = new AtomicBoolean(true);
            HostFiles files = new HostFiles(report -> {}, task -> {
                if (rejects.get()) {
                    throw new RejectedExecutionException("planted");
                }
                task.run();
            });
            files.limitDirty(10, 1000);
            Frames.DirtyPages limit = Objects.requireNonNull(files.dirtyPages());
            limit.add(20);
            assertThrows(RejectedExecutionException.class, limit::balance);
            rejects.set(false);
            assertTrue(limit.isBalanceDue());
            limit.balance();
            assertFalse(limit.isBalanceDue());
        }
    }

    @DisplayName("I9: what a guest can make a file of the host keep, and what one file can do to others")
    @Nested
    final class Bounds extends DirtyLimitFixture {
        /** More runs than are recorded. */
        private static final int RUNS = 1_060;

        Bounds() {
            super(new HeldTasks());
        }

        @Test
        @DisplayName("after more runs than are noted, a force that fails makes each page dirty that it may have lost")
        void runs() throws Exception {
            HostFile file = openNew(2 * RUNS);
            // A task would write back the pages that are dirty after the force.
            tasks.hold();
            for (int i = 0; i < RUNS; i++) {
                long page = 2L * (RUNS - 1 - i);
                assertEquals(8, file.pwrite(bytes(i), page * PAGE));
                assertEquals(0, file.syncRange(page * PAGE, PAGE, Mman.SYNC_FILE_RANGE_WRITE));
            }
            channels.fail(ChannelCall.FORCE, "Input/output error");
            assertEquals(Errno.EIO.result(), file.fsync());
            channels.mend();
            int inMemory = 0;
            for (int i = 0; i < RUNS; i++) {
                inMemory += file.pageCache().frameAt(2L * i) >= 0 ? 1 : 0;
            }
            assertTrue(inMemory > RUNS - (1 << 10), "pages whose runs are not the last ones");
            assertEquals(inMemory, dirty(file, 0));
            tasks.release();
            assertEquals(0, file.fsync());
        }

        @Test
        @DisplayName("advice beyond sixteen reads that are under way is dropped, and later advice is taken")
        void advice() throws Exception {
            HostFile file = open(write("f", 64 * PAGE_BYTES));
            long at = fixture.map(0, 64, READ, Mman.SHARED, file, 0);
            tasks.hold();
            for (int page = 0; page < 40; page++) {
                assertEquals(0, space.madvise(at + page * PAGE, PAGE, Mman.WILLNEED));
            }
            Await.until("the tasks", () -> tasks.count() == 16);
            tasks.release();
            fixture.machine.awaitQuiescence();
            assertEquals(16, fixture.frames());
            assertEquals(0, space.madvise(at + 50 * PAGE, PAGE, Mman.WILLNEED));
            fixture.machine.awaitQuiescence();
            assertEquals(17, fixture.frames());
        }

        @Test
        @DisplayName("a write-back that runs out of memory is reported, and is no failure of a write to another file")
        void otherFile() throws Exception {
            Path path = write("other", MOST * PAGE_BYTES);
            HostFile lacking = open(write("lacking", MOST * PAGE_BYTES), RW);
            HostFile other = open(path, RW);
            tasks.hold();
            assertEquals(8, lacking.pwrite(bytes(1), (MOST - 1) * PAGE));
            long lost = (MOST - 1) * PAGE;
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE && offset == lost) {
                    throw new OutOfMemoryError("for a write");
                }
            };
            for (int page = 0; page < MOST - 1; page++) {
                assertEquals(8, other.pwrite(bytes(100 + page), page * PAGE));
            }
            assertEquals(8, other.pwrite(bytes(7), 0));
            assertEquals(100 + 1, number(path, PAGE));
            assertTrue(fixture.reports.stream().allMatch(report -> report.kind() == Report.Kind.FILE_NOT_SAVED));
            assertEquals(1, fixture.reports.size());
            fixture.reports.clear();
            channels.mend();
            assertEquals(0, lacking.fsync());
        }

        @Test
        @DisplayName("four reads past the cache have a buffer at a time; another one reads through the cache")
        void buffers() throws Exception {
            int size = 64 << 10;
            HostFile file = open(write("f", 5 * size));
            Semaphore reached = new Semaphore(0);
            Semaphore released = new Semaphore(0);
            channels.failure = (call, offset, length) -> {
                reached.release();
                released.acquireUninterruptibly();
            };
            List<CallBeside> reads = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                long offset = (long) i * size;
                reads.add(CallBeside.start("read " + i, () -> file.pread(ByteBuffer.allocate(size), offset)));
            }
            Await.until("four reads", () -> reached.availablePermits() == 4);
            channels.mend();
            assertEquals(0, fixture.frames());
            assertEquals(size, file.pread(ByteBuffer.allocate(size), 4L * size));
            long cached = fixture.frames();
            assertTrue(cached > 0);
            released.release(4);
            for (CallBeside read : reads) {
                assertEquals(size, read.result());
            }
            assertEquals(size, file.pread(ByteBuffer.allocate(size), 0));
            assertEquals(cached, fixture.frames());
        }

        @Test
        @DisplayName("reads by calls that follow each other read ahead, whatever their sizes")
        void sequentialReads() throws Exception {
            for (int pages : List.of(1, 4, 32)) {
                HostFile file = open(write("f" + pages, 96 * PAGE_BYTES));
                int before = channels.reads.get();
                ByteBuffer target = ByteBuffer.allocate(pages * PAGE_BYTES);
                for (int page = 0; page < 96; page += pages) {
                    assertEquals(target.capacity(), file.pread(target.clear(), page * PAGE));
                }
                // If frames are consecutive, the reads have 2, 2, 4, 8, 16, 32 and 32 pages.
                int reads = channels.reads.get() - before;
                assertTrue(reads <= 14, () -> reads + " reads by " + pages + " pages");
                file.close();
            }
        }
    }
}
