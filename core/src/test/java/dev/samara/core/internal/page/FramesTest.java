// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.page.Frames.Magazine;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

@DisplayName("Frames:")
final class FramesTest {
    /** The uses of frames. */
    @Nested
    final class Uses extends FramesFixture {
        @Test
        @DisplayName("a new frame has zeros, a free one has poison; the zero page is never allocated")
        void contents() {
            int frame = frames.allocate(magazine);
            assertNotEquals(Frames.ZERO, frame);
            FrameStore store = frames.store;
            for (int offset = 0; offset < frames.pageSize; offset += 8) {
                assertEquals(0, store.get(frame, offset, 8));
                assertEquals(0, store.get(Frames.ZERO, offset, 8));
            }
            store.put(frame, 4088, 8, 42);
            frames.drop(frame, magazine);
            assertEquals(POISON, store.get(frame, 0, 8));
            assertEquals(POISON, store.get(frame, 4088, 8));
            assertEquals(frame, frames.allocateDirty(magazine), "the frame freed last is the warmest");
            assertEquals(POISON, store.get(frame, 0, 8));
            frames.drop(frame, magazine);
            assertEquals(frame, frames.allocate(magazine));
            assertEquals(0, store.get(frame, 4088, 8));
        }

        @Test
        @DisplayName("the last use frees a frame, mapping or pin, and only that")
        void lastUse() {
            int frame = frames.allocate(magazine);
            assertEquals(1, frames.inUse());
            assertTrue(frames.isSole(frame));
            frames.share(frame);
            assertFalse(frames.isSole(frame));
            frames.pin(frame);
            frames.drop(frame, magazine);
            assertFalse(frames.isSole(frame), "a pin counts");
            assertTrue(frames.isPinned(frame));
            frames.drop(frame, magazine);
            assertEquals(1, frames.inUse(), "pinned alone");
            frames.unpin(frame, magazine);
            assertEquals(0, frames.inUse());
            int again = frames.allocate(magazine);
            frames.pin(again);
            frames.unpin(again, magazine);
            assertTrue(frames.isSole(again));
            frames.drop(again, magazine);
            assertEquals(0, frames.inUse());
        }

        @Test
        @DisplayName("a second drop, and an unpin without a pin, of any number, are refused and change nothing")
        void misuse() {
            int frame = frames.allocate(magazine);
            assertThrows(IllegalStateException.class, () -> frames.unpin(frame, magazine));
            frames.share(frame);
            assertThrows(IllegalStateException.class, () -> frames.unpin(frame, magazine));
            frames.drop(frame, magazine);
            assertTrue(frames.isSole(frame));
            frames.drop(frame, magazine);
            assertThrows(IllegalStateException.class, () -> frames.drop(frame, magazine));
            for (int foreign : new int[] {frame, Frames.NONE, Frames.ZERO, LIMIT, LIMIT + 1, Integer.MAX_VALUE, -77}) {
                assertThrows(IllegalStateException.class, () -> frames.unpin(foreign, magazine), "frame " + foreign);
            }
            assertEquals(0, frames.inUse());
            Set<Integer> all = new HashSet<>();
            for (int i = 0; i < LIMIT; i++) {
                assertTrue(all.add(frames.allocate(magazine)), "each once");
            }
            int pinned = all.iterator().next();
            frames.pin(pinned);
            frames.drop(pinned, magazine);
            assertThrows(IllegalStateException.class, () -> frames.drop(pinned, magazine));
            assertTrue(frames.isPinned(pinned));
            frames.unpin(pinned, magazine);
            assertEquals(LIMIT - 1, frames.inUse());
        }

