// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.mman.Mman;
import java.util.Locale;

/**
 * The format of a page table entry, one {@code long}; 0 is an empty entry.
 *
 * <pre>
 *     0 PRESENT   1 READ   2 WRITE   3 EXEC      the rights to the page
 *     4 OWN       the page belongs to this mapping and to its copies by fork, and its frame counts them
 *     5 ZERO      the shared zero page, whose mappings are not counted
 *     6 DIRTY     7 ACCESSED
 *     8 BUSY      not present: an operation claimed the entry, for a copy if 9 COPY is set;
 *                 a busy entry keeps the frame and bits 4 to 7, 10 and 63
 *    10 GUARD     not present, and never faulted in; a busy entry with this bit becomes a guard
 *    11 EXCLUSIVE no other mapping uses the OWN page
 *    12..42       the frame
 *    43..62       the {@linkplain PageTableContexts owner} of a busy entry
 *    44..62       the {@linkplain PageTable#isOlder epoch} of a present OWN entry
 *    43 SOFT_DIRTY in a present entry: written since the last dirty scan; set when a write-back clears DIRTY
 *    63 SHMEM    a page of a cache without a file, e.g. of shared anonymous memory
 * </pre>
 *
 * <p>A present entry that is neither OWN nor ZERO maps a page of a page cache. Its mapping is not counted, because an
 * operation that removes a page from a cache finds every entry through the cache's reverse map.
 */
public final class Pte {
    /** An empty entry, to be faulted in. */
    public static final long NONE = 0;

    /** The entry is a translation. */
    public static final long PRESENT = 1;

    /** May be read. */
    public static final long READ = 1 << 1;

    /** May be written. */
    public static final long WRITE = 1 << 2;

    /** May be executed. */
    public static final long EXEC = 1 << 3;

    /** The page is private, and its frame counts its mappings. */
    public static final long OWN = 1 << 4;

    /** The shared zero page. */
    public static final long ZERO = 1 << 5;

    /** The page was written through this entry. */
    public static final long DIRTY = 1 << 6;

    /** The page was accessed through this entry. */
    public static final long ACCESSED = 1 << 7;

    /** The entry is busy: an operation claimed it. */
    public static final long BUSY = 1 << 8;

    /** The operation that claimed the entry copies the page and does not remove it. */
    public static final long COPY = 1 << 9;

    /** A guard: an access raises SIGSEGV. */
    public static final long GUARD = 1 << 10;

    /**
     * No other mapping uses the page. A fork copies the page if it is pinned. Otherwise it shares the page and clears
     * this bit.
     */
    public static final long EXCLUSIVE = 1 << 11;

    /**
     * A write-back cleared {@link #DIRTY} since the last dirty scan. Set only in present entries of page cache pages,
     * because the bit is part of the owner in a busy entry.
     */
    public static final long SOFT_DIRTY = 1L << 43;

    /** The page belongs to a page cache without a file ({@code MM_SHMEMPAGES}). */
    public static final long SHMEM = 1L << 63;

    private static final int EPOCH_SHIFT = 44;

    /** The number of the last epoch of a space. */
    public static final int LAST_EPOCH = (1 << 19) - 1;

    /** The bits that contain the epoch in which a private page became writable last. */
    public static final long EPOCH = (long) LAST_EPOCH << EPOCH_SHIFT;

    /** One epoch, as the bits of an entry. */
    public static final long EPOCH_UNIT = 1L << EPOCH_SHIFT;

    /** The kinds of pages; a leaf counts its entries of each kind ({@code MM_ANONPAGES} etc.). */
    public static final int ANONYMOUS_PAGE = 0;

    public static final int FILE_PAGE = 1;

    public static final int SHMEM_PAGE = 2;

    public static final int PAGE_KINDS = 3;

    /** The kind of an entry without a page, or with the zero page. */
    public static final int NO_PAGE = -1;

    /** The bits on which the kind depends. */
    private static final long KIND = PRESENT | BUSY | OWN | ZERO | SHMEM;

