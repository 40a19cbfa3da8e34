// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.internal.space.BorderSearch.RecentCrossings;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The borders between the places of threads that meet")
final class ContentionBordersTest {
    private static final long PAGE = 0x1000;

    private final ContentionByHand contention = new ContentionByHand();

    private static long[] range(String text) {
        String[] bounds = text.split("-", 2);
        return new long[] {Long.parseUnsignedLong(bounds[0], 16), Long.parseUnsignedLong(bounds[1], 16)};
    }

    /** Makes threads meet, each in a different place. */
    private void meetAt(String places) {
        int thread = 0;
        for (String place : places.split(" ", -1)) {
            contention.meets(thread++, range(place)[0], range(place)[1]);
        }
    }

    private String borders(String mappings, String crossings) {
        MapleTree<VmArea> tree = new MapleTree<>();
        RecentCrossings noted = RecentCrossings.NONE;
        for (String each : mappings.isBlank() ? new String[0] : mappings.split(" ", -1)) {
            long[] mapped = range(each);
            tree.store(mapped[0], mapped[1] - 1, new VmArea(mapped[0], mapped[1], 0, 0, null, null, null));
        }
        for (String each : crossings.isBlank() ? new String[0] : crossings.split(" ", -1)) {
            noted = noted.with(range(each)[0], range(each)[1]);
        }
        return Arrays.stream(contention.borders(tree, PAGE, noted))
                .mapToObj(Long::toHexString)
                .collect(Collectors.joining(" "));
    }

    @ParameterizedTest
    @CsvSource({
        // a page below the most aligned address
        "'10000-14000 18000-1c000', 17000",
        "'18000-1c000 10000-14000', 17000",
        "'10000-14000 1c000-1d000', 17000",
        // the most aligned address itself, if the range starts with it
        "'10000-18000 1c000-1d000', 18000",
        "'10000-14000 14000-18000', 14000",
        "'10000-14000 15000-18000', 14000",
        // rounded to pages, away from both places
        "'10000-13001 14fff-18000', 14000",
        "'10000-13001 14000-18000', 14000",
        "'10000-13fff 15001-18000', 14000",
        "'10000-14001 14fff-18000', ''",
        // the places overlap
        "'10000-14001 14000-18000', ''",
        "'10000-20000 14000-18000', ''",
        "'10000-14000 10000-14000', ''",
        // one thread
        "'10000-14000', ''",
        // a place within another one does not end it
        "'10000-20000 12000-13000 28000-29000', 20000",
        "'10000-20000 12000-13000 1f000-29000', ''",
        // several, ascending, whatever the order of the meetings
        "'50000-51000 10000-11000 30000-31000', '1f000 3f000'",
        "'10000-11000 11000-12000 12000-13000', '11000 12000'",
        // unsigned
        "'7fffffffffff0000-7fffffffffff4000 8000000000004000-8000000000005000', 7ffffffffffff000",
        "'8000000000004000-8000000000005000 7fffffffffff0000-7fffffffffff4000', 7ffffffffffff000",
        // nothing is behind the last page
        "'ffffffffffffff00-ffffffffffffff10 ffffffffffffff20-ffffffffffffff30', ''"
    })
    @DisplayName("lie a page below the most aligned address between the two places")
    void ofPlaces(String places, String expected) {
        meetAt(places);
        assertEquals(expected, borders("", ""));
    }

    @ParameterizedTest
    @CsvSource({
        // not in the way: the mapping starts or ends there
        "'17000-19000', 17000",
        "'15000-17000', 17000",
        "'15000-17000 17000-19000', 17000",
        // the mapping crosses the border: its start
        "'16000-19000', 16000",
        "'14000-20000', 14000",
        "'16000-30000', 16000",
        // it starts below the range: its end
        "'10000-18000', 18000",
        "'13000-1c000', 1c000",
        // and its end is beyond the range
        "'13000-1d000', ''",
        "'10000-20000', ''",
        // another mapping starts at its end
        "'10000-18000 18000-1c000', 18000"
    })
    @DisplayName("move to an end of the mapping that lies across, or there is none")
    void mapped(String mappings, String expected) {
        meetAt("10000-14000 1c000-20000");
        assertEquals(expected, borders(mappings, ""));
    }

    @ParameterizedTest
    @CsvSource({
        "'', '16000-18000', 18000",
        "'', '16000-1c000', 1c000",
        "'', '16000-1d000', 16000",
        "'', '13000-1d000', ''",
        "'', '17000-18000', 17000",
        // after the mapping that crosses the border
        "'16000-19000', '15000-17000', ''",
        "'16000-19000', '15000-1a000', 1a000",
        "'16000-19000', '14000-1d000', 14000"
    })
    @DisplayName("move out of ranges that operations have needed whole, and there is none if a mapping is there then")
    void spanned(String mappings, String crossings, String expected) {
        meetAt("10000-14000 1c000-20000");
        assertEquals(expected, borders(mappings, crossings));
    }

    @Test
    @DisplayName("count all calls of one thread as one place")
    void ofOneThread() {
        contention.meets(1, 0x14000, 0x15000);
        contention.meets(2, 0x15000, 0x16000);
        contention.meets(1, 0x10000, 0x11000);
        contention.meets(2, 0x38000, 0x39000);
        contention.meets(1, 0x12000, 0x13000);
        assertEquals("15000", borders("", ""));
        contention.meets(2, 0x14000, 0x15000);
        assertEquals("", borders("", ""));
    }

    @Test
    @DisplayName("are those of the first 16 threads, whose later calls still count")
    void sixteenThreads() {
        for (int thread = 0; thread < 17; thread++) {
            contention.meets(thread, (2L + thread) << 20, ((2L + thread) << 20) + PAGE);
        }
        String fifteen = borders("", "");
        assertEquals(15, fifteen.split(" ").length);
        // The seventeenth thread is not recorded, but the first one still is.
        contention.meets(16, 2L << 20, 18L << 20);
        assertEquals(fifteen, borders("", ""));
        contention.meets(0, 2L << 20, 3L << 20);
        assertEquals(fifteen.replaceFirst("2ff000", "300000"), borders("", ""));
    }

    @Test
    @DisplayName("are none after the meetings were forgotten")
    void forgotten() {
        meetAt("10000-14000 18000-1c000");
        contention.clear();
        contention.meets(7, 0x50000, 0x51000);
        assertEquals("", borders("", ""));
        contention.meets(8, 0x70000, 0x71000);
        assertEquals("5f000", borders("", ""));
    }
}
