// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.AllocatedBytes;
import dev.samara.core.internal.space.District.LockHoldTimes;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A histogram of hold times")
final class LockHoldTimesTest {
    private static final int BUCKETS = new LockHoldTimes().copy().length;
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    static {
        System.out.println("LockHoldTimesTest: -Dsamara.seed=" + SEED);
    }

    private static void check(long nanos) {
        int bucket = LockHoldTimes.bucket(nanos);
        assertTrue(bucket >= 0 && bucket < BUCKETS, () -> nanos + " in " + bucket);
        long highest = LockHoldTimes.highest(bucket);
        assertTrue(highest >= nanos, () -> nanos + " in " + bucket + " up to " + highest);
        assertEquals(bucket, LockHoldTimes.bucket(highest));
        assertTrue(bucket == 0 || LockHoldTimes.highest(bucket - 1) < nanos, () -> nanos + " fits a lower bucket");
        assertTrue(highest - nanos <= nanos / 8, () -> nanos + " is rounded up to " + highest);
    }

    @Test
    @DisplayName("puts every value into the bucket that ends with it or at most an eighth above it, at all magnitudes")
    void buckets() {
        for (long nanos = 0; nanos < 5000; nanos++) {
            check(nanos);
        }
        Random random = new Random(SEED);
        for (int bit = 0; bit < Long.SIZE - 1; bit++) {
            long power = 1L << bit;
            check(power - 1);
            check(power);
            check(power + 1);
            for (int i = 0; i < 100; i++) {
                check(power | (random.nextLong() & (power - 1)));
            }
        }
        check(Long.MAX_VALUE);
    }

    @Test
    @DisplayName("has buckets that follow each other without gap up to the longest time there is")
    void noGap() {
        int last = LockHoldTimes.bucket(Long.MAX_VALUE);
        assertEquals(Long.MAX_VALUE, LockHoldTimes.highest(last));
        for (int bucket = 1; bucket <= last; bucket++) {
            assertEquals(bucket, LockHoldTimes.bucket(LockHoldTimes.highest(bucket - 1) + 1));
        }
    }

    @Test
    @DisplayName("measures one hold in a period, and those only that have ended")
    void period() {
        LockHoldTimes times = new LockHoldTimes();
        for (int hold = 1; hold <= 5 * LockHoldTimes.PERIOD; hold++) {
            times.begin();
            assertEquals(
                    (hold - 1) / LockHoldTimes.PERIOD,
                    Arrays.stream(times.copy()).sum());
            times.end();
            assertEquals(
                    hold / LockHoldTimes.PERIOD, Arrays.stream(times.copy()).sum());
        }
    }

    @Test
    @DisplayName("allocates at the beginning of a hold, where a failure is kept, and never at its end")
    void allocatesAtBeginning() {
        LockHoldTimes times = new LockHoldTimes();
        long allocated = 0;
        for (int hold = 0; hold < LockHoldTimes.PERIOD; hold++) {
            times.begin();
            long before = AllocatedBytes.now();
            times.end();
            // Only the last hold, which is measured, counts. The measurement itself allocates some boxes, and more of
            // them at first.
            allocated = AllocatedBytes.now() - before;
        }
        assertEquals(1, Arrays.stream(times.copy()).sum());
        assertTrue(allocated < (long) Long.BYTES * BUCKETS, allocated + " bytes");
    }

    @Test
    @DisplayName("gives out copies")
    void copies() {
        LockHoldTimes times = new LockHoldTimes();
        times.copy()[0] = 5;
        for (int hold = 0; hold < LockHoldTimes.PERIOD; hold++) {
            times.begin();
            times.end();
        }
        long[] early = times.copy();
        Arrays.fill(early, 9);
        assertEquals(1, Arrays.stream(times.copy()).sum());
    }
}
