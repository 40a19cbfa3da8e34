// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

/** What an atomic access does. */
enum GuestAtomic {
    LOAD,
    STORE,
    EXCHANGE_IF,
    ADD,
    SET,
    AND,
    OR,
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
