// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A range map as it was at one instant. Immutable and safe for use by any thread.
 *
 * <p>Taking a snapshot allocates one small object, or two after an edit outside a transaction; dropping it costs
 * nothing. Edits after a snapshot copy the nodes that they change, which they would otherwise change in place. A
 * reachable snapshot keeps the nodes and values
 * of its instant reachable.
 *
 * @param <V> the type of values
 */
public final class Snapshot<V> implements RangeView<V> {

    /** A {@link Node}, the root; or {@link PartRoots}, which make the root when it is needed. */
    private final Object contents;

    Snapshot(Node root) {
        contents = root;
    }

    private Snapshot(PartRoots parts) {
        contents = parts;
    }

    /**
     * Joins two snapshots, of one tree or of two, in steps in proportion to the height of the higher one. Most nodes
     * are shared with both. Entries, reservations and free ranges across the border are cut; free ranges that meet
     * there become one.
     *
     * @param lower has the contents of the indexes below the border
     * @param border the lowest index of the upper part, unsigned
     * @param upper has the contents of the indexes from the border on
     * @param <V> the type of values
     * @return a snapshot of both parts
     */
    public static <V> Snapshot<V> join(Snapshot<V> lower, long border, Snapshot<V> upper) {
        return new Snapshot<>(TreeParts.join(lower.root(), Keys.flip(border), upper.root()));
    }

    /**
     * Joins snapshots of adjacent ranges, as {@link #join} does one after the other, but later: this method keeps the
     * snapshots, and {@link #get} looks an index up in that of its range. The first call of any other method joins
     * them.
     *
     * @param parts snapshots, of one tree or of several, by ascending ranges
     * @param borders the lowest index of each part, unsigned, ascending; that of the first part is not used
     * @param <V> the type of values
     * @return a snapshot of all parts
     * @throws IllegalArgumentException if there is no part, or another number of borders
     */
    public static <V> Snapshot<V> joinLater(List<Snapshot<V>> parts, long[] borders) {
        int count = parts.size();
        if (count == 0 || borders.length != count) {
            throw new IllegalArgumentException(count + " parts, " + borders.length + " borders");
        }
        Node[] roots = new Node[count];
        for (int i = 0; i < count; i++) {
            roots[i] = parts.get(i).root();
        }
        return new Snapshot<>(new PartRoots(roots, borders.clone()));
    }

    /**
     * Returns the part of this snapshot in a range, in steps in proportion to its height. Most nodes are shared with
     * this one. Everything outside of the range is reserved: a {@linkplain MapleTree#MapleTree(ReentrantLock, Snapshot)
     * tree made of it} refuses edits there, and its gap searches stay in the range.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param owner the owner of the reservations outside of the range
     * @return a snapshot with the contents of the range, whose ends cut entries and reservations
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code owner} is null
     */
    public Snapshot<V> within(long first, long last, Object owner) {
        Keys.requireRange(first, last);
        Objects.requireNonNull(owner, "owner");
        return new Snapshot<>(TreeParts.within(root(), Keys.flip(first), Keys.flip(last), owner));
    }

    /**
     * Checks every structural invariant. For tests: it visits every node.
     *
     * @throws AssertionError if an invariant does not hold; the message names the invariant and the place
     */
    public void validate() {
        TreeCheck.validate(root());
    }

    Node root() {
        return contents instanceof Node root ? root : ((PartRoots) contents).joined();
    }

    /** Returns whether this is the snapshot of one tree at this root. */
    boolean isOf(Node root) {
        return contents == root;
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V get(long index) {
        return (V) Lookup.get(
                contents instanceof Node root ? root : ((PartRoots) contents).rootOf(Keys.flip(index)), index);
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrAfter(long index) {
        return (V) root().atOrAfter(Keys.flip(index));
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrBefore(long index) {
        return (V) root().atOrBefore(Keys.flip(index));
    }

    @Override
    public boolean isEmpty() {
        return !root().hasValue();
    }

    @Override
    public Cursor<V> cursor() {
        Node root = root();
        return new Cursor<>(() -> root);
    }

    @Override
    public List<RangeEntry<V>> entries() {
        List<RangeEntry<V>> list = new ArrayList<>();
        forEach((first, last, value) -> list.add(new RangeEntry<>(first, last, value)));
        return Collections.unmodifiableList(list);
    }

    @Override
    public void forEach(RangeConsumer<? super V> action) {
        Objects.requireNonNull(action, "action");
        visit(root(), Keys.MIN, action);
    }

    private static <V> void visit(Node n, long floor, RangeConsumer<? super V> action) {
        if (n.level == 0) {
            visitLeaf(n, floor, action);
            return;
        }
        for (int i = 0; i < n.size(); i++) {
            visit(n.child(i), n.lowerBound(i, floor), action);
        }
    }

    @SuppressWarnings("unchecked") // only values of V get in
    private static <V> void visitLeaf(Node leaf, long floor, RangeConsumer<? super V> action) {
        @Nullable Object[] slots = leaf.slots;
        long[] halves = leaf.halves;
        int even = leaf.even;
        long first = Keys.flip(floor);
        for (int i = 0; i < slots.length; i++) {
            long last = Keys.flip(Keys.join(halves[i], even >>> i & 1));
            Object content = slots[i];
            if (content != null && !(leaf.reserved && content instanceof Reservation)) {
                action.accept(first, last, (V) content);
            }
            first = last + 1;
        }
    }
}