        @Test
        @DisplayName(
                "isCached is true for an inserted frame of this cache at this page, that is in use and not removed")
        void cached() {
            int frame = frames.allocate(magazine);
            assertFalse(frames.isCached(frame, 7, 5), "anonymous");
            frames.prepare(frame, 7);
            assertTrue(frames.isPrepared(frame, 7));
            assertFalse(frames.isPrepared(frame, 8));
            assertFalse(frames.isCached(frame, 7, 5), "being filled");
            frames.assign(frame, 7, 5);
            assertFalse(frames.isPrepared(frame, 7));
            assertTrue(frames.isCached(frame, 7, 5));
            assertFalse(frames.isCached(frame, 8, 5), "another cache");
            assertFalse(frames.isCached(frame, 7, 6), "another page");
            frames.setDirty(frame);
            frames.pin(frame);
            assertTrue(frames.isCached(frame, 7, 5), "dirty and pinned");
            assertFalse(frames.isRemoved(frame));
            frames.remove(frame);
            assertTrue(frames.isRemoved(frame));
            assertFalse(frames.isCached(frame, 7, 5), "removed");
            frames.drop(frame, magazine);
            assertFalse(frames.isCached(frame, 7, 5), "pinned alone");
            assertTrue(frames.isPinned(frame));
            frames.unpin(frame, magazine);
            assertFalse(frames.isCached(frame, 7, 5), "free");
            assertEquals(frame, frames.allocate(magazine));
            assertFalse(frames.isCached(frame, 7, 5), "another's");
            assertFalse(frames.isRemoved(frame));
            assertFalse(frames.isDirty(frame));
            for (int foreign : new int[] {Frames.NONE, Frames.ZERO, LIMIT, LIMIT + 1, Integer.MAX_VALUE, -77}) {
                assertFalse(frames.isCached(foreign, 7, 0), "frame " + foreign);
                assertFalse(frames.isPrepared(foreign, 7), "frame " + foreign);
            }
        }

        @Test
        @DisplayName("a frame is dirty from the first note until it is free")
        void dirty() {
            int frame = frames.allocate(magazine);
            assertFalse(frames.isDirty(frame));
            frames.setDirty(frame);
            frames.setDirty(frame);
            assertTrue(frames.isDirty(frame));
            assertTrue(frames.isSole(frame));
            frames.drop(frame, magazine);
            assertEquals(frame, frames.allocate(magazine));
            assertFalse(frames.isDirty(frame));
        }

        @Test
        @DisplayName("one pin more than can be counted is refused and changes nothing")
        void tooManyPins() {
            int frame = frames.allocate(magazine);
            for (long pin = 0; pin < Frames.MOST_PINS; pin++) {
                assertTrue(frames.pin(frame));
            }
            assertFalse(frames.pin(frame));
            assertFalse(frames.pin(frame));
            frames.unpin(frame, magazine);
            assertTrue(frames.pin(frame));
            assertFalse(frames.pin(frame));
            assertTrue(frames.share(frame), "mappings are counted for themselves");
            frames.drop(frame, magazine);
            frames.drop(frame, magazine);
            for (long pin = 0; pin < Frames.MOST_PINS; pin++) {
                assertEquals(1, frames.inUse());
                frames.unpin(frame, magazine);
            }
            assertEquals(0, frames.inUse());
        }

        @Test
        @DisplayName("one mapping more than can be counted is refused and changes nothing")
        void tooManyMappings() {
            int frame = frames.allocate(magazine);
            for (long mapping = 1; mapping < Frames.MOST_MAPPINGS; mapping++) {
                frames.share(frame);
            }
            assertFalse(frames.share(frame));
            assertFalse(frames.isPinned(frame), "nothing has spilled over");
            assertTrue(frames.pin(frame), "pins are counted for themselves");
            frames.unpin(frame, magazine);
            frames.drop(frame, magazine);
            assertTrue(frames.share(frame));
            assertFalse(frames.share(frame));
            for (long mapping = 1; mapping < Frames.MOST_MAPPINGS; mapping++) {
                frames.drop(frame, magazine);
            }
            assertTrue(frames.isSole(frame));
            frames.drop(frame, magazine);
            assertEquals(0, frames.inUse());
        }
    }

