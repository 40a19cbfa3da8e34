// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeEntry;
import dev.samara.maple.ReservedException;
import java.util.Random;

/**
 * Ranges that are always taken, in even states by a value and in odd ones by a reservation. The lookup view never
 * contains anything but a value, the ranges are never free in the allocation view, and only the owner can edit a
 * reserved range. Next to every range there is a reservation that stays, so that stores over the range's own
 * reservation can replace leaves in place.
 */
final class TakenRanges implements Actor {
    private static final int RANGES = 16;
    private static final int CELLS = 3;
    private static final int TURNS = 150;

    private final TortureTree setup;
    private final MapleTree<Mark> tree;
    private final Numbers numbers = new Numbers(RANGES);
    private final long[] firsts = new long[RANGES];
    private final Object owner = new Object();

    /**
     * The range that is being changed. This race is benign, because readers use the field only as a hint where edits
     * happen.
     */
    private volatile int hot;

    TakenRanges(TortureTree setup) {
        this.setup = setup;
        tree = setup.tree;
        for (int range = 0; range < RANGES; range++) {
            long guard = setup.area(1);
            tree.reserve(guard, TortureTree.last(guard), owner);
            firsts[range] = setup.area(CELLS);
            tree.store(firsts[range], last(range), new Mark(this, range, 0));
        }
    }

    private long last(int range) {
        return firsts[range] + CELLS * TortureTree.CELL - 1;
    }

    @Override
    public void step(Random random) {
        hot = random.nextInt(RANGES);
        for (int n = 0; n < TURNS; n++) {
            change(hot);
        }
    }

    private void change(int range) {
        int number = numbers.begin(range);
        if (number % 2 == 1) {
            tree.update(t -> t.replaceByReservation(firsts[range], last(range), owner));
        } else {
            tree.store(firsts[range], last(range), new Mark(this, range, number), owner);
        }
        numbers.end(range);
        setup.edited();
    }

    /** Reads both views. */
    Actor reader(Checker lookups, Checker allocations) {
        return random -> {
            for (int n = 0; n < 2 * TURNS; n++) {
                int range = hot;
                long index = firsts[range] + random.nextInt(CELLS * (int) TortureTree.CELL);
                lookUp(range, index, lookups);
                askForRoom(range, index, allocations);
            }
        };
    }

    private void lookUp(int range, long index, Checker checker) {
        int from = numbers.done(range);
        // The type is not Mark, because another object must be reported as a violation.
        Object found = tree.get(index);
        int to = numbers.begun(range);
        boolean holds = found == null
                ? from % 2 == 1 || to > from
                : found instanceof Mark mark
                        && mark.isOf(this)
                        && mark.place() == range
                        && mark.number() >= from
                        && mark.number() <= to;
        checker.check(holds, holds ? "" : "in states " + from + " to " + to + ": " + found);
        if (from != to) {
            checker.overlapped();
        }
    }

    private void askForRoom(int range, long index, Checker checker) {
        int from = numbers.done(range);
        boolean free = tree.isFree(index, last(range));
        RangeEntry<Object> reserved = tree.reservationAt(index);
        int to = numbers.begun(range);
        checker.check(!free, "free");
        boolean holds =
                (to > from || (from % 2 == 1) == (reserved != null)) && (reserved == null || isWhole(range, reserved));
        checker.check(holds, holds ? "" : "in states " + from + " to " + to + ": " + reserved);
        if (from != to) {
            checker.overlapped();
        }
    }

    private boolean isWhole(int range, RangeEntry<Object> reserved) {
        return reserved.value() == owner && reserved.first() == firsts[range] && reserved.last() == last(range);
    }

    /** Tries to edit taken ranges. */
    Actor intruder(Checker refusals) {
        Mark never = new Mark(this, -1, -1);
        return random -> {
            int range = random.nextInt(RANGES);
            // The range includes the guard, so that it contains a reservation in each state.
            long guard = firsts[range] - TortureTree.CELL;
            refusals.check(
                    !tree.insert(firsts[range], TortureTree.last(firsts[range]), never), "stored in a taken range");
            refusals.check(!tree.reserve(firsts[range], last(range), never), "reserved a taken range");
            try {
                if (random.nextBoolean()) {
                    tree.store(guard, last(range), never);
                } else {
                    tree.erase(guard, last(range), never);
                }
                refusals.violated("a reservation was stored over or erased by another");
            } catch (ReservedException refused) {
                refusals.check(
                        refused.owner() == owner
                                && refused.first() == guard
                                && refused.last() == guard + TortureTree.CELL - 1,
                        "refused because of another reservation");
            }
        };
    }
}
