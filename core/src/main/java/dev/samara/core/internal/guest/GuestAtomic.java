// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

/** The kinds of atomic accesses. */
public enum GuestAtomic {
    /** Reads the number. */
    LOAD,
    /** Writes the operand. */
    STORE,
    /** Writes the operand if the number is the expected one. */
    EXCHANGE_IF,
    /** Adds the operand. */
    ADD,
    /** Replaces the number by the operand. */
    SET,
    /** Clears the bits that the operand lacks. */
    AND,
    /** Sets the bits of the operand. */
    OR,
    /** Flips the bits of the operand. */
    XOR;

    /** Returns the number that a read-modify-write stores. */
    long apply(long before, long operand) {
        return switch (this) {
            case ADD -> before + operand;
            case SET -> operand;
            case AND -> before & operand;
            case OR -> before | operand;
            case XOR -> before ^ operand;
            default -> throw new IllegalArgumentException("not a read-modify-write: " + this);
        };
    }
}