    /** Concurrent uses of frames by several threads. */
    @Nested
    final class Races extends FramesFixture {
        private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

        @Test
        @DisplayName("I10: unpins without a pin, beside threads that share and drop the frame, lose no frame")
        void wrongUnpinsBesideOthers() throws InterruptedException {
            AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
            int shared = frames.allocate(magazine);
            CountDownLatch done = new CountDownLatch(1);
            Thread wrong = new Thread(() -> {
                Magazine own = frames.newMagazine();
                while (done.getCount() > 0) {
                    try {
                        frames.unpin(shared, own);
                        failure.set(new AssertionError("was not refused"));
                    } catch (IllegalStateException refused) {
                        Awake.turn();
                    }
                }
            });
            wrong.start();
            try {
                for (int i = 0; i < 200_000; i++) {
                    frames.share(shared);
                    assertFalse(frames.isPinned(shared));
                    assertFalse(frames.isRemoved(shared));
                    frames.drop(shared, magazine);
                    if (i % 16 == 0) {
                        frames.drop(shared, magazine);
                        assertEquals(0, frames.inUse());
                        assertEquals(shared, frames.allocate(magazine));
                        assertTrue(frames.isSole(shared));
                    }
                }
            } finally {
                done.countDown();
                wrong.join();
            }
            assertNull(failure.get());
            frames.drop(shared, magazine);
            assertEquals(0, frames.inUse());
        }

        /** One thread, and the uses that it holds: a frame is listed once for each use. */
        private final class Actor implements Runnable {
            private final Random random;
            private final AtomicIntegerArray owners;
            private final List<Integer> mapped = new ArrayList<>();
            private final List<Integer> pinned = new ArrayList<>();
            private final AtomicReference<@Nullable Throwable> failure;

            Actor(long seed, AtomicIntegerArray owners, AtomicReference<@Nullable Throwable> failure) {
                random = new Random(seed);
                this.owners = owners;
                this.failure = failure;
            }

            @Override
            public void run() {
                Magazine own = frames.newMagazine();
                try {
                    for (int step = 0; step < 30_000 && failure.get() == null; step++) {
                        step(own);
                    }
                    while (!mapped.isEmpty() || !pinned.isEmpty()) {
                        lose(own);
                    }
                } catch (Throwable thrown) {
                    failure.compareAndSet(null, thrown);
                } finally {
                    frames.discard(own);
                }
            }

            private void step(Magazine own) {
                switch (random.nextInt(6)) {
                    case 0, 1 -> {
                        int frame = frames.allocateDirty(own);
                        if (frame != Frames.NONE) {
                            assertEquals(0, owners.getAndIncrement(frame), "allocated while it is in use");
                            assertEquals(POISON, poisonOr(frame), "written to while it was free");
                            frames.store.put(frame, 0, 8, POISON);
                            mapped.add(frame);
                        }
                    }
                    case 2 -> {
                        if (!mapped.isEmpty()) {
                            int frame = mapped.get(random.nextInt(mapped.size()));
                            owners.getAndIncrement(frame);
                            frames.share(frame);
                            mapped.add(frame);
                        }
                    }
                    case 3 -> {
                        if (!mapped.isEmpty()) {
                            int frame = mapped.get(random.nextInt(mapped.size()));
                            owners.getAndIncrement(frame);
                            frames.pin(frame);
                            pinned.add(frame);
                            assertFalse(frames.isSole(frame));
                        }
                    }
                    default -> lose(own);
                }
            }

            /**
             * Returns a frame's first number, or the poison if it is 0, because a frame that was never used contains
             * zeros.
             */
            private long poisonOr(int frame) {
                long first = frames.store.get(frame, 0, 8);
                return first == 0 ? POISON : first;
            }

