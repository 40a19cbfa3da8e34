// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs a sequence of steps on a tree and on the model, and compares both after each step. Writes the steps as the body
 * of a test.
 */
final class ModelRun {
    static final List<String> OWNERS = List.of("anna", "ben", "cleo");

    /**
     * The number of steps between complete comparisons. All other comparisons check only the surroundings of the step.
     */
    private static final int FULL_CHECK = 61;

    private static final int SNAPSHOTS = 4;

    private static final long FIRST_ENTRY = 0x5555_5000;

    private record Kept(Snapshot<Object> snapshot, Model model, ModelCursor cursor) {}

    final MapleTree<Object> tree = new MapleTree<>();

    /** The expected content of the tree as readers see it. */
    Model model = new Model();

    private @Nullable Transaction<Object> transaction;

    private @Nullable Model draft;

    private @Nullable ModelCursor draftCursor;

    private final ModelCursor liveCursor = new ModelCursor("cursor", tree.cursor(), model);

    private final List<Kept> kept = new ArrayList<>();

    private final GapSearch search = new GapSearch();

    private int steps;

    private int transactions;

    private int snapshots;

    private Op current = new Op(Op.Kind.LOOK, 0, 0, 0, 0, Op.Gap.ANY);

    private final @Nullable StringBuilder java;

    /**
     * Creates a tree with some adjacent entries. Writes no test if {@code java} is null.
     *
     * @param entries the number of entries; with 3,000 entries the tree is so high that new leaves use lanes
     */
    ModelRun(@Nullable StringBuilder java, int entries) {
        this.java = java;
        say("MapleTree<Object> tree = new MapleTree<>();");
        say("Cursor<Object> cursor = tree.cursor();");
        if (entries > 0) {
            say("for (int i = 0; i < " + entries + "; i++) {");
            say("    tree.store(" + FIRST_ENTRY + "L + 16L * i, " + FIRST_ENTRY + "L + 16L * i + 15, i);");
            say("}");
        }
        for (int i = 0; i < entries; i++) {
            long first = FIRST_ENTRY + 16L * i;
            Object value = i;
            tree.store(first, first + 15, value);
            model.replace(first, first + 15, value, null);
        }
    }

    /** Stores the value from one end of a range, the same object, in the whole range. */
    static <T extends RangeView<Object> & RangeStore<Object>> void resize(T target, long a, long b) {
        Object atStart = target.get(a);
        Object kept = atStart != null ? atStart : target.get(b);
        if (kept != null) {
            target.store(a, b, kept);
        }
    }

    private void say(String line) {
        if (java != null) {
            java.append("        ").append(line).append('\n');
        }
    }

    /** Returns the model that the next step edits. */
    Model edited() {
        return draft != null ? draft : model;
    }

    boolean inTransaction() {
        return transaction != null;
    }

    void step(Op op) {
        steps++;
        apply(op);
        liveCursor.model = model;
        tree.validate();
        if (transaction != null) {
            TreeCheck.validate(transaction.root());
        }
        checkAround(op);
        if (steps % FULL_CHECK == 0) {
            checkAll();
        }
    }

    /** Ends the open transaction, and compares everything. */
    void finish() {
        end(false);
        tree.validate();
        checkAll();
    }

