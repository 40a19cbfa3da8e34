// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.tlb.SmallMemory;
import dev.samara.core.vma.FrameStore;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The uses of frames. The timeouts only end a run that hangs. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
final class FramesTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());
    private static final int LIMIT = 200;
    private static final long POISON = 0xa5a5_a5a5_a5a5_a5a5L;

    private final Frames frames = SmallMemory.frames(12, LIMIT);
    private final Magazine magazine = frames.newMagazine();

    @Test
    @DisplayName("a new frame has zeros, a free one has poison; the zero page is never allocated")
    void contents() {
        int frame = frames.allocate(magazine);
        assertNotEquals(Frames.ZERO, frame);
        FrameStore store = frames.store();
        for (int offset = 0; offset < frames.pageSize(); offset += 8) {
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
                    Thread.onSpinWait();
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

    @Test
    @DisplayName("exhaustion is NONE, after the other magazines were emptied, and no frame is lost")
    void exhaustion() {
        Magazine other = frames.newMagazine();
        int first = frames.allocate(other);
        frames.drop(first, other);
        assertTrue(other.size() > 1, "it has a stock");
        for (int round = 0; round < 3; round++) {
            Set<Integer> all = new HashSet<>();
            for (int i = 0; i < LIMIT; i++) {
                assertTrue(all.add(frames.allocate(magazine)));
            }
            assertEquals(Frames.NONE, frames.allocate(magazine));
            assertEquals(Frames.NONE, frames.allocateDirty(other));
            assertEquals(LIMIT, frames.inUse());
            assertTrue(other.isEmpty());
            assertFalse(all.contains(Frames.NONE) || all.contains(Frames.ZERO));
            all.forEach(frame -> frames.drop(frame, isOther(frame) ? magazine : other));
            assertEquals(0, frames.inUse());
        }
    }

    private static boolean isOther(int frame) {
        return frame % 3 != 0;
    }

    @Test
    @DisplayName("a magazine that is discarded returns its frames to the pool")
    void givenUp() {
        Magazine other = frames.newMagazine();
        int frame = frames.allocate(other);
        frames.drop(frame, other);
        frames.discard(other);
        for (int i = 0; i < LIMIT; i++) {
            assertNotEquals(Frames.NONE, frames.allocate(magazine));
        }
        assertEquals(LIMIT, frames.inUse());
    }

    /** Frames of a store that refuses while a flag is set, with a clock that stands still. */
    private static final class Refusing {
        private final DirectFrames direct = new DirectFrames(12, 4, LIMIT + 1);
        private int asked;
        private boolean gives;
        private boolean throwsError;
        private long now = Long.MAX_VALUE - 5;
        private final Frames frames = new Frames(
                (FrameStore) Proxy.newProxyInstance(
                        FrameStore.class.getClassLoader(),
                        new Class<?>[] {FrameStore.class},
                        (proxy, method, arguments) -> {
                            if (method.getName().equals("extend")) {
                                asked++;
                                if (throwsError) {
                                    throw new OutOfMemoryError("not a byte");
                                }
                                if (!gives) {
                                    return false;
                                }
                            }
                            return method.invoke(direct, arguments);
                        }),
                12,
                4,
                LIMIT,
                true,
                () -> now);
        private final Magazine own = frames.newMagazine();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("a store that has no memory is exhaustion at once, and is asked again after a second, not before")
    void storeRefuses(boolean throwsError) {
        Refusing few = new Refusing();
        few.throwsError = throwsError;
        for (int i = 0; i < 3; i++) {
            assertEquals(Frames.NONE, few.frames.allocate(few.own));
            assertFalse(few.frames.makeZero());
        }
        assertEquals(1, few.asked);
        few.now += 999_999_999;
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(1, few.asked, "not yet a second");
        few.now += 1;
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(2, few.asked, "refused again, for another second");
        assertEquals(0, few.frames.inUse());
        few.now += 1_000_000_000;
        few.gives = true;
        few.throwsError = false;
        assertNotEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(1, few.frames.inUse());
    }

    @Test
    @DisplayName(
            "a store that has refused is asked again once a frame was freed, also by a magazine that was discarded")
    void storeIsAskedAfterAFree() {
        Refusing few = new Refusing();
        few.gives = true;
        List<Integer> had = new ArrayList<>();
        had.add(few.frames.allocate(few.own));
        few.gives = false;
        for (int frame = few.frames.allocate(few.own); frame != Frames.NONE; frame = few.frames.allocate(few.own)) {
            had.add(frame);
        }
        assertEquals(2, few.asked);
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(2, few.asked);
        Magazine other = few.frames.newMagazine();
        few.frames.drop(had.remove(0), other);
        few.frames.discard(other);
        had.add(few.frames.allocate(few.own));
        assertEquals(2, few.asked, "what was freed is taken first");
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(3, few.asked);
        few.frames.drop(had.get(0), few.own);
        had.set(0, few.frames.allocate(few.own));
        few.gives = true;
        assertNotEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(4, few.asked);
    }

    @Test
    @DisplayName("isCached is true for an inserted frame of this cache at this page, that is in use and not removed")
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

    /** The uses of one thread in the model: frames by number, with the number of its uses of each. */
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

        /** A frame that was never used is zeros. */
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
        System.out.println("FramesTest: -Dsamara.seed=" + SEED);
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
