// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Comparator;
import java.util.Objects;
import java.util.Spliterator;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A spliterator over the entries of a snapshot, in ascending order. It splits at the bounds of slots of inner nodes,
 * which no entry crosses.
 *
 * @param <V> the type of values
 */
final class EntrySpliterator<V> implements Spliterator<RangeEntry<V>> {

    private static final int CHARACTERISTICS = ORDERED | SORTED | DISTINCT | NONNULL | IMMUTABLE;

    /** The average number of slots per node that an estimate assumes. */
    private static final long TYPICAL_FILL = 10;

    private final Node root;
    private final Cursor<V> cursor;

    /** Whether the cursor is on the last entry before the remaining keys. */
    private boolean isOnEntry;

    /* The bounds of the remaining keys, inclusive. No keys remain if isAtEnd is true. */
    private long lo;
    private final long hi;
    private boolean isAtEnd;

    private long estimate;

    EntrySpliterator(Node root) {
        this(root, Keys.MIN, Keys.MAX, root.size() * Math.round(Math.pow(TYPICAL_FILL, root.level)));
    }

    private EntrySpliterator(Node root, long lo, long hi, long estimate) {
        this.root = root;
        cursor = new Cursor<>(() -> root);
        this.lo = lo;
        this.hi = hi;
        this.estimate = estimate;
    }

    @Override
    public boolean tryAdvance(Consumer<? super RangeEntry<V>> action) {
        Objects.requireNonNull(action, "action");
        RangeEntry<V> entry = isAtEnd ? null : next();
        if (entry == null) {
            isAtEnd = true;
            return false;
        }
        long end = Keys.flip(entry.last());
        isAtEnd = end >= hi;
        lo = isAtEnd ? hi : end + 1;
        action.accept(entry);
        return true;
    }

    private @Nullable RangeEntry<V> next() {
        if (root.reservedIn != 0) {
            // Does not use a cursor, because a cursor would go on after the part's last entry and skip all reservations
            // above the part's highest key.
            return EntryWalk.first(root, Keys.MIN, lo, hi);
        }
        V value = isOnEntry ? cursor.next() : cursor.find(Keys.flip(lo));
        isOnEntry = value != null;
        return value == null || Keys.flip(cursor.first()) > hi
                ? null
                : new RangeEntry<>(cursor.first(), cursor.last(), value);
    }

    @Override
    public void forEachRemaining(Consumer<? super RangeEntry<V>> action) {
        Objects.requireNonNull(action, "action");
        if (!isAtEnd) {
            isAtEnd = true;
            RangeConsumer<V> each = (first, last, value) -> action.accept(new RangeEntry<>(first, last, value));
            EntryWalk.forEach(root, Keys.MIN, lo, hi, each);
        }
    }

    @Override
    public @Nullable Spliterator<RangeEntry<V>> trySplit() {
        Node n = root;
        while (!isAtEnd) {
            int from = n.find(lo);
            int to = n.find(hi);
            if (from != to) {
                long border = n.pivot((from + to - 1) >>> 1);
                estimate >>>= 1;
                Spliterator<RangeEntry<V>> lower = new EntrySpliterator<>(root, lo, border, estimate);
                lo = border + 1;
                isOnEntry = false;
                return lower;
            }
            if (n.level == 1) {
                break;
            }
            n = n.child(from);
        }
        return null;
    }

    @Override
    public long estimateSize() {
        return isAtEnd ? 0 : estimate;
    }

    @Override
    public int characteristics() {
        return CHARACTERISTICS;
    }

    @Override
    public Comparator<? super RangeEntry<V>> getComparator() {
        return (a, b) -> Long.compareUnsigned(a.first(), b.first());
    }
}