    private void apply(Op op) {
        current = op;
        long a = op.a();
        long b = op.b();
        Object value = op.n();
        String owner = OWNERS.get(op.owner());
        Model m = edited();
        Transaction<Object> t = transaction;
        switch (op.kind()) {
            case STORE ->
                same(
                        () -> done(() -> m.replace(a, b, value, null)),
                        () -> done(t != null ? () -> t.store(a, b, value) : () -> tree.store(a, b, value)));
            case STORE_OWNED ->
                same(
                        () -> done(() -> m.replace(a, b, value, owner)),
                        () -> done(
                                t != null ? () -> t.store(a, b, value, owner) : () -> tree.store(a, b, value, owner)));
            case RESIZE -> {
                Object kept = m.get(a) != null ? m.get(a) : m.get(b);
                if (kept != null) {
                    same(
                            () -> done(() -> m.replace(a, b, kept, null)),
                            () -> done(t != null ? () -> resize(t, a, b) : () -> resize(tree, a, b)));
                }
            }
            case INSERT ->
                same(() -> m.insert(a, b, value), () -> t != null ? t.insert(a, b, value) : tree.insert(a, b, value));
            case ERASE ->
                same(
                        () -> done(() -> m.replace(a, b, null, null)),
                        () -> done(t != null ? () -> t.erase(a, b) : () -> tree.erase(a, b)));
            case ERASE_OWNED ->
                same(
                        () -> done(() -> m.replace(a, b, null, owner)),
                        () -> done(t != null ? () -> t.erase(a, b, owner) : () -> tree.erase(a, b, owner)));
            case ERASE_AT -> same(() -> m.erase(a), () -> t != null ? t.eraseEntry(a) : tree.eraseEntry(a));
            case COALESCE ->
                same(
                        () -> done(() -> m.coalesce(a, b, value)),
                        () -> done(
                                t != null
                                        ? () -> t.storeCoalescing(a, b, value)
                                        : () -> tree.storeCoalescing(a, b, value)));
            case MERGE ->
                same(
                        () -> done(() -> m.merge(a, b, value)),
                        () -> done(
                                t != null
                                        ? () -> t.merge(a, b, value, ModelRun::merged)
                                        : () -> tree.merge(a, b, value, ModelRun::merged)));
            case STORE_ALL -> {
                Snapshot<Object> three = three(a, b, value);
                same(
                        () -> done(() -> m.storeAll(three.entries())),
                        () -> done(t != null ? () -> t.storeAll(three) : () -> tree.storeAll(three)));
            }
            case RESERVE ->
                same(
                        () -> m.insert(a, b, new Model.Held(owner)),
                        () -> t != null ? t.reserve(a, b, owner) : tree.reserve(a, b, owner));
            case REPLACE_BY_RESERVATION -> {
                if (t != null) {
                    same(
                            () -> done(() -> m.replace(a, b, new Model.Held(owner), owner)),
                            () -> done(() -> t.replaceByReservation(a, b, owner)));
                }
            }
            case STORE_LOWEST -> search(op, true, value, (g, v) -> tree.storeLowest(g, v));
            case STORE_HIGHEST -> search(op, false, value, (g, v) -> tree.storeHighest(g, v));
            case RESERVE_LOWEST -> search(op, true, new Model.Held(owner), (g, v) -> tree.reserveLowest(g, owner));
            case RESERVE_HIGHEST -> search(op, false, new Model.Held(owner), (g, v) -> tree.reserveHighest(g, owner));
            case FIND_LOWEST -> find(op, true);
            case FIND_HIGHEST -> find(op, false);
            case LOOK -> {}
            case SNAPSHOT -> keep();
            case CURSOR_FIND -> {
                ModelCursor c = cursor(op.n());
                same(() -> c.forward(a), () -> c.found(c.cursor.find(a)), c.name);
            }
            case CURSOR_FIND_BACKWARD -> {
                ModelCursor c = cursor(op.n());
                same(() -> c.backward(a), () -> c.found(c.cursor.findBackward(a)), c.name);
            }
            case CURSOR_NEXT -> {
                ModelCursor c = cursor(op.n());
                same(c::next, () -> c.found(c.cursor.next()), c.name);
            }
            case CURSOR_PREVIOUS -> {
                ModelCursor c = cursor(op.n());
                same(c::previous, () -> c.found(c.cursor.previous()), c.name);
            }
            case BEGIN -> begin();
            case COMMIT -> end(true);
            case ABORT -> end(false);
        }
    }

    /** Returns one of two values, or null. */
    static @Nullable Object merged(Object old, Object value) {
        int sum = (int) old + (int) value;
        return sum % 5 == 0 ? null : sum % 2 == 0 ? old : value;
    }

    /** Returns entries at the start, in the middle and at the end of a range. */
    static Snapshot<Object> three(long first, long last, Object value) {
        MapleTree<Object> tree = new MapleTree<>();
        tree.store(first, first, value);
        tree.store(first + ((last - first) >>> 1), first + ((last - first) >>> 1), value);
        tree.store(last, last, value);
        return tree.snapshot();
    }

    private void search(Op op, boolean lowest, Object content, BiFunction<GapSearch, Object, Boolean> store) {
        if (transaction != null) {
            return;
        }
        same(
                () -> {
                    Long first = model.search(op.gap(), lowest);
                    if (first == null) {
                        return "none";
                    }
                    long last = first + (op.gap().size() - 1);
                    model.replace(first, last, content, null);
                    return IndexRange.text(first, last);
                },
                () -> {
                    GapSearch g = fill(op.gap());
                    boolean found = store.apply(g, content);
                    require(found == g.found(), "result and found() differ");
                    return found ? IndexRange.text(g.first(), g.last()) : "none";
                });
    }

