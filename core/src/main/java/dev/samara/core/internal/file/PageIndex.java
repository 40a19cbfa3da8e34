// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory.IndexBudget;
import dev.samara.core.internal.page.Frames;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Maps page numbers of a file to frames. It is a radix tree whose height depends on the highest page ({@code xarray}).
 *
 * <p>Reading needs no lock. The caller serializes changes.
 *
 * <p>When the last page of a node is removed, the node is unlinked, and so is every level that the remaining pages do
 * not need. A reader that is still in such a node finds no page, which is correct: the node was empty when it was
 * unlinked, which was during the reader's lookup, and no page is ever put into it again. So a lookup need not check
 * that its node is still linked.
 *
 * <p>The first page allocates the first leaf, which has at most as many elements as the file had pages at first. When
 * the file grows beyond it, a leaf of full length replaces it. A reader that is still in the shorter leaf finds the
 * pages as of the replacement, which is during its lookup.
 */
final class PageIndex {
    /**
     * Written: holder of the file's {@code content} lock (release).
     * Read: any thread in a reader section (acquire); holder of {@code content} (plain).
     * Pairs: the store (release) with the load (acquire).
     * Invariant: a thread that reads a frame here sees the frame's content, owner and page.
     */
    private static final VarHandle FRAME = MethodHandles.arrayElementVarHandle(int[].class);

    /**
     * Written: holder of the file's {@code content} lock (release).
     * Read: any thread in a reader section (acquire); holder of {@code content} (plain).
     * Pairs: the store (release) with the load (acquire): a reader of a new node sees its content.
     * Invariant: a node of the index, or null.
     */
    private static final VarHandle CHILD = MethodHandles.arrayElementVarHandle(Object[].class);

    private static final int BITS = 9;
    private static final int SIZE = 1 << BITS;

    /**
     * A tree of a fixed height, replaced when the height changes. A tree of height 0 is one leaf.
     *
     * @param last the last page that the tree can contain
     */
    private record Root(int height, Object top, long last) {
        /** The tree of each index without nodes. It is never changed, because its leaf has no element. */
        static final Root EMPTY = of(new int[0]);

        static Root of(int[] leaf) {
            return new Root(0, leaf, leaf.length - 1);
        }

        /** Returns a tree with this one as its first child. */
        Root higher() {
            Object[] table = new Object[SIZE];
            table[0] = top;
            return new Root(height + 1, table, (1L << (BITS * (height + 2))) - 1);
        }

        /** Returns a tree that is one level lower, with the first child of this tree's top as its top. */
        Root lower() {
            return new Root(height - 1, ((Object[]) top)[0], (1L << (BITS * height)) - 1);
        }
    }

    private static final long LEAF_BYTES = (long) SIZE * Integer.BYTES;
    private static final long TABLE_BYTES = (long) SIZE * Long.BYTES;

    /** The length of the first leaf. */
    private final int least;

    private final IndexBudget budget;

    /** The bytes of all nodes, or 0 if there is only one. Changed together with the tree. */
    private long bytes;

    /**
     * Written: holder of the file's {@code content} lock (volatile).
     * Read: any thread (volatile).
     * Invariant: the root of an index that contains every page in memory. A thread that still uses an older root, a
     *     replaced first leaf or an unlinked node finds the pages as of some time during its lookup.
     */
    private volatile Root root = Root.EMPTY;

    /**
     * Creates an index without pages.
     *
     * @param pages the size of the file in pages; it may grow later
     * @param budget is charged for all nodes, unless there is only one
     */
    PageIndex(long pages, IndexBudget budget) {
        this.budget = budget;
        least = (int) Math.max(1, Math.min(SIZE, pages));
    }

    private static int[] leaf(int length) {
        int[] leaf = new int[length];
        Arrays.fill(leaf, Frames.NONE);
        return leaf;
    }

    /** Returns the frame of a page, or {@link Frames#NONE}. */
    int get(long page) {
        int[] leaf = leafOf(page);
        return leaf == null ? Frames.NONE : (int) FRAME.getAcquire(leaf, (int) page & SIZE - 1);
    }

