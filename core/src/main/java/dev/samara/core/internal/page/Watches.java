// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.event.AccessListener;
import dev.samara.core.event.WriteListener;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.mman.Mman;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The address ranges of one space that are watched for writes, or the ranges that are watched for reads. A range stays
 * watched whatever is mapped there.
 *
 * <p>A CPU does not cache the right to write a page that is watched for writes in its TLB, nor any translation of a
 * page that is watched for reads. So each such access takes the slow path and is reported. A thread that adds a range
 * then flushes translations; a thread that removes a range need not.
 */
public final class Watches {
    /**
     * The watched ranges; null if there is none, which makes the check cheapest.
     *
     * <p>Words: {@code all}.
     * Written: a thread that adds or removes a watch (monitor, volatile).
     * Read: CPUs that fill their TLB, or that stored without it (volatile).
     * Pairs: a thread that adds a watch stores the root, then flushes, as after the change of an entry. A CPU sets its
     *     bit in the cpumask, then reads the root. Either it sees the watch, and so caches no right to write a page
     *     that is watched for writes, and no translation of a page that is watched for reads; or it is flushed.
     * Invariant: the root of an immutable tree of watched ranges; a change copies one path.
     */
    volatile @Nullable Tree all;

    /**
     * The number of ranges that were ever added.
     *
     * <p>Words: {@code added}, {@code size}.
     * Written: a thread that adds a watch; {@code size} also by one that removes a watch (monitor).
     * Read: these threads (monitor).
     * Invariant: the number of ranges ever added, which is the age of the next one; the number of ranges.
     */
    @GuardedBy("this")
    private long added;

    /** The number of ranges. */
    @GuardedBy("this")
    private int size;

    /** A range of addresses that is watched for writes or for reads, first and last byte inclusive. */
    public static final class WatchedRange implements Comparable<WatchedRange> {
        private final long first;
        private final long last;
        private final AccessListener listener;
        private final Consumer<Throwable> reporter;

        /** The number of ranges that were added before this one. Set once, before the range is in a tree; -1 before. */
        private long age = -1;

        /**
         * If true, the listener is not notified any more, even by a thread that still finds the range.
         *
         * <p>Written: a thread that removes the watch (volatile).
         * Read: a thread that is about to call the watch's listener (volatile).
         * Invariant: never reset.
         */
        private volatile boolean isClosed;

        /**
         * Describes a range, without adding it.
         *
         * @param first the address of its first byte
         * @param last the address of its last byte, inclusive, unsigned
         * @param listener is notified of stores, on the thread that stores
         * @param reporter is given the exceptions that the listener throws; must not throw
         */
        public WatchedRange(long first, long last, WriteListener listener, Consumer<Throwable> reporter) {
            this(first, last, (access, address, length, value) -> listener.written(address, length), reporter);
        }

        /**
         * Describes a range, without adding it.
         *
         * @param first the address of its first byte
         * @param last the address of its last byte, inclusive, unsigned
         * @param listener is notified of reads, on the thread that reads
         * @param reporter is given the exceptions that the listener throws; must not throw
         */
        public WatchedRange(long first, long last, AccessListener listener, Consumer<Throwable> reporter) {
            this.first = first;
            this.last = last;
            this.listener = listener;
            this.reporter = reporter;
        }

        /** Orders ranges by the first byte, unsigned, then by age, with the older range first. */
        @Override
        public int compareTo(WatchedRange other) {
            int order = Long.compareUnsigned(first, other.first);
            return order != 0 ? order : Long.compare(age, other.age);
        }

        private void tell(int access, long address, long length, long value) {
            if (isClosed) {
                return;
            }
            try {
                listener.read(access, address, length, value);
            } catch (Throwable thrown) {
                reporter.accept(thrown);
            }
        }
    }

    /**
     * An immutable set of watched ranges: an AVL tree, ordered by the first byte, and by age among ranges with the same
     * first byte. Each node contains the highest last byte in its subtree, so the tree is an interval tree.
     *
     * <p>A change copies the path to the changed node and shares all other nodes, so it costs O(log n). A reader that
     * read a root sees the set of one instant. The empty set is null.
     */
    static final class Tree {
        private final WatchedRange watch;
        private final @Nullable Tree lower;
        private final @Nullable Tree higher;
        private final int height;

        /** The highest last byte of this range and of the ranges in both subtrees, unsigned. */
        private final long reach;

        private Tree(@Nullable Tree lower, WatchedRange watch, @Nullable Tree higher) {
            this.lower = lower;
            this.watch = watch;
            this.higher = higher;
            height = Math.max(height(lower), height(higher)) + 1;
            reach = highest(highest(watch.last, lower), higher);
        }

        /** Returns the number of nodes on the longest path down. */
        static int height(@Nullable Tree tree) {
            return tree == null ? 0 : tree.height;
        }

        private static long highest(long last, @Nullable Tree tree) {
            return tree == null ? last : Addresses.higher(tree.reach, last);
        }

        /** Returns the set with one more range, which must not be in it yet. */
        static Tree with(@Nullable Tree tree, WatchedRange added) {
            if (tree == null) {
                return new Tree(null, added, null);
            }
            return added.compareTo(tree.watch) < 0
                    ? balanced(with(tree.lower, added), tree.watch, tree.higher)
                    : balanced(tree.lower, tree.watch, with(tree.higher, added));
        }

