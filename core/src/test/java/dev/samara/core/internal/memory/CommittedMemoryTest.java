// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("P46: committed memory is refused exactly at its limit")
final class CommittedMemoryTest {
    private static final int THREADS = 8;
    private static final int STEPS = 100_000;
    private static final long MEBIBYTE = 1 << 20;

    private static boolean chargeOnOtherThread(CommittedMemory memory, long bytes) throws InterruptedException {
        AtomicBoolean isCharged = new AtomicBoolean();
        Thread other = new Thread(() -> isCharged.set(memory.charge(bytes)));
        other.start();
        other.join();
        return isCharged.get();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 100, 15 * MEBIBYTE, 16 * MEBIBYTE, 64 * MEBIBYTE + 1, 1L << 50, Long.MAX_VALUE})
    @DisplayName("one thread may charge all, and no byte more")
    void oneThread(long limit) {
        CommittedMemory memory = new CommittedMemory(limit);
        assertTrue(memory.isStrict);
        long rest = limit;
        while (rest != 0) {
            long some = rest / 3 + 1;
            assertTrue(memory.charge(some), () -> memory.bytes() + " of " + limit);
            rest -= some;
        }
        assertEquals(limit, memory.bytes());
        assertTrue(memory.charge(0));
        assertFalse(memory.charge(1));
        memory.uncharge(limit);
        assertEquals(0, memory.bytes());
        assertTrue(memory.charge(limit));
    }

    @Test
    @DisplayName("each of many threads may charge up to the last byte, which only one of two gets")
    void lastByte() throws Exception {
        CommittedMemory memory = new CommittedMemory(100 * MEBIBYTE);
        for (int i = 0; i < 2 * THREADS; i++) {
            assertTrue(chargeOnOtherThread(memory, 6 * MEBIBYTE));
        }
        assertEquals(96 * MEBIBYTE, memory.bytes());
        assertFalse(chargeOnOtherThread(memory, 4 * MEBIBYTE + 1));
        assertTrue(chargeOnOtherThread(memory, 4 * MEBIBYTE - 1));
        assertTrue(chargeOnOtherThread(memory, 1));
        assertFalse(chargeOnOtherThread(memory, 1));
    }

    @Test
    @DisplayName("a charge regardless of the limit counts for all threads")
    void regardless() throws Exception {
        CommittedMemory memory = new CommittedMemory(64 * MEBIBYTE);
        memory.uncharge(-65 * MEBIBYTE);
        for (int i = 0; i < THREADS; i++) {
            assertFalse(chargeOnOtherThread(memory, 1));
        }
        assertEquals(65 * MEBIBYTE, memory.bytes());
        memory.uncharge(2 * MEBIBYTE);
        assertFalse(chargeOnOtherThread(memory, MEBIBYTE + 1));
        assertTrue(chargeOnOtherThread(memory, MEBIBYTE));
    }

    @Test
    @DisplayName("without a limit nothing is refused, and all is counted")
    void unlimited() throws Exception {
        CommittedMemory memory = new CommittedMemory(CommittedMemory.UNLIMITED);
        assertFalse(memory.isStrict);
        for (int i = 0; i < THREADS; i++) {
            assertTrue(chargeOnOtherThread(memory, 1L << 57));
        }
        assertEquals(THREADS * (1L << 57), memory.bytes());
        memory.uncharge(THREADS * (1L << 57));
        assertEquals(0, memory.bytes());
    }

    @ParameterizedTest
    @ValueSource(longs = {1, MEBIBYTE, 8 * MEBIBYTE, 1L << 40})
    @DisplayName("never early: threads whose bounds together are the limit are never refused")
    void neverEarly(long bound) {
        CommittedMemory memory = new CommittedMemory(THREADS * bound);
        IntStream.range(0, THREADS).parallel().mapToObj(Random::new).forEach(random -> {
            long held = 0;
            for (int i = 0; i < STEPS; i++) {
                if (held == bound) {
                    long some = random.nextInt(4) == 0 ? bound : (random.nextLong() >>> 1) % bound;
                    memory.uncharge(some);
                    held -= some;
                } else {
                    long some = Math.min(bound - held, bound / 4 + 1);
                    assertTrue(memory.charge(some), "refused early");
                    held += some;
                }
            }
            memory.uncharge(held);
        });
        assertEquals(0, memory.bytes());
    }

    @ParameterizedTest
    @ValueSource(longs = {8, 16 * MEBIBYTE, 100 * MEBIBYTE})
    @DisplayName("never late: what threads have charged never exceeds the limit")
    void neverLate(long limit) {
        CommittedMemory memory = new CommittedMemory(limit);
        AtomicLong held = new AtomicLong();
        IntStream.range(0, THREADS).parallel().mapToObj(Random::new).forEach(random -> {
            long own = 0;
            for (int i = 0; i < STEPS; i++) {
                long some = 1 + (random.nextLong() >>> 1) % (limit / 2);
                if (memory.charge(some)) {
                    // Never more than the charge, because it is incremented after a charge and decremented before an
                    // uncharge.
                    long all = held.addAndGet(some);
                    assertTrue(all <= limit, () -> "charged late: " + all + " of " + limit);
                    own += some;
                } else {
                    held.addAndGet(-own);
                    memory.uncharge(own);
                    own = 0;
                }
                if (i % 64 == 0) {
                    long counted = memory.bytes();
                    assertTrue(counted >= own && counted <= limit, () -> counted + " of " + limit);
                }
            }
            held.addAndGet(-own);
            memory.uncharge(own);
        });
        assertEquals(0, memory.bytes());
        assertTrue(memory.charge(limit));
    }
}
