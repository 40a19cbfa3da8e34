// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.GapSearch;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Transaction;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.BooleanSupplier;

/**
 * An area that one actor changes, by one edit of any kind after another. Each edit creates the next version of a model,
 * which is recorded before the edit. {@link VersionQueries} compares results with the versions that existed during the
 * query.
 */
final class RecordedVersions implements Actor {
    static final int CELLS = 40;
    private static final int RING = 1 << 14;
    private static final int FREE = 0;

    /** How many numbers a version uses, because one transaction may make several stores. */
    private static final int PER_VERSION = 4;

    final MapleTree<Mark> tree;
    final Object owner = new Object();

    private final TortureTree setup;
    private final long start;
    private final Checker answers;
    private final Numbers numbers = new Numbers(1);

    /**
     * Version n is at index n modulo the length. It contains the number that was stored in each cell, negated for a
     * reservation. Adjacent cells with the same number are one entry.
     */
    private final AtomicReferenceArray<int[]> ring = new AtomicReferenceArray<>(RING);

    /**
     * Creates a free area between two entries that stay.
     *
     * @param answers checks whether edits return the same results as the model
     */
    RecordedVersions(TortureTree setup, Checker answers) {
        this.setup = setup;
        this.answers = answers;
        tree = setup.tree;
        long before = setup.area(1);
        start = setup.area(CELLS);
        long after = setup.area(1);
        tree.store(before, TortureTree.last(before), new Mark(this, -1, 0));
        tree.store(after, TortureTree.last(after), new Mark(this, CELLS, 0));
        ring.set(0, new int[CELLS]);
    }

    long first(int cell) {
        return start + cell * TortureTree.CELL;
    }

    long last(int cell) {
        return TortureTree.last(first(cell));
    }

    /** Returns the oldest version that can be seen from now on. */
    int done() {
        return numbers.done(0);
    }

    /** Returns the newest version that can have been seen until now. */
    int begun() {
        return numbers.begun(0);
    }

    int[] version(int number) {
        return ring.get(number % RING);
    }

    /** Returns whether this version was not overwritten yet. */
    boolean remembers(int number) {
        return begun() - number < RING;
    }

    @Override
    public void step(Random random) {
        for (int n = 0; n < 200; n++) {
            edit(random);
        }
    }

    private void edit(Random random) {
        int next = numbers.begun(0) + 1;
        int number = next * PER_VERSION;
        int[] cells = version(next - 1).clone();
        int from = random.nextInt(CELLS);
        int to = Math.min(CELLS - 1, from + random.nextInt(random.nextInt(8) == 0 ? CELLS : 4));
        BooleanSupplier edit = switch (random.nextInt(8)) {
            case 0 -> transaction(cells, number, random);
            case 1 -> reserve(cells, number, from, to);
            case 2 -> insert(cells, number, from, to);
            case 3 -> search(cells, number, 1 + random.nextInt(3), random.nextBoolean());
            case 4 -> eraseAt(cells, from);
            case 5 -> erase(cells, from, to);
            default -> store(cells, number, from, to);
        };
        ring.set(next % RING, cells);
        numbers.begin(0);
        boolean asSaid = edit.getAsBoolean();
        numbers.end(0);
        setup.edited();
        answers.check(asSaid, "an edit that answered otherwise than the model, in version " + next);
    }

    private Mark mark(int number) {
        return new Mark(this, 0, number);
    }

    private BooleanSupplier store(int[] cells, int number, int from, int to) {
        boolean plain = hasNoReservation(cells, from, to);
        Arrays.fill(cells, from, to + 1, number);
        return () -> {
            if (plain) {
                tree.store(first(from), last(to), mark(number));
            } else {
                tree.store(first(from), last(to), mark(number), owner);
            }
            return true;
        };
    }

    private BooleanSupplier erase(int[] cells, int from, int to) {
        boolean plain = hasNoReservation(cells, from, to);
        Arrays.fill(cells, from, to + 1, FREE);
        return () -> {
            if (plain) {
                tree.erase(first(from), last(to));
            } else {
                tree.erase(first(from), last(to), owner);
            }
            return true;
        };
    }