    private int @Nullable [] leafOf(long page) {
        Root from = root;
        if (page < 0 || page > from.last) {
            return null;
        }
        Object table = from.top;
        for (int level = from.height; level > 0; level--) {
            // Pairs with the release store of put.
            table = CHILD.getAcquire((Object[]) table, (int) (page >>> (BITS * level)) & SIZE - 1);
            if (table == null) {
                return null;
            }
        }
        return (int[]) table;
    }

    /**
     * Reads the frames of consecutive pages into {@code target}; {@link Frames#NONE} for each page that is not in
     * memory. Pages in one leaf need only one walk.
     */
    void get(long first, int count, int[] target) {
        if (count == 1 || ((first ^ (first + count - 1)) & -SIZE) != 0) {
            for (int i = 0; i < count; i++) {
                target[i] = get(first + i);
            }
            return;
        }
        int[] leaf = leafOf(first);
        int from = (int) first & SIZE - 1;
        for (int i = 0; i < count; i++) {
            // The first leaf may be shorter than SIZE.
            target[i] = leaf == null || from + i >= leaf.length ? Frames.NONE : (int) FRAME.getAcquire(leaf, from + i);
        }
    }

    /** Reads the frames of some pages in ascending order, as {@link #get(long)} does; walks once for each leaf. */
    void get(long[] pages, int count, int[] target) {
        int[] leaf = null;
        long known = -1;
        for (int i = 0; i < count; i++) {
            long page = pages[i];
            if (page >>> BITS != known) {
                known = page >>> BITS;
                leaf = leafOf(page);
            }
            int at = (int) page & SIZE - 1;
            // The first leaf may be short.
            target[i] = leaf == null || at >= leaf.length ? Frames.NONE : (int) FRAME.getAcquire(leaf, at);
        }
    }

    /**
     * Returns the number of consecutive pages, from {@code first} on, that are not in memory, but at most {@code most}.
     * Walks once per leaf.
     */
    int absent(long first, int most) {
        int count = 0;
        while (count < most) {
            int[] leaf = leafOf(first + count);
            int from = (int) (first + count) & SIZE - 1;
            int end = Math.min(SIZE, from + most - count);
            int next = leaf == null ? end : next(leaf, from, end);
            count += next - from;
            if (next < end) {
                return count;
            }
        }
        return count;
    }

    /**
     * Returns the first position from {@code from} on at which a leaf contains a page, or {@code end} if there is none.
     */
    private static int next(int[] leaf, int from, int end) {
        // The first leaf may be shorter than SIZE.
        int known = Math.min(end, leaf.length);
        for (int i = from; i < known; i++) {
            if ((int) FRAME.getAcquire(leaf, i) != Frames.NONE) {
                return i;
            }
        }
        return end;
    }

    /** Returns whether a page can be inserted without an additional node. */
    boolean hasPlace(long page) {
        // A longer first leaf replaces the short one, so it is not an additional node.
        return (page >= 0 && page < SIZE && root.height == 0) || leafOf(page) != null;
    }

    /** The caller excludes other changes. */
    void put(long page, int frame) {
        Root before = root;
        Root from = withPlaceFor(page);
        root = from;
        charge(bytesAbove(from) - bytesAbove(before));
        Object table = from.top;
        for (int level = from.height; level > 0; level--) {
            Object[] upper = (Object[]) table;
            int at = (int) (page >>> (BITS * level)) & SIZE - 1;
            table = upper[at];
            if (table == null) {
                table = level == 1 ? leaf(SIZE) : new Object[SIZE];
                CHILD.setRelease(upper, at, table);
                charge(bytesOf(level - 1));
            }
        }
        // Pairs with the acquire load of get: a thread that finds the frame sees the frame's content, owner and page.
        FRAME.setRelease((int[]) table, (int) page & SIZE - 1, frame);
    }

    /** Adds to the bytes of the nodes. Cannot fail. */
    private void charge(long change) {
        if (change != 0) {
            bytes += change;
            budget.charge(change);
        }
    }