            private void lose(Magazine own) {
                boolean pin = mapped.isEmpty() || (!pinned.isEmpty() && random.nextBoolean());
                List<Integer> from = pin ? pinned : mapped;
                if (from.isEmpty()) {
                    return;
                }
                int frame = from.remove(random.nextInt(from.size()));
                owners.getAndDecrement(frame);
                if (pin) {
                    assertTrue(frames.isPinned(frame));
                    frames.unpin(frame, own);
                } else {
                    frames.drop(frame, own);
                }
            }
        }

        @Test
        @DisplayName(
                "I3, I8: four threads allocate, share, pin and drop: no frame is allocated twice, and none is left")
        void againstExpectations() throws InterruptedException {
            System.out.println("Races: -Dsamara.seed=" + SEED);
            AtomicIntegerArray owners = new AtomicIntegerArray(LIMIT + 1);
            AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                Thread thread = new Thread(new Actor(SEED + i, owners, failure));
                threads.add(thread);
                thread.start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertNull(failure.get(), () -> "-Dsamara.seed=" + SEED);
            assertEquals(0, frames.inUse());
            for (int i = 0; i < LIMIT; i++) {
                assertNotEquals(Frames.NONE, frames.allocate(magazine), "none is lost");
            }
            assertEquals(Frames.NONE, frames.allocate(magazine));
        }
    }

    /**
     * Frames that one magazine frees and another one allocates, like the magazines of {@code munmap} and of a fault.
     */
    @Nested
    final class NearMagazines extends FramesFixture {
        private static final int ROUNDS = 1_000;

        /** One of two threads with consecutive numbers, which therefore have separate near magazines. */
        private static final class Work {
            private final ExecutorService thread = Executors.newSingleThreadExecutor();
            private final Magazine allocating;
            private final Magazine freeing;
            private final Set<Integer> seen = new HashSet<>();

            Work(Frames frames) {
                allocating = frames.newMagazine();
                freeing = frames.newMagazine();
            }

            void round(Frames frames) {
                int frame = frames.allocate(allocating);
                assertNotEquals(Frames.NONE, frame);
                seen.add(frame);
                frames.drop(frame, freeing);
            }
        }

        @Test
        @DisplayName("two threads that free by another magazine than they allocate by never get a frame of each other")
        void keptApart() throws InterruptedException, ExecutionException {
            List<Work> both = List.of(new Work(frames), new Work(frames));
            try {
                for (Work work : both) {
                    // Both threads must exist before one of them starts its rounds.
                    work.thread.submit(() -> {}).get();
                }
                for (int i = 0; i < ROUNDS; i++) {
                    for (Work work : both) {
                        work.thread.submit(() -> work.round(frames)).get();
                    }
                }
            } finally {
                both.forEach(work -> work.thread.shutdown());
            }
            assertTrue(both.get(0).seen.stream().noneMatch(both.get(1).seen::contains));
            assertEquals(0, frames.inUse());
        }

