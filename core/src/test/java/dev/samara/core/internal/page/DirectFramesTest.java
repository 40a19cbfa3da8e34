// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.vma.FrameStore;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares the bytes of frames with an array of the expected bytes. */
final class DirectFramesTest {
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
                assertEquals(value & mask, store.compareAndExchange(frame, offset, size, value + 1, 0), "not expected");
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
    @DisplayName("exchanges that contend, in one place and in its neighbours, lose no count and spill over into none")
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
