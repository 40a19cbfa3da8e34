// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.page.Pte;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class SoftTlbTest {
    private static final int SHIFT = 12;
    private static final long PAGE = 1L << SHIFT;
    private static final int ENTRIES = 16;
    private static final long AT = 0x7000_0000_0000L;

    /** The physical addresses of two pages. */
    private static final int ONE = 1 << SHIFT;

    private static final int TWO = 2 << SHIFT;

    private static final long READ = Pte.READ;
    private static final long WRITE = Pte.WRITE;
    private static final long EXEC = Pte.EXEC;
    private static final long[] RIGHTS = {READ, WRITE, EXEC};

    private final SoftTlb tlb = new SoftTlb(SHIFT, ENTRIES);

    @BeforeEach
    void select() {
        tlb.select(tlb.newNumber());
    }

    private boolean has(long address) {
        return tlb.probe(address, 1, READ) != SoftTlb.MISS;
    }

    @Test
    @DisplayName("has the filled entries, for each right that they were filled with and for no other")
    void rights() {
        for (long given = 0; given <= (READ | WRITE | EXEC); given++) {
            long place = tlb.fill(AT, ONE, given, READ);
            assertEquals((given & READ) != 0 ? place : SoftTlb.MISS, tlb.probe(AT, 8, READ));
            assertEquals((given & WRITE) != 0 ? place : SoftTlb.MISS, tlb.probe(AT, 8, WRITE));
            assertEquals(SoftTlb.MISS, tlb.probe(AT, 8, EXEC));
        }
        assertNotEquals(tlb.fill(AT, TWO, READ, READ), tlb.fill(AT, ONE, READ, READ));
    }

    @Test
    @DisplayName("has one part for loads and stores and one for fetches: neither evicts what the other has")
    void parts() {
        long other = AT + ENTRIES * PAGE;
        long code = tlb.fill(AT, ONE, READ | EXEC, EXEC);
        assertEquals(SoftTlb.MISS, tlb.probe(AT, 4, READ), "not loaded from yet");
        long data = tlb.fill(other, TWO, READ | WRITE | EXEC, WRITE);
        assertEquals(code, tlb.probe(AT, 4, EXEC));
        assertEquals(SoftTlb.MISS, tlb.probe(other, 4, EXEC), "not fetched from yet");
        assertEquals(data, tlb.probe(other, 4, READ));
        assertEquals(data, tlb.probe(other, 4, WRITE));
        tlb.drop(AT);
        for (long right : RIGHTS) {
            assertEquals(SoftTlb.MISS, tlb.probe(AT, 4, right));
            assertEquals(right == EXEC ? SoftTlb.MISS : data, tlb.probe(other, 4, right), "of the second level");
        }
    }

    @Test
    @DisplayName("has nothing at first, at no address and for no space")
    void empty() {
        for (long address : new long[] {0, AT, -PAGE, -1}) {
            for (long right : RIGHTS) {
                assertEquals(SoftTlb.MISS, tlb.probe(address, 1, right));
            }
        }
    }

    @Test
    @DisplayName("an access in one page is found where its first byte is, and one in two pages is not")
    void crossing() {
        long place = tlb.fill(AT, ONE, READ, READ);
        tlb.fill(AT + PAGE, TWO, READ, READ);
        for (int size : new int[] {1, 2, 4, 8}) {
            for (long offset = PAGE - 16; offset < PAGE; offset++) {
                long found = tlb.probe(AT + offset, size, READ);
                assertEquals(offset + size <= PAGE ? place + offset : SoftTlb.MISS, found);
            }
        }
    }

    @Test
    @DisplayName("a flush forgets the pages of its range in this space, and nothing else")
    void flush() {
        for (int page = 0; page < ENTRIES; page++) {
            tlb.fill(AT + page * PAGE, ONE, READ, READ);
        }
        assertTrue(tlb.tryFlush(AT + 3 * PAGE, AT + 7 * PAGE));
        for (int page = 0; page < ENTRIES; page++) {
            assertEquals(page < 3 || page >= 7, has(AT + page * PAGE));
        }
        assertTrue(tlb.tryFlush(AT + ENTRIES * PAGE, AT + (2 * ENTRIES - 1) * PAGE));
        assertTrue(has(AT), "it only shares the slot of the flushed page");
        int second = tlb.newNumber();
        tlb.select(second);
        assertTrue(tlb.tryFlush(AT, AT + 3 * PAGE));
        tlb.select(second - 1);
        assertTrue(has(AT), "it is another space's");
        long last = -PAGE;
        tlb.fill(last, ONE, READ, READ);
        assertTrue(tlb.tryFlush(last - PAGE, 0));
        assertFalse(has(last), "the end of a range is unsigned");
    }

    @Test
    @DisplayName("a flush of 1,024 pages is left to the caller, however large the TLB is")
    void flushOfMany() {
        SoftTlb large = new SoftTlb(SHIFT, 1 << 14);
        large.select(large.newNumber());
        large.fill(AT, ONE, READ, READ);
        assertFalse(large.tryFlush(AT, AT + 1024 * PAGE));
        assertNotEquals(SoftTlb.MISS, large.probe(AT, 1, READ));
        assertTrue(large.tryFlush(AT, AT + 1023 * PAGE));
        assertEquals(SoftTlb.MISS, large.probe(AT, 1, READ));
    }

    @Test
    @DisplayName("a flush of as much as it has, or of everything, is left to the caller, which takes another number")
    void flushOfAll() {
        tlb.fill(AT, ONE, READ, READ);
        assertTrue(tlb.tryFlush(AT + PAGE, AT + ENTRIES * PAGE));
        assertFalse(tlb.tryFlush(AT, AT + ENTRIES * PAGE));
        assertFalse(tlb.tryFlush(0, -1));
        assertTrue(has(AT));
        tlb.select(tlb.newNumber());
        assertFalse(has(AT));
    }

    @Test
    @DisplayName(
            "when all numbers are used up everything is forgotten, and that is told; so no number finds what another"
                    + " left")
    void wrap() {
        SoftTlb small = new SoftTlb(9, ENTRIES);
        int first = small.newNumber();
        small.select(first);
        small.fill(AT, ONE, READ, READ);
        int wraps = 0;
        for (int i = 0; i < 3_000; i++) {
            int number = small.newNumber();
            assertNotEquals(SoftTlb.NOTHING, number);
            small.select(number);
            assertEquals(SoftTlb.MISS, small.probe(AT, 1, READ));
            if (number == first) {
                assertEquals(++wraps, small.wraps());
                small.fill(AT, ONE, READ, READ);
            }
            small.select(first);
            assertNotEquals(SoftTlb.MISS, small.probe(AT, 1, READ));
        }
        assertTrue(wraps > 10);
    }

    /** Fills as many translations as the first level has, so that the second level grows. */
    private static void growSecond(SoftTlb of) {
        for (int i = 0; i < ENTRIES; i++) {
            of.fill(AT, ONE, READ, READ);
        }
        of.select(of.newNumber());
    }

    @Test
    @DisplayName("the second level gives back what the first one had to replace, with its rights, until it is flushed")
    void secondLevel() {
        growSecond(tlb);
        long other = AT + ENTRIES * PAGE;
        for (long given : new long[] {READ, READ | WRITE}) {
            long place = tlb.fill(AT, ONE, given, READ);
            long write = (given & WRITE) != 0 ? place : SoftTlb.MISS;
            tlb.fill(other, TWO, READ | WRITE, WRITE);
            assertEquals(SoftTlb.MISS, tlb.probe(AT, 4, EXEC));
            assertEquals(write, tlb.peek(AT, WRITE));
            assertEquals(write, tlb.probe(AT, 8, WRITE));
            assertEquals(place + 5, tlb.probe(AT + 5, 2, READ));
            assertEquals(SoftTlb.MISS, tlb.probe(other + PAGE - 1, 2, READ), "in two pages");
        }
        assertTrue(tlb.tryFlush(AT, AT + PAGE));
        assertFalse(has(AT));
        assertTrue(has(other), "it was not flushed");
        tlb.fill(AT, ONE, READ, READ);
        tlb.select(tlb.newNumber());
        assertFalse(has(other), "it is another space's");
    }

    @Test
    @DisplayName("neither level has what was flushed, over random fills, flushes and switches, and numbers used up")
    void noLevelIsStale() {
        Random random = new Random(5);
        SoftTlb small = new SoftTlb(9, 4);
        long page = 1L << 9;
        int pages = 16;
        // By space and page: the frame and the rights, or 0 if the page table has no entry.
        long[][] entries = new long[3][pages];
        int[] numbers = new int[entries.length];
        int[] wraps = new int[entries.length];
        Arrays.fill(wraps, -1);
        int space = 0;
        int found = 0;
        for (int step = 0; step < 200_000; step++) {
            int at = random.nextInt(pages);
            long address = AT + at * page;
            int what = random.nextInt(10);
            if (what == 0) {
                space = random.nextInt(entries.length);
            }
            select(small, space, numbers, wraps);
            long[] table = entries[space];
            if (what == 1) {
                numbers[space] = small.newNumber();
                wraps[space] = small.wraps();
                select(small, space, numbers, wraps);
                Arrays.fill(table, 0);
            } else if (what == 2) {
                int end = Math.min(pages, at + 1 + random.nextInt(3));
                assertTrue(small.tryFlush(address, AT + end * page));
                Arrays.fill(table, at, end, 0);
            } else if (what > 6) {
                // A page gets another frame or fewer rights only after a flush.
                if (table[at] == 0) {
                    table[at] = (1L + random.nextInt(50)) << 9 | READ | (random.nextBoolean() ? WRITE : 0);
                }
                small.fill(address, (int) (table[at] >>> 9), table[at] & (READ | WRITE), READ);
            }
            long right = random.nextBoolean() ? READ : WRITE;
            long allowed = (table[at] & right) != 0 ? table[at] >>> 9 << 9 : SoftTlb.MISS;
            long peeked = small.peek(address, right);
            assertTrue(peeked == SoftTlb.MISS || peeked == allowed, "step " + step);
            assertEquals(peeked, small.probe(address, 1, right));
            found += peeked == SoftTlb.MISS ? 0 : 1;
        }
        assertTrue(small.wraps() > 10);
        assertTrue(found > 10_000);
    }

    /** Selects a space as a CPU does: with a new number, if numbers wrapped since the old one. */
    private static void select(SoftTlb tlb, int space, int[] numbers, int[] wraps) {
        if (wraps[space] != tlb.wraps()) {
            numbers[space] = tlb.newNumber();
            wraps[space] = tlb.wraps();
        }
        tlb.select(numbers[space]);
    }

    @Test
    @DisplayName("a number has only bits below the page's, and to no space nothing is found, over a wrap too")
    void numbers() {
        for (int shift : new int[] {9, 12, 14}) {
            SoftTlb of = new SoftTlb(shift, ENTRIES);
            long page = 1L << shift;
            int numbers = Math.min(1 << (shift - 1), 1 << (SoftTlb.GRANULE_SHIFT - 1)) - 1;
            for (int i = 0; i < 2 * numbers; i++) {
                int number = of.newNumber();
                assertTrue(0 < number && number < numbers, "number " + number + " of pages of " + page);
                of.select(number);
                of.fill(AT + page, ONE, READ | WRITE | EXEC, READ);
                of.fill(AT, ONE, READ | WRITE | EXEC, READ);
                of.fill(AT, ONE, READ | WRITE | EXEC, EXEC);
                of.select(SoftTlb.NOTHING);
                for (long right : RIGHTS) {
                    assertEquals(SoftTlb.MISS, of.probe(AT + page, 1, right));
                    assertEquals(SoftTlb.MISS, of.probe(AT, 1, right));
                }
            }
            assertEquals(2, of.wraps(), "numbers of pages of " + page);
        }
    }
}
