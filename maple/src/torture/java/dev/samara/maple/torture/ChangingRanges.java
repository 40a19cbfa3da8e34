// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.Cursor;
import dev.samara.maple.GapSearch;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Reader;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A thousand ranges in groups of ten, as in the stress test of Linux's own tree: every other range stays, and of the
 * ranges in between, one is modified, one deleted, one toggled, one added and one grown on both sides. For each group,
 * one reader walks forward and one backward, each with its own expectations.
 */
final class ChangingRanges implements Actor {
    private static final int GROUPS = 100;
    private static final int GROUP = 10;

    /** The number of changes in one group before the next group's turn. */
    private static final int TURNS = 100;

    /** How many times a range is grown before it is reset. */
    private static final int GROWTH = 7;

    /** The ways in which a range changes. Its states are numbered. */
    private enum Role {
        STAYS,
        /** Has a different value in each state. */
        MODIFIED,
        /** Present in even states; erased by one of its indexes, and stored. */
        DELETED,
        /** Present in even states; erased by its bounds, and inserted. */
        TOGGLED,
        /** Present in even states; stored by a gap search, and erased in a transaction. */
        ADDED,
        /** Extends one cell further on both sides in each state, then starts again. */
        GROWN;

        boolean comesAndGoes() {
            return this == DELETED || this == TOGGLED || this == ADDED;
        }
    }

    private final TortureTree setup;
    private final MapleTree<Mark> tree;
    private final long[] firsts = new long[GROUPS * GROUP];
    private final long[] lasts = new long[GROUPS * GROUP];
    private final Numbers numbers = new Numbers(GROUPS * GROUP);

    /**
     * The group that is being changed. This race is benign, because readers use the field only as a hint where edits
     * happen.
     */
    private volatile int hot;

    ChangingRanges(TortureTree setup) {
        this.setup = setup;
        tree = setup.tree;
        for (int range = 0; range < firsts.length; range++) {
            // The lengths differ, and in every other group there is no free range between the ranges.
            int cells = 1 + range * 7 % 4;
            int margin = role(range) == Role.GROWN ? GROWTH * (int) TortureTree.CELL : 0;
            firsts[range] = setup.area(cells + 2 * margin / (int) TortureTree.CELL) + margin;
            lasts[range] = firsts[range] + cells * TortureTree.CELL - 1;
            if (range / GROUP % 2 == 0) {
                setup.area(1);
            }
            tree.store(firsts[range], lasts[range], new Mark(this, range, 0));
        }
    }

    private static Role role(int range) {
        return switch (range % GROUP) {
            case 1 -> Role.MODIFIED;
            case 3 -> Role.DELETED;
            case 5 -> Role.TOGGLED;
            case 7 -> Role.ADDED;
            case 9 -> Role.GROWN;
            default -> Role.STAYS;
        };
    }

    private static long growth(int range, int number) {
        return role(range) == Role.GROWN ? number % (GROWTH + 1) * TortureTree.CELL : 0;
    }

    @Override
    public void step(Random random) {
        hot = random.nextInt(GROUPS);
        for (int turn = 0; turn < TURNS; turn++) {
            int range = hot * GROUP + 1 + 2 * random.nextInt(GROUP / 2);
            int rounds = role(range) == Role.GROWN ? GROWTH + 1 : 2;
            for (int n = 0; n < rounds; n++) {
                change(range);
            }
        }
    }

    private int group(Random random) {
        return random.nextBoolean() ? hot : random.nextInt(GROUPS);
    }

    private void change(int range) {
        int number = numbers.begin(range);
        long first = firsts[range];
        long last = lasts[range];
        Mark mark = new Mark(this, range, number);
        boolean goes = number % 2 == 1;
        switch (role(range)) {
            case MODIFIED -> tree.store(first, last, mark);
            case DELETED -> {
                if (goes) {
                    tree.eraseEntry(first);
                } else {
                    tree.store(first, last, mark);
                }
            }
            case TOGGLED -> {
                if (goes) {
                    tree.erase(first, last);
                } else {
                    tree.insert(first, last, mark);
                }
            }
            case ADDED -> {
                if (goes) {
                    tree.update(t -> t.erase(first, last));
                } else {
                    tree.storeLowest(new GapSearch().size(last - first + 1).within(first, last), mark);
                }
            }
            default -> grow(range, number, mark);
        }
        numbers.end(range);
        setup.edited();
    }

    private void grow(int range, int number, Mark mark) {
        long by = growth(range, number);
        long most = GROWTH * TortureTree.CELL;
        if (by > 0) {
            tree.store(firsts[range] - by, lasts[range] + by, mark);
        } else {
            tree.update(t -> {
                t.erase(firsts[range] - most, lasts[range] + most);
                t.store(firsts[range], lasts[range], mark);
            });
        }
    }

    /**
     * Returns whether the mark that was found in a range, or null, is one of the states from {@code from} to {@code
     * to}.
     */
    private boolean mayBe(int range, @Nullable Mark found, int from, int to) {
        if (found == null) {
            return role(range).comesAndGoes() && (from % 2 == 1 || to > from);
        }
        return found.isOf(this) && found.place() == range && found.number() >= from && found.number() <= to;
    }

