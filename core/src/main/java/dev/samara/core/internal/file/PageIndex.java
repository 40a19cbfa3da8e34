// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Frames;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * From page numbers of a file to frames: a radix tree that is as high as the highest page needs ({@code xarray}).
 *
 * <p>Reading takes no lock. Changing is the caller's to order.
 *
 * <p>A node whose last page is taken out goes, and with it every level that the pages that are left do not need. A
 * reader who is in such a node finds nothing there, and is right: it was empty when it was unhooked, which was within
 * his look, and nothing is ever put into it again. So a look needs no check of whether its node is still hooked in.
 */
final class PageIndex {
    private static final VarHandle FRAME = MethodHandles.arrayElementVarHandle(int[].class);
    private static final VarHandle CHILD = MethodHandles.arrayElementVarHandle(Object[].class);
    private static final int BITS = 9;
    private static final int SIZE = 1 << BITS;

    /** A tree of some height; replaced when it must be higher. Height 0 is one leaf. */
    private record Root(int height, Object top) {}

    private volatile Root root = new Root(0, leaf());

    private static int[] leaf() {
        int[] leaf = new int[SIZE];
        Arrays.fill(leaf, Frames.NONE);
        return leaf;
    }

    /** The frame of a page, or {@link Frames#NONE}. */
    int get(long page) {
        int[] leaf = leafOf(page);
        return leaf == null ? Frames.NONE : (int) FRAME.getAcquire(leaf, (int) page & SIZE - 1);
    }

    private int @Nullable [] leafOf(long page) {
        Root from = root;
        if (page >>> (BITS * (from.height + 1)) != 0) {
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
     * The frames of some pages, {@link Frames#NONE} for each that is not there; walks once for as many as lie together.
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
            target[i] = leaf == null ? Frames.NONE : (int) FRAME.getAcquire(leaf, from + i);
        }
    }

    /** Caller excludes other changes. */
    void put(long page, int frame) {
        Root from = root;
        while (page >>> (BITS * (from.height + 1)) != 0) {
            Object[] higher = new Object[SIZE];
            higher[0] = from.top;
            from = new Root(from.height + 1, higher);
        }
        root = from;
        Object table = from.top;
        for (int level = from.height; level > 0; level--) {
            Object[] upper = (Object[]) table;
            int at = (int) (page >>> (BITS * level)) & SIZE - 1;
            table = upper[at];
            if (table == null) {
                table = level == 1 ? leaf() : new Object[SIZE];
                CHILD.setRelease(upper, at, table);
            }
        }
        // Pairs with the acquire load of get: who finds the frame finds its content, its owner and its page.
        FRAME.setRelease((int[]) table, (int) page & SIZE - 1, frame);
    }

    /**
     * Collects pages in memory, in ascending order. Each is looked at for itself.
     *
     * @param from the first page that is looked at
     * @param pages takes their numbers
     * @param target takes their frames, and has room for as many
     * @return how many were found; fewer than there is room for if there are no more
     */
    int collect(long from, long[] pages, int[] target) {
        Root of = root;
        return collect(of.top, of.height, 0, from, pages, target, 0);
    }

    private static int collect(Object table, int level, long base, long from, long[] pages, int[] target, int known) {
        int count = known;
        int shift = BITS * level;
        // Zero for a table that begins behind the first page.
        int start = from <= base ? 0 : (int) Math.min(SIZE, (from - base) >>> shift);
        for (int i = start; i < SIZE && count < pages.length; i++) {
            long lowest = base + ((long) i << shift);
            if (level > 0) {
                Object child = CHILD.getAcquire((Object[]) table, i);
                if (child != null) {
                    count = collect(child, level - 1, lowest, from, pages, target, count);
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

    /** Gives the frames of a range to a consumer, in ascending order. Caller excludes changes. */
    void forEach(long first, long last, IntConsumer consumer) {
        Root of = root;
        forEach(of.top, of.height, 0, first, last, consumer);
    }

    private static void forEach(Object table, int level, long base, long first, long last, IntConsumer consumer) {
        int shift = BITS * level;
        // Zero for a table that begins behind the first page.
        int start = first <= base ? 0 : (int) Math.min(SIZE, (first - base) >>> shift);
        for (int i = start; i < SIZE && base + ((long) i << shift) <= last; i++) {
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
     * Takes one page out that is there, and leaves its node, also if that is empty then: so the page can be put back
     * without memory. Caller excludes other changes.
     */
    void clear(long page) {
        int[] leaf = leafOf(page);
        if (leaf != null) {
            FRAME.setRelease(leaf, (int) page & SIZE - 1, Frames.NONE);
        }
    }

    /** Lets nodes of a range go that {@link #clear} has left empty. Caller excludes other changes. */
    void prune(long first, long last) {
        removeIf(first, last, frame -> false);
    }

    /**
     * Takes out those pages of a range whose frames a predicate accepts, in ascending order, and nodes that are empty
     * then. Caller excludes other changes.
     */
    void removeIf(long first, long last, IntPredicate choice) {
        Root from = root;
        if (removeIf(from.top, from.height, 0, first, last, choice)) {
            root = new Root(0, leaf());
            return;
        }
        Root left = from;
        while (left.height > 0 && lowestAlone((Object[]) left.top)) {
            left = new Root(left.height - 1, ((Object[]) left.top)[0]);
        }
        if (left.height != from.height) {
            // Who has the higher root still finds the lower one at its place below it.
            root = left;
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

    /** Returns whether nothing is left in the table. */
    private static boolean removeIf(Object table, int level, long base, long first, long last, IntPredicate choice) {
        int shift = BITS * level;
        boolean isEmpty = true;
        for (int i = 0; i < SIZE; i++) {
            long lowest = base + ((long) i << shift);
            boolean isWithin = lowest + (1L << shift) - 1 >= first && lowest <= last;
            if (level == 0) {
                int[] leaf = (int[]) table;
                if (isWithin) {
                    remove(leaf, i, choice);
                }
                isEmpty &= leaf[i] == Frames.NONE;
            } else {
                Object[] upper = (Object[]) table;
                Object child = upper[i];
                if (isWithin && child != null && removeIf(child, level - 1, lowest, first, last, choice)) {
                    CHILD.setRelease(upper, i, null);
                }
                isEmpty &= upper[i] == null;
            }
        }
        return isEmpty;
    }

    private static void remove(int[] leaf, int index, IntPredicate choice) {
        int frame = leaf[index];
        if (frame != Frames.NONE && choice.test(frame)) {
            FRAME.setRelease(leaf, index, Frames.NONE);
        }
    }

    /** How many nodes there are, the lowest included. Caller excludes changes. */
    int nodes() {
        Root from = root;
        return nodes(from.top, from.height);
    }

    private static int nodes(Object table, int level) {
        int nodes = 1;
        if (level > 0) {
            for (Object child : (Object[]) table) {
                nodes += child == null ? 0 : nodes(child, level - 1);
            }
        }
        return nodes;
    }
}
