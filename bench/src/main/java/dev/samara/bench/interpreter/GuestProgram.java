// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.util.SplittableRandom;

/**
 * The guest programs. Each receives the address of its data in x10 and a number of rounds in x11, and ends with {@code
 * ecall} and its result in x10.
 */
enum GuestProgram {
    /** The sieve of Eratosthenes for the numbers below 122,880, one byte per number. */
    SIEVE(1 << 17, 10, 11_554) {
        @Override
        int[] code() {
            return new Assembler()
                    .lui(12, 0x1e) // x12: 122,880 numbers
                    .addi(20, 0, 0)
                    .label("round")
                    .add(5, 10, 0)
                    .add(6, 10, 12)
                    .label("clear")
                    .sd(0, 5, 0)
                    .addi(5, 5, 8)
                    .blt(5, 6, "clear")
                    .addi(7, 0, 2)
                    .addi(20, 0, 0)
                    .addi(21, 0, 1)
                    .label("next")
                    .add(5, 10, 7)
                    .lbu(8, 5, 0)
                    .bne(8, 0, "composite")
                    .addi(20, 20, 1)
                    .add(5, 5, 7)
                    .bge(5, 6, "composite")
                    .label("strike")
                    .sb(21, 5, 0)
                    .add(5, 5, 7)
                    .blt(5, 6, "strike")
                    .label("composite")
                    .addi(7, 7, 1)
                    .blt(7, 12, "next")
                    .addi(11, 11, -1)
                    .bne(11, 0, "round")
                    .add(10, 20, 0)
                    .ecall()
                    .assemble();
        }
    },

    /** Multiplies two matrices of 96 rows of 64-bit integers. */
    MATRIX(3 * 96 * 96 * 8, 3, 27_477_143) {
        @Override
        int[] code() {
            return new Assembler()
                    .addi(12, 0, 96) // rows
                    .addi(13, 0, 768) // bytes of a row
                    .lui(14, 0x12) // bytes of a matrix: 73,728
                    .add(15, 10, 14) // second matrix
                    .add(16, 15, 14) // product
                    .label("round")
                    .add(5, 10, 0) // row of the first
                    .add(6, 16, 0) // element of the product
                    .addi(20, 0, 0)
                    .label("row")
                    .addi(21, 0, 0)
                    .add(7, 15, 0) // column of the second
                    .label("column")
                    .addi(8, 0, 0)
                    .add(28, 5, 0)
                    .add(29, 7, 0)
                    .add(30, 5, 13)
                    .label("inner")
                    .ld(31, 28, 0)
                    .ld(9, 29, 0)
                    .mul(31, 31, 9)
                    .add(8, 8, 31)
                    .addi(28, 28, 8)
                    .add(29, 29, 13)
                    .bne(28, 30, "inner")
                    .sd(8, 6, 0)
                    .addi(6, 6, 8)
                    .addi(7, 7, 8)
                    .addi(21, 21, 1)
                    .bne(21, 12, "column")
                    .add(5, 5, 13)
                    .addi(20, 20, 1)
                    .bne(20, 12, "row")
                    .addi(11, 11, -1)
                    .bne(11, 0, "round")
                    .ld(10, 16, 776)
                    .ecall()
                    .assemble();
        }

        @Override
        void fill(GuestRam ram, long data) {
            SplittableRandom random = new SplittableRandom(1);
            for (int i = 0; i < 2 * 96 * 96; i++) {
                ram.storeLong(data + 8L * i, random.nextInt(1000));
            }
        }
    },

    /** Recursively sorts 65,536 words, which a linear congruential generator creates. */
    QUICKSORT((1 << 18) + (1 << 16), 3, 8_122_210) {
        @Override
        int[] code() {
            return new Assembler()
                    .lui(2, 0x50)
                    .add(2, 2, 10) // the stack, above the words
                    .lui(12, 0x40)
                    .lui(22, 0x41c65)
                    .addi(22, 22, -403) // 1,103,515,245
                    .addi(23, 0, 1)
                    .label("round")
                    .add(5, 10, 0)
                    .add(6, 10, 12)
                    .label("make")
                    .mul(23, 23, 22)
                    .addi(23, 23, 1013)
                    .srli(7, 23, 33)
                    .sw(7, 5, 0)
                    .addi(5, 5, 4)
                    .bne(5, 6, "make")
                    .add(24, 10, 0) // lowest
                    .add(25, 10, 12)
                    .addi(25, 25, -4) // highest
                    .jal(1, "sort")
                    .addi(11, 11, -1)
                    .bne(11, 0, "round")
                    .lw(10, 10, 1024)
                    .ecall()
                    .label("sort")
                    .bge(24, 25, "sorted")
                    .addi(2, 2, -32)
                    .sd(1, 2, 0)
                    .sd(24, 2, 8)
                    .sd(25, 2, 16)
                    .sub(5, 25, 24)
                    .srli(5, 5, 3)
                    .slli(5, 5, 2)
                    .add(5, 5, 24)
                    .lw(6, 5, 0) // pivot
                    .add(28, 24, 0)
                    .add(29, 25, 0)
                    .label("partition")
                    .label("up")
                    .lw(30, 28, 0)
                    .bge(30, 6, "down")
                    .addi(28, 28, 4)
                    .jal(0, "up")
                    .label("down")
                    .lw(31, 29, 0)
                    .bge(6, 31, "swap")
                    .addi(29, 29, -4)
                    .jal(0, "down")
                    .label("swap")
                    .blt(29, 28, "split")
                    .sw(31, 28, 0)
                    .sw(30, 29, 0)
                    .addi(28, 28, 4)
                    .addi(29, 29, -4)
                    .bge(29, 28, "partition")
                    .label("split")
                    .sd(28, 2, 24)
                    .add(25, 29, 0)
                    .jal(1, "sort")
                    .ld(24, 2, 24)
                    .ld(25, 2, 16)
                    .jal(1, "sort")
                    .ld(1, 2, 0)
                    .addi(2, 2, 32)
                    .label("sorted")
                    .jalr(0, 1, 0)
                    .assemble();
        }
    },

