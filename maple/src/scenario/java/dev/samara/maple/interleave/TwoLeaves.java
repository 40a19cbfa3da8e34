// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.interleave;

import dev.samara.maple.Cursor;
import dev.samara.maple.GapSearch;
import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeEntry;
import dev.samara.maple.Reader;
import dev.samara.maple.ReservedException;
import dev.samara.maple.Snapshot;
import dev.samara.maple.Transaction;
import dev.samara.maple.TreeBuilder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A tree of two leaves in an open era, so that edits replace leaves in place, with calls on its <em>cells</em> of 16
 * indexes. Initially, cells 6, 8 and 10 contain their own numbers. The <em>other cells</em> 0, 2, 4, 5, 12, 14, 16, 18
 * and 20 keep their contents. Cell 9 is the first one of the upper leaf.
 *
 * <p>Each call returns a text that can be compared.
 */
final class TwoLeaves {
    static final int FROM = 6;
    static final int TO = 11;

    private static final int SIZE = 16;
    private static final long QUARTER = SIZE / 4;
    private static final int CELLS = 21;
    private static final String OWNER = "owner";

    /** The first cell of the entries that make a tree high. */
    private static final int HIGH_CELL = 24;

    /** Adjacent entries, enough for a tree whose new leaves use lanes. */
    private static final Snapshot<Integer> HIGH = high();

    private final MapleTree<Integer> tree;
    private final Reader<Integer> reader;
    private final Cursor<Integer> cursor;
    private final boolean isExpected;

    /** The position of the cursor: the last index of its entry. */
    private long end;

    private @Nullable Supplier<String> held;

    /**
     * Creates a tree whose other cells are reservations or entries.
     *
     * @param isHigh whether there are many entries above, so that the leaves use lanes
     * @param isExpected whether the results of the calls are the expected ones. Then lookups in the tree replace a
     *     reader, and the recorded contents replace a kept snapshot, so that mutants of readers and snapshots do not
     *     affect the expected results
     */
    TwoLeaves(boolean isReserved, boolean isHigh, boolean isExpected) {
        this.isExpected = isExpected;
        tree = isHigh ? new MapleTree<>(new ReentrantLock(), HIGH) : new MapleTree<>();
        reader = tree.reader();
        cursor = tree.cursor();
        if (isHigh) {
            // These entries share a leaf with the lowest entries above, so that the leaves are split at the same cells
            // as in a low tree.
            put(HIGH_CELL - 2, isReserved);
            put(HIGH_CELL - 1, isReserved);
        }
        // The order matters: a store in the middle of the only leaf splits it in two halves, but not a store at the end
        // of a tree. The last store is within one leaf, and starts an era.
        if (!isHigh) {
            put(CELLS - 1, isReserved);
        }
        for (int cell = 0; cell < CELLS; cell += 2) {
            put(cell, isReserved);
        }
        put(FROM - 1, isReserved);
    }

    private static Snapshot<Integer> high() {
        TreeBuilder<Integer> builder = new TreeBuilder<>();
        for (int cell = HIGH_CELL; cell < HIGH_CELL + 3_000; cell++) {
            builder.add(first(cell), last(cell), cell);
        }
        return builder.build().snapshot();
    }

    private void put(int cell, boolean isReserved) {
        if (isReserved && (cell < FROM || cell > TO)) {
            tree.reserve(first(cell), last(cell), OWNER);
        } else {
            tree.store(first(cell), last(cell), cell);
        }
    }

    private static long first(int cell) {
        return (long) cell * SIZE;
    }

    private static long last(int cell) {
        return first(cell) + SIZE - 1;
    }

    private static String attempt(Runnable edit) {
        try {
            edit.run();
            return "done";
        } catch (ReservedException refused) {
            return "reserved " + refused.first() + '-' + refused.last();
        }
    }

    private String update(Consumer<Transaction<Integer>> changes) {
        return attempt(() -> tree.update(changes));
    }

    /** Stores in one or two cells. */
    String store(int from, int to, int value) {
        return attempt(() -> tree.store(first(from), last(to), value));
    }

