// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;
import org.jspecify.annotations.Nullable;

/**
 * A cursor over the leaves of a range of a page table, in ascending order ({@code walk_page_range}).
 *
 * <pre>{@code
 * walk.over(start, end);
 * while (walk.next()) {
 *     // walk.leaf() contains the entries; the indexes are walk.first() to walk.endIndex(), exclusive,
 *     // and the addresses walk.start() to walk.end(), exclusive
 * }
 * }</pre>
 *
 * <p>A full fence precedes the lookup of each leaf. So a mark that the caller set on a VMA, a frame or a list of
 * watches before the walk is visible to every thread that links a leaf which the walk missed.
 *
 * <p>The walk acquires no lock. A leaf may be dead when the caller locks it; it is empty then. The cursor moves only
 * after its lookups have succeeded, so if {@link #next} throws, the next call retries.
 *
 * <p>Linux passes callbacks to its page walk. Here one loop would call the callbacks of all walks, so no compiler could
 * inline them. With a cursor, each caller has its own loop. An operation creates the cursor once and uses it for its
 * ranges in turn, so a walk allocates nothing. Not thread-safe.
 */
public final class PageWalk {
    private static final long[] NO_LEAF = {};

    @SuppressWarnings("NullAway.Init") // set by a constructor, or by over with a table, which then comes first
    private PageTable table;

    /** The end of the range. */
    private long behind;

    /* The current part of the range: the part that the current leaf, or the addresses of a missing leaf, cover. */
    private long[] leaf = NO_LEAF;
    private long start;
    private long end;

    /** The index of the first entry of that part. */
    private int first;

    /** The VMAs of the space whose page table is walked. */
    public interface VmaLookup {
        /**
         * Returns the VMA that covers an address at some instant of the call, or null if there is none. Acquires no
         * lock.
         */
        @Nullable
        VmArea find(long address);
    }

    /** Creates a cursor over an empty range. */
    public PageWalk(PageTable table) {
        this.table = table;
    }

    /** Creates a cursor without a table, for operations on several tables. */
    public PageWalk() {}

    /** Starts a walk before the first leaf of a range of another table; see {@link #over(long, long)}. */
    PageWalk over(PageTable other, long from, long to) {
        table = other;
        return over(from, to);
    }

    /** Drops the references to the last table and leaf. The next walk must name a table. */
    @SuppressWarnings("NullAway") // as before the first walk
    void forget() {
        over(0, 0);
        table = null;
    }

    /**
     * Starts a walk before the first leaf of a range.
     *
     * @param from the first address, a page boundary
     * @param to the end of the range, exclusive: a page boundary, not above the limit
     * @return this cursor
     */
    public PageWalk over(long from, long to) {
        behind = to;
        leaf = NO_LEAF;
        start = from;
        end = from;
        return this;
    }

    /**
     * Moves to the next leaf of the range.
     *
     * @return false if no leaf is left; the cursor is then at the end of the range, without a leaf
     */
    public boolean next() {
        long at = end;
        while (Long.compareUnsigned(at, behind) < 0) {
            at = table.nextLeaf(at, behind);
            if (at == behind) {
                break;
            }
            long stop = table.leafEnd(at, behind);
            long[] found = table.leaf(at);
            if (found != null) {
                first = table.indexOf(at);
                leaf = found;
                start = at;
                end = stop;
                return true;
            }
            at = stop;
        }
        over(behind, behind);
        return false;
    }

    /**
     * Moves to the addresses of the next leaf of the range, whether or not the leaf exists. Executes no fence and does
     * not look the leaf up.
     *
     * @return false at the end of the range
     */
    public boolean nextSpan() {
        if (Long.compareUnsigned(end, behind) >= 0) {
            return false;
        }
        first = table.indexOf(end);
        leaf = NO_LEAF;
        start = end;
        end = table.leafEnd(end, behind);
        return true;
    }

    public PageTable table() {
        return table;
    }

    /** Returns the current leaf. Called after {@link #next} returned true. */
    public long[] leaf() {
        return leaf;
    }

    /** Returns the first address of the current part of the range. */
    public long start() {
        return start;
    }

    /** Returns the end of the current part of the range, exclusive. */
    public long end() {
        return end;
    }

    /** Returns the index of the first entry of the current part. */
    public int first() {
        return first;
    }

    /** Returns the end of the indexes of the current part, exclusive. */
    public int endIndex() {
        return first + (int) ((end - start) >>> table.pageShift);
    }

    /** Returns the address of an entry of the current leaf, by its index. */
    public long addressOf(int index) {
        return start + ((long) (index - first) << table.pageShift);
    }

    /** Defers the flush of the current part. The caller holds the lock of {@link #leaf}, which is not dead. */
    void deferFlush(TlbGather gather, MmuNotifier.Reason reason) {
        gather.deferFlush(table, leaf, start, end, reason);
    }

    /** Returns whether the current part is a whole leaf. */
    public boolean isWhole() {
        return end - start == (long) table.entries << table.pageShift;
    }
}
