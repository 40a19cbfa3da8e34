// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeView;
import dev.samara.maple.Snapshot;
import dev.samara.maple.TwoLeaves;
import dev.samara.maple.Writer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;

/**
 * Two cells far from each other, stored one after the other with the same number: a reader that sees the second sees
 * the first, and a snapshot has them at most one apart.
 */
final class StorePairs implements Actor {
    private static final int HELD = 16;

    private final TortureTree setup;
    private final MapleTree<Mark> tree;
    private final long[] firsts;
    private int number;

    /**
     * Two cells of a tree.
     *
     * @param setup counts the edits
     * @param firsts where the cells begin
     */
    StorePairs(TortureTree setup, MapleTree<Mark> tree, long[] firsts) {
        this.setup = setup;
        this.tree = tree;
        this.firsts = firsts;
        store(0);
        store(1);
    }

    /** Two cells of the tree of all actors. */
    static StorePairs on(TortureTree setup) {
        return new StorePairs(setup, setup.tree, setup.scattered(2, setup));
    }

    /** Two cells in two leaves of a tree of its own, in which nothing else ends or begins an era. */
    static StorePairs alone(TortureTree setup) {
        TwoLeaves<Mark> cells = new TwoLeaves<>(cell -> new Mark(setup, cell, 0));
        return new StorePairs(setup, cells.tree, new long[] {TwoLeaves.first(8), TwoLeaves.first(10)});
    }

    private Mark mark(int cell) {
        setup.edited();
        return new Mark(this, cell, number);
    }

    private void store(int cell) {
        tree.store(firsts[cell], TortureTree.last(firsts[cell]), mark(cell));
    }

    @Override
    public void step(Random random) {
        if (random.nextInt(4) == 0) {
            storeByWriter();
            return;
        }
        for (int n = 0; n < 100; n++) {
            number++;
            store(0);
            store(1);
        }
    }

    /** Not for long: it keeps the lock. */
    private void storeByWriter() {
        try (Writer<Mark> writer = tree.writer()) {
            for (int n = 0; n < 20; n++) {
                number++;
                writer.store(firsts[0], TortureTree.last(firsts[0]), mark(0));
                writer.store(firsts[1], TortureTree.last(firsts[1]), mark(1));
            }
        }
    }

    private int number(RangeView<Mark> view, int cell, Checker checker) {
        Mark mark = view.get(firsts[cell]);
        if (mark == null || !mark.isOf(this) || mark.place() != cell) {
            checker.violated("cell " + cell + " has " + mark);
            return 0;
        }
        return mark.number();
    }

    /** Looks up the second before the first. */
    Actor reader(Checker checker) {
        return random -> {
            for (int n = 0; n < 1000; n++) {
                int second = number(tree, 1, checker);
                int first = number(tree, 0, checker);
                checker.check(first >= second, first >= second ? "" : "second " + second + " without first: " + first);
                if (first != second) {
                    checker.overlapped();
                }
            }
        };
    }

    /** Looks into so many snapshots, now and a little later. */
    Actor auditor(int snapshots, Checker checker) {
        Deque<Snapshot<Mark>> held = new ArrayDeque<>();
        Deque<Integer> numbers = new ArrayDeque<>();
        return random -> {
            for (int n = 0; n < snapshots; n++) {
                Snapshot<Mark> now = tree.snapshot();
                int first = number(now, 0, checker);
                int second = number(now, 1, checker);
                boolean holds = first == second || first == second + 1;
                checker.check(holds, holds ? "" : "first " + first + " and second " + second + " in a snapshot");
                if (first != second) {
                    checker.overlapped();
                }
                held.add(now);
                numbers.add(first);
                numbers.add(second);
                if (held.size() > HELD) {
                    compare(checker, held.remove(), numbers.remove(), numbers.remove());
                }
            }
        };
    }

    private void compare(Checker checker, Snapshot<Mark> then, int first, int second) {
        boolean same = number(then, 0, checker) == first && number(then, 1, checker) == second;
        checker.check(same, "changed after the snapshot was taken");
    }
}
