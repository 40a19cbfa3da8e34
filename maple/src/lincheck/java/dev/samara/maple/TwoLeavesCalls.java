// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Arrays;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jspecify.annotations.Nullable;

/**
 * Every operation of a tree that takes effect at one instant, as calls for Lincheck. They work on the window of {@link
 * TwoLeaves}, where edits replace leaves in place and searches cross from one leaf to the other. {@link ModelCalls}
 * returns the expected results.
 *
 * <p>A cursor's search is not atomic if it continues in another leaf, so a cursor is only used to find the entry at an
 * index, or a neighbour that is always in the same leaf.
 */
@Param(name = "cell", gen = IntGen.class, conf = "6:11")
@Param(name = "value", gen = IntGen.class, conf = "100:103")
@Param(name = "owner", gen = IntGen.class, conf = "0:1")
@Param(name = "size", gen = IntGen.class, conf = "1:3")
public abstract class TwoLeavesCalls {
    static final String DONE = "done";

    private static final String[] OWNERS = {"one", "other"};

    private final MapleTree<Integer> tree;
    private final Reader<Integer> reader;
    private Snapshot<Integer> held = new MapleTree<Integer>().snapshot();

    /** Creates calls on a tree that no other thread accesses yet. */
    TwoLeavesCalls(TwoLeaves<Integer> cells) {
        tree = cells.tree;
        reader = tree.reader();
    }

    static String owner(int number) {
        return OWNERS[number];
    }

    static long first(int one, int other) {
        return TwoLeaves.first(Math.min(one, other));
    }

    static long last(int one, int other) {
        return TwoLeaves.last(Math.max(one, other));
    }

    /** Returns a request for whole cells of the window. */
    static Op.Gap gap(int size) {
        long cell = TwoLeaves.first(1);
        long end = TwoLeaves.last(TwoLeaves.WINDOW_END - 1);
        return new Op.Gap(size * cell, TwoLeaves.first(TwoLeaves.WINDOW), end, cell, 0, 0, 0);
    }

    private static String attempt(Runnable edit) {
        try {
            edit.run();
            return DONE;
        } catch (ReservedException refused) {
            return Model.refusal(refused.first(), refused.last(), refused.owner());
        }
    }

    private static String found(boolean found, GapSearch where) {
        return found ? IndexRange.text(where.first(), where.last()) : "none";
    }

    @Operation
    public String store(
            @Param(name = "cell") int one, @Param(name = "cell") int other, @Param(name = "value") int value) {
        return attempt(() -> tree.store(first(one, other), last(one, other), value));
    }

    @Operation
    public String storeOwned(
            @Param(name = "cell") int one,
            @Param(name = "cell") int other,
            @Param(name = "value") int value,
            @Param(name = "owner") int owner) {
        return attempt(() -> tree.store(first(one, other), last(one, other), value, owner(owner)));
    }

    /** Stores in the middle of a cell, so that the slots after it are shifted. */
    @Operation
    public String storeWithin(@Param(name = "cell") int cell, @Param(name = "value") int value) {
        return attempt(() -> tree.store(TwoLeaves.first(cell) + 4, TwoLeaves.first(cell) + 7, value));
    }

    @Operation
    public boolean insert(
            @Param(name = "cell") int one, @Param(name = "cell") int other, @Param(name = "value") int value) {
        return tree.insert(first(one, other), last(one, other), value);
    }

    @Operation
    public String erase(@Param(name = "cell") int one, @Param(name = "cell") int other) {
        return attempt(() -> tree.erase(first(one, other), last(one, other)));
    }

    /**
     * Erases the cell and everything above it, so that one leaf remains. Used only by {@link PublicationLincheckTest}.
     */
    public String eraseFrom(int cell) {
        return attempt(() -> tree.erase(TwoLeaves.first(cell), -1L));
    }

    @Operation
    public String eraseOwned(
            @Param(name = "cell") int one, @Param(name = "cell") int other, @Param(name = "owner") int owner) {
        return attempt(() -> tree.erase(first(one, other), last(one, other), owner(owner)));
    }

    @Operation
    public String eraseAt(@Param(name = "cell") int cell) {
        String[] erased = {""};
        String end = attempt(() -> erased[0] += tree.eraseEntry(TwoLeaves.first(cell)));
        return erased[0] + end;
    }

    /** Returns the entry at an index, with its bounds. */
    @Operation
    public String entryAt(@Param(name = "cell") int cell) {
        return "" + tree.entryAt(TwoLeaves.first(cell));
    }

    @Operation
    public String coalesce(
            @Param(name = "cell") int one, @Param(name = "cell") int other, @Param(name = "value") int value) {
        return attempt(() -> tree.storeCoalescing(first(one, other), last(one, other), value));
    }

    @Operation
    public String merge(
            @Param(name = "cell") int one, @Param(name = "cell") int other, @Param(name = "value") int value) {
        return attempt(() -> tree.compute(first(one, other), last(one, other), old -> merged(old, value)));
    }

