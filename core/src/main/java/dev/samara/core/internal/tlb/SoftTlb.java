// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import java.util.Arrays;

/**
 * The TLB of one CPU: direct-mapped, with one comparison for page, address space and right. Used by its owner alone.
 *
 * <p>A tag is the page's address. Its low bits are the number of the space and the rights that the page does
 * <em>not</em> have, so that one exclusive or decides. An access across a page boundary never matches, because its slot
 * depends on its first byte and its comparison on its last byte. A new number for a space drops all translations of the
 * space.
 */
public sealed class SoftTlb permits CheckedTlb {
    /** The number of bits for rights in a tag; the other bits below the page's address are for the number. */
    private static final int RIGHTS_BITS = 3;

    private static final long RIGHTS = (1 << RIGHTS_BITS) - 1;

    /** A tag without a right, which matches no access. */
    private static final long EMPTY = -1;

    /** A number that no space has: probes find nothing. */
    static final int NOTHING = 0;

    /** Not a physical address. */
    public static final long MISS = -1;

    private final int pageShift;
    private final long pageMask;
    private final int numbers;
    private final long[] tags;

    /** Physical addresses of the pages: their frames' numbers times the page size. */
    private final long[] frames;

    private int lastNumber;
    private int wraps;

    /** The number of the selected space, at its position in a tag. */
    private long current;

    /**
     * Makes an empty TLB.
     *
     * @param pageShift binary logarithm of the page size in bytes, at least 9
     * @param entries the number of translations, a power of two
     */
    public SoftTlb(int pageShift, int entries) {
        this.pageShift = pageShift;
        pageMask = (1L << pageShift) - 1;
        numbers = 1 << (pageShift - RIGHTS_BITS);
        tags = new long[entries];
        frames = new long[entries];
        Arrays.fill(tags, EMPTY);
    }

    /**
     * Translates an access to the selected space.
     *
     * @param address the address of the first byte
     * @param size the number of bytes
     * @param right one of three bits: one of a {@link dev.samara.core.internal.page.Pte}, shifted by one
     * @return the physical address of the first byte, or {@link #MISS}
     */
    public long probe(long address, int size, long right) {
        int at = (int) (address >>> pageShift);
        long want = ((address + size - 1) & ~pageMask) | current;
        long tag = tags[at & tags.length - 1];
        if (((tag ^ want) & (~RIGHTS | right)) != 0) {
            return MISS;
        }
        return frames[at & frames.length - 1] | (address & pageMask);
    }

    /** Adds a translation with the given rights; returns the physical address of {@code address}. */
    long fill(long address, int frame, long rights) {
        int at = (int) (address >>> pageShift) & tags.length - 1;
        tags[at] = (address & ~pageMask) | current | (~rights & RIGHTS);
        long physical = (long) frame << pageShift;
        frames[at] = physical;
        return physical | (address & pageMask);
    }

    /**
     * Drops a range of the selected space. Returns false, and drops nothing, if the range has at least as many pages as
     * this has slots; the caller then gives the space another number.
     */
    boolean flush(long start, long end) {
        long pages = (end - start) >>> pageShift;
        if (Long.compareUnsigned(pages, tags.length) >= 0) {
            return false;
        }
        for (long page = start; page != end; page += pageMask + 1) {
            int at = (int) (page >>> pageShift) & tags.length - 1;
            if (((tags[at] ^ (page | current)) & ~RIGHTS) == 0) {
                tags[at] = EMPTY;
            }
        }
        return true;
    }

    /** Returns a number that no translation has. May drop all translations of all spaces: {@link #wraps} grows then. */
    int newNumber() {
        if (lastNumber == numbers - 1) {
            // If this throws, the number has not changed, and the next call fills again.
            Arrays.fill(tags, EMPTY);
            lastNumber = 0;
            wraps++;
        }
        return ++lastNumber;
    }

    /** Returns how often all numbers were used up. Numbers from before the last time are invalid. */
    int wraps() {
        return wraps;
    }

    /** Selects the space with this number for probes and fills. */
    void select(int number) {
        current = (long) number << RIGHTS_BITS;
    }
}
