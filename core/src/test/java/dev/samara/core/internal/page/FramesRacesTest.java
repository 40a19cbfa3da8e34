// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Awake;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Concurrent uses of frames by several threads. */
final class FramesRacesTest extends FramesFixture {
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
                        frames.store().put(frame, 0, 8, POISON);
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
         * Returns a frame's first number, or the poison if it is 0, because a frame that was never used contains zeros.
         */
        private long poisonOr(int frame) {
            long first = frames.store().get(frame, 0, 8);
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
    @DisplayName("I3, I8: four threads allocate, share, pin and drop: no frame is allocated twice, and none is left")
    void againstExpectations() throws InterruptedException {
        System.out.println("FramesRacesTest: -Dsamara.seed=" + SEED);
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