    private void find(Op op, boolean lowest) {
        Transaction<Object> t = transaction;
        if (t == null) {
            return;
        }
        same(
                () -> {
                    Long first = edited().search(op.gap(), lowest);
                    return first == null
                            ? "none"
                            : IndexRange.text(first, first + (op.gap().size() - 1));
                },
                () -> {
                    GapSearch g = fill(op.gap());
                    boolean found = lowest ? t.findLowest(g) : t.findHighest(g);
                    return found ? IndexRange.text(g.first(), g.last()) : "none";
                });
    }

    private GapSearch fill(Op.Gap gap) {
        return search.size(gap.size())
                .within(gap.min(), gap.max())
                .aligned(gap.alignment(), gap.offset())
                .guarded(gap.before(), gap.after());
    }

    private void keep() {
        if (kept.size() == SNAPSHOTS) {
            Kept oldest = kept.remove(0);
            compare(oldest.snapshot, oldest.model);
        }
        snapshots++;
        say("Snapshot<Object> snapshot" + snapshots + " = tree.snapshot();");
        say("Cursor<Object> old" + snapshots + " = snapshot" + snapshots + ".cursor();");
        Snapshot<Object> snapshot = tree.snapshot();
        Model copy = model.copy();
        kept.add(new Kept(snapshot, copy, new ModelCursor("old" + snapshots, snapshot.cursor(), copy)));
    }

    private ModelCursor cursor(int choice) {
        if (choice % 3 == 1 && draftCursor != null) {
            return draftCursor;
        }
        return choice % 3 == 2 && !kept.isEmpty() ? kept.get(choice % kept.size()).cursor : liveCursor;
    }

    private void begin() {
        if (transaction == null) {
            tree.writerLock().lock();
            transaction = tree.begin();
            draft = model.copy();
            transactions++;
            draftCursor = new ModelCursor("own" + transactions, transaction.cursor(), draft);
            say("tree.writerLock().lock();");
            say("Transaction<Object> tx" + transactions + " = tree.begin();");
            say("Cursor<Object> own" + transactions + " = tx" + transactions + ".cursor();");
        }
    }

    private void end(boolean commit) {
        Transaction<Object> t = transaction;
        Model d = draft;
        if (t == null || d == null) {
            return;
        }
        checkAll();
        say("tx" + transactions + (commit ? ".commit();" : ".abort();"));
        say("tree.writerLock().unlock();");
        if (commit) {
            t.commit();
            model = d;
            liveCursor.model = d;
        } else {
            t.abort();
        }
        tree.writerLock().unlock();
        transaction = null;
        draft = null;
        draftCursor = null;
        checkAll();
    }

    private static String done(Runnable edit) {
        edit.run();
        return "done";
    }

    private static @Nullable Object outcome(Supplier<@Nullable Object> call) {
        try {
            return call.get();
        } catch (Model.Refused e) {
            return e.getMessage();
        } catch (ReservedException e) {
            return Model.refusal(e.first(), e.last(), e.owner());
        }
    }

    private void same(Supplier<@Nullable Object> expected, Supplier<@Nullable Object> actual) {
        same(expected, actual, "cursor");
    }

    private void same(Supplier<@Nullable Object> expected, Supplier<@Nullable Object> actual, String cursor) {
        Object e = outcome(expected);
        if (java != null) {
            String call = current.asJava(transaction != null ? "tx" + transactions : "tree", cursor);
            boolean refused = e instanceof String text && text.startsWith("refused");
            say((refused ? "assertThrows(ReservedException.class, () -> " + call + ");" : call + ";") + " // " + e);
            say((transaction == null ? "tree.validate()" : "TreeCheck.validate(tx" + transactions + ".root())") + ";");
        }
        Object a = outcome(actual);
        require(Objects.equals(e, a), "expected " + e + " but got " + a);
    }

