// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.stream.Collector;

/**
 * Builds a tree from entries in any order. Entries must not overlap; if two do, the build throws an exception that
 * names them.
 *
 * <p>If the entries are already sorted, a {@link TreeBuilder} needs only a third of the memory. Not thread-safe.
 * Entries can be added after a build; the next tree contains all entries added so far.
 *
 * @param <V> the type of values
 */
public final class UnsortedTreeBuilder<V> {

    private final List<RangeEntry<V>> entries = new ArrayList<>();

    /** Creates a builder without entries. */
    public UnsortedTreeBuilder() {}

    /**
     * Returns a collector that builds a tree with one entry per element of a stream. If two entries overlap, the
     * terminal operation throws an {@link IllegalArgumentException} that names them.
     *
     * @param first returns the lowest index of an element's entry, unsigned
     * @param last returns the highest index, inclusive, unsigned
     * @param value returns the value, not null
     * @param <T> the type of elements
     * @param <V> the type of values
     * @return a collector; parallel streams may also use it
     */
    public static <T, V> Collector<T, ?, MapleTree<V>> collector(
            ToLongFunction<? super T> first, ToLongFunction<? super T> last, Function<? super T, ? extends V> value) {
        Objects.requireNonNull(first, "first");
        Objects.requireNonNull(last, "last");
        Objects.requireNonNull(value, "value");
        return Collector.of(
                UnsortedTreeBuilder<V>::new,
                (builder, element) ->
                        builder.add(first.applyAsLong(element), last.applyAsLong(element), value.apply(element)),
                UnsortedTreeBuilder::addAll,
                UnsortedTreeBuilder::build);
    }

    /**
     * Adds an entry.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value any object
     * @return this
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     */
    public UnsortedTreeBuilder<V> add(long first, long last, V value) {
        entries.add(new RangeEntry<>(first, last, value));
        return this;
    }

    /**
     * Adds the entries of another builder.
     *
     * @param other any builder
     * @return this
     */
    public UnsortedTreeBuilder<V> addAll(UnsortedTreeBuilder<? extends V> other) {
        for (RangeEntry<? extends V> entry : List.copyOf(other.entries)) {
            add(entry.first(), entry.last(), entry.value());
        }
        return this;
    }

    /**
     * Builds a tree with its own lock from the entries added so far.
     *
     * @return a new tree
     * @throws IllegalArgumentException if two entries overlap; the message names them
     */
    public MapleTree<V> build() {
        return sorted().build();
    }

    /**
     * Builds a tree from the entries added so far, whose edits acquire the given lock.
     *
     * @param writerLock the lock, as for {@link MapleTree#MapleTree(ReentrantLock)}
     * @return a new tree
     * @throws IllegalArgumentException if two entries overlap; the message names them
     */
    public MapleTree<V> build(ReentrantLock writerLock) {
        Objects.requireNonNull(writerLock, "writerLock");
        return sorted().build(writerLock);
    }

    private TreeBuilder<V> sorted() {
        List<RangeEntry<V>> ascending = new ArrayList<>(entries);
        ascending.sort((a, b) -> Long.compareUnsigned(a.first(), b.first()));
        TreeBuilder<V> builder = new TreeBuilder<>(ascending.size());
        RangeEntry<V> before = null;
        for (RangeEntry<V> entry : ascending) {
            if (before != null && Long.compareUnsigned(entry.first(), before.last()) <= 0) {
                throw new IllegalArgumentException(before + " and " + entry + " overlap");
            }
            builder.add(entry.first(), entry.last(), entry.value());
            before = entry;
        }
        return builder;
    }
}
