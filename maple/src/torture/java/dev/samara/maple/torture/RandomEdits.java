// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.MapleTree;
import java.util.Random;

/**
 * Fills an area with entries of all lengths, and erases all of them with one edit, so that nodes are split and merged,
 * and the tree grows and shrinks around all other actors. In every other round, entries also end at even indexes, so
 * that all lookups take the other code path.
 */
final class RandomEdits implements Actor {
    private static final int CELLS = 6000;
    private static final int ROUNDS = 5000;

    private final TortureTree setup;
    private final MapleTree<Mark> tree;
    private final long start;
    private int round;

    RandomEdits(TortureTree setup) {
        this.setup = setup;
        tree = setup.tree;
        start = setup.area(CELLS);
    }

    @Override
    public void step(Random random) {
        for (int n = 0; n < 300; n++) {
            edit(random);
        }
    }

    private void edit(Random random) {
        if (++round % ROUNDS == 0) {
            tree.erase(start, start + CELLS * TortureTree.CELL - 1);
        } else {
            int cell = random.nextInt(CELLS - 4);
            long first = start + cell * TortureTree.CELL;
            long last = TortureTree.last(first + random.nextInt(4) * TortureTree.CELL);
            boolean odd = round / ROUNDS % 2 == 0;
            if (random.nextInt(3) == 0) {
                tree.erase(first, last);
            } else {
                tree.store(first, odd ? last : last - random.nextInt(3), new Mark(this, cell, round));
            }
        }
        setup.edited();
    }
}
