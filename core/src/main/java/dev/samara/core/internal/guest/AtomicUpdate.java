// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.mman.Protection;
import dev.samara.core.vma.FrameStore;

/** The kinds of atomic accesses. */
enum AtomicUpdate {
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

    /** Returns READ or WRITE of {@link Protection}, or {@link TranslatedMemory#UPDATE}, which needs both rights. */
    int access() {
        return switch (this) {
            case LOAD -> Protection.READ;
            case STORE -> Protection.WRITE;
            default -> TranslatedMemory.UPDATE;
        };
    }

    /**
     * Executes the access.
     *
     * @param expected the number that EXCHANGE_IF expects; not used by other kinds
     * @param swaps whether the numbers are big-endian
     * @return the previous number; unspecified for STORE
     */
    long update(FrameStore store, int frame, int offset, int size, long expected, long operand, boolean swaps) {
        long mask = maskOf(size);
        long seen = switch (this) {
            case LOAD -> store.getVolatile(frame, offset, size);
            case STORE -> {
                store.putVolatile(frame, offset, size, ordered(operand, size, swaps));
                yield operand;
            }
            case EXCHANGE_IF ->
                store.compareAndExchange(
                        frame,
                        offset,
                        size,
                        ordered(expected & mask, size, swaps),
                        ordered(operand & mask, size, swaps));
            default -> modify(store, frame, offset, size, operand, swaps);
        };
        return ordered(seen, size, swaps);
    }

    private long modify(FrameStore store, int frame, int offset, int size, long operand, boolean swaps) {
        long mask = maskOf(size);
        long seen = store.getVolatile(frame, offset, size);
        for (; ; ) {
            long changed = ordered(apply(ordered(seen, size, swaps), operand) & mask, size, swaps);
            long witness = store.compareAndExchange(frame, offset, size, seen, changed);
            if (witness == seen) {
                return seen;
            }
            seen = witness;
        }
    }

    private long apply(long before, long operand) {
        return switch (this) {
            case ADD -> before + operand;
            case SET -> operand;
            case AND -> before & operand;
            case OR -> before | operand;
            case XOR -> before ^ operand;
            default -> throw new IllegalArgumentException("not a read-modify-write: " + this);
        };
    }

    /** Returns a mask with the bits of a number of {@code size} bytes. */
    static long maskOf(int size) {
        return -1L >>> (Long.SIZE - size * Byte.SIZE);
    }

    /** Converts a number between little-endian order and the order of the CPU. */
    static long ordered(long number, int size, boolean swaps) {
        return swaps ? Long.reverseBytes(number) >>> (Long.SIZE - size * Byte.SIZE) : number;
    }
}
