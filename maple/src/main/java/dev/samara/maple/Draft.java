// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The writer's working copy of a tree: an unpublished root, and the edits that replace it by a new one.
 *
 * <p>This class defines the semantics of edits: which arguments they accept, which contents they may replace, and what
 * they throw. {@link Splice} changes the nodes and merges free ranges, and {@link EditedRoot} publishes the result. An
 * edit that throws leaves the root unchanged. The caller must hold the writer lock. Parameters are indexes, as in the
 * public methods that call these methods.
 */
final class Draft {

    private final Splice splice = new Splice();

    private Node root = Node.EMPTY;

    Draft() {}

    Node root() {
        return root;
    }

    /** Resets this draft to a published tree. New nodes will be of the given era. */
    void start(Node published, Era era) {
        root = published;
        splice.begin(era);
    }

    /** Returns the era that the tree enters when this draft is published. */
    Era era() {
        return splice.era();
    }

    /** Ends the era of new nodes, because other code will read the root while later edits run. */
    void endEra() {
        splice.endEra();
    }

    /** Drops the references to all nodes except the root. */
    void disown() {
        splice.disown();
    }

    void store(long first, long last, Object value) {
        requireValue(first, last, value);
        overwrite(first, last, value, null);
    }

    void store(long first, long last, Object value, Object owner) {
        requireValue(first, last, value);
        overwrite(first, last, value, requireOwner(owner));
    }

    void replaceByReservation(long first, long last, Object owner) {
        Keys.requireRange(first, last);
        overwrite(first, last, new Reservation(requireOwner(owner)), owner);
    }

    /**
     * Fills a tree that contains no values. Its reservations are kept.
     *
     * @param entries the root of the new values, whose nodes belong to a separate era
     */
    void fill(Node entries) {
        if (root.atOrAfter(Keys.MIN) != null) {
            throw new IllegalStateException("there are values already");
        }
        // Its nodes are of another era, so every later edit copies the nodes that it changes.
        Node filled = entries;
        long at = Keys.MIN;
        RangeEntry<Object> next = AllocationView.reservationIn(root, at, Keys.MAX, null);
        while (next != null) {
            long lo = Keys.flip(next.first());
            long hi = Keys.flip(next.last());
            filled = splice.fill(filled, lo, hi, new Reservation(next.value()));
            if (filled == null) {
                throw new ReservedException(next.first(), next.last(), next.value());
            }
            next = hi == Keys.MAX ? null : AllocationView.reservationIn(root, hi + 1, Keys.MAX, null);
        }
        root = filled;
    }

    boolean insert(long first, long last, Object value) {
        requireValue(first, last, value);
        return occupy(first, last, value);
    }

    boolean reserve(long first, long last, Object owner) {
        Keys.requireRange(first, last);
        return occupy(first, last, new Reservation(requireOwner(owner)));
    }

    boolean findLowest(GapSearch where) {
        return Objects.requireNonNull(where, "where").searchLowest(root);
    }

    boolean findHighest(GapSearch where) {
        return Objects.requireNonNull(where, "where").searchHighest(root);
    }

    boolean reserveLowest(GapSearch where, Object owner) {
        Object reservation = new Reservation(requireOwner(owner));
        boolean found = findLowest(where);
        if (found) {
            fill(where, reservation);
        }
        return found;
    }

    boolean reserveHighest(GapSearch where, Object owner) {
        Object reservation = new Reservation(requireOwner(owner));
        boolean found = findHighest(where);
        if (found) {
            fill(where, reservation);
        }
        return found;
    }

    void erase(long first, long last) {
        Keys.requireRange(first, last);
        free(first, last, null);
    }

    void erase(long first, long last, Object owner) {
        Keys.requireRange(first, last);
        free(first, last, requireOwner(owner));
    }

    @Nullable
    Object eraseEntry(long index) {
        long key = Keys.flip(index);
        Object value = Lookup.contentAt(root, key);
        if (value != null) {
            free(Keys.flip(Lookup.slotStart(root, key)), Keys.flip(Lookup.slotEnd(root, key)), null);
        }
        return value;
    }

    /** Returns a range, extended by the entries of equal value that overlap or adjoin it. */
    static IndexRange coalesced(Node root, long first, long last, Object value) {
        RangeEntry<Object> before = first == 0 ? null : EntryWalk.at(root, Keys.flip(first - 1));
        RangeEntry<Object> after = last == -1L ? null : EntryWalk.at(root, Keys.flip(last + 1));
        return new IndexRange(
                before != null && before.value().equals(value) ? before.first() : first,
                after != null && after.value().equals(value) ? after.last() : last);
    }

    /**
     * Resets this draft to one of its earlier roots. No node below that root may have been changed in place since then.
     */
    void restore(Node earlier) {
        splice.disown();
        root = earlier;
    }

    static void requireValue(long first, long last, Object value) {
        Keys.requireRange(first, last);
        Objects.requireNonNull(value, "value");
    }

    private static Object requireOwner(Object owner) {
        return Objects.requireNonNull(owner, "owner");
    }

    private void overwrite(long first, long last, Object content, @Nullable Object owner) {
        long lo = Keys.flip(first);
        long hi = Keys.flip(last);
        root = splice.replace(root, lo, hi, content, owner);
    }

    private boolean occupy(long first, long last, Object content) {
        Node filled = splice.fill(root, Keys.flip(first), Keys.flip(last), content);
        if (filled == null) {
            return false;
        }
        root = filled;
        return true;
    }

    private void fill(GapSearch where, Object content) {
        root = splice.replace(root, Keys.flip(where.first()), Keys.flip(where.last()), content, null);
    }

    private void free(long first, long last, @Nullable Object owner) {
        long lo = Keys.flip(first);
        long hi = Keys.flip(last);
        root = splice.free(root, lo, hi, owner);
    }
}
