// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A change makes the reads stale that are under way, and no others")
final class ReadsUnderWayTest {
    private final ReadsUnderWay reads = new ReadsUnderWay();

    private ReadsUnderWay.PageRead begin(long first, int count) {
        ReadsUnderWay.PageRead read = new ReadsUnderWay.PageRead(first, count);
        reads.add(read);
        return read;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    @DisplayName("whichever of several reads has ended")
    void ended(int which) {
        List<ReadsUnderWay.PageRead> all = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            all.add(begin(10, 4));
        }
        reads.remove(all.get(which));
        reads.noteRemoval(11, 11);
        for (int i = 0; i < 4; i++) {
            assertEquals(i != which, all.get(i).isStale(11), "read " + i);
        }
        for (int i = 0; i < 4; i++) {
            reads.remove(all.get(i));
        }
        reads.noteRemoval(12, 12);
        for (ReadsUnderWay.PageRead read : all) {
            assertFalse(read.isStale(12));
        }
    }

    @ParameterizedTest
    @CsvSource({
        // outside the read
        "5, 9, -1, -1",
        "14, 20, -1, -1",
        // one end of the read, its middle, all of it
        "5, 10, 10, 10",
        "13, 20, 13, 13",
        "11, 12, 11, 12",
        "10, 13, 10, 13",
        "0, 9223372036854775807, 10, 13"
    })
    @DisplayName("only the pages of a read that have changed are stale")
    void range(long from, long last, long staleFirst, long staleLast) {
        ReadsUnderWay.PageRead read = begin(10, 4);
        reads.noteRemoval(from, last);
        for (long page = 8; page < 16; page++) {
            assertEquals(page >= staleFirst && page <= staleLast, read.isStale(page), "page " + page);
        }
    }

    @Test
    @DisplayName("a write makes stale what begins during it, and nothing after it")
    void write() {
        ReadsUnderWay.PageRead before = begin(10, 2);
        reads.beginWrite(11, 12);
        ReadsUnderWay.PageRead during = begin(12, 2);
        ReadsUnderWay.PageRead beside = begin(13, 2);
        reads.endWrite();
        ReadsUnderWay.PageRead after = begin(11, 2);
        assertFalse(before.isStale(10));
        assertTrue(before.isStale(11));
        assertTrue(during.isStale(12));
        assertFalse(during.isStale(13));
        assertFalse(beside.isStale(13));
        assertFalse(after.isStale(11));
        assertFalse(after.isStale(12));
    }
}
