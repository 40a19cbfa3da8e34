// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import dev.samara.core.guest.FlatMemory;
import java.util.List;

/**
 * A block of guest code that repeats itself until a register is 0. Its instructions know registers and 64-bit words of
 * memory.
 *
 * @param instructions the instructions of one pass
 * @param counter the number of the register that ends the block
 */
record GuestBlock(List<Instruction> instructions, int counter) {
    /** What an instruction does. */
    enum Kind {
        /** Reads the word at {@code base + number} into the register {@code of}. */
        LOAD,
        /** Writes the register {@code of} to the word at {@code base + number}. */
        STORE,
        /** Adds the register {@code base} and the number to the register {@code of}. */
        ADD,
        /** Sets the register {@code of} to the register {@code base} plus the number. */
        SET
    }

    /**
     * An instruction.
     *
     * @param kind what it does
     * @param of the number of a register
     * @param base the number of a register
     * @param number a constant
     */
    record Instruction(Kind kind, int of, int base, long number) {}

    /** Runs the block, with the registers in an array. */
    interface Code {
        /**
         * Runs the block. Called in GUEST.
         *
         * @param memory of the CPU; an access that fails throws
         * @param registers after a failed access, as they were before its instruction
         */
        void run(FlatMemory memory, long[] registers);
    }

    /** Returns an interpreter of the block. */
    Code interpreter() {
        return (memory, registers) -> {
            do {
                memory.poll();
                for (Instruction each : instructions) {
                    execute(each, memory, registers);
                }
            } while (registers[counter] != 0);
        };
    }

    private static void execute(Instruction each, FlatMemory memory, long[] registers) {
        long sum = registers[each.base] + each.number;
        switch (each.kind) {
            case LOAD -> registers[each.of] = memory.loadLong(sum);
            case STORE -> memory.storeLong(sum, registers[each.of]);
            case ADD -> registers[each.of] += sum;
            case SET -> registers[each.of] = sum;
        }
    }
}