    private void check(Checker checker, int range, @Nullable Mark found, int from) {
        int to = numbers.begun(range);
        boolean holds = mayBe(range, found, from, to);
        checker.check(
                holds,
                holds
                        ? ""
                        : "range " + range + ", " + role(range) + ", in states " + from + " to " + to + ": " + found);
        if (from != to) {
            checker.overlapped();
        }
    }

    /** Returns walkers of all groups, which take turns on one thread. */
    Actor walkers(boolean forward, Checker checker) {
        List<Walker> walkers = new ArrayList<>();
        for (int group = 0; group < GROUPS; group++) {
            walkers.add(new Walker(group, forward, checker));
        }
        return random -> {
            int turns = random.nextInt(10) == 0 ? 3 : 100;
            for (int n = 0; n < turns; n++) {
                walkers.get(group(random)).walk(turns < GROUP ? GROUPS : 1);
            }
        };
    }

    /** Looks up in all ways, including searches for the nearest entry. */
    Actor finder(Checker checker) {
        Reader<Mark> reader = tree.reader();
        return random -> {
            for (int n = 0; n < 1000; n++) {
                int range = group(random) * GROUP + 1 + random.nextInt(GROUP - 2);
                int from = numbers.done(range);
                long index = firsts[range] + random.nextInt((int) TortureTree.CELL);
                switch (random.nextInt(8)) {
                    case 0 -> check(checker, range, unlessStays(tree.atOrAfter(index), range + 1), from);
                    case 1 -> check(checker, range, unlessStays(tree.atOrBefore(index), range - 1), from);
                    case 2 -> findAll(random, checker);
                    case 3, 4, 5 -> check(checker, range, reader.get(index), from);
                    default -> check(checker, range, tree.get(index), from);
                }
            }
        };
    }

    /** Looks up all ranges of one group with one call. */
    private void findAll(Random random, Checker checker) {
        int first = group(random) * GROUP;
        int[] from = new int[GROUP];
        long[] indexes = new long[GROUP];
        for (int n = 0; n < GROUP; n++) {
            from[n] = numbers.done(first + n);
            indexes[n] = firsts[first + n];
        }
        @Nullable Mark[] found = new @Nullable Mark[GROUP];
        tree.getAll(indexes, found);
        for (int n = 0; n < GROUP; n++) {
            check(checker, first + n, found[n], from[n]);
        }
    }

    /** Returns null if the neighbour, which stays, was found: it is the nearest entry if the range is empty. */
    private @Nullable Mark unlessStays(@Nullable Mark found, int neighbour) {
        boolean met = found != null && found.isOf(this) && found.place() == neighbour;
        return met && role(neighbour) == Role.STAYS ? null : found;
    }

    /**
     * Walks through its group, or through all ranges from there, and keeps the latest state that it saw of each range
     * of its group.
     */
    private final class Walker {
        private final int start;
        private final int direction;
        private final Checker checker;
        private final Cursor<Mark> cursor = tree.cursor();
        private final int[] seen = new int[GROUP];

        Walker(int group, boolean forward, Checker checker) {
            // Starts and ends at ranges that stay.
            start = group * GROUP + (forward ? 0 : GROUP - 2);
            direction = forward ? 1 : -1;
            this.checker = checker;
        }

        void walk(int groups) {
            int steps = groups * GROUP;
            int at = start;
            Mark found = direction > 0 ? cursor.find(firsts[at]) : cursor.findBackward(lasts[at]);
            meet(at, found, 0);
            int end = Math.max(0, Math.min(firsts.length - 2, start + direction * steps));
            while (at != end) {
                int next = at + direction;
                int from = numbers.done(next);
                found = direction > 0 ? cursor.next() : cursor.previous();
                if (found == null || !found.isOf(ChangingRanges.this)) {
                    checker.violated("after range " + at + " came " + found);
                    return;
                }
                if (found.place() == at && role(at) == Role.GROWN) {
                    // The range grew in the meantime, so its new end is above the old one.
                    meet(at, found, 0);
                } else if (found.place() == next) {
                    meet(next, found, from);
                    at = next;
                } else {
                    // If a range is absent, only a range that stays can follow.
                    check(checker, next, null, from);
                    at = next + direction;
                    meet(at, found, 0);
                    if (found.place() != at) {
                        return;
                    }
                }
            }
        }

        private void meet(int range, @Nullable Mark found, int from) {
            check(checker, range, found, from);
            if (found == null || found.place() != range) {
                return;
            }
            long by = growth(range, found.number());
            checker.check(
                    cursor.first() == firsts[range] - by && cursor.last() == lasts[range] + by,
                    "bounds that it never had");
            int own = range - start / GROUP * GROUP;
            if (own >= 0 && own < GROUP) {
                checker.check(found.number() >= seen[own], "went back in time");
                seen[own] = found.number();
            }
        }
    }
}