    /** A forced write needs only these bits, and no right. They mean that the page belongs only to this mapping. */
    public static final long FORCED_WRITE = OWN | EXCLUSIVE;

    /** All rights. */
    public static final long RIGHTS = READ | WRITE | EXEC;

    /** The rights of an entry are the {@code PROT_*} bits of {@link Mman}, in the same order, shifted by this. */
    public static final int RIGHTS_SHIFT = 1;

    private static final int FRAME_SHIFT = 12;
    private static final int OWNER_SHIFT = 43;
    private static final int OWNERS = (1 << 20) - 1;
    private static final long KEPT_WHEN_BUSY =
            OWN | ZERO | DIRTY | ACCESSED | GUARD | SHMEM | (long) Integer.MAX_VALUE << FRAME_SHIFT;

    private Pte() {}

    /**
     * Returns a present entry.
     *
     * @param bits the rights, and any of OWN, ZERO, DIRTY, ACCESSED, EXCLUSIVE and SHMEM
     */
    public static long present(int frame, long bits) {
        return PRESENT | bits | (long) frame << FRAME_SHIFT;
    }

    /**
     * Returns the busy entry for the page of an entry.
     *
     * @param pte an entry that is present or busy
     * @param owner the number of the operation's owner
     * @param copies whether the operation copies the page, and so does not remove it
     */
    public static long busy(long pte, int owner, boolean copies) {
        return (pte & KEPT_WHEN_BUSY) | BUSY | (copies ? COPY : 0) | (long) owner << OWNER_SHIFT;
    }

    /**
     * Returns the present entry for the page of a busy one. It has no rights, and the oldest epoch: an entry that is
     * taken for older than it is costs a copy.
     */
    public static long unclaimed(long busy) {
        return PRESENT | (busy & (KEPT_WHEN_BUSY & ~GUARD));
    }

    /** Returns the frame of an entry that is present or busy. */
    public static int frame(long pte) {
        return (int) (pte >>> FRAME_SHIFT) & Integer.MAX_VALUE;
    }

    /** Returns the number of a busy entry's owner. */
    public static int owner(long pte) {
        return (int) (pte >>> OWNER_SHIFT) & OWNERS;
    }

    public static boolean isPresent(long pte) {
        return (pte & PRESENT) != 0;
    }

    /** Returns whether an entry is busy. */
    public static boolean isBusy(long pte) {
        return (pte & BUSY) != 0;
    }

    /** Returns whether the page of an entry is private, so that its frame counts its mappings. */
    public static boolean isOwn(long pte) {
        return (pte & OWN) != 0;
    }

    /** Returns whether the page of an entry that is present or busy belongs to a page cache. */
    public static boolean isCached(long pte) {
        return (pte & (OWN | ZERO)) == 0;
    }

    /**
     * Returns the kind of an entry's page. A busy entry keeps its page until it is emptied.
     *
     * @return one of the kinds of pages, or {@link #NO_PAGE}
     */
    public static int kindOf(long pte) {
        if ((pte & (PRESENT | BUSY)) == 0 || (pte & ZERO) != 0) {
            return NO_PAGE;
        }
        return (pte & OWN) != 0 ? ANONYMOUS_PAGE : pte < 0 ? SHMEM_PAGE : FILE_PAGE;
    }

    /**
     * Returns false only if the pages of two entries are of the same kind, or both entries have no page. The result is
     * false for most changes of an entry.
     */
    static boolean mayDifferInKind(long one, long other) {
        return ((one ^ other) & KIND) != 0;
    }

    /** Returns whether an entry has all of the given bits. */
    public static boolean has(long pte, long bits) {
        return (pte & bits) == bits;
    }

    /** Returns a description of an entry for messages; its form may change. */
    public static String toString(long pte) {
        if (pte == NONE) {
            return "none";
        }
        if (pte == GUARD) {
            return "guard";
        }
        String kind = isBusy(pte)
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
