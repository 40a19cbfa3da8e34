// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.bench.index.Range;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class KeySetTest {
    private static @Nullable Range covering(NavigableMap<Long, Range> map, long address) {
        Map.Entry<Long, Range> floor = map.floorEntry(address);
        return floor != null && address <= floor.getValue().last() ? floor.getValue() : null;
    }

    private static NavigableMap<Long, Range> map(KeySet keys) {
        NavigableMap<Long, Range> map = new TreeMap<>();
        keys.sorted().forEach(range -> map.put(range.first(), range));
        return map;
    }

    @Test
    @DisplayName("ranges are of 1 to 64 pages, with a hole of 1 to 64 pages before every third and no other")
    void shape() {
        KeySet keys = KeySet.of(1000);
        long next = keys.start();
        for (int i = 0; i < 1000; i++) {
            Range range = keys.sorted().get(i);
            assertPages(i % 3 == 0, range.first() - next);
            assertPages(true, range.last() + 1 - range.first());
            assertEquals(next, keys.holeBefore(i));
            next = range.last() + 1;
        }
        assertEquals(next, keys.end());
    }

    private static void assertPages(boolean some, long bytes) {
        assertEquals(0, bytes % KeySet.PAGE);
        long pages = bytes / KeySet.PAGE;
        assertTrue(some ? pages >= 1 && pages <= 64 : pages == 0, () -> "pages: " + pages);
    }

    @Test
    @DisplayName("the order of storing is shuffled, and equal in each run")
    void shuffled() {
        List<Range> shuffled = KeySet.of(1000).shuffled();
        assertNotEquals(KeySet.of(1000).sorted(), shuffled);
        assertEquals(new HashSet<>(KeySet.of(1000).sorted()), new HashSet<>(shuffled));
        assertEquals(KeySet.of(1000).shuffled(), shuffled);
    }

    @ParameterizedTest
    @ValueSource(strings = {AddressPattern.RANDOM, AddressPattern.SEQUENTIAL, AddressPattern.DEPENDENT})
    @DisplayName("three of four addresses that are anywhere hit a range")
    void hits(String pattern) {
        KeySet keys = KeySet.of(10_000);
        NavigableMap<Long, Range> map = map(keys);
        long hits = Arrays.stream(AddressPattern.draw(pattern, keys))
                .filter(address -> covering(map, address) != null)
                .count();
        assertEquals(0.75, (double) hits / AddressPattern.ADDRESSES, 0.01);
    }

    @Test
    @DisplayName("sequential addresses ascend, dependent ones are those of pages")
    void orders() {
        KeySet keys = KeySet.of(100);
        long[] sequential = AddressPattern.draw(AddressPattern.SEQUENTIAL, keys);
        for (int i = 1; i < sequential.length; i++) {
            assertTrue(sequential[i - 1] <= sequential[i]);
        }
        assertTrue(Arrays.stream(AddressPattern.draw(AddressPattern.DEPENDENT, keys))
                .allMatch(address -> address % KeySet.PAGE == 0));
        assertTrue(keys.sorted().stream().allMatch(range -> range.next() >= 0 && range.next() < KeySet.PAGE));
    }

    @Test
    @DisplayName("local addresses stay with the range found last or one beside it four times of five")
    void local() {
        KeySet keys = KeySet.of(10_000);
        NavigableMap<Long, Range> map = map(keys);
        Map<Range, Integer> places = new HashMap<>();
        keys.sorted().forEach(range -> places.put(range, places.size()));
        long[] addresses = AddressPattern.draw(AddressPattern.LOCAL, keys);
        int near = 0;
        int found = 0;
        for (long address : addresses) {
            Range range = covering(map, address);
            if (range != null) {
                int at = places.getOrDefault(range, -1);
                if (Math.abs(at - found) <= 1) {
                    near++;
                }
                found = at;
            }
        }
        assertEquals(0.8, (double) near / addresses.length, 0.01);
    }

    @ParameterizedTest
    @CsvSource({"1, 0.5", "9, 0.1"})
    @DisplayName("a key set with holes elsewhere has as much room as it should")
    void room(int rangesPerHole, double share) {
        KeySet keys = KeySet.of(10_000, rangesPerHole);
        long taken = keys.sorted().stream()
                .mapToLong(range -> range.last() + 1 - range.first())
                .sum();
        assertEquals(share, 1 - (double) taken / (keys.end() - keys.start()), 0.01);
    }

    @ParameterizedTest
    @ValueSource(strings = {"RANDOM", "sequentiel"})
    @DisplayName("another pattern is refused")
    void noPattern(String name) {
        KeySet keys = KeySet.of(3);
        assertThrows(IllegalArgumentException.class, () -> AddressPattern.draw(name, keys));
    }
}