    /** Returns whether the cells contain no reservation. If so, an edit needs no owner, and may be made in place. */
    private static boolean hasNoReservation(int[] cells, int from, int to) {
        for (int cell = from; cell <= to; cell++) {
            if (cells[cell] < 0) {
                return false;
            }
        }
        return true;
    }

    private BooleanSupplier eraseAt(int[] cells, int cell) {
        int number = cells[cell];
        if (number < 0) {
            // Only the owner may erase a reservation, and not by an index.
            return erase(cells, cell, cell);
        }
        Arrays.fill(cells, start(cells, cell), end(cells, cell) + 1, FREE);
        return () -> {
            Mark erased = tree.eraseEntry(first(cell));
            return number == FREE ? erased == null : erased != null && erased.number() == number;
        };
    }

    private BooleanSupplier insert(int[] cells, int number, int from, int to) {
        boolean free = isFree(cells, from, to);
        if (free) {
            Arrays.fill(cells, from, to + 1, number);
        }
        return () -> tree.insert(first(from), last(to), mark(number)) == free;
    }

    private BooleanSupplier reserve(int[] cells, int number, int from, int to) {
        boolean free = isFree(cells, from, to);
        if (free) {
            Arrays.fill(cells, from, to + 1, -number);
        }
        return () -> tree.reserve(first(from), last(to), owner) == free;
    }

    private BooleanSupplier search(int[] cells, int number, int size, boolean lowest) {
        int place = -1;
        for (int n = 0; n <= CELLS - size && place < 0; n++) {
            int at = lowest ? n : CELLS - size - n;
            place = isFree(cells, at, at + size - 1) ? at : -1;
        }
        if (place >= 0) {
            Arrays.fill(cells, place, place + size, number);
        }
        long expected = place < 0 ? -1 : first(place);
        GapSearch where = new GapSearch().size(size * TortureTree.CELL).within(first(0), last(CELLS - 1));
        return () -> {
            boolean found = lowest ? tree.storeLowest(where, mark(number)) : tree.storeHighest(where, mark(number));
            return expected == (found ? where.first() : -1);
        };
    }

    /** Returns a transaction of several edits; no reader may see some of them without all others. */
    private BooleanSupplier transaction(int[] cells, int number, Random random) {
        int[] froms = new int[PER_VERSION];
        int[] tos = new int[PER_VERSION];
        int[] contents = new int[PER_VERSION];
        for (int n = 0; n < PER_VERSION; n++) {
            froms[n] = random.nextInt(CELLS);
            tos[n] = Math.min(CELLS - 1, froms[n] + random.nextInt(6));
            contents[n] = (number + n) * (random.nextInt(3) - 1);
            Arrays.fill(cells, froms[n], tos[n] + 1, contents[n]);
        }
        return () -> {
            tree.update(transaction -> {
                for (int n = 0; n < PER_VERSION; n++) {
                    replace(transaction, froms[n], tos[n], contents[n]);
                }
            });
            return true;
        };
    }

    private void replace(Transaction<Mark> transaction, int from, int to, int content) {
        if (content > 0) {
            transaction.store(first(from), last(to), mark(content), owner);
        } else if (content < 0) {
            transaction.replaceByReservation(first(from), last(to), owner);
        } else {
            transaction.erase(first(from), last(to), owner);
        }
    }

    static boolean isFree(int[] cells, int from, int to) {
        for (int cell = from; cell <= to; cell++) {
            if (cells[cell] != FREE) {
                return false;
            }
        }
        return true;
    }

    /** Returns the first cell of the entry, reservation or free range that contains this cell. */
    static int start(int[] cells, int cell) {
        int start = cell;
        while (start > 0 && cells[start - 1] == cells[cell]) {
            start--;
        }
        return start;
    }

    /** Returns the last cell of the entry, reservation or free range that contains this cell. */
    static int end(int[] cells, int cell) {
        int end = cell;
        while (end < CELLS - 1 && cells[end + 1] == cells[cell]) {
            end++;
        }
        return end;
    }
}
