// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.GapSearch;
import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeEntry;
import dev.samara.maple.Transaction;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/**
 * A window in which several users search for free ranges, and take them by values and by reservations: no range ever
 * has two users.
 */
final class ContendedGaps {
    private static final int CELLS = 4096;
    private static final int LARGEST = 24;
    private static final int HELD = 150;

    private final TortureTree setup;
    private final MapleTree<Mark> tree;
    private final long start;

    /** The user of each cell, or 0. Set after the cell was allocated, and reset before it is freed. */
    private final AtomicIntegerArray users = new AtomicIntegerArray(CELLS);

    ContendedGaps(TortureTree setup) {
        this.setup = setup;
        tree = setup.tree;
        start = setup.area(CELLS);
    }

    private long last() {
        return start + CELLS * TortureTree.CELL - 1;
    }

    private GapSearch search(int cells, int alignment) {
        return new GapSearch()
                .size(cells * TortureTree.CELL)
                .within(start, last())
                .aligned(alignment * TortureTree.CELL, start % (alignment * TortureTree.CELL));
    }

    /** Allocates and frees ranges. */
    Actor user(int user, Checker checker) {
        Mark mark = new Mark(this, user, 0);
        List<RangeEntry<Boolean>> mine = new ArrayList<>();
        return random -> {
            for (int n = 0; n < 150; n++) {
                if (mine.size() < HELD && random.nextInt(5) != 0) {
                    RangeEntry<Boolean> got = get(random, mark);
                    checker.check(got == null || enter(got, user), "got what another has");
                    if (got != null) {
                        mine.add(got);
                    }
                } else if (!mine.isEmpty()) {
                    RangeEntry<Boolean> back = mine.remove(random.nextInt(mine.size()));
                    checker.check(leave(back, user) && giveBack(back, mark), "another user has the range");
                }
                setup.edited();
            }
        };
    }

    /** Allocates a range; the result's value is whether a value, not a reservation, occupies the range. */
    private @Nullable RangeEntry<Boolean> get(Random random, Mark mark) {
        GapSearch where = search(1 + random.nextInt(LARGEST), 1 + random.nextInt(3));
        int way = random.nextInt(4);
        boolean found = switch (way) {
            case 0 -> tree.storeLowest(where, mark);
            case 1 -> tree.storeHighest(where, mark);
            case 2 -> tree.reserveLowest(where, mark);
            default -> tree.reserveHighest(where, mark);
        };
        return found ? new RangeEntry<>(where.first(), where.last(), way < 2) : null;
    }

    private boolean enter(RangeEntry<Boolean> range, int user) {
        return change(range, 0, user);
    }

    private boolean leave(RangeEntry<Boolean> range, int user) {
        return change(range, user, 0);
    }

    private boolean change(RangeEntry<Boolean> range, int from, int to) {
        boolean all = true;
        for (long first = range.first(); first < range.last(); first += TortureTree.CELL) {
            all &= users.compareAndSet((int) ((first - start) / TortureTree.CELL), from, to);
        }
        return all;
    }

    private boolean giveBack(RangeEntry<Boolean> range, Mark mark) {
        if (range.value()) {
            return tree.get(range.last()) == mark && tree.eraseEntry(range.first()) == mark;
        }
        boolean mine = tree.get(range.first()) == null
                && new RangeEntry<Object>(range.first(), range.last(), mark).equals(tree.reservationAt(range.last()));
        tree.erase(range.first(), range.last(), mark);
        return mine;
    }

    /** Compares the results of searches with a linear scan of the window, while no thread can edit. */
    Actor surveyor(Checker checker) {
        return random -> {
            int cells = 1 + random.nextInt(LARGEST);
            GapSearch where = search(cells, 1);
            tree.update(transaction -> {
                long low = transaction.findLowest(where) ? where.first() : -1;
                long high = transaction.findHighest(where) ? where.first() : -1;
                checker.check(low == scan(transaction, cells, true), "not the lowest range");
                checker.check(high == scan(transaction, cells, false), "not the highest range");
                transaction.abort();
            });
        };
    }

    private long scan(Transaction<Mark> transaction, int cells, boolean lowest) {
        for (int n = 0; n <= CELLS - cells; n++) {
            long first = start + (lowest ? n : CELLS - cells - n) * TortureTree.CELL;
            if (transaction.isFree(first, first + cells * TortureTree.CELL - 1)) {
                return first;
            }
        }
        return -1;
    }
}
