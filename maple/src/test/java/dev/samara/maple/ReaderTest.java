// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A.1 A.4: a reader, and a batch, find what get finds")
class ReaderTest {

    private final MapleTree<Object> tree = new MapleTree<>();

    /** With a step of 2, every pivot is odd; with a step of 1, every other pivot is even. */
    @ParameterizedTest
    @CsvSource({"5, 2", "5, 1", "60, 2", "60, 1", "3000, 2", "3000, 1"})
    void findsWhatGetFindsWhateverIsEditedBetween(int entries, long step) {
        Random random = new Random(entries + step);
        Reader<Object> reader = tree.reader();
        long span = 4 * step * entries;
        for (int round = 0; round < 20_000; round++) {
            edit(random, span, step);
            long near = random.nextLong(span + 10);
            for (int k = 0; k < 4; k++) {
                long index = k == 3 ? random.nextLong() : near + random.nextInt(5);
                assertSame(tree.get(index), reader.get(index), () -> "index " + index + "\n" + tree.dump());
            }
        }
        tree.validate();
    }

    /** With a step of 2, leaves use lanes; with a step of 1, they use halves with even pivots. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void findsWhatGetFindsInATreeOfSeveralLevels(long step) {
        int entries = 6_000;
        for (int i = 0; i < entries; i++) {
            tree.store(3 * step * i, 3 * step * i + step - 1, i);
        }
        assertTrue(tree.rootAcquire().level >= LeafNode.LANES_FROM_LEVEL);
        Reader<Object> reader = tree.reader();
        Random random = new Random(step);
        long span = 3 * step * entries;
        for (int round = 0; round < 20_000; round++) {
            long first = random.nextLong(span / step) * step;
            if (random.nextBoolean()) {
                tree.store(first, first + step - 1, round);
            } else {
                tree.erase(first, first + step - 1);
            }
            long near = random.nextBoolean() ? first : random.nextLong(span);
            for (int k = 0; k < 4; k++) {
                long index = Math.max(0, near + random.nextInt((int) (40 * step)) - 20 * step);
                assertSame(tree.get(index), reader.get(index), () -> "index " + index);
            }
        }
        tree.validate();
    }

    private void edit(Random random, long span, long step) {
        long first = random.nextLong(span / step) * step;
        long last = first + step * (1 + random.nextInt(3)) - 1;
        Object value = random.nextInt();
        switch (random.nextInt(12)) {
            case 0 -> tree.erase(first, first + span / 2, "owner");
            case 1 ->
                tree.update(t -> {
                    t.erase(first, last, "owner");
                    t.reserve(first, last, "owner");
                });
            case 2 -> tree.update(t -> t.store(first, last, value, "owner"));
            case 3 -> tree.snapshot();
            case 4, 5 -> tree.erase(first, last, "owner");
            case 6, 7 -> tree.store(first, last, value, "owner");
            default -> {
                // An edit without an owner may be made in place.
                if (tree.reservationIn(first, last) == null) {
                    tree.store(first, last, value);
                }
            }
        }
    }

    @Test
    void bothEndsOfTheIndexSpace() {
        Reader<Object> reader = tree.reader();
        assertNull(reader.get(0));
        assertNull(reader.get(-1L));
        for (int i = 0; i < 100; i++) {
            tree.store(4L * i, 4L * i + 1, i);
        }
        tree.store(Long.MAX_VALUE, Long.MIN_VALUE, "middle");
        tree.store(-1L, -1L, "end");
        assertEquals(0, reader.get(0));
        assertEquals("end", reader.get(-1L));
        assertNull(reader.get(-2L));
        assertEquals("middle", reader.get(Long.MIN_VALUE));
        assertEquals("middle", reader.get(Long.MAX_VALUE));
        assertNull(reader.get(Long.MAX_VALUE - 1));
        tree.erase(0, -1L);
        assertNull(reader.get(0));
    }

    @ParameterizedTest
    @CsvSource({"0, 2", "5, 2", "60, 1", "60, 2", "3000, 2"})
    void batchesOfAnyLength(int entries, long step) {
        Random random = new Random(entries);
        for (int i = 0; i < entries; i++) {
            edit(random, 4 * step * entries, step);
        }
        for (int length = 0; length < 23; length++) {
            long[] indexes = random.longs(length, 0, 4 * step * entries + 1).toArray();
            @Nullable Object[] expected = new @Nullable Object[length + 2];
            Arrays.fill(expected, "left as it is");
            @Nullable Object[] values = expected.clone();
            for (int i = 0; i < length; i++) {
                expected[i] = tree.get(indexes[i]);
            }
            tree.getAll(indexes, values);
            assertArrayEquals(expected, values);
        }
    }

    @Test
    void tooShortForTheBatch() {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> tree.getAll(new long[3], new @Nullable Object[2]));
        assertEquals("values has length 2, less than 3, that of indexes", e.getMessage());
    }

    @Test
    void aTreeOfOneLeafIsFollowed() {
        Reader<Object> reader = tree.reader();
        tree.store(1, 2, "a");
        assertEquals("a", reader.get(1));
        tree.store(1, 2, "b");
        assertEquals("b", reader.get(1));
        for (int i = 0; i < 40; i++) {
            tree.store(10 * i + 10, 10 * i + 11, i);
        }
        assertEquals("b", reader.get(2));
        tree.erase(1, 2);
        assertNull(reader.get(2));
        assertFalse(tree.rootAcquire().hasOneLeaf());
        tree.erase(0, -1L);
        assertTrue(tree.rootAcquire().hasOneLeaf());
        assertNull(reader.get(2));
    }
}