    private static long bytesOf(int level) {
        return level == 0 ? LEAF_BYTES : TABLE_BYTES;
    }

    /** Returns the bytes of the nodes on the path from a root to the first leaf; 0 if the tree is a single leaf. */
    private static long bytesAbove(Root of) {
        return of.height == 0 ? 0 : of.height * TABLE_BYTES + LEAF_BYTES;
    }

    /** Returns the current tree, or a larger tree with the same pages. The caller excludes other changes. */
    private Root withPlaceFor(long page) {
        Root from = root;
        if (page > from.last && from.height == 0) {
            from = Root.of(longer((int[]) from.top, page < least ? least : SIZE));
        }
        while (page > from.last) {
            from = from.higher();
        }
        return from;
    }

    private static int[] longer(int[] leaf, int length) {
        if (leaf.length == SIZE) {
            return leaf;
        }
        int[] longer = leaf(length);
        System.arraycopy(leaf, 0, longer, 0, leaf.length);
        return longer;
    }

    /**
     * Collects pages that are in memory, in ascending order, and appends them to pages that the arrays already contain.
     * Each page is read separately, so the result is not a snapshot.
     *
     * @param from the first page that is read
     * @param pages receives the page numbers
     * @param target receives the frames; has the same length as {@code pages}
     * @param known the number of pages that the arrays already contain
     * @param most the number of pages that the arrays contain at most
     * @return the number of pages in the arrays; less than {@code most} if there are no more
     */
    int collect(long from, long[] pages, int[] target, int known, int most) {
        Root of = root;
        return collect(of.top, of.height, 0, from, pages, target, known, most);
    }

    private static int collect(
            Object table, int level, long base, long from, long[] pages, int[] target, int known, int most) {
        int count = known;
        int shift = BITS * level;
        // Zero for a table that starts after the first page.
        int start = from <= base ? 0 : (int) Math.min(SIZE, (from - base) >>> shift);
        int end = end(table, level);
        for (int i = start; i < end && count < most; i++) {
            long lowest = base + ((long) i << shift);
            if (level > 0) {
                Object child = CHILD.getAcquire((Object[]) table, i);
                if (child != null) {
                    count = collect(child, level - 1, lowest, from, pages, target, count, most);
                }
            } else {
                int frame = (int) FRAME.getAcquire((int[]) table, i);
                if (frame != Frames.NONE) {
                    pages[count] = lowest;
                    target[count++] = frame;
                }
            }
        }
        return count;
    }

    private static int end(Object table, int level) {
        return level == 0 ? ((int[]) table).length : SIZE;
    }

    /** Passes the frames of a range, inclusive, to a consumer, in ascending order. The caller excludes changes. */
    void forEach(long first, long last, IntConsumer consumer) {
        Root of = root;
        forEach(of.top, of.height, 0, first, last, consumer);
    }

    private static void forEach(Object table, int level, long base, long first, long last, IntConsumer consumer) {
        int shift = BITS * level;
        // Zero for a table that starts after the first page.
        int start = first <= base ? 0 : (int) Math.min(SIZE, (first - base) >>> shift);
        int end = end(table, level);
        for (int i = start; i < end && base + ((long) i << shift) <= last; i++) {
            if (level == 0) {
                int frame = ((int[]) table)[i];
                if (frame != Frames.NONE) {
                    consumer.accept(frame);
                }
            } else {
                Object child = ((Object[]) table)[i];
                if (child != null) {
                    forEach(child, level - 1, base + ((long) i << shift), first, last, consumer);
                }
            }
        }
    }

    /**
     * Removes one page, but keeps its node even if the node becomes empty, so that the page can be put back without an
     * allocation. The caller excludes other changes.
     */
    void clear(long page) {
        int[] leaf = leafOf(page);
        if (leaf != null) {
            FRAME.setRelease(leaf, (int) page & SIZE - 1, Frames.NONE);
        }
    }

    /** Returns the first page of the leaf of a page. */
    static long firstOfLeaf(long page) {
        return page & -SIZE;
    }