    static void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new AssertionError(otherwise);
        }
    }

    private void checkAround(Op op) {
        for (long index : new long[] {op.a() - 1, op.a(), op.b(), op.b() + 1}) {
            checkAt(index);
        }
        if (Long.compareUnsigned(op.a(), op.b()) <= 0) {
            require(tree.isFree(op.a(), op.b()) == model.isFree(op.a(), op.b()), "isFree differs");
            require(
                    Objects.equals(tree.reservationIn(op.a(), op.b()), model.reservationIn(op.a(), op.b())),
                    "reservationIn differs");
            if (transaction != null) {
                require(transaction.isFree(op.a(), op.b()) == edited().isFree(op.a(), op.b()), "isFree differs");
                require(
                        Objects.equals(
                                transaction.reservationIn(op.a(), op.b()), edited().reservationIn(op.a(), op.b())),
                        "reservationIn differs in transaction");
            }
        }
    }

    private void checkAt(long index) {
        require(tree.get(index) == model.get(index), "get differs at " + IndexRange.text(index));
        require(
                Objects.equals(tree.entryAt(index), model.entryAt(index)),
                "entryAt differs at " + IndexRange.text(index));
        require(
                Objects.equals(tree.reservationAt(index), model.reservationAt(index)),
                "reservationAt differs at " + IndexRange.text(index));
        Transaction<Object> t = transaction;
        if (t != null) {
            require(t.get(index) == edited().get(index), "get differs in transaction at " + IndexRange.text(index));
            require(
                    Objects.equals(t.entryAt(index), edited().entryAt(index)),
                    "entryAt differs in transaction at " + IndexRange.text(index));
            require(
                    Objects.equals(t.reservationAt(index), edited().reservationAt(index)),
                    "reservationAt differs in transaction at " + IndexRange.text(index));
        }
    }

    private void checkAll() {
        compare(tree, model);
        for (Model.Piece p : model.pieces()) {
            checkAt(p.first());
            checkAt(p.last());
        }
        if (transaction != null) {
            compare(transaction, edited());
        }
        for (Kept k : kept) {
            compare(k.snapshot, k.model);
        }
    }

    private static void compare(RangeView<Object> view, Model model) {
        List<RangeEntry<Object>> expected = model.entries();
        require(view.entries().equals(expected), "entries differ");
        require(view.isEmpty() == model.isEmpty(), "isEmpty differs");
        Cursor<Object> c = view.cursor();
        for (RangeEntry<Object> e : expected) {
            require(c.next() == e.value() && c.first() == e.first() && c.last() == e.last(), "next() differs");
        }
        require(c.next() == null, "next() goes on");
        for (int i = expected.size() - 1; i >= 0; i--) {
            RangeEntry<Object> e = expected.get(i);
            require(c.previous() == e.value() && c.first() == e.first() && c.last() == e.last(), "previous() differs");
        }
        require(c.previous() == null, "previous() goes on");
        compareWhole(view, expected);
        long low = expected.isEmpty() ? 0 : expected.get(expected.size() / 3).last();
        long high =
                expected.isEmpty() ? -1L : expected.get(2 * expected.size() / 3).first();
        boolean isAscending = Long.compareUnsigned(low, high) <= 0;
        comparePart(view, model, isAscending ? low : high, isAscending ? high : low);
    }

    private static void compareWhole(RangeView<Object> view, List<RangeEntry<Object>> expected) {
        int count = expected.size();
        require(view.count() == count, "count differs");
        require(Objects.equals(view.firstEntry(), count == 0 ? null : expected.get(0)), "firstEntry differs");
        require(Objects.equals(view.lastEntry(), count == 0 ? null : expected.get(count - 1)), "lastEntry differs");
        Snapshot<Object> snapshot = view.snapshot();
        require(snapshot.stream().toList().equals(expected), "stream differs");
        require(snapshot.stream().parallel().toList().equals(expected), "parallel stream differs");
        Iterator<RangeEntry<Object>> each = snapshot.iterator();
        for (RangeEntry<Object> e : expected) {
            require(each.next().equals(e), "iterator differs");
        }
        require(!each.hasNext(), "iterator goes on");
        TreeBuilder<Object> builder = new TreeBuilder<>();
        expected.forEach(e -> builder.add(e.first(), e.last(), e.value()));
        Snapshot<Object> other = builder.build().snapshot();
        require(snapshot.equals(other) && snapshot.hashCode() == other.hashCode(), "equals differs");
        require(snapshot.toString().equals(other.toString()), "toString differs");
    }

    private static void comparePart(RangeView<Object> view, Model model, long first, long last) {
        List<RangeEntry<Object>> expected = model.entries(first, last);
        require(view.entries(first, last).equals(expected), "entries differ in " + IndexRange.text(first, last));
        List<RangeEntry<Object>> backward = new ArrayList<>();
        view.forEachDescending(first, last, (from, to, value) -> backward.add(new RangeEntry<>(from, to, value)));
        Collections.reverse(backward);
        require(backward.equals(expected), "descending entries differ in " + IndexRange.text(first, last));
        require(
                view.gaps(first, last).equals(model.gaps(first, last)),
                "gaps differ in " + IndexRange.text(first, last));
    }
}
