// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.Cursor;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Reader;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/**
 * Values that are replaced one after the other, as in the torture of Linux's read-copy-update: a reader sees how many
 * steps old what it found was when it began to look. The step under way may not have been made, so 0 and 1 are right,
 * and everything older was replaced before the reader came.
 */
final class ReplacedValue implements Actor {
    private static final int PIPES = 8;
    private static final int DEPTH = 10;

    private final TortureTree setup;
    private final MapleTree<Mark> tree;
    private final long[] firsts;
    private final Numbers numbers = new Numbers(PIPES);

    /** The pipe that is being changed. Racy, benign because it only says where it is interesting. */
    private volatile int hot;

    /** How often each age was seen; the last is for values older than the pipe. */
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

    /** Looks in all ways that there are. */
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

    /** The ages as a line for people. */
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
