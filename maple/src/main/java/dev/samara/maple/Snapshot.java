// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A range map as it was at one instant. Immutable and safe for use by any thread.
 *
 * <p>Taking a snapshot costs one object, and dropping it costs nothing. A reachable snapshot keeps the nodes and values
 * of its instant reachable.
 *
 * @param <V> the type of values
 */
public final class Snapshot<V> implements RangeView<V> {

    private final Node root;

    Snapshot(Node root) {
        this.root = root;
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V get(long index) {
        return (V) Lookup.get(root, index);
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrAfter(long index) {
        return (V) root.atOrAfter(Keys.flip(index));
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrBefore(long index) {
        return (V) root.atOrBefore(Keys.flip(index));
    }

    @Override
    public boolean isEmpty() {
        return !root.hasValue();
    }

    @Override
    public Cursor<V> cursor() {
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
        visit(root, Keys.MIN, action);
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
