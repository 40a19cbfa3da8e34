// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.sync.Addresses;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An immutable set of watched ranges: an AVL tree, ordered by the first byte, and by age among ranges with the same
 * first byte. Each node contains the highest last byte in its subtree, so the tree is an interval tree.
 *
 * <p>A change copies the path to the changed node and shares all other nodes, so it costs O(log n). A reader that read
 * a root sees the set of one instant. The empty set is null.
 */
final class WatchTree {
    private final WatchedRange watch;
    private final @Nullable WatchTree lower;
    private final @Nullable WatchTree higher;
    private final int height;

    /** The highest last byte of this range and of the ranges in both subtrees, unsigned. */
    private final long reach;

    private WatchTree(@Nullable WatchTree lower, WatchedRange watch, @Nullable WatchTree higher) {
        this.lower = lower;
        this.watch = watch;
        this.higher = higher;
        height = Math.max(height(lower), height(higher)) + 1;
        reach = highest(highest(watch.last(), lower), higher);
    }

    /** Returns the number of nodes on the longest path down. */
    static int height(@Nullable WatchTree tree) {
        return tree == null ? 0 : tree.height;
    }

    private static long highest(long last, @Nullable WatchTree tree) {
        return tree == null ? last : Addresses.higher(tree.reach, last);
    }

    /** Returns the set with one more range, which must not be in it yet. */
    static WatchTree with(@Nullable WatchTree tree, WatchedRange added) {
        if (tree == null) {
            return new WatchTree(null, added, null);
        }
        return added.compareTo(tree.watch) < 0
                ? balanced(with(tree.lower, added), tree.watch, tree.higher)
                : balanced(tree.lower, tree.watch, with(tree.higher, added));
    }

    /** Returns the set without a range; the argument itself if the range is not in it. */
    static @Nullable WatchTree without(@Nullable WatchTree tree, WatchedRange removed) {
        if (tree == null) {
            return null;
        }
        int order = removed.compareTo(tree.watch);
        if (order < 0) {
            WatchTree lower = without(tree.lower, removed);
            return lower == tree.lower ? tree : balanced(lower, tree.watch, tree.higher);
        }
        if (order > 0) {
            WatchTree higher = without(tree.higher, removed);
            return higher == tree.higher ? tree : balanced(tree.lower, tree.watch, higher);
        }
        if (tree.lower == null || tree.higher == null) {
            return tree.lower == null ? tree.higher : tree.lower;
        }
        WatchedRange next = lowest(tree.higher);
        return balanced(tree.lower, next, without(tree.higher, next));
    }

    private static WatchedRange lowest(WatchTree tree) {
        WatchTree at = tree;
        while (at.lower != null) {
            at = at.lower;
        }
        return at.watch;
    }

    /** Joins two sets, whose heights differ by at most two, and a range between them. */
    private static WatchTree balanced(@Nullable WatchTree lower, WatchedRange watch, @Nullable WatchTree higher) {
        int difference = height(lower) - height(higher);
        if (lower != null && difference > 1) {
            WatchTree middle = lower.higher;
            return middle == null || height(lower.lower) >= middle.height
                    ? new WatchTree(lower.lower, lower.watch, new WatchTree(middle, watch, higher))
                    : new WatchTree(
                            new WatchTree(lower.lower, lower.watch, middle.lower),
                            middle.watch,
                            new WatchTree(middle.higher, watch, higher));
        }
        if (higher != null && difference < -1) {
            WatchTree middle = higher.lower;
            return middle == null || height(higher.higher) >= middle.height
                    ? new WatchTree(new WatchTree(lower, watch, middle), higher.watch, higher.higher)
                    : new WatchTree(
                            new WatchTree(lower, watch, middle.lower),
                            middle.watch,
                            new WatchTree(middle.higher, higher.watch, higher.higher));
        }
        return new WatchTree(lower, watch, higher);
    }

    /** Returns whether a watched range has a byte in common with {@code first} to {@code last}, both inclusive. */
    boolean touches(long first, long last) {
        WatchTree at = this;
        while (at != null) {
            WatchTree below = at.lower;
            if (below != null && !Addresses.isBelow(below.reach, first)) {
                // If no range in this subtree meets first..last, the range with this reach starts after last, and so do
                // all higher ranges.
                at = below;
            } else if (Addresses.isBelow(last, at.watch.first())) {
                return false;
            } else if (!Addresses.isBelow(at.watch.last(), first)) {
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
        if (Addresses.isBelow(address + length - 1, watch.first())) {
            return;
        }
        if (!Addresses.isBelow(watch.last(), address)) {
            watch.tell(access, address, length, value);
        }
        if (higher != null) {
            higher.tell(access, address, length, value);
        }
    }

    /** Passes each node to a consumer; for tests. */
    void forEach(Consumer<WatchTree> consumer) {
        if (lower != null) {
            lower.forEach(consumer);
        }
        consumer.accept(this);
        if (higher != null) {
            higher.forEach(consumer);
        }
    }
}
