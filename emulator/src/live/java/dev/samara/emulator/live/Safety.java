// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

/** Rejects steps that would harm the machine on which the kernel executes them. */
final class Safety {
    private static final int PUNCHES = 2;
    private static final long MOST_RESERVED = 1 << 30;

    private Safety() {}

    /** Returns whether a step may be executed. On request, a memory file reserves all memory of the machine. */
    static boolean isSafe(Step step) {
        if (!(step instanceof Step.Call call) || call.call() != JudgedCall.FALLOCATE) {
            return true;
        }
        long mode = number(call.arguments().get(1));
        long offset = number(call.arguments().get(2));
        long length = number(call.arguments().get(3));
        boolean isRefused = offset < 0 || length < 0 || offset + length < 0 || (mode & PUNCHES) != 0;
        return isRefused || length <= MOST_RESERVED;
    }

    private static long number(Argument argument) {
        return argument instanceof Argument.Numeric number ? number.value() : 0;
    }
}
