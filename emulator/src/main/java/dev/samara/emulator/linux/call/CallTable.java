// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxCall;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Maps each system call to its implementation. {@link CallBindings} fills it. A call either returns a result, or sets
 * all registers itself.
 */
final class CallTable {
    /** A call with a result for {@code a0}: a value, or a negated errno. */
    @FunctionalInterface
    interface ValueCall {
        long make(long a, long b, long c, long d, long e, long f);
    }

    /** A call without a result. It sets all registers itself, so no value of {@code a0} means an error. */
    @FunctionalInterface
    interface StateCall {
        void make();
    }

    private final Map<LinuxCall, ValueCall> values = new EnumMap<>(LinuxCall.class);
    private final Map<LinuxCall, StateCall> states = new EnumMap<>(LinuxCall.class);

    void put(LinuxCall call, ValueCall made) {
        values.put(call, made);
    }

    void put(LinuxCall call, StateCall made) {
        states.put(call, made);
    }

    /** Wraps the implementation of a call, if there is one. */
    void wrap(LinuxCall call, UnaryOperator<ValueCall> with) {
        values.computeIfPresent(call, (key, made) -> with.apply(made));
    }

    /** Returns the implementation of a call that has a result; null if there is none. */
    @Nullable
    ValueCall value(@Nullable LinuxCall call) {
        return call == null ? null : values.get(call);
    }

    /** Returns the implementation of a call that has no result; null if there is none. */
    @Nullable
    StateCall state(@Nullable LinuxCall call) {
        return call == null ? null : states.get(call);
    }
}
