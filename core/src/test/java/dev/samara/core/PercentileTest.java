// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static dev.samara.core.fixture.Refusal.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The percentiles of hold times")
final class PercentileTest {
    /**
     * Returns the longest times of the buckets, computed independently: up to 15 ns, one bucket for each nanosecond;
     * above, eight buckets for each power of two.
     */
    private static List<Long> ends() {
        List<Long> ends = new ArrayList<>();
        for (long end = 0; end < 16; end++) {
            ends.add(end);
        }
        long end = 15;
        for (long step = 2; ends.size() < 512; step *= 2) {
            for (int i = 0; i < 8; i++) {
                end += step;
                ends.add(end);
            }
        }
        return ends;
    }

    /** Returns one hold in each of the lowest hundred buckets. */
    private static HoldTimes hundred() {
        long[] counts = new long[512];
        for (int i = 0; i < 100; i++) {
            counts[i] = 1;
        }
        return new HoldTimes(counts);
    }

    @Test
    @DisplayName("are the time of the first hold with so many at or below it, exactly, for each whole percentile")
    void whole() {
        HoldTimes times = hundred();
        List<Long> ends = ends();
        assertEquals(100, times.count());
        for (int percentile = 1; percentile <= 100; percentile++) {
            assertEquals(ends.get(percentile - 1), times.atPercentile(percentile), "at " + percentile);
        }
        assertEquals(24_575, times.max());
    }

    @Test
    @DisplayName("lie at the next hold above, where they fall between two")
    void between() {
        HoldTimes times = hundred();
        assertEquals(0, times.atPercentile(Double.MIN_VALUE));
        assertEquals(0, times.atPercentile(0.5));
        assertEquals(351, times.atPercentile(50.5));
        assertEquals(24_575, times.atPercentile(99.01));
    }

    @Test
    @DisplayName("skip empty buckets")
    void sparse() {
        long[] counts = new long[512];
        counts[20] = 3;
        counts[200] = 1;
        HoldTimes times = new HoldTimes(counts);
        assertEquals(25, times.atPercentile(0.1));
        assertEquals(25, times.atPercentile(75));
        assertEquals(150_994_943, times.atPercentile(75.1));
        assertEquals(150_994_943, times.max());
        assertEquals("4 holds, median 25 ns, 99 % 150994943 ns, longest 150994943 ns", times.toString());
    }

    @Test
    @DisplayName("of no holds are 0")
    void none() {
        HoldTimes times =
                Machine.builder().build().newSpace(Geometry.LINUX_X86_64).holdTimes();
        assertEquals(0, times.count());
        assertEquals(0, times.max());
        assertEquals(0, times.atPercentile(50));
    }

    @Test
    @DisplayName("that are none are refused by value")
    void bad() {
        HoldTimes times = hundred();
        for (double bad : new double[] {0, -1, 100.1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertRefused(
                    IllegalArgumentException.class, () -> times.atPercentile(bad), "percentile " + bad, "at most 100");
        }
    }

    @Test
    @DisplayName("grow in number with the calls, one in about sixty")
    void grow() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        long before = space.holdTimes().count();
        for (int call = 0; call < 61 * 10; call++) {
            assertEquals(0, space.munmap(0x1000, 0x1000));
        }
        assertEquals(before + 10, space.holdTimes().count());
    }
}
