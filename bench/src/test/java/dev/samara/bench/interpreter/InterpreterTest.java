// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The programs of the guest against the same computations in Java. */
final class InterpreterTest {
    private static long primes(int below) {
        boolean[] composite = new boolean[below];
        long count = 0;
        for (int i = 2; i < below; i++) {
            if (!composite[i]) {
                count++;
                for (int j = 2 * i; j < below; j += i) {
                    composite[j] = true;
                }
            }
        }
        return count;
    }

    /** Returns the second element of the second row of the product. */
    private static long product() {
        SplittableRandom random = new SplittableRandom(1);
        long[] both = random.ints(2 * 96 * 96, 0, 1000).asLongStream().toArray();
        long sum = 0;
        for (int i = 0; i < 96; i++) {
            sum += both[96 + i] * both[96 * 96 + 96 * i + 1];
        }
        return sum;
    }

    private static long sorted(int rounds) {
        long state = 1;
        int[] words = new int[1 << 16];
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < words.length; i++) {
                state = state * 1_103_515_245 + 1013;
                words[i] = (int) (state >>> 33);
            }
            Arrays.sort(words);
        }
        return words[256];
    }

    private static long rewritten(int rounds) {
        long sum = 0;
        for (int round = 0; round < rounds; round++) {
            for (int call = 0; call < 64; call++) {
                sum += sum + 15L * (round & 63);
            }
        }
        return sum;
    }

    private static long expected(GuestProgram work) {
        return switch (work) {
            case SIEVE -> primes(122_880);
            case MATRIX -> product();
            case QUICKSORT -> sorted(work.rounds());
            // Whole rounds lead back to where they began.
            case CHASE -> 0x10_0000;
            case REWRITE -> rewritten(work.rounds());
        };
    }

    @ParameterizedTest
    @CsvSource({
        "SIEVE, array", "SIEVE, paged", "SIEVE, fast",
        "MATRIX, array", "MATRIX, paged", "MATRIX, fast",
        "QUICKSORT, array", "QUICKSORT, paged", "QUICKSORT, fast",
        "CHASE, array", "CHASE, paged", "CHASE, fast",
        "REWRITE, array", "REWRITE, paged", "REWRITE, fast"
    })
    @DisplayName("a program has the result that Java computes, on each memory")
    void results(GuestProgram work, String memory) {
        assertEquals(expected(work), work.result());
        GuestRam ram = InterpreterBenchmark.memory(memory, work);
        try {
            Interpreter interpreter = InterpreterBenchmark.loaded(work, ram);
            InterpreterBenchmark.run(interpreter, work);
        } finally {
            ram.close();
        }
    }

    @Test
    @DisplayName("a page table made by hand has rights, and numbers across its pages")
    void pages() {
        PagedRam ram = new PagedRam();
        ram.map(0x1000, 0x2000);
        ram.storeLong(0x1ffc, 0x1122_3344_5566_7788L);
        assertEquals(0x1122_3344_5566_7788L, ram.loadLong(0x1ffc));
        assertEquals(0x4455_6677, ram.loadInt(0x1ffd));
        assertEquals(0x5566, ram.loadShort(0x1ffe));
        assertThrows(IllegalStateException.class, () -> ram.loadByte(0x3000));
        assertThrows(IllegalStateException.class, () -> ram.storeInt(0x2ffe, 0));
    }
}