    /** Returns the last page of the leaf of a page. */
    static long lastOfLeaf(long page) {
        return page | SIZE - 1;
    }

    /** Unlinks the nodes of a range, inclusive, that {@link #clear} left empty. The caller excludes other changes. */
    void prune(long first, long last) {
        removeIf(first, last, frame -> false);
    }

    /**
     * Removes the pages of a range, inclusive, whose frames a predicate accepts, in ascending order. Then unlinks the
     * nodes that became empty. The caller excludes other changes.
     */
    void removeIf(long first, long last, IntPredicate choice) {
        Root from = root;
        if (removeIf(from.top, from.height, 0, first, last, choice)) {
            // Keeps a short leaf, because a page is often put in again.
            if (from.height > 0 || ((int[]) from.top).length > least) {
                root = Root.EMPTY;
                charge(-bytes);
            }
            return;
        }
        Root left = from;
        while (left.height > 0 && lowestAlone((Object[]) left.top)) {
            left = left.lower();
        }
        if (left.height != from.height) {
            // A reader of the higher root still finds the lower one below it.
            root = left;
            charge(bytesAbove(left) - bytesAbove(from));
        }
    }

    private static boolean lowestAlone(Object[] table) {
        for (int i = 1; i < SIZE; i++) {
            if (table[i] != null) {
                return false;
            }
        }
        return table[0] != null;
    }

    /** Returns whether the table is empty. */
    private boolean removeIf(Object table, int level, long base, long first, long last, IntPredicate choice) {
        int shift = BITS * level;
        int end = end(table, level);
        int from = first <= base ? 0 : (int) Math.min(end, (first - base) >>> shift);
        // The slot after that of the last page, i.e. an exclusive end; 0 for a table that starts after the last page.
        int to = last < base ? 0 : (int) Math.min(end - 1L, (last - base) >>> shift) + 1;
        for (int i = from; i < to; i++) {
            if (level == 0) {
                remove((int[]) table, i, choice);
            } else {
                removeIn((Object[]) table, i, level, base, first, last, choice);
            }
        }
        // The end of the table is checked first: pages are often removed in ascending order, so if pages remain, they
        // are most probably there.
        return isEmpty(table, level, Math.max(from, to), end) && isEmpty(table, level, 0, Math.max(from, to));
    }

    private void removeIn(Object[] table, int index, int level, long base, long first, long last, IntPredicate choice) {
        Object child = table[index];
        long lowest = base + ((long) index << (BITS * level));
        if (child != null && removeIf(child, level - 1, lowest, first, last, choice)) {
            CHILD.setRelease(table, index, (Object) null);
            charge(-bytesOf(level - 1));
        }
    }

    private static boolean isEmpty(Object table, int level, int from, int end) {
        for (int i = from; i < end; i++) {
            if (level == 0 ? ((int[]) table)[i] != Frames.NONE : ((Object[]) table)[i] != null) {
                return false;
            }
        }
        return true;
    }

    private static void remove(int[] leaf, int index, IntPredicate choice) {
        int frame = leaf[index];
        if (frame != Frames.NONE && choice.test(frame)) {
            FRAME.setRelease(leaf, index, Frames.NONE);
        }
    }

    /** Returns the number of nodes, including the leaves. The caller excludes changes. */
    int nodes() {
        Root from = root;
        return (int) sum(from.top, from.height, 1, 1);
    }

    /** Returns the bytes of all nodes; 0 if the tree is a single leaf. The caller excludes changes. */
    long bytes() {
        Root from = root;
        return from.height == 0 ? 0 : sum(from.top, from.height, LEAF_BYTES, TABLE_BYTES);
    }

    private static long sum(Object table, int level, long ofLeaf, long ofTable) {
        if (level == 0) {
            return ofLeaf;
        }
        long sum = ofTable;
        for (Object child : (Object[]) table) {
            sum += child == null ? 0 : sum(child, level - 1, ofLeaf, ofTable);
        }
        return sum;
    }
}
