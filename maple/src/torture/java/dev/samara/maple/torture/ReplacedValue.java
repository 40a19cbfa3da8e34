// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.Cursor;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Reader;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/**
 * Values that are replaced repeatedly, as in the torture test of Linux's RCU. A reader computes the age of the value
 * that it found: by how many steps the value was older than the newest one when the read started. The step in flight
 * may not be visible yet, so ages 0 and 1 are correct, and older values were replaced before the read started.
 */
final class ReplacedValue implements Actor {
    private static final int PIPES = 8;
    private static final int DEPTH = 10;

    private final TortureTree setup;
    private final MapleTree<Mark> tree;
    private final long[] firsts;
    private final Numbers numbers = new Numbers(PIPES);

    /**
     * The pipe that is being changed. This race is benign, because readers use the field only as a hint where edits
     * happen.
     */
    private volatile int hot;

    /** How many times each age was seen. The last element counts values older than the pipe. */
    private final AtomicLongArray ages = new AtomicLongArray(DEPTH + 1);

    ReplacedValue(TortureTree setup) {
        this.setup = setup;
        tree = setup.tree;
        firsts = setup.scattered(PIPES, this);
        for (int replacedValue = 0; replacedValue < PIPES; replacedValue++) {
            store(replacedValue, 0);
        }
    }

    private void store(int replacedValue, int number) {
        tree.store(
                firsts[replacedValue], TortureTree.last(firsts[replacedValue]), new Mark(this, replacedValue, number));
        setup.edited();
    }

    @Override
    public void step(Random random) {
        for (int turn = 0; turn < PIPES; turn++) {
            int replacedValue = random.nextInt(PIPES);
            hot = replacedValue;
            for (int n = 0; n < 5 * DEPTH; n++) {
                store(replacedValue, numbers.begin(replacedValue));
                numbers.end(replacedValue);
            }
        }
    }

    /** Reads in all possible ways. */
    Actor reader(Checker checker) {
        Cursor<Mark> cursor = tree.cursor();
        Reader<Mark> reader = tree.reader();
        return random -> {
            for (int n = 0; n < 100 * DEPTH; n++) {
                int replacedValue = hot;
                long index = firsts[replacedValue] + random.nextInt((int) TortureTree.CELL);
                int begun = numbers.begun(replacedValue);
                Mark found = switch (random.nextInt(8)) {
                    case 0 -> cursor.find(index);
                    case 1 -> tree.atOrBefore(index);
                    case 2, 3, 4 -> reader.get(index);
                    default -> tree.get(index);
                };
                look(checker, replacedValue, begun, found);
            }
        };
    }

    private void look(Checker checker, int replacedValue, int begun, @Nullable Mark found) {
        int age = found != null && found.isOf(this) && found.place() == replacedValue ? begun - found.number() : DEPTH;
        age = Math.max(0, age);
        ages.incrementAndGet(Math.min(age, DEPTH));
        checker.check(age <= 1, age <= 1 ? "" : "begun " + begun + ", found " + found);
        if (numbers.begun(replacedValue) != begun) {
            checker.overlapped();
        }
    }

    /** Returns the ages as a human-readable line. */
    String histogram() {
        StringBuilder line = new StringBuilder("ages");
        for (int age = 0; age <= DEPTH; age++) {
            line.append(age == 0 ? ": " : ", ")
                    .append(age)
                    .append(age == DEPTH ? "+: " : ": ")
                    .append(ages.get(age));
        }
        return line.toString();
    }
}
