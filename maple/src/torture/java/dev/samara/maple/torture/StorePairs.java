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
 * Two cells that are far from each other and are stored one after the other, with the same number. A reader that sees
 * the second store also sees the first, and in a snapshot the two numbers differ by at most one.
 */
final class StorePairs implements Actor {
    private static final int HELD = 16;

    private final TortureTree setup;
    private final MapleTree<Mark> tree;
    private final long[] firsts;
    private int number;

    /**
     * Creates two cells of a tree.
     *
     * @param setup counts the edits
     * @param firsts the first indexes of the cells
     */
    StorePairs(TortureTree setup, MapleTree<Mark> tree, long[] firsts) {
        this.setup = setup;
        this.tree = tree;
        this.firsts = firsts;
        store(0);
        store(1);
    }

    /** Creates two cells of the tree that all actors share. */
    static StorePairs on(TortureTree setup) {
        return new StorePairs(setup, setup.tree, setup.scattered(2, setup));
    }

    /** Creates two cells in two leaves of a separate tree, in which nothing else ends or starts an era. */
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

    /** Makes only a few stores, because the writer holds the lock. */
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

    /** Looks up the second cell before the first one. */
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

    /** Checks the given number of snapshots, both immediately and a little later. */
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
