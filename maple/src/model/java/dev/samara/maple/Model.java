// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The specification of a {@link MapleTree}, as simple as possible: a sorted map of the pieces that are not free. Uses
 * neither the code under test nor clever arithmetic.
 */
final class Model {

    /** A range with its content: a value, or {@link Held} for a reservation. */
    record Piece(long first, long last, Object content) {}

    record Held(Object owner) {}

    /** Thrown if this reservation refuses an edit. */
    static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Refused(Piece piece) {
            super(Model.refusal(piece.first, piece.last, ((Held) piece.content).owner));
        }
    }

    static final BigInteger END = BigInteger.ONE.shiftLeft(64);

    private final NavigableMap<Long, Piece> pieces;

    Model() {
        pieces = new TreeMap<>(Long::compareUnsigned);
    }

    private Model(Model other) {
        pieces = new TreeMap<>(other.pieces);
    }

    Model copy() {
        return new Model(this);
    }

    static String refusal(long first, long last, Object owner) {
        return "refused: " + Long.toHexString(first) + ".." + Long.toHexString(last) + " is " + owner + "'s";
    }

    static BigInteger big(long index) {
        return new BigInteger(Long.toUnsignedString(index));
    }

    Iterable<Piece> pieces() {
        return pieces.values();
    }

    int size() {
        return pieces.size();
    }

    /** Returns the piece that covers an index. */
    @Nullable
    Piece at(long index) {
        Map.Entry<Long, Piece> e = pieces.floorEntry(index);
        return e != null && Long.compareUnsigned(index, e.getValue().last) <= 0 ? e.getValue() : null;
    }

    /** Returns the lowest piece that ends at or after an index. */
    @Nullable
    Piece atOrAfter(long index) {
        Piece p = at(index);
        if (p != null) {
            return p;
        }
        Map.Entry<Long, Piece> e = pieces.ceilingEntry(index);
        return e == null ? null : e.getValue();
    }

    @Nullable
    Object get(long index) {
        Piece p = at(index);
        return p == null || p.content instanceof Held ? null : p.content;
    }

    boolean isEmpty() {
        return pieces.values().stream().allMatch(p -> p.content instanceof Held);
    }

    List<RangeEntry<Object>> entries() {
        List<RangeEntry<Object>> list = new ArrayList<>();
        for (Piece p : pieces.values()) {
            if (!(p.content instanceof Held)) {
                list.add(new RangeEntry<>(p.first, p.last, p.content));
            }
        }
        return list;
    }

    @Nullable
    RangeEntry<Object> entryAt(long index) {
        Piece p = at(index);
        return p == null || p.content instanceof Held ? null : new RangeEntry<>(p.first, p.last, p.content);
    }

    /** Returns the entries that overlap a range. */
    List<RangeEntry<Object>> entries(long first, long last) {
        List<RangeEntry<Object>> list = new ArrayList<>(entries());
        list.removeIf(
                e -> big(e.last()).compareTo(big(first)) < 0 || big(e.first()).compareTo(big(last)) > 0);
        return list;
    }

    /** Returns the parts of a range that contain no value. */
    List<IndexRange> gaps(long first, long last) {
        List<IndexRange> list = new ArrayList<>();
        BigInteger from = big(first);
        for (RangeEntry<Object> e : entries(first, last)) {
            if (from.compareTo(big(e.first())) < 0) {
                list.add(new IndexRange(from.longValue(), e.first() - 1));
            }
            from = from.max(big(e.last()).add(BigInteger.ONE));
        }
        if (from.compareTo(big(last)) <= 0) {
            list.add(new IndexRange(from.longValue(), last));
        }
        return list;
    }

    /**
     * Stores a value in a range, and in all entries with an equal value that overlap the range or are adjacent to it.
     */
    void coalesce(long first, long last, Object value) {
        replace(first, last, value, null);
        Piece before = first == 0 ? null : at(first - 1);
        Piece after = last == -1L ? null : at(last + 1);
        long from = before != null && before.content.equals(value) ? before.first : first;
        long to = after != null && after.content.equals(value) ? after.last : last;
        replace(from, to, value, null);
    }

    /** Stores a value in the free parts of a range, and the result of {@link ModelRun#merged} in all other parts. */
    void merge(long first, long last, Object value) {
        RangeEntry<Object> held = reservationIn(first, last);
        if (held != null) {
            throw new Refused(new Piece(held.first(), held.last(), new Held(held.value())));
        }
        Model old = copy();
        for (IndexRange gap : old.gaps(first, last)) {
            replace(gap.first(), gap.last(), value, null);
        }
        for (RangeEntry<Object> e : old.entries(first, last)) {
            long from = big(e.first()).max(big(first)).longValue();
            long to = big(e.last()).min(big(last)).longValue();
            replace(from, to, ModelRun.merged(e.value(), value), null);
        }
    }

    /** Stores either all of the entries or none. */
    void storeAll(List<RangeEntry<Object>> entries) {
        for (RangeEntry<Object> e : entries) {
            RangeEntry<Object> held = reservationIn(e.first(), e.last());
            if (held != null) {
                throw new Refused(new Piece(held.first(), held.last(), new Held(held.value())));
            }
        }
        entries.forEach(e -> replace(e.first(), e.last(), e.value(), null));
    }

    boolean isFree(long first, long last) {
        Piece p = atOrAfter(first);
        return p == null || Long.compareUnsigned(p.first, last) > 0;
    }

    @Nullable
    RangeEntry<Object> reservationAt(long index) {
        Piece p = at(index);
        return p != null && p.content instanceof Held held ? new RangeEntry<>(p.first, p.last, held.owner) : null;
    }

    /** Returns the lowest reservation that overlaps a range. */
    @Nullable
    RangeEntry<Object> reservationIn(long first, long last) {
        for (Piece p = atOrAfter(first); p != null && Long.compareUnsigned(p.first, last) <= 0; ) {
            if (p.content instanceof Held held) {
                return new RangeEntry<>(p.first, p.last, held.owner);
            }
            p = p.last == -1L ? null : atOrAfter(p.last + 1);
        }
        return null;
    }

    /**
     * Replaces the content of a range, or removes it if {@code content} is null, unless the range overlaps another
     * owner's reservation.
     */
    void replace(long first, long last, @Nullable Object content, @Nullable Object owner) {
        List<Piece> met = new ArrayList<>();
        for (Piece p = atOrAfter(first); p != null && Long.compareUnsigned(p.first, last) <= 0; ) {
            if (p.content instanceof Held held && held.owner != owner) {
                throw new Refused(p);
            }
            met.add(p);
            p = p.last == -1L ? null : atOrAfter(p.last + 1);
        }
        for (Piece p : met) {
            pieces.remove(p.first);
            if (Long.compareUnsigned(p.first, first) < 0) {
                pieces.put(p.first, new Piece(p.first, first - 1, p.content));
            }
            if (Long.compareUnsigned(p.last, last) > 0) {
                pieces.put(last + 1, new Piece(last + 1, p.last, p.content));
            }
        }
        if (content != null) {
            pieces.put(first, new Piece(first, last, content));
        }
    }

    boolean insert(long first, long last, Object content) {
        boolean free = isFree(first, last);
        if (free) {
            replace(first, last, content, null);
        }
        return free;
    }

    @Nullable
    Object erase(long index) {
        Piece p = at(index);
        if (p == null) {
            return null;
        }
        replace(p.first, p.last, null, null);
        return p.content;
    }

    /** Returns the expected result of a gap search as its first index, or null if the search fails. */
    @Nullable
    Long search(Op.Gap gap, boolean lowest) {
        BigInteger freeFrom = BigInteger.ZERO;
        BigInteger best = null;
        Iterator<Piece> it = pieces.values().iterator();
        while (freeFrom.compareTo(END) < 0) {
            Piece next = it.hasNext() ? it.next() : null;
            BigInteger freeTo = next == null ? END : big(next.first);
            BigInteger start = position(gap, freeFrom, freeTo, lowest);
            if (start != null) {
                best = start;
                if (lowest) {
                    break;
                }
            }
            freeFrom = next == null ? END : big(next.last).add(BigInteger.ONE);
        }
        return best == null ? null : best.longValue();
    }

    /** Returns the lowest or highest position in the free range {@code [from, to)}. */
    private static @Nullable BigInteger position(Op.Gap gap, BigInteger from, BigInteger to, boolean lowest) {
        BigInteger size = big(gap.size());
        BigInteger low = from.signum() == 0 ? from : from.add(big(gap.before()));
        BigInteger end = to.equals(END) ? to : to.subtract(big(gap.after()));
        low = low.max(big(gap.min()));
        BigInteger high = end.min(big(gap.max()).add(BigInteger.ONE)).subtract(size);
        BigInteger alignment = big(gap.alignment());
        BigInteger offset = big(gap.offset());
        BigInteger start = lowest
                ? low.add(offset.subtract(low).mod(alignment))
                : high.subtract(high.subtract(offset).mod(alignment));
        return start.compareTo(low) >= 0 && start.compareTo(high) <= 0 ? start : null;
    }
}