    private static @Nullable Integer merged(@Nullable Integer old, int value) {
        Object result = old == null ? Integer.valueOf(value) : ModelRun.merged(old, value);
        return (Integer) result;
    }

    @Operation
    public boolean reserve(
            @Param(name = "cell") int one, @Param(name = "cell") int other, @Param(name = "owner") int owner) {
        return tree.reserve(first(one, other), last(one, other), owner(owner));
    }

    @Operation
    public String replaceByReservation(
            @Param(name = "cell") int one, @Param(name = "cell") int other, @Param(name = "owner") int owner) {
        return attempt(
                () -> tree.update(t -> t.replaceByReservation(first(one, other), last(one, other), owner(owner))));
    }

    /** Makes two stores, possibly in different leaves, in one transaction. */
    @Operation
    public String storeTwo(
            @Param(name = "cell") int one, @Param(name = "cell") int other, @Param(name = "value") int value) {
        return attempt(() -> tree.update(t -> {
            t.store(first(one, one), last(one, one), value);
            t.store(first(other, other), last(other, other), value);
        }));
    }

    @Operation
    public String storeLowest(@Param(name = "size") int size, @Param(name = "value") int value) {
        GapSearch where = gap(size).request();
        return found(tree.storeLowest(where, value), where);
    }

    @Operation
    public String storeHighest(@Param(name = "size") int size, @Param(name = "value") int value) {
        GapSearch where = gap(size).request();
        return found(tree.storeHighest(where, value), where);
    }

    @Operation
    public String reserveLowest(@Param(name = "size") int size, @Param(name = "owner") int owner) {
        GapSearch where = gap(size).request();
        return found(tree.reserveLowest(where, owner(owner)), where);
    }

    @Operation
    public String reserveHighest(@Param(name = "size") int size, @Param(name = "owner") int owner) {
        GapSearch where = gap(size).request();
        return found(tree.reserveHighest(where, owner(owner)), where);
    }

    @Operation
    public @Nullable Integer get(@Param(name = "cell") int cell) {
        return tree.get(TwoLeaves.first(cell));
    }

    /** Looks up with the only reader, which starts from the leaf of its previous lookup. */
    @Operation(nonParallelGroup = "reader")
    public @Nullable Integer getByReader(@Param(name = "cell") int cell) {
        return reader.get(TwoLeaves.first(cell));
    }

    /**
     * Looks up several cells with one call, and returns the value of one of them. The values of all cells together are
     * not of one instant.
     */
    @Operation
    public @Nullable Integer getAmongFour(@Param(name = "cell") int cell) {
        long[] indexes = {TwoLeaves.first(6), TwoLeaves.first(cell), TwoLeaves.first(8), TwoLeaves.first(10)};
        @Nullable Integer[] values = new @Nullable Integer[indexes.length];
        tree.getAll(indexes, values);
        return values[1];
    }

    @Operation
    public @Nullable Integer atOrAfter(@Param(name = "cell") int cell) {
        return tree.atOrAfter(TwoLeaves.first(cell));
    }

    @Operation
    public @Nullable Integer atOrBefore(@Param(name = "cell") int cell) {
        return tree.atOrBefore(TwoLeaves.first(cell));
    }

    @Operation
    public boolean isEmpty() {
        return tree.isEmpty();
    }

    @Operation
    public boolean isFree(@Param(name = "cell") int one, @Param(name = "cell") int other) {
        return tree.isFree(first(one, other), last(one, other));
    }

    @Operation
    public String reservationAt(@Param(name = "cell") int cell) {
        return String.valueOf(tree.reservationAt(TwoLeaves.first(cell)));
    }

    @Operation
    public String reservationIn(@Param(name = "cell") int one, @Param(name = "cell") int other) {
        return String.valueOf(tree.reservationIn(first(one, other), last(one, other)));
    }

    @Operation
    public String snapshot() {
        return tree.snapshot().entries().toString();
    }

    /**
     * Takes and keeps a snapshot. These are two steps, so only {@link PublicationLincheckTest} calls it, from one
     * thread.
     */
    public String hold() {
        held = tree.snapshot();
        return held();
    }

    /** Returns the cells of the window in the stored snapshot. */
    public String held() {
        int[] values = new int[TwoLeaves.WINDOW_END - TwoLeaves.WINDOW];
        for (int i = 0; i < values.length; i++) {
            Integer value = held.get(TwoLeaves.first(TwoLeaves.WINDOW + i));
            values[i] = value == null ? 0 : value;
        }
        return Arrays.toString(values);
    }

    /** Finds the entry that covers a cell. Ignores later entries, because such a search is not atomic. */
    @Operation
    public String find(@Param(name = "cell") int cell) {
        Cursor<Integer> cursor = tree.cursor();
        Integer value = cursor.find(TwoLeaves.first(cell));
        return value == null || cursor.first() > TwoLeaves.first(cell)
                ? "none"
                : new RangeEntry<>(cursor.first(), cursor.last(), value).toString();
    }
}
