// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Frames that one magazine frees and another one allocates, like the magazines of {@code munmap} and of a fault. */
final class NearMagazinesTest extends FramesFixture {
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
    @DisplayName("frames that are allocated and freed by blocks stay together")
    void blocks() {
        // Creates all frames at once, unlike the other tests.
        int shift = Integer.SIZE - Integer.numberOfLeadingZeros(LIMIT);
        Frames whole = new Frames(new DirectFrames(12, shift, LIMIT + 1), 12, shift, LIMIT, false);
        Magazine allocating = whole.newMagazine();
        Magazine freeing = whole.newMagazine();
        int[] block = new int[Magazine.BLOCK];
        for (int i = 0; i < ROUNDS; i++) {
            for (int j = 0; j < block.length; j++) {
                block[j] = whole.allocate(allocating);
            }
            Arrays.sort(block);
            assertEquals(block.length - 1, block[block.length - 1] - block[0]);
            for (int frame : block) {
                whole.drop(frame, freeing);
            }
        }
        assertEquals(0, whole.inUse());
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