        @Test
        @DisplayName("while frames move between magazines, a free one is found wherever it is, and the count is exact")
        void foundOnTheMove() throws InterruptedException {
            Magazine holding = frames.newMagazine();
            List<Integer> held = new ArrayList<>();
            // The remaining frames fit into the magazines of two threads, so the pool is repeatedly empty.
            for (int i = 0; i < LIMIT / 3; i++) {
                held.add(frames.allocate(holding));
            }
            AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                Work work = new Work(frames);
                work.thread.shutdown();
                threads.add(new Thread(() -> {
                    for (int round = 0; round < 100 * ROUNDS && failure.get() == null; round++) {
                        work.round(frames);
                        int inUse = frames.inUse();
                        // A frame of the other thread that moves between magazines may be counted as free twice.
                        if (inUse < held.size() - 1 || inUse > held.size() + 1) {
                            throw new AssertionError(inUse + " frames in use");
                        }
                    }
                }));
            }
            threads.forEach(thread -> thread.setUncaughtExceptionHandler((which, thrown) -> failure.set(thrown)));
            threads.forEach(Thread::start);
            for (Thread thread : threads) {
                thread.join();
            }
            assertNull(failure.get());
            held.forEach(frame -> frames.drop(frame, holding));
            assertEquals(0, frames.inUse());
        }
    }

    /**
     * If a call of a frame store throws within a fault or a fork, the caller gets the exception, and no frame is lost.
     */
    @Nested
    final class Failures {
        private static final long A = 0x10_0000_0000L;
        private static final long PAGE = 4096;
        private static final int RW = Mman.READ | Mman.WRITE;
        private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

        private final FailingStore failing = new FailingStore(new DirectFrames(12, 10, 1 << 8));
        private final Machine machine = Machine.builder()
                .memory((1 << 8) * PAGE)
                .frameStore((pageShift, frames) -> failing.store())
                .build();
        private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);

        private void map() {
            assertEquals(A, space.mmap(A, 2 * PAGE, RW, FIXED, null, 0));
        }

        @AfterEach
        @DisplayName("nothing is left")
        void nothingIsLeft() throws InterruptedException {
            space.close();
            machine.awaitQuiescence();
            assertEquals(0, machine.statistics().framesInUse());
            // Would fail if a reader section had been left open.
            try (AddressSpace other = machine.newSpace(Geometry.LINUX_X86_64)) {
                assertEquals(A, other.mmap(A, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED, null, 0));
                assertEquals(0, other.munmap(A, PAGE));
            }
        }

        @Test
        @DisplayName("a page written to for the first time")
        void pageMkwrite() {
            map();
            failing.fail("fill", 0);
            assertThrows(FailingStore.Failure.class, () -> space.madvise(A, PAGE, Mman.POPULATE_WRITE));
            assertEquals(0, machine.statistics().framesInUse());
        }

        @Test
        @DisplayName("the zero page: the next fault makes it")
        void pageOfZeros() {
            map();
            failing.fail("fill", 0);
            assertThrows(FailingStore.Failure.class, () -> space.madvise(A, PAGE, Mman.POPULATE_READ));
            space.madvise(A, PAGE, Mman.POPULATE_READ);
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                assertEquals(Fault.NONE, cpu.memory().load(A, 8));
                assertEquals(0, cpu.memory().value());
            }
        }

        @Test
        @DisplayName("a fork that copies a pinned page: the parent goes on, and waits for no copy")
        void pinned() {
            map();
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                assertEquals(Fault.NONE, cpu.memory().store(A, 8, 1));
                assertEquals(Fault.NONE, cpu.memory().store(A + PAGE, 8, 1));
                PinnedFrame pinned = SpaceFixture.pin(cpu.memory(), A + PAGE, Mman.WRITE);
                failing.fail("copy", 0);
                assertThrows(FailingStore.Failure.class, space::fork);
                space.fork().close();
                assertEquals(0, space.munmap(A, 2 * PAGE));
                pinned.close();
            }
        }

        @Test
        @DisplayName(
                "a write behind the end of a file: the file is as large as before, and zeros are there when it grows")
        void writeBehindTheEnd() {
            MemoryFile file = machine.newFile("file", 1, Geometry.LINUX_X86_64, 0);
            assertEquals(1, file.pwrite(new byte[] {1}, 0, 1, 0));
            byte[] bytes = {2, 2};
            for (long offset : new long[] {1, PAGE, 600 * PAGE}) {
                failing.failAfter("write");
                assertThrows(FailingStore.Failure.class, () -> file.pwrite(bytes, 0, 2, offset));
                assertTrue(failing.isOver());
                assertEquals(1, file.size());
            }
            assertEquals(0, file.truncate(3));
            byte[] read = {9, 9, 9};
            assertEquals(3, file.pread(read, 0, 3, 0));
            assertArrayEquals(new byte[] {1, 0, 0}, read);
            assertEquals(2, file.pwrite(bytes, 0, 2, 600 * PAGE));
            assertEquals(2, machine.statistics().framesInUse());
            assertEquals(0, file.truncate(0));
        }
    }
}
