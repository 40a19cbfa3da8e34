// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

/**
 * The argument of {@code FUTEX_WAKE_OP}, decoded: a change of a word, and a comparison of its old number that decides
 * whether the second wake happens ({@code FUTEX_OP} in {@code linux/futex.h}). {@link FutexBuckets} wakes the waiters.
 */
final class WakeOp {
    private static final int LAST_CHANGE = 4;
    private static final int LAST_COMPARISON = 5;

    /** If set, the argument of the change is 1 shifted left by the given argument ({@code FUTEX_OP_OPARG_SHIFT}). */
    private static final int IS_SHIFT = 8;

    private final int change;
    private final int argument;
    private final int comparison;
    private final int compared;

    WakeOp(int encoded) {
        int operation = encoded >>> 28;
        int operand = encoded << 8 >> 20;
        change = operation & IS_SHIFT - 1;
        argument = (operation & IS_SHIFT) != 0 ? 1 << operand : operand;
        comparison = encoded >>> 24 & 15;
        compared = encoded << 20 >> 20;
    }

    boolean isChange() {
        return change <= LAST_CHANGE;
    }

    boolean isComparison() {
        return comparison <= LAST_COMPARISON;
    }

    int changed(int old) {
        return switch (change) {
            case 0 -> argument;
            case 1 -> old + argument;
            case 2 -> old | argument;
            case 3 -> old & ~argument;
            default -> old ^ argument;
        };
    }

    boolean holds(int old) {
        return switch (comparison) {
            case 0 -> old == compared;
            case 1 -> old != compared;
            case 2 -> old < compared;
            case 3 -> old <= compared;
            case 4 -> old > compared;
            default -> old >= compared;
        };
    }
}
