// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.util.Locale;

/**
 * What a page table entry says, in one {@code long}; 0 says nothing.
 *
 * <pre>
 *     0 PRESENT   1 READ   2 WRITE   3 EXEC      what may be done with the page
 *     4 OWN       the page belongs to this mapping and to those it was forked with, and its frame counts them
 *     5 ZERO      the shared page of zeros, which nobody counts
 *     6 DIRTY     7 ACCESSED
 *     8 TRANSIT   not present: an operation is at it, and 9 COPY says which kind; it keeps the frame, bits 4 to 7 and 10
 *    10 GUARD     not present, and never faulted in; of a TRANSIT entry, that it becomes that
 *    11 EXCLUSIVE of an OWN page: no other mapping has it
 *    12..42       the frame
 *    43..62       of a TRANSIT entry, the {@linkplain PteOwners owner}
 * </pre>
 *
 * <p>A present entry that is neither OWN nor ZERO has a page of a page cache: it is not counted, since whoever takes a
 * page out of a cache finds every entry by the cache's reverse map.
 */
public final class Pte {
    /** Says nothing: to be faulted in. */
    public static final long NONE = 0;

    /** A translation. */
    public static final long PRESENT = 1;

    /** May be read. */
    public static final long READ = 1 << 1;

    /** May be written. */
    public static final long WRITE = 1 << 2;

    /** May be executed. */
    public static final long EXEC = 1 << 3;

    /** The frame counts its mappings. */
    public static final long OWN = 1 << 4;

    /** The shared page of zeros. */
    public static final long ZERO = 1 << 5;

    /** Has been written through this entry. */
    public static final long DIRTY = 1 << 6;

    /** Has been used through this entry. */
    public static final long ACCESSED = 1 << 7;

    /** An operation is at it. */
    public static final long TRANSIT = 1 << 8;

    /** The operation copies the page, and does not take it away. */
    public static final long COPY = 1 << 9;

    /** A guard: an access is a SIGSEGV. */
    public static final long GUARD = 1 << 10;

    /** No other mapping has the page, and none gets it: a fork copies it if it is pinned, and clears this if not. */
    public static final long EXCLUSIVE = 1 << 11;

    /** All rights. */
    public static final long RIGHTS = READ | WRITE | EXEC;

    private static final int FRAME_SHIFT = 12;
    private static final int OWNER_SHIFT = 43;
    private static final long KEPT_IN_TRANSIT =
            OWN | ZERO | DIRTY | ACCESSED | GUARD | (long) Integer.MAX_VALUE << FRAME_SHIFT;

    private Pte() {}

    /**
     * A translation.
     *
     * @param frame its frame
     * @param bits rights, and OWN, ZERO, DIRTY and ACCESSED
     * @return the entry
     */
    public static long present(int frame, long bits) {
        return PRESENT | bits | (long) frame << FRAME_SHIFT;
    }

    /**
     * The same page while an operation is at it.
     *
     * @param pte a present entry
     * @param owner who is at it
     * @param copies whether the page is copied, not taken away
     * @return the entry
     */
    public static long inTransit(long pte, int owner, boolean copies) {
        return (pte & KEPT_IN_TRANSIT) | TRANSIT | (copies ? COPY : 0) | (long) owner << OWNER_SHIFT;
    }

    /**
     * The frame of an entry that is present or in transit.
     *
     * @param pte the entry
     * @return the frame
     */
    public static int frame(long pte) {
        return (int) (pte >>> FRAME_SHIFT) & Integer.MAX_VALUE;
    }

    /**
     * The owner of an entry in transit.
     *
     * @param pte the entry
     * @return who is at it
     */
    public static int owner(long pte) {
        return (int) (pte >>> OWNER_SHIFT);
    }

    /**
     * Whether it is a translation.
     *
     * @param pte any entry
     * @return true if so
     */
    public static boolean isPresent(long pte) {
        return (pte & PRESENT) != 0;
    }

    /**
     * Whether an operation is at it.
     *
     * @param pte any entry
     * @return true if so
     */
    public static boolean isInTransit(long pte) {
        return (pte & TRANSIT) != 0;
    }

    /**
     * Whether it has a page whose frame counts its mappings.
     *
     * @param pte any entry
     * @return true if so
     */
    public static boolean isOwn(long pte) {
        return (pte & OWN) != 0;
    }

    /**
     * Whether it has a page of a page cache.
     *
     * @param pte an entry that is present or in transit
     * @return true if so
     */
    public static boolean isCached(long pte) {
        return (pte & (OWN | ZERO)) == 0;
    }

    /**
     * Whether all of some bits are set.
     *
     * @param pte any entry
     * @param bits which
     * @return true if so
     */
    public static boolean has(long pte, long bits) {
        return (pte & bits) == bits;
    }

    /**
     * For people.
     *
     * @param pte any entry
     * @return one word, whose form may change
     */
    public static String toString(long pte) {
        if (pte == NONE) {
            return "none";
        }
        if (pte == GUARD) {
            return "guard";
        }
        String kind = isInTransit(pte)
                ? ((pte & COPY) != 0 ? "copied" : "taken") + " by " + owner(pte)
                : (has(pte, READ) ? "r" : "-") + (has(pte, WRITE) ? "w" : "-") + (has(pte, EXEC) ? "x" : "-");
        String page = has(pte, ZERO) ? "zero" : (isOwn(pte) ? "own " : "cached ") + frame(pte);
        return String.format(
                Locale.ROOT,
                "%s %s%s%s",
                kind,
                page,
                has(pte, DIRTY) ? " dirty" : "",
                has(pte, ACCESSED) ? " used" : "");
    }
}
