// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.translator;

/**
 * An instruction of the toy guest. It takes four bytes in memory.
 *
 * @param operation what it does
 * @param a the number of a register
 * @param b the number of a register
 * @param number a signed constant of 16 bits
 */
record ToyInstruction(ToyOperation operation, int a, int b, int number) {
    static final int BYTES = Integer.BYTES;

    /** What an instruction does. */
    enum ToyOperation {
        /** Ends the program. */
        HALT(0),
        /** Sets the register {@code a} to the sum of the register {@code b} and {@code number}. */
        SET(1),
        /** Adds the register {@code b} to the register {@code a}. */
        ADD(2),
        /** Loads the eight-byte word at {@code b + number} into the register {@code a}. */
        LOAD(3),
        /** Stores the register {@code a} to the eight-byte word at {@code b + number}. */
        STORE(4),
        /** Jumps by {@code number} bytes if the register {@code a} is not 0. */
        BRANCH(5),
        /** Announces that code was changed, so everything that was decoded or translated before is invalid. */
        FENCE(6);

        private final int code;

        ToyOperation(int code) {
            this.code = code;
        }
    }

    private static final ToyOperation[] OPERATIONS = ToyOperation.values();

    /** Decodes a word of memory. A word that is not an instruction is decoded as {@code HALT}. */
    static ToyInstruction of(int word) {
        return new ToyInstruction(operation(word & 0xff), word >> 8 & 15, word >> 12 & 15, word >> 16);
    }

    private static ToyOperation operation(int code) {
        for (ToyOperation each : OPERATIONS) {
            if (each.code == code) {
                return each;
            }
        }
        return ToyOperation.HALT;
    }

    int word() {
        return operation.code | a << 8 | b << 12 | number << 16;
    }
}
