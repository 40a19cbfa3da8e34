// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Computes the results of a function for each entry and each free range that overlaps a range. All calls of the
 * function precede the first store, so nothing changes if the function throws.
 *
 * @param <V> the type of values
 */
final class RangeEdits<V> {

    /** A part of the range and its new value, or null if it becomes free. */
    private record Piece<V>(long first, long last, @Nullable V value) {}

    private final List<Piece<V>> pieces = new ArrayList<>();
    private final UnaryOperator<@Nullable V> function;

    /** The lowest index for which the function was not called yet; unused once {@link #isOver} is true. */
    private long from;

    private boolean isOver;

    /**
     * Calls the function.
     *
     * @param root the root of a tree that does not change before this returns
     * @throws ReservedException if the range overlaps a reservation
     */
    RangeEdits(Node root, long first, long last, UnaryOperator<@Nullable V> function) {
        this.function = Objects.requireNonNull(function, "function");
        Keys.requireRange(first, last);
        RangeEntry<Object> met = AllocationView.reservationIn(root, Keys.flip(first), Keys.flip(last), null);
        if (met != null) {
            throw new ReservedException(met.first(), met.last(), met.value());
        }
        from = first;
        RangeConsumer<V> each =
                (start, end, value) -> add(Keys.higher(start, first), Keys.lower(end, last), last, value);
        EntryWalk.forEach(root, Keys.MIN, Keys.flip(first), Keys.flip(last), each);
        if (!isOver) {
            pieces.add(new Piece<>(from, last, function.apply(null)));
        }
    }

    private void add(long start, long end, long last, V value) {
        if (from != start) {
            pieces.add(new Piece<>(from, start - 1, function.apply(null)));
        }
        pieces.add(new Piece<>(start, end, function.apply(value)));
        isOver = end == last;
        from = end + 1;
    }

    /** Stores the results in a draft. */
    void store(Draft to) {
        for (Piece<V> piece : pieces) {
            V value = piece.value();
            if (value == null) {
                to.erase(piece.first(), piece.last());
            } else {
                to.store(piece.first(), piece.last(), value);
            }
        }
    }
}
