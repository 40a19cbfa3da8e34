// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/** The reasons for which the interpreter stops. */
public final class LeaveReason {
    /** The guest executed {@code ecall}; pc is after it. */
    public static final int SYSTEM_CALL = 1;

    /** The guest reached {@code ebreak}; pc is its address. */
    public static final int BREAKPOINT = 2;

    /** The guest reached an illegal instruction; pc is its address, which is also the fault address. */
    public static final int ILLEGAL = 3;

    /** An access failed; pc is the address of its instruction, and the hart contains the fault. */
    public static final int FAULT = 4;

    /** Another thread {@linkplain Hart#ask requested} the hart to stop; pc is the address of the next instruction. */
    public static final int ATTENTION = 5;

    /** The guest reached an address of {@link Breakpoints}; pc is that address. */
    public static final int DEBUGGER = 6;

    private LeaveReason() {}
}