    /** Stores in a part of a cell, so that the slots after it are shifted. */
    String storeWithin(int cell, int value) {
        return attempt(() -> tree.store(first(cell) + 4, first(cell) + 7, value));
    }

    /** Stores a cell's number from its start up to {@code quarters} quarters of the next cell. */
    String grow(int cell, int quarters) {
        return attempt(() -> tree.store(first(cell), last(cell) + quarters * QUARTER, cell));
    }

    /** Stores in two cells atomically. */
    String storeTwo(int one, int other, int value) {
        return update(changes -> {
            changes.store(first(one), last(one), value);
            changes.store(first(other), last(other), value);
        });
    }

    /** Stores over a reservation. */
    String storeOwned(int cell, int value) {
        return attempt(() -> tree.store(first(cell), last(cell), value, OWNER));
    }

    String erase(int from, int to) {
        return attempt(() -> tree.erase(first(from), last(to)));
    }

    /** Erases a cell and everything above it, so that one leaf remains. */
    String eraseFrom(int cell) {
        return attempt(() -> tree.erase(first(cell), -1L));
    }

    String eraseOwned(int cell) {
        return attempt(() -> tree.erase(first(cell), last(cell), OWNER));
    }

    String reserve(int cell) {
        return "" + tree.reserve(first(cell), last(cell), OWNER);
    }

    String replaceByReservation(int cell) {
        return update(changes -> changes.replaceByReservation(first(cell), last(cell), OWNER));
    }

    /** Stores in the lowest free cell from 6 to 11. */
    String storeLowest(int value) {
        GapSearch where =
                new GapSearch().size(SIZE).within(first(FROM), last(TO)).aligned(SIZE, 0);
        return tree.storeLowest(where, value) ? "" + where.first() / SIZE : "none";
    }

    String get(int cell) {
        return "" + tree.get(first(cell));
    }

    /** Moves the cursor to the entry of a cell. */
    String find(int cell) {
        cursor.find(first(cell));
        end = cursor.last();
        return "" + end;
    }

    /** Moves the cursor to the next entry, i.e. the first one that extends beyond the cursor's current entry. */
    String next() {
        RangeEntry<Integer> next;
        if (isExpected) {
            next = tree.entries(end + 1, -1L).get(0);
        } else {
            cursor.next();
            next = new RangeEntry<>(cursor.first(), cursor.last(), cursor.value());
        }
        end = next.last();
        return "" + next;
    }

    /**
     * Looks up four cells with one call, and returns the value of one of them, because the four values are not of one
     * instant.
     */
    String getAmongFour(int cell) {
        @Nullable Integer[] values = new @Nullable Integer[4];
        tree.getAll(new long[] {first(FROM), first(cell), first(8), first(10)}, values);
        return "" + values[1];
    }

    /** Looks up with a reader that caches a leaf. */
    String getByReader(int cell) {
        return isExpected ? get(cell) : "" + reader.get(first(cell));
    }

    String atOrAfter(int cell) {
        return "" + tree.atOrAfter(first(cell));
    }

    String atOrAfterQuarter(int cell, int quarter) {
        return "" + tree.atOrAfter(first(cell) + quarter * QUARTER - 1);
    }

    String atOrBefore(int cell) {
        return "" + tree.atOrBefore(first(cell));
    }

    String isEmpty() {
        return "" + tree.isEmpty();
    }

    String isFree(int cell) {
        return "" + tree.isFree(first(cell), last(cell));
    }

    String reservationIn(int from, int to) {
        return "" + tree.reservationIn(first(from), last(to));
    }

    String snapshot() {
        return tree.snapshot().entries().toString();
    }

    /** Takes and keeps a snapshot. */
    String hold() {
        Snapshot<Integer> taken = tree.snapshot();
        String contents = taken.entries().toString();
        held = isExpected ? () -> contents : () -> taken.entries().toString();
        return contents;
    }

    /** Returns the contents of the kept snapshot. */
    String held() {
        return held == null ? "none" : held.get();
    }
}