    /** Follows a random cycle of 262,144 pointers that are 32 bytes apart, in 8 MiB. */
    CHASE(1 << 23, 4, 0x10_0000) {
        @Override
        int[] code() {
            return new Assembler()
                    .lui(12, 0x40)
                    .label("round")
                    .add(5, 12, 0)
                    .label("next")
                    .ld(10, 10, 0)
                    .addi(5, 5, -1)
                    .bne(5, 0, "next")
                    .addi(11, 11, -1)
                    .bne(11, 0, "round")
                    .ecall()
                    .assemble();
        }

        @Override
        void fill(GuestRam ram, long data) {
            int count = 1 << 18;
            int[] order = new int[count];
            for (int i = 0; i < count; i++) {
                order[i] = i;
            }
            // Sattolo's shuffle creates a single cycle through all elements.
            SplittableRandom random = new SplittableRandom(2);
            for (int i = count - 1; i > 0; i--) {
                int other = random.nextInt(i);
                int kept = order[i];
                order[i] = order[other];
                order[other] = kept;
            }
            for (int i = 0; i < count; i++) {
                ram.storeLong(data + 32L * i, data + 32L * order[i]);
            }
        }
    },

    /** Rewrites a function of 16 instructions before every 64 calls to it. */
    REWRITE(1 << 16, 1_000, -585) {
        @Override
        int[] code() {
            return new Assembler()
                    .addi(24, 0, 0)
                    .addi(20, 0, 0)
                    .lui(25, 8)
                    .addi(25, 25, 0x67) // jalr x0, 0(x1) is 0x00008067
                    .label("round")
                    .add(5, 10, 0)
                    .addi(6, 10, 60)
                    .slli(26, 24, 20)
                    .label("write")
                    .lui(7, 0x50) // addi x10, x10, 0
                    .addi(7, 7, 0x513)
                    .add(7, 7, 26)
                    .sw(7, 5, 0)
                    .addi(5, 5, 4)
                    .bne(5, 6, "write")
                    .sw(25, 5, 0)
                    .fenceI()
                    .addi(27, 0, 64)
                    .add(19, 10, 0)
                    .label("call")
                    .add(10, 20, 0)
                    .jalr(1, 19, 0)
                    .add(20, 20, 10)
                    .addi(27, 27, -1)
                    .bne(27, 0, "call")
                    .add(10, 19, 0)
                    .addi(24, 24, 1)
                    .andi(24, 24, 63)
                    .addi(11, 11, -1)
                    .bne(11, 0, "round")
                    .add(10, 20, 0)
                    .ecall()
                    .assemble();
        }
    },

    /** Loads numbers from random addresses in 64 KiB, and stores to the same addresses. */
    RANDOM64K(1 << 16, 500_000, -7_763_266_412_922_781_599L) {
        @Override
        int[] code() {
            return randomAccesses(bytes());
        }

        @Override
        void fill(GuestRam ram, long data) {
            touch(ram, data, bytes());
        }
    },

    /** Like {@link #RANDOM64K}, in 8 MiB. */
    RANDOM8M(1 << 23, 300_000, 7_593_958_292_688_606_881L) {
        @Override
        int[] code() {
            return randomAccesses(bytes());
        }

        @Override
        void fill(GuestRam ram, long data) {
            touch(ram, data, bytes());
        }
    },

    /** Like {@link #RANDOM64K}, in 128 MiB. */
    RANDOM128M(1 << 27, 300_000, 7_593_958_292_688_606_881L) {
        @Override
        int[] code() {
            return randomAccesses(bytes());
        }

        @Override
        void fill(GuestRam ram, long data) {
            touch(ram, data, bytes());
        }
    };

    private static final int TOUCHED = 1 << 12;

    private final int bytes;
    private final int rounds;
    private final long result;

    GuestProgram(int bytes, int rounds, long result) {
        this.bytes = bytes;
        this.rounds = rounds;
        this.result = result;
    }

    /**
     * Returns the code of random accesses. It loads and stores only zeros, so the result is the same in each run: the
     * last number of the linear congruential generator that chooses the addresses.
     */
    private static int[] randomAccesses(int bytes) {
        return new Assembler()
                .lui(22, 0x41c65)
                .addi(22, 22, -403) // 1,103,515,245
                .addi(23, 0, 1)
                .addi(20, 0, 0)
                .label("next")
                .mul(23, 23, 22)
                .addi(23, 23, 1013)
                .srli(7, 23, Long.SIZE - Integer.numberOfTrailingZeros(bytes))
                .andi(7, 7, -8)
                .add(7, 7, 10)
                .ld(8, 7, 0)
                .add(20, 20, 8)
                .sd(0, 7, 0)
                .addi(11, 11, -1)
                .bne(11, 0, "next")
                .add(10, 20, 23)
                .ecall()
                .assemble();
    }

    /** Makes each page present before the first run. */
    private static void touch(GuestRam ram, long data, int bytes) {
        for (int at = 0; at < bytes; at += TOUCHED) {
            ram.storeLong(data + at, 0);
        }
    }

    abstract int[] code();

    void fill(GuestRam ram, long data) {}

    /** Returns the size of the program's data in bytes. */
    int bytes() {
        return bytes;
    }

    /** Returns the number of rounds that take tens of milliseconds. */
    int rounds() {
        return rounds;
    }

    /** Returns the expected result of {@link #rounds} rounds. */
    long result() {
        return result;
    }
}
