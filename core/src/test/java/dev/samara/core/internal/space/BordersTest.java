// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.space.Districts.LayoutParts;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import java.util.Arrays;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The borders of a divided layout are chosen by these rules")
final class BordersTest {
    private static final long PAGE = 0x1000;

    private final MapleTree<VmArea> tree = new MapleTree<>();

    private void map(long start, long end) {
        tree.store(start, end - 1, new VmArea(start, end, 0, 0, null, null, null));
    }

    private static long[] numbers(String numbers) {
        return numbers.isBlank()
                ? BorderSearch.NONE
                : Arrays.stream(numbers.trim().split(" +"))
                        .mapToLong(each -> Long.parseUnsignedLong(each, 16))
                        .toArray();
    }

    @ParameterizedTest
    @CsvSource({
        // the whole range is one address
        "4, 4, 4",
        "7, 7, 7",
        // an end is the most aligned address
        "4, 7, 4",
        "5, 8, 8",
        "1, 1, 1",
        // an address between the ends is the most aligned one
        "5, b, 8",
        "1, ffff, 8000",
        "11000, 2f000, 20000",
        // a lower power of two, in the last part of the range
        "9, f, c",
        "13, 15, 14",
        // addresses compare as unsigned
        "7fffffffffffff00, 80000000000000ff, 8000000000000000",
        "ffffffffffff1000, ffffffffffff5000, ffffffffffff4000"
    })
    @DisplayName("the most aligned address of a range is the one with the most zeros at its end")
    void mostAligned(String from, String to, String expected) {
        assertEquals(
                expected,
                Long.toHexString(
                        BorderSearch.mostAligned(Long.parseUnsignedLong(from, 16), Long.parseUnsignedLong(to, 16))));
    }

    @Test
    @DisplayName("and there is one such address in each range")
    void mostAlignedOfAll() {
        for (long from = 1; from < 70; from++) {
            for (long to = from; to < 140; to++) {
                long best = from;
                for (long each = from; each <= to; each++) {
                    best = Long.numberOfTrailingZeros(each) > Long.numberOfTrailingZeros(best) ? each : best;
                }
                assertEquals(best, BorderSearch.mostAligned(from, to), from + " to " + to);
            }
        }
    }

    @Test
    @DisplayName("a VMA lies across the addresses inside of it, and neither its start nor its end")
    void crossed() {
        map(4 * PAGE, 8 * PAGE);
        assertFalse(BorderSearch.isCrossed(tree, 3 * PAGE));
        assertFalse(BorderSearch.isCrossed(tree, 4 * PAGE));
        assertTrue(BorderSearch.isCrossed(tree, 4 * PAGE + 1));
        assertTrue(BorderSearch.isCrossed(tree, 7 * PAGE));
        assertFalse(BorderSearch.isCrossed(tree, 8 * PAGE));
        map(8 * PAGE, 9 * PAGE);
        assertFalse(BorderSearch.isCrossed(tree, 8 * PAGE));
    }

    @ParameterizedTest
    @CsvSource({
        "'1000 2000 3000 4000', 2000, 4000, '1000 2000 4000'",
        "'1000 2000 3000 4000', 2001, 4000, '1000 2000 4000'",
        "'1000 2000 3000 4000', 1fff, 3fff, '1000 4000'",
        "'1000 2000 3000 4000', 0, ffffffffffffffff, ''",
        "'1000 2000', 3000, 4000, '1000 2000'",
        "'2000', 2000, 2000, '2000'",
        "'1000 7fff000000000000 8000000000001000', 7f00000000000000, 8000000000002000, '1000'",
        "'', 0, 1000, ''"
    })
    @DisplayName("the addresses inside of a range are left out, and its ends stay")
    void outside(String borders, String start, String end, String left) {
        long[] before = numbers(borders);
        long[] given = before.clone();
        long from = Long.parseUnsignedLong(start, 16);
        long to = Long.parseUnsignedLong(end, 16);
        assertArrayEquals(numbers(left), BorderSearch.outside(given, from, to));
        assertArrayEquals(before, given, "the argument is as it was");
        int count = BorderSearch.leaveOut(given, given.length, from, to);
        assertArrayEquals(numbers(left), Arrays.copyOf(given, count));
    }

