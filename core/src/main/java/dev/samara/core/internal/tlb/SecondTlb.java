// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.page.Pte;
import java.util.Arrays;

/**
 * The second level of a {@link SoftTlb}, for loads and stores: more translations than the first level has, in less
 * memory, and not as fast. Direct-mapped. Used by the CPU's owner alone.
 *
 * <p>An entry is two words side by side, as a rule in one cache line: a tag as in the first level, and the addend with
 * the rights in its low bits, which are 0 in an addend. A tag contains the number of its space. So if the space is
 * given a new number, all its translations are dropped from both levels. A fill of the first level fills this one, and
 * a flush of the first level flushes this one.
 *
 * <p>The second level has one entry until the first level has been filled as many times as it has entries. Most
 * short-lived CPUs never need more.
 */
public final class SecondTlb {
    /** The bytes that an entry takes. */
    public static final int ENTRY_BYTES = 2 * Long.BYTES;

    /** The number of entries of this level for each entry of the first level, and the maximum number of entries. */
    private static final int RATIO = 32;

    private static final int MOST = 1 << 16;

    private static final long RIGHTS = Pte.READ | Pte.WRITE;
    private static final int NONE = -1;

    /** A second level that contains no translation, and never gets one. */
    public static final SecondTlb EMPTY = new SecondTlb(0);

    /** The bit in which tags of a granule may differ. */
    private final long elsewhere;

    /** For each entry, its tag at an even index, and then its addend and rights. An entry of zeros has no right. */
    private long[] words = new long[2];

    /** @param elsewhere the bit that tags of frames outside the region have in addition */
    SecondTlb(long elsewhere) {
        this.elsewhere = elsewhere;
    }

    /**
     * Returns how many entries this level has after the first level has been filled as many times as it has entries.
     *
     * @param first the number of entries of the first level
     * @return a power of two; 1 if the first level has {@code MOST} entries or more
     */
    static int most(int first) {
        return first < MOST ? (int) Math.min((long) RATIO * first, MOST) : 1;
    }

    /** Replaces all entries by a given number of empty entries. If this throws, nothing has changed. */
    void resize(int entries) {
        words = new long[2 * entries];
    }

    /** Returns the number of the only entry that may translate a granule. */
    int entryOf(long granule) {
        return at(words, granule) >>> 1;
    }

    private static int at(long[] words, long granule) {
        return ((int) granule << 1) & (words.length - 2);
    }

    /**
     * Returns the right that an access needs, as a bit of {@link Pte}.
     *
     * @param access one bit of {@link dev.samara.core.mman.Protection}
     */
    public static long rights(int access) {
        // In an entry, the bits of Protection follow the bit of a present entry, in the same order.
        return (long) access << 1;
    }

    /**
     * Looks a translation up.
     *
     * @param granule the number of the granule
     * @param tag the tag of the granule in its space
     * @param rights the rights that the translation must have, as bits of {@link Pte}
     * @return the position of the entry; negative if there is none
     */
    public int find(long granule, long tag, long rights) {
        long[] of = words;
        int at = at(of, granule);
        return ((of[at] ^ tag) & ~elsewhere) == 0 && (of[at + 1] & rights) == rights ? at : NONE;
    }

    /**
     * Adds an entry that was found to the arrays of the first level.
     *
     * @param slot the granule's slot in these arrays
     * @return the addend
     */
    public long promote(int at, long[] loads, long[] stores, long[] addends, int slot) {
        long tag = words[at];
        long translation = words[at + 1];
        loads[slot] = (translation & Pte.READ) != 0 ? tag : SoftTlb.EMPTY;
        stores[slot] = (translation & Pte.WRITE) != 0 ? tag : SoftTlb.EMPTY;
        long addend = translation & ~RIGHTS;
        addends[slot] = addend;
        return addend;
    }

    /** Returns the addend of an entry that was found. */
    long addend(int at) {
        return words[at + 1] & ~RIGHTS;
    }

    void fill(long granule, long tag, long addend, long rights) {
        long[] of = words;
        int at = at(of, granule);
        of[at] = tag;
        of[at + 1] = addend | (rights & RIGHTS);
    }

    /** Drops the translation of a granule in the space of its tag. */
    void drop(long granule, long tag) {
        long[] of = words;
        int at = at(of, granule);
        if (((of[at] ^ tag) & ~elsewhere) == 0) {
            of[at] = 0;
            of[at + 1] = 0;
        }
    }

    void clear() {
        Arrays.fill(words, 0);
    }
}
