// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/** Why the guest does not run on by itself. */
public final class LeaveReason {
    /** It has executed {@code ecall}; pc is after it. */
    public static final int SYSTEM_CALL = 1;

    /** It has come to {@code ebreak}; pc is at it. */
    public static final int BREAKPOINT = 2;

    /** It has come to an instruction that does not exist; pc is at it, and the fault's address is pc. */
    public static final int ILLEGAL = 3;

    /** An access has failed; pc is at its instruction, and the hart has the fault. */
    public static final int FAULT = 4;

    /** Another thread has {@linkplain Hart#ask asked} for attention; pc is at the next instruction. */
    public static final int ATTENTION = 5;

    /** It has come to an address of {@link Breakpoints}; pc is that address. */
    public static final int DEBUGGER = 6;

    private LeaveReason() {}
}
