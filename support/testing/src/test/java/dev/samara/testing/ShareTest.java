// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A share of an exploration")
final class ShareTest {
    private static final List<Integer> ALL = IntStream.range(0, 103).boxed().toList();

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 10})
    @DisplayName("of consecutive seeds covers the whole, and each step as often as any other")
    void covers(int parts) {
        List<Integer> seen = new ArrayList<>();
        for (int seed = 20_261_126; seed < 20_261_126 + 10; seed++) {
            seen.addAll(new Share("sweep", 10, parts, seed).of(ALL));
        }
        Collections.sort(seen);
        List<Integer> expected = new ArrayList<>();
        for (int step : ALL) {
            expected.addAll(Collections.nCopies(parts, step));
        }
        assertEquals(expected, seen);
    }

    @Test
    @DisplayName("has the same steps for the same seed, and others for the next one and for another exploration")
    void isRepeatable() {
        List<Integer> chosen = new Share("sweep", 10, 1, 5).of(ALL);
        assertEquals(chosen, new Share("sweep", 10, 1, 5).of(ALL));
        assertNotEquals(chosen, new Share("sweep", 10, 1, 6).of(ALL));
        assertNotEquals(chosen, new Share("pairs", 10, 1, 5).of(ALL));
    }

    @Test
    @DisplayName("is the whole if it has as many parts, or more")
    void whole() {
        assertTrue(new Share("sweep", 4, 9, 1).isWhole());
        assertEquals(ALL.size(), new Share("sweep", 4, 4, -1).of(ALL).size());
        assertFalse(new Share("sweep", 4, 3, 1).isWhole());
    }

    @Test
    @DisplayName("of a list has one element at least, and none of an empty list")
    void isNotEmpty() {
        for (long seed : new long[] {Long.MIN_VALUE, -1, 0, 1, Long.MAX_VALUE}) {
            assertEquals(1, new Share("sweep", 1000, 1, seed).of(List.of("one")).size());
            assertEquals(List.of(), new Share("sweep", 1000, 1, seed).of(List.of()));
        }
    }

    @Test
    @DisplayName("of a random run is a part of its steps, and one at least")
    void steps() {
        assertEquals(200_000, new Share("run", 10, 2, 3).steps(1_000_000));
        assertEquals(Integer.MAX_VALUE, new Share("run", 10, 10, 3).steps(Integer.MAX_VALUE));
        assertEquals(1, new Share("run", 10, 1, 3).steps(9));
    }

    @Test
    @DisplayName("says what to set for the same share again")
    void text() {
        assertEquals("sweep: 2 of 10 parts, -Dsamara.explore.seed=7", new Share("sweep", 10, 2, 7).toString());
    }

    @Test
    @DisplayName("is a fraction of a part if the property says so")
    void fraction() {
        String before = System.setProperty(Share.PARTS, "1/4");
        try {
            assertEquals(
                    "sweep: 1 of 40 parts", Share.of("sweep", 10).toString().split(",", -1)[0]);
            System.setProperty(Share.PARTS, "all");
            assertTrue(Share.of("sweep", 10).isWhole());
        } finally {
            if (before == null) {
                System.clearProperty(Share.PARTS);
            } else {
                System.setProperty(Share.PARTS, before);
            }
        }
    }

    @Test
    @DisplayName("of no parts is refused")
    void refused() {
        assertThrows(IllegalArgumentException.class, () -> new Share("sweep", 0, 1, 1));
        assertThrows(IllegalArgumentException.class, () -> new Share("sweep", 1, 0, 1));
    }
}
