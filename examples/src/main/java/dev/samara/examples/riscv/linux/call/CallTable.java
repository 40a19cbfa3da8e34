// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.call;

import dev.samara.examples.riscv.linux.abi.LinuxCall;
import org.jspecify.annotations.Nullable;

/** What is done for each system call. A call has a result, or it sets the registers itself and has none. */
final class CallTable {
    /** A call with a result: a value, or an errno, negated, as {@code a0} has it. */
    @FunctionalInterface
    interface ValueCall {
        long make(long a, long b, long c, long d, long e, long f);
    }

    /** A call without a result: whatever a register holds afterwards means nothing to the caller. */
    @FunctionalInterface
    interface StateCall {
        void make();
    }

    private final @Nullable ValueCall[] values = new ValueCall[LinuxCall.values().length];
    private final @Nullable StateCall[] states = new StateCall[LinuxCall.values().length];

    void put(LinuxCall call, ValueCall made) {
        values[call.ordinal()] = made;
    }

    void put(LinuxCall call, StateCall made) {
        states[call.ordinal()] = made;
    }

    /** Returns the call with a result; null if there is none. */
    @Nullable
    ValueCall value(@Nullable LinuxCall call) {
        return call == null ? null : values[call.ordinal()];
    }

    /** Returns the call without a result; null if there is none. */
    @Nullable
    StateCall state(@Nullable LinuxCall call) {
        return call == null ? null : states[call.ordinal()];
    }
}
