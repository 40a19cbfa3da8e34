// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import java.util.Arrays;

/**
 * The translations that one CPU remembers: direct-mapped, one compare for page, address space and right. For its owner
 * alone.
 *
 * <p>A tag is the page's address, with the number of its space and the rights that it has <em>not</em> in the low bits,
 * so that one exclusive or decides. An access across a page boundary never matches, because it is compared by its last
 * byte and looked up by its first. Everything of one space is forgotten by giving the space another number.
 */
public sealed class SoftTlb permits CheckedTlb {
    /** The least page size leaves room for this many bits of a number beside the rights. */
    private static final int RIGHTS_BITS = 3;

    private static final long RIGHTS = (1 << RIGHTS_BITS) - 1;

    /** Matches no access: it has no right. */
    private static final long EMPTY = -1;

    /** The number of no space: probes find nothing. */
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

    /** The number of the space that is looked up, where it stands in a tag. */
    private long current;

    /**
     * Makes an empty one.
     *
     * @param pageShift binary logarithm of the page size, at least 9
     * @param entries how many, a power of two
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
     * Translates an access.
     *
     * @param address of the first byte
     * @param size bytes
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

    /** Remembers a translation with some rights; returns what a probe of the address would. */
    long fill(long address, int frame, long rights) {
        int at = (int) (address >>> pageShift) & tags.length - 1;
        tags[at] = (address & ~pageMask) | current | (~rights & RIGHTS);
        long physical = (long) frame << pageShift;
        frames[at] = physical;
        return physical | (address & pageMask);
    }

    /** Forgets a range of the current space, if it is smaller than all of this; else tells the caller to renumber. */
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

    /** A number that no translation has. May forget everything of all spaces: then {@link #wraps} grows. */
    int newNumber() {
        if (lastNumber == numbers - 1) {
            // What throws here leaves the number as it was: the next call comes here again.
            Arrays.fill(tags, EMPTY);
            lastNumber = 0;
            wraps++;
        }
        return ++lastNumber;
    }

    /** How often all numbers were used up. Numbers from before mean nothing. */
    int wraps() {
        return wraps;
    }

    /** Looks up translations of this number from now on. */
    void select(int number) {
        current = (long) number << RIGHTS_BITS;
    }
}
