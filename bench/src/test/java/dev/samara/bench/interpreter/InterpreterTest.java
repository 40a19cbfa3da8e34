// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.testing.Explored;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares the guest's programs with the same computations in Java. */
@Explored(4)
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

    /** Returns the second element in the second row of the product. */
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

    private static long congruence(int steps) {
        long state = 1;
        for (int i = 0; i < steps; i++) {
            state = state * 1_103_515_245 + 1013;
        }
        return state;
    }

    private static long expected(GuestProgram work) {
        return switch (work) {
            case SIEVE -> primes(122_880);
            case MATRIX -> product();
            case QUICKSORT -> sorted(work.rounds());
            // Complete rounds end where they started.
            case CHASE -> 0x10_0000;
            case REWRITE -> rewritten(work.rounds());
            case RANDOM64K, RANDOM8M, RANDOM128M -> congruence(work.rounds());
        };
    }

    @ParameterizedTest
    @CsvSource({
        "SIEVE, array",
        "SIEVE, paged",
        "SIEVE, fast",
        "SIEVE, own-array",
        "SIEVE, own-buffer",
        "SIEVE, own-space",
        "MATRIX, array",
        "MATRIX, paged",
        "MATRIX, fast",
        "MATRIX, own-array",
        "MATRIX, own-space",
        "QUICKSORT, array",
        "QUICKSORT, paged",
        "QUICKSORT, fast",
        "QUICKSORT, own-array",
        "QUICKSORT, own-space",
        "CHASE, array",
        "CHASE, paged",
        "CHASE, fast",
        "CHASE, own-array",
        "CHASE, own-space",
        "REWRITE, array",
        "REWRITE, paged",
        "REWRITE, fast",
        "REWRITE, own-array",
        "REWRITE, own-space",
        "RANDOM64K, array",
        "RANDOM64K, paged",
        "RANDOM64K, fast",
        "RANDOM64K, own-array",
        "RANDOM64K, own-buffer",
        "RANDOM64K, own-space",
        "RANDOM8M, array",
        "RANDOM8M, own-array",
        "RANDOM8M, own-buffer",
        "RANDOM8M, own-space",
        "RANDOM128M, own-array",
        "RANDOM128M, own-space"
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

    @ParameterizedTest
    @CsvSource({
        "SIEVE, array",
        "SIEVE, paged",
        "SIEVE, fast",
        "SIEVE, tlb",
        "SIEVE, kept",
        "MATRIX, array",
        "MATRIX, paged",
        "MATRIX, fast",
        "MATRIX, tlb",
        "MATRIX, kept",
        "QUICKSORT, array",
        "QUICKSORT, paged",
        "QUICKSORT, fast",
        "QUICKSORT, tlb",
        "QUICKSORT, kept",
        "CHASE, kept",
        "REWRITE, array",
        "REWRITE, paged",
        "REWRITE, fast",
        "REWRITE, tlb",
        "REWRITE, kept"
    })
    @DisplayName("translated, a program has the same result, and as many instructions")
    void translated(GuestProgram work, String way) {
        try (GuestRam ram = InterpreterBenchmark.memory("array", work);
                GuestRam other = InterpreterBenchmark.memory(way, work)) {
            Interpreter interpreter = InterpreterBenchmark.loaded(work, ram);
            InterpreterBenchmark.run(interpreter, work);
            TranslatedGuest guest = InterpreterBenchmark.translated(work, other, way);
            InterpreterBenchmark.run(guest, work);
            assertEquals(interpreter.executed(), guest.executed());
            assertFalse(guest.sizes().isEmpty(), "nothing was translated");
            for (int size : guest.sizes()) {
                assertTrue(size < 8_000, "the compilers of the JVM leave out a method of " + size + " bytes");
            }
        }
    }

    private static final long CODE = 0x1_0000;
    private static final long DATA = 0x10_0000;

    private static TranslatedGuest guest(FastRam ram, String way, Assembler program) {
        ram.map(CODE, 4096);
        ram.map(DATA, 4096);
        int[] code = program.assemble();
        for (int i = 0; i < code.length; i++) {
            ram.storeInt(CODE + 4L * i, code[i]);
        }
        return new TranslatedGuest(new Interpreter(ram), ram, AccessWay.valueOf(way.toUpperCase(Locale.ROOT)));
    }

    /** Returns a word of a space, which a thread without a CPU reads. */
    private static long word(AddressSpace space, long address) {
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(Long.BYTES, space.read(address, bytes));
        return bytes.getLong(0);
    }

    @SuppressWarnings("ThreadPriorityCheck") // with one processor, the other thread needs it
    private static void forkWhileItCounts(AddressSpace space) {
        for (int i = 0; i < 20; i++) {
            try (AddressSpace child = space.fork()) {
                long count = word(child, DATA);
                long before = word(space, DATA);
                while (word(space, DATA) < before + 10_000) {
                    Thread.yield();
                }
                assertEquals(count, word(child, DATA));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"call", "tlb", "kept"})
    @DisplayName(
            "translated code of a parent does not write to the child of a fork, and sees what another thread writes")
    @SuppressWarnings("ThreadPriorityCheck") // with one processor, the other thread needs it
    void forks(String way) {
        Assembler counting = new Assembler()
                .label("next")
                .addi(5, 5, 1)
                .sd(5, 10, 0)
                .ld(6, 10, 8)
                .bge(0, 6, "next")
                .ecall();
        try (FastRam ram = FastRam.make()) {
            TranslatedGuest guest = guest(ram, way, counting);
            CompletableFuture<Void> forking = CompletableFuture.runAsync(() -> {
                try {
                    while (word(ram.space(), DATA) < 1_000_000) {
                        Thread.yield();
                    }
                    forkWhileItCounts(ram.space());
                } finally {
                    byte[] one = {1};
                    assertEquals(1, ram.space().write(DATA + 8, one, 0, 1));
                }
            });
            guest.run(CODE, DATA, 0);
            forking.join();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"call", "tlb", "kept"})
    @DisplayName("translated code finds nothing in the first page, where nothing is mapped")
    void firstPage(String way) {
        Assembler loads = new Assembler()
                .addi(5, 0, 200)
                .jal(0, "next") // translated code makes the first load
                .label("next")
                .ld(6, 10, 0)
                .addi(5, 5, -1)
                .bne(5, 0, "next")
                .ecall();
        try (FastRam ram = FastRam.make()) {
            TranslatedGuest guest = guest(ram, way, loads);
            assertEquals(DATA, guest.run(CODE, DATA, 0));
            assertEquals(1, guest.sizes().size());
            String fault = assertThrows(IllegalStateException.class, () -> guest.run(CODE, 1, 0))
                    .getMessage();
            assertEquals("SEGV_MAPERR at 0x1", fault);
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
