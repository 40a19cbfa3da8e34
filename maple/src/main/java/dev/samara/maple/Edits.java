// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The edits of the tree and of its {@link Writer}, each of which is published separately: in place if possible, else by
 * copy-on-write in a draft. The caller must hold the writer lock, and no transaction may be open. Parameters are
 * indexes, as in the public methods that call these methods.
 */
final class Edits {

    private final EditedRoot tree;
    private final InPlace inPlace = new InPlace();

    Edits(EditedRoot tree) {
        this.tree = tree;
    }

    void store(long first, long last, Object value) {
        Draft.requireValue(first, last, value);
        if (!inPlace.replace(tree.rootAcquire(), tree.era(), Keys.flip(first), Keys.flip(last), value)) {
            openDraft().store(first, last, value);
            tree.publish();
        }
    }

    void store(long first, long last, Object value, Object owner) {
        draft().store(first, last, value, owner);
        tree.publish();
    }

    boolean insert(long first, long last, Object value) {
        Draft.requireValue(first, last, value);
        if (inPlace.fill(tree.rootAcquire(), tree.era(), Keys.flip(first), Keys.flip(last), value)) {
            return true;
        }
        boolean stored = openDraft().insert(first, last, value);
        tree.publish();
        return stored;
    }

    void erase(long first, long last) {
        Keys.requireRange(first, last);
        if (!inPlace.free(tree.rootAcquire(), tree.era(), Keys.flip(first), Keys.flip(last))) {
            openDraft().erase(first, last);
            tree.publish();
        }
    }

    void erase(long first, long last, Object owner) {
        draft().erase(first, last, owner);
        tree.publish();
    }

    @Nullable
    Object eraseEntry(long index) {
        Node root = tree.rootAcquire();
        long key = Keys.flip(index);
        Object value = Lookup.contentAt(root, key);
        if (value != null) {
            erase(Keys.flip(Lookup.slotStart(root, key)), Keys.flip(Lookup.slotEnd(root, key)));
        }
        return value;
    }

    void storeCoalescing(long first, long last, Object value) {
        Draft.requireValue(first, last, value);
        IndexRange joined = alone(() -> Draft.coalesced(tree.rootAcquire(), first, last, value));
        store(joined.first(), joined.last(), value);
    }

    <V> void compute(long first, long last, UnaryOperator<@Nullable V> function) {
        RangeEdits<V> edits = alone(() -> new RangeEdits<>(tree.rootAcquire(), first, last, function));
        together(edits::store);
    }

    void storeAll(Snapshot<?> entries) {
        together(draft -> entries.forEach(draft::store));
    }

    /** Runs the caller's code before an edit. While it runs, the tree rejects other edits by this thread. */
    private <T> T alone(Supplier<T> code) {
        Object mark = new Object();
        // If the caller's code overflows the stack, the mark must be removed nevertheless.
        EditedRoot.requireStack();
        tree.begin(mark);
        boolean isAlone = false;
        T result;
        try {
            result = code.get();
            isAlone = tree.isOpen(mark);
        } finally {
            if (tree.isOpen(mark)) {
                tree.end(false);
            }
        }
        if (!isAlone) {
            throw new IllegalStateException("the writer lock was released by code that this edit called");
        }
        return result;
    }

    /** Publishes several edits atomically, or none if one of them throws. */
    private void together(Consumer<Draft> edits) {
        Draft draft = draft();
        boolean isDone = false;
        try {
            edits.accept(draft);
            isDone = true;
        } finally {
            if (!isDone) {
                // Discards the edits made so far.
                draft();
            }
        }
        tree.publish();
    }

    boolean storeLowest(GapSearch where, Object value) {
        Objects.requireNonNull(value, "value");
        boolean found = Objects.requireNonNull(where, "where").searchLowest(tree.rootAcquire());
        if (found) {
            store(where.first(), where.last(), value);
        }
        return found;
    }

    boolean storeHighest(GapSearch where, Object value) {
        Objects.requireNonNull(value, "value");
        boolean found = Objects.requireNonNull(where, "where").searchHighest(tree.rootAcquire());
        if (found) {
            store(where.first(), where.last(), value);
        }
        return found;
    }

    boolean reserve(long first, long last, Object owner) {
        boolean stored = draft().reserve(first, last, owner);
        tree.publish();
        return stored;
    }

    boolean reserveLowest(GapSearch where, Object owner) {
        boolean stored = draft().reserveLowest(where, owner);
        tree.publish();
        return stored;
    }

    boolean reserveHighest(GapSearch where, Object owner) {
        boolean stored = draft().reserveHighest(where, owner);
        tree.publish();
        return stored;
    }

    /** Returns a draft whose new nodes later edits may change in place. */
    private Draft openDraft() {
        Era era = tree.era();
        return tree.startDraft(era.open ? era : new Era(true));
    }

    /**
     * Returns a draft for edits that are never made in place, e.g. those of reservations. It starts no open era, so it
     * does not force the next snapshot to acquire the lock.
     */
    private Draft draft() {
        return tree.startDraft(tree.era());
    }
}
