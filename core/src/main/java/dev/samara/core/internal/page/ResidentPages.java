// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.IntSupplier;

/**
 * The number of pages in memory of one space, by kind ({@code mm->rss_stat}), and the highest sum of all kinds ({@code
 * hiwater_rss}). Thread-safe; acquires no lock and never waits.
 *
 * <p>Faults write no word of this class: each {@link Leaf} counts its own entries, and a reader adds up the leaves. So
 * a read takes time in proportion to the number of tables. The sum is exact if no thread changes entries concurrently;
 * otherwise it may miss some of the changes, and pages that move may be counted at neither address.
 *
 * <p>The highest sum is updated before pages are removed ({@code update_hiwater_rss}), and compared with the current
 * sum when it is read; that is enough, because only a removal decreases the sum. In a space with more than a few
 * tables, a removal adds the tables up only if the removals since the last time covered a few pages per table. The
 * highest sum may be too small by that number of pages. While threads change the space in parts, only the first removal
 * adds the tables up, because otherwise the threads would read each other's leaves. The division itself does not add
 * them up, because it holds a lock.
 */
public final class ResidentPages {
    /** The maximum number of tables with which each removal adds the tables up. */
    private static final int FEW_TABLES = 16;

    /** One table is read per this number of removed pages. */
    private static final int PAGES_PER_TABLE = 4;

    private static final VarHandle PEAK;
    private static final VarHandle SKIPPED;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            PEAK = lookup.findVarHandle(ResidentPages.class, "peak", long.class);
            SKIPPED = lookup.findVarHandle(ResidentPages.class, "skipped", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /** The root of the page table. */
    private final Object[] root;

    /** The number of tables of the page table. */
    private final IntSupplier tables;

    /**
     * Written: threads that are about to remove pages (compare-and-set, upwards).
     * Read: any thread (opaque).
     * Invariant: a number of pages that a thread added up.
     */
    @SuppressWarnings("UnusedVariable") // through PEAK
    private long peak;

    /**
     * The maximum number of pages that removals took since the tables were last added up.
     *
     * <p>Written: threads that are about to remove pages (opaque).
     * Read: such threads (opaque).
     * Invariant: none. A benign race: it decides how often threads add up.
     */
    @SuppressWarnings("UnusedVariable") // through SKIPPED
    private long skipped;

    /**
     * Whether threads change the space in parts.
     *
     * <p>Written: a division and a join, holding the layout lock (volatile).
     * Read: threads that are about to remove pages (volatile).
     * Invariant: none. It decides whether removals add the pages up.
     */
    private volatile boolean isInParts;

    /**
     * Whether the next removal in parts adds the pages up, because it is the first one since the division.
     *
     * <p>Written: a division and a join, holding the layout lock (volatile); the first removal after a division
     *     (volatile).
     * Read: threads that are about to remove pages in parts (volatile).
     * Invariant: none. A benign race: two removals may both add the pages up.
     */
    private volatile boolean isDue;

    /**
     * Counts the pages of a page table.
     *
     * @param root the topmost table
     * @param tables the number of the other tables
     */
    ResidentPages(Object[] root, IntSupplier tables) {
        this.root = root;
        this.tables = tables;
    }

    /**
     * Returns the number of pages of a kind.
     *
     * @param kind a kind of pages, as {@link Pte#kindOf} returns it
     */
    public long count(int kind) {
        return Math.max(0, sum(root, kind, kind));
    }

    /** Returns the number of pages of all kinds. */
    public long count() {
        return Math.max(0, sum(root, 0, Pte.PAGE_KINDS - 1));
    }

    /** Returns the highest number of pages of all kinds so far. */
    public long peak() {
        return Math.max((long) PEAK.getOpaque(this), count());
    }

    /**
     * Updates the highest sum, before pages are removed.
     *
     * @param pages the maximum number of pages that are removed
     */
    public void beforeRemoval(long pages) {
        if (isInParts) {
            if (isDue) {
                isDue = false;
                note();
            }
            return;
        }
        int linked = tables.getAsInt();
        if (linked > FEW_TABLES) {
            long due = (long) PAGES_PER_TABLE * linked;
            // A benign race: concurrent threads may add the tables up once too often, or skip some more pages.
            long passed = (long) SKIPPED.getOpaque(this) + Math.min(pages, due);
            SKIPPED.setOpaque(this, passed < due ? passed : 0);
            if (passed < due) {
                return;
            }
        }
        note();
    }

    /** Sets whether threads change the space in parts from now on. */
    public void setInParts(boolean inParts) {
        isDue = inParts;
        isInParts = inParts;
    }

    private void note() {
        long now = count();
        long highest = (long) PEAK.getOpaque(this);
        while (now > highest && !PEAK.compareAndSet(this, highest, now)) {
            highest = (long) PEAK.getOpaque(this);
        }
    }

    private static long sum(Object[] upper, int firstKind, int lastKind) {
        long[] state = (long[]) upper[upper.length - 1];
        long sum = 0;
        for (int word = 0; word < Leaf.wordsOf(upper.length - 1); word++) {
            for (long left = Leaf.children(state, word); left != 0; left &= left - 1) {
                Object child = UpperTable.childAcquire(upper, (word << 6) + Long.numberOfTrailingZeros(left));
                if (child instanceof long[] leaf) {
                    for (int kind = firstKind; kind <= lastKind; kind++) {
                        sum += Leaf.pages(leaf, kind);
                    }
                } else if (child instanceof Object[] below) {
                    sum += sum(below, firstKind, lastKind);
                }
            }
        }
        return sum;
    }
}
