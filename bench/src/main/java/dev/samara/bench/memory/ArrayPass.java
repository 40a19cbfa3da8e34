// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import java.nio.file.Path;
import java.util.Arrays;

/** Reads the words of pages that are parts of one array, without a file: the cost of plain loads. */
final class ArrayPass extends FilePass {
    private static final int WORDS = PAGE / Long.BYTES;

    private final long[] words = new long[PAGES_IN_MEMORY * WORDS];

    ArrayPass(Path file, long size) {
        super(file, size);
        Arrays.setAll(words, i -> i);
    }

    @Override
    PassThread worker(Kind kind) {
        return new PassThread() {
            @Override
            public long sumPages(int count) {
                long sum = 0;
                for (int i = 0; i < count; i++) {
                    int from = (i & PAGES_IN_MEMORY - 1) * WORDS;
                    sum += sum(words, from, from + WORDS);
                }
                return sum;
            }
        };
    }

    private static long sum(long[] of, int from, int to) {
        long sum = 0;
        for (int i = from; i < to; i++) {
            sum += of[i];
        }
        return sum;
    }

    @Override
    public void close() {
        // No file is open.
    }
}
