// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

/** What an atomic access does. */
public enum GuestAtomic {
    /** Reads. */
    LOAD,
    /** Writes. */
    STORE,
    /** Writes if what is there is expected. */
    EXCHANGE_IF,
    /** Adds. */
    ADD,
    /** Replaces. */
    SET,
    /** Clears bits. */
    AND,
    /** Sets bits. */
    OR,
    /** Flips bits. */
    XOR;

    /** What a read-modify-write leaves. */
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
