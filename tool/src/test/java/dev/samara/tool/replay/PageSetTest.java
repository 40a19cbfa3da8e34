// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class PageSetTest {
    private static final int SIZE = 64;

    @Test
    @DisplayName("random steps leave the pages of a set of bits")
    void randomSteps() {
        SplittableRandom random = new SplittableRandom(7);
        UnknownAccounting.PageSet pages = new UnknownAccounting.PageSet();
        BitSet model = new BitSet();
        for (int step = 0; step < 20_000; step++) {
            int start = random.nextInt(SIZE);
            int end = start + random.nextInt(SIZE - start + 1);
            switch (random.nextInt(4)) {
                case 0 -> {
                    pages.add(start, end);
                    model.set(start, end);
                }
                case 1 -> {
                    pages.remove(start, end);
                    model.clear(start, end);
                }
                case 2 -> move(pages, model, random);
                default -> pages = pages.copy();
            }
            for (int i = 0; i < SIZE; i++) {
                assertEquals(model.get(i), pages.contains(i, i + 1), "page " + i + " after step " + step);
            }
            if (start < end) {
                assertEquals(model.nextClearBit(start) >= end, pages.contains(start, end));
            }
            assertEquals(model.isEmpty(), pages.isEmpty());
        }
    }

    /** Moves pages from one half to the other, because source and target of a move never overlap. */
    private static void move(UnknownAccounting.PageSet pages, BitSet model, SplittableRandom random) {
        int length = random.nextInt(1, SIZE / 4);
        int source = random.nextInt(SIZE / 4);
        int target = SIZE / 2 + random.nextInt(SIZE / 4);
        pages.copyRange(source, length, target);
        for (int i = 0; i < length; i++) {
            model.set(target + i, model.get(source + i));
        }
    }
}