        /** Returns the set without a range; the argument itself if the range is not in it. */
        static @Nullable Tree without(@Nullable Tree tree, WatchedRange removed) {
            if (tree == null) {
                return null;
            }
            int order = removed.compareTo(tree.watch);
            if (order < 0) {
                Tree lower = without(tree.lower, removed);
                return lower == tree.lower ? tree : balanced(lower, tree.watch, tree.higher);
            }
            if (order > 0) {
                Tree higher = without(tree.higher, removed);
                return higher == tree.higher ? tree : balanced(tree.lower, tree.watch, higher);
            }
            if (tree.lower == null || tree.higher == null) {
                return tree.lower == null ? tree.higher : tree.lower;
            }
            WatchedRange next = lowest(tree.higher);
            return balanced(tree.lower, next, without(tree.higher, next));
        }

        private static WatchedRange lowest(Tree tree) {
            Tree at = tree;
            while (at.lower != null) {
                at = at.lower;
            }
            return at.watch;
        }

        /** Joins two sets, whose heights differ by at most two, and a range between them. */
        private static Tree balanced(@Nullable Tree lower, WatchedRange watch, @Nullable Tree higher) {
            int difference = height(lower) - height(higher);
            if (lower != null && difference > 1) {
                Tree middle = lower.higher;
                return middle == null || height(lower.lower) >= middle.height
                        ? new Tree(lower.lower, lower.watch, new Tree(middle, watch, higher))
                        : new Tree(
                                new Tree(lower.lower, lower.watch, middle.lower),
                                middle.watch,
                                new Tree(middle.higher, watch, higher));
            }
            if (higher != null && difference < -1) {
                Tree middle = higher.lower;
                return middle == null || height(higher.higher) >= middle.height
                        ? new Tree(new Tree(lower, watch, middle), higher.watch, higher.higher)
                        : new Tree(
                                new Tree(lower, watch, middle.lower),
                                middle.watch,
                                new Tree(middle.higher, higher.watch, higher.higher));
            }
            return new Tree(lower, watch, higher);
        }

        /** Returns whether a watched range has a byte in common with {@code first} to {@code last}, both inclusive. */
        boolean touches(long first, long last) {
            Tree at = this;
            while (at != null) {
                Tree below = at.lower;
                if (below != null && !Addresses.isBelow(below.reach, first)) {
                    // If no range in this subtree meets first..last, the range with this reach starts after last, and
                    // so do all higher ranges.
                    at = below;
                } else if (Addresses.isBelow(last, at.watch.first)) {
                    return false;
                } else if (!Addresses.isBelow(at.watch.last, first)) {
                    return true;
                } else {
                    at = at.higher;
                }
            }
            return false;
        }

        /** Notifies the listener of each range that contains a byte of the access, in order. */
        void tell(int access, long address, long length, long value) {
            if (Addresses.isBelow(reach, address)) {
                return;
            }
            if (lower != null) {
                lower.tell(access, address, length, value);
            }
            if (Addresses.isBelow(address + length - 1, watch.first)) {
                return;
            }
            if (!Addresses.isBelow(watch.last, address)) {
                watch.tell(access, address, length, value);
            }
            if (higher != null) {
                higher.tell(access, address, length, value);
            }
        }

        /** Passes each node to a consumer; for tests. */
        void forEach(Consumer<Tree> consumer) {
            if (lower != null) {
                lower.forEach(consumer);
            }
            consumer.accept(this);
            if (higher != null) {
                higher.forEach(consumer);
            }
        }
    }

    Watches() {}

    /**
     * Returns whether a byte of a range is watched.
     *
     * @param first the first byte
     * @param last the last byte, inclusive
     */
    public boolean touches(long first, long last) {
        Tree known = all;
        return known != null && known.touches(first, last);
    }

    /**
     * Notifies the listeners of all ranges that contain a byte of the access, the lowest range first, on the calling
     * thread.
     *
     * @param access one {@code PROT_*} bit of {@link Mman}
     * @param address the address of the access's first byte
     * @param length the number of bytes, not 0
     * @param value the number that was read; 0 if there is none
     */
    public void tell(int access, long address, long length, long value) {
        Tree known = all;
        if (known != null) {
            known.tell(access, address, length, value);
        }
    }

    /**
     * Adds a range, in O(log n). Accesses are reported once the caller has flushed translations after this call.
     *
     * @param most the maximum number of ranges
     * @return false, with nothing changed, if there already are {@code most} ranges
     */
    public synchronized boolean add(WatchedRange watch, int most) {
        if (size >= most) {
            return false;
        }
        watch.age = added;
        all = Tree.with(all, watch);
        added++;
        size++;
        return true;
    }

    /** Removes a range and closes it, in O(log n). A range that is not in the set is only closed. */
    public synchronized void remove(WatchedRange watch) {
        watch.isClosed = true;
        Tree before = all;
        Tree after = Tree.without(before, watch);
        if (after != before) {
            all = after;
            size--;
        }
    }
}