    @Test
    @DisplayName("only the first addresses of an array are looked at, and the rest stays")
    void firstOnes() {
        long[] borders = {0x1000, 0x2000, 0x3000, 0x4000};
        assertEquals(1, BorderSearch.leaveOut(borders, 2, 0x1800, 0x5000));
        assertArrayEquals(new long[] {0x1000, 0x2000, 0x3000, 0x4000}, borders);
        map(0x2000, 0x3000);
        map(0x800, 0x1800);
        assertEquals(2, BorderSearch.leaveOutCrossed(borders, 3, tree));
        assertArrayEquals(new long[] {0x2000, 0x3000, 0x3000, 0x4000}, borders);
    }

    @ParameterizedTest
    @CsvSource({
        "'1000 2000 3000', '2000', '1000 3000'",
        "'1000 2000 3000', '3000 1000', '2000'",
        "'1000 2000 3000', '', '1000 2000 3000'",
        "'1000 2000', '1000 2000 4000', ''",
        "'', '1000', ''"
    })
    @DisplayName("borders without others are those that the others do not have")
    void without(String borders, String others, String expected) {
        assertArrayEquals(numbers(expected), BorderSearch.without(numbers(borders), numbers(others)));
    }

    @ParameterizedTest
    @CsvSource({"'', ''", "'1', '1'", "'1 1 1', '1'", "'1 1 2 3 3', '1 2 3'", "'0 0 5', '0 5'", "'2 4 6', '2 4 6'"})
    @DisplayName("distinct addresses are each of them once")
    void distinct(String sorted, String expected) {
        assertArrayEquals(numbers(expected), BorderSearch.distinct(numbers(sorted)));
    }

    @ParameterizedTest
    @CsvSource({
        // room for all
        "'10 30', '20 40', 15, '10 20 30 40'",
        "'10 30', '20 40', 4, '10 20 30 40'",
        // those that exist already take no room
        "'10 30', '10 20 30', 3, '10 20 30'",
        "'10 30', '30 10', 2, '10 30'",
        "'10 30', '10 30 50', 3, '10 30 50'",
        // room for some: spread evenly
        "'', '1 2 3 4 5', 1, '3'",
        "'', '1 2 3 4 5', 2, '2 4'",
        "'', '1 2 3 4 5', 3, '2 3 4'",
        "'', '1 2 3 4 5', 4, '2 3 4 5'",
        "'', '1 2 3 4 5', 5, '1 2 3 4 5'",
        "'100', '1 2 3', 2, '2 100'",
        "'100', '1 2 3', 3, '2 3 100'",
        // no room, or negative room
        "'10 20', '30', 2, '10 20'",
        "'10 20 30', '40', 2, '10 20 30'",
        // no new ones, and no old ones
        "'10 20', '', 15, '10 20'",
        "'', '', 15, ''",
        // old ones in any order, each one once; unsigned
        "'20 10 20', '', 15, '10 20'",
        "'8000000000000000', '7000000000000000', 15, '7000000000000000 8000000000000000'"
    })
    @DisplayName("old borders stay, and new ones come as far as there is room, evenly between the others")
    void merged(String old, String more, int most, String expected) {
        assertArrayEquals(numbers(expected), BorderSearch.merged(numbers(old), numbers(more), most));
    }

    @Test
    @DisplayName("the borders of parts are the starts of all but the first one")
    void ofParts() {
        LayoutParts parts = UnusedPartsTest.parts(0x1000, 0x2000, 0x5000);
        assertArrayEquals(new long[] {0x1000, 0x2000, 0x5000}, LayoutParts.borders(parts.districts));
        assertArrayEquals(BorderSearch.NONE, LayoutParts.borders(UnusedPartsTest.parts().districts));
    }

    @ParameterizedTest
    @CsvSource({
        "0, ''",
        "2, '1000'",
        "4, '2000'",
        "8, '5000'",
        "e, '1000 2000 5000'",
        // no border below the first part: the one above it
        "1, '1000'",
        "5, '1000 2000'",
        "9, '1000 5000'"
    })
    @DisplayName("the border of a part is the one below it; of the first part, the one above it")
    void below(String chosen, String expected) {
        LayoutParts parts = UnusedPartsTest.parts(0x1000, 0x2000, 0x5000);
        assertArrayEquals(numbers(expected), parts.bordersBelow(Integer.parseInt(chosen, 16)));
    }
}
