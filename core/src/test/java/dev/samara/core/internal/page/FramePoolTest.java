// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Frames.Magazine;
import dev.samara.core.vma.FrameStore;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("FramePool:")
final class FramePoolTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    /** Not a multiple of the size of a group. */
    private static final int LIMIT = 333;

    private static FramePool pool(int first, int end) {
        FramePool pool = new FramePool();
        pool.makeRoom(end, end);
        pool.putNew(first, end);
        return pool;
    }

    private static int[] run(int first, int count) {
        return IntStream.range(first, first + count).toArray();
    }

    private static int[] take(FramePool pool, int most) {
        int[] into = new int[most];
        return Arrays.copyOf(into, pool.takeRuns(into, most));
    }

    private static void put(FramePool pool, int... frames) {
        int rest = frames.length;
        while (rest > 0) {
            rest = pool.putLast(frames, 0, rest);
        }
    }

    /** Returns in how many runs of consecutive frames some frames are. */
    private static int runs(int[] frames, int count) {
        int runs = 0;
        for (int i = 0; i < count; i++) {
            runs += i > 0 && frames[i] == frames[i - 1] + 1 ? 0 : 1;
        }
        return runs;
    }

    @Test
    @DisplayName("whole groups that are neighbours are one run, whichever of them was freed last")
    void neighbours() {
        FramePool pool = pool(16, 96);
        assertArrayEquals(run(16, 80), take(pool, 80));
        for (int last : new int[] {16, 32, 48}) {
            for (int group : new int[] {16, 32, 48}) {
                if (group != last) {
                    put(pool, run(group, 16));
                }
            }
            put(pool, run(last, 16));
            assertEquals(1, runs(take(pool, 48), 48), "group of frame " + last);
        }
        assertEquals(0, pool.size);
    }

    @Test
    @DisplayName("the first and the last group, which are not whole, are no part of a longer run of groups")
    void borders() {
        FramePool pool = pool(1, 40);
        assertArrayEquals(run(16, 16), Arrays.copyOf(take(pool, 39), 16));
        assertEquals(0, pool.size);
        put(pool, run(1, 39));
        int[] all = take(pool, 200);
        assertEquals(39, all.length);
        Arrays.sort(all);
        assertArrayEquals(run(1, 39), all);
    }

    @Test
    @DisplayName("four frames are taken from a group that has an aligned four, single ones from one that has none")
    void fours() {
        FramePool pool = pool(16, 64);
        take(pool, 48);
        put(pool, run(32, 16));
        put(pool, 21, 23, 24, 25, 26, 27);
        put(pool, 50, 51, 52, 53);
        assertArrayEquals(run(24, 4), take(pool, 4), "the whole group stays whole");
        assertArrayEquals(new int[] {21}, take(pool, 1));
        Magazine magazine = SmallMemory.frames(12, 1).newMagazine();
        pool.moveTo(magazine, 5);
        assertArrayEquals(new int[] {23, 53, 52, 51, 50}, Arrays.copyOf(magazine.frames, 5));
        assertArrayEquals(run(32, 3), take(pool, 3), "the rest of a run, if nothing else is left");
        pool.moveTo(magazine, 100);
        assertEquals(18, magazine.size);
        assertEquals(35, magazine.frames[17], "the first frame is taken first");
        assertEquals(0, pool.size);
    }

    @Test
    @DisplayName("an aligned run of four is taken from a whole group only if no other group has one")
    void aligned() {
        FramePool pool = pool(16, 64);
        assertEquals(16, aligned(pool, 16));
        assertEquals(32, aligned(pool, 4));
        assertEquals(48, aligned(pool, 16));
        assertEquals(36, aligned(pool, 4));
        assertEquals(Frames.NONE, aligned(pool, 16));
        assertArrayEquals(run(40, 2), take(pool, 2));
        assertEquals(44, aligned(pool, 4));
        assertEquals(Frames.NONE, aligned(pool, 4));
        assertEquals(2, pool.size);
        put(pool, 41, 40);
        assertEquals(40, aligned(pool, 4));
        assertEquals(0, pool.size);
    }

    private static int aligned(FramePool pool, int count) {
        return pool.takeAligned(count, count, Frames.NONE);
    }

    @Test
    @DisplayName("aligned runs of one read are neighbours, in whole groups if it wants as many frames")
    void alignedNeighbours() {
        FramePool pool = pool(16, 96);
        assertArrayEquals(run(16, 1), take(pool, 1));
        assertEquals(20, aligned(pool, 4));
        assertEquals(32, pool.takeAligned(4, 64, Frames.NONE), "and not in the group of which frames are taken");
        for (int next = 36; next < 96; next += 4) {
            assertEquals(next, pool.takeAligned(4, 96 - next, next));
        }
        assertEquals(24, pool.takeAligned(4, 8, 96), "where the pool ends");
        put(pool, run(64, 16));
        assertEquals(28, pool.takeAligned(4, 4, 32), "because the next one is in use");
        assertEquals(64, pool.takeAligned(16, 16, 1 << 20), "far behind the end");
    }

    @Test
    @DisplayName("frames that are freed one by one, in any order, form runs again")
    void formAgain() {
        FramePool pool = pool(16, 16 + 256);
        Random random = new Random(SEED);
        for (int round = 0; round < 100; round++) {
            int[] all = take(pool, 256);
            assertEquals(256, all.length);
            for (int i = all.length - 1; i > 0; i--) {
                int other = random.nextInt(i + 1);
                int frame = all[i];
                all[i] = all[other];
                all[other] = frame;
            }
            put(pool, all);
            int[] again = take(pool, 256);
            assertTrue(runs(again, 256) <= 16, "-Dsamara.seed=" + SEED);
            put(pool, again);
        }
    }

    @Test
    @DisplayName("a free frame that is freed again is found, and changes nothing")
    void freedTwice() {
        FramePool pool = pool(16, 32);
        int[] twice = {20};
        assertThrows(IllegalStateException.class, () -> pool.putLast(twice, 0, 1));
        assertArrayEquals(run(16, 16), take(pool, 17));
        assertThrows(IllegalStateException.class, () -> put(pool, 17, 17));
        assertEquals(0, take(pool, 17).length);
    }

    @Test
    @DisplayName("random takes and puts agree with a set of the free frames")
    void againstModel() {
        Random random = new Random(SEED);
        FramePool pool = new FramePool();
        Magazine magazine = SmallMemory.frames(12, 1).newMagazine();
        BitSet free = new BitSet();
        BitSet taken = new BitSet();
        int made = 1;
        int[] some = new int[64];
        for (int step = 0; step < 100_000; step++) {
            int most = 1 + random.nextInt(some.length);
            switch (random.nextInt(6)) {
                case 5 -> {
                    int count = random.nextBoolean() ? 4 : FramePool.GROUP;
                    int next = random.nextBoolean() ? Frames.NONE : count * random.nextInt(LIMIT / count);
                    boolean isFree = next > 0 && free.get(next, next + count).cardinality() == count;
                    int first = pool.takeAligned(count, most, next > 0 ? next : Frames.NONE);
                    assertTrue(!isFree || first == next, "-Dsamara.seed=" + SEED);
                    if (first == Frames.NONE) {
                        for (int at = 0; at < LIMIT; at += count) {
                            assertTrue(free.get(at, at + count).cardinality() < count, "-Dsamara.seed=" + SEED);
                        }
                    } else {
                        assertEquals(0, first % count);
                        move(run(first, count), count, free, taken);
                    }
                }
                case 0, 1 -> {
                    int count = pool.takeRuns(some, most);
                    assertEquals(Math.min(most, free.cardinality()), count);
                    move(some, count, free, taken);
                }
                case 2 -> {
                    pool.moveTo(magazine, most);
                    assertEquals(Math.min(most, free.cardinality()), magazine.size);
                    move(magazine.frames, magazine.size, free, taken);
                    int kept = random.nextInt(magazine.size + 1);
                    move(Arrays.copyOfRange(magazine.frames, kept, magazine.size), magazine.size - kept, taken, free);
                    pool.moveFrom(magazine, magazine.size - kept);
                    assertEquals(kept, magazine.size);
                    magazine.size = 0;
                }
                case 3 -> {
                    int count = 0;
                    int next = taken.nextSetBit(random.nextInt(LIMIT));
                    while (next >= 0 && count < most) {
                        some[count++] = next;
                        next = taken.nextSetBit(next + 1 + random.nextInt(2));
                    }
                    move(some, count, taken, free);
                    put(pool, Arrays.copyOf(some, count));
                }
                default -> {
                    int end = Math.min(LIMIT, made + random.nextInt(20));
                    pool.makeRoom(end, LIMIT);
                    pool.putNew(made, end);
                    free.set(made, end);
                    made = end;
                }
            }
            assertEquals(free.cardinality(), pool.size);
        }
        assertEquals(LIMIT, made);
        int[] rest = take(pool, LIMIT);
        move(rest, rest.length, free, taken);
        assertEquals(0, free.cardinality(), "no frame is lost");
    }

    /** Moves frames between two sets, each of which must be in the first one only. */
    private static void move(int[] frames, int count, BitSet from, BitSet to) {
        for (int i = 0; i < count; i++) {
            assertTrue(from.get(frames[i]) && !to.get(frames[i]), "frame " + frames[i] + ", -Dsamara.seed=" + SEED);
            from.clear(frames[i]);
            to.set(frames[i]);
        }
    }

    /** One thread that allocates and drops frames singly and in runs, and counts the owners of each frame. */
    private static final class Actor implements Runnable {
        private final Frames frames;
        private final Random random;
        private final AtomicIntegerArray owners;
        private final AtomicReference<@Nullable Throwable> failure;
        private final int[] held = new int[LIMIT];
        private int count;

        Actor(Frames frames, long seed, AtomicIntegerArray owners, AtomicReference<@Nullable Throwable> failure) {
            this.frames = frames;
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
                drop(count);
            } catch (Throwable thrown) {
                failure.compareAndSet(null, thrown);
            } finally {
                frames.discard(own);
            }
        }

        private void step(Magazine own) {
            switch (random.nextInt(6)) {
                case 5 -> {
                    int size = random.nextBoolean() ? 4 : 16;
                    int first = frames.allocateAligned(size, size, Frames.NONE);
                    for (int i = 0; first != Frames.NONE && i < size; i++) {
                        hold(first + i);
                    }
                }
                case 0, 1 -> {
                    int[] run = new int[1 + random.nextInt(40)];
                    int size = frames.allocateRuns(run, run.length);
                    for (int i = 0; i < size; i++) {
                        hold(run[i]);
                    }
                }
                case 2 -> {
                    int frame = frames.allocateDirty(own);
                    if (frame != Frames.NONE) {
                        hold(frame);
                    }
                }
                case 3 -> drop(Math.min(count, random.nextInt(80)));
                default -> {
                    if (count > 0) {
                        count--;
                        owners.getAndDecrement(held[count]);
                        frames.drop(held[count], own);
                    }
                }
            }
        }

        private void hold(int frame) {
            assertTrue(frame > Frames.ZERO && frame <= LIMIT, "frame " + frame);
            assertEquals(0, owners.getAndIncrement(frame), "allocated while it is in use");
            assertTrue(frames.isSole(frame));
            assertFalse(frames.isDirty(frame));
            frames.setDirty(frame);
            held[count++] = frame;
        }

        private void drop(int size) {
            int[] dropped = Arrays.copyOfRange(held, count - size, count);
            count -= size;
            for (int frame : dropped) {
                owners.getAndDecrement(frame);
            }
            frames.dropAll(dropped, size);
        }
    }

    @Test
    @DisplayName("I3, I8: four threads take and free runs and single frames: none is allocated twice, none is lost")
    void torture() throws InterruptedException {
        for (boolean poisons : new boolean[] {false, true}) {
            Frames frames = new Frames(new DirectFrames(12, 6, LIMIT + 1), 12, 6, LIMIT, poisons);
            AtomicIntegerArray owners = new AtomicIntegerArray(LIMIT + 1);
            AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
            Thread[] threads = new Thread[4];
            for (int i = 0; i < threads.length; i++) {
                threads[i] = new Thread(new Actor(frames, SEED + i, owners, failure));
                threads[i].start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertNull(failure.get(), () -> "-Dsamara.seed=" + SEED + ": " + failure.get());
            assertEquals(0, frames.inUse());
            Magazine magazine = frames.newMagazine();
            for (int i = 0; i < LIMIT; i++) {
                assertNotEquals(Frames.NONE, frames.allocateDirty(magazine), "none is lost");
            }
            assertEquals(Frames.NONE, frames.allocateDirty(magazine));
        }
    }

    @Test
    @DisplayName("dropAll frees only frames without other uses, and what it frees is allocated as a run again")
    void dropAll() {
        Frames frames = new Frames(new DirectFrames(12, 6, LIMIT + 1), 12, 6, LIMIT, false);
        int[] all = new int[64];
        assertEquals(64, frames.allocateRuns(all, 64));
        int pinned = all[5];
        int shared = all[40];
        frames.pin(pinned);
        frames.share(shared);
        long stamp = frames.reuseStamp(all[0]);
        int first = all[0];
        frames.dropAll(all.clone(), 64);
        assertEquals(stamp + 1, frames.reuseStamp(first));
        assertEquals(2, frames.inUse());
        assertTrue(frames.isPinned(pinned));
        frames.unpin(pinned);
        frames.drop(shared);
        assertEquals(0, frames.inUse());
        int[] again = new int[LIMIT];
        int count = frames.allocateRuns(again, LIMIT);
        assertTrue(
                count >= LIMIT - 2 && runs(again, count) <= LIMIT / FramePool.GROUP,
                count + " in " + runs(again, count));
    }

    @Test
    @DisplayName("a store that has refused is asked again once a frame was freed into the pool")
    void askedAfterDropAll() {
        boolean[] gives = {true};
        int[] asked = {0};
        DirectFrames direct = new DirectFrames(12, 4, LIMIT + 1);
        Frames frames = new Frames(
                (FrameStore) Proxy.newProxyInstance(
                        FramePoolTest.class.getClassLoader(),
                        new Class<?>[] {FrameStore.class},
                        (proxy, method, arguments) -> {
                            boolean grows = method.getName().equals("extend");
                            asked[0] += grows ? 1 : 0;
                            return grows && !gives[0] ? false : method.invoke(direct, arguments);
                        }),
                12,
                4,
                LIMIT,
                false,
                () -> 0,
                (thrown, frame) -> {});
        int[] some = new int[15];
        assertEquals(15, frames.allocateRuns(some, 15));
        gives[0] = false;
        assertEquals(0, frames.allocateRuns(new int[1], 1));
        assertEquals(0, frames.allocateRuns(new int[1], 1));
        assertEquals(2, asked[0]);
        frames.dropAll(some, 15);
        gives[0] = true;
        assertEquals(16, frames.allocateRuns(new int[16], 16));
        assertEquals(3, asked[0]);
    }
}
