// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.abi;

import org.jspecify.annotations.Nullable;

/**
 * What a wait for children is for.
 *
 * @param ended those that have ended
 * @param stopped those that a signal has stopped
 * @param continued those that SIGCONT has continued
 * @param hangs whether the call waits for such a child
 * @param keeps whether a later call may find the child again
 */
public record WaitOptions(boolean ended, boolean stopped, boolean continued, boolean hangs, boolean keeps) {
    private static final int NO_HANG = 1;
    private static final int STOPPED = 2;
    private static final int EXITED = 4;
    private static final int CONTINUED = 8;
    private static final int NO_WAIT = 0x0100_0000;
    private static final int KINDS_OF_CHILDREN = 0xe000_0000;

    private static WaitOptions of(int bits) {
        return new WaitOptions(
                (bits & EXITED) != 0,
                (bits & STOPPED) != 0,
                (bits & CONTINUED) != 0,
                (bits & NO_HANG) == 0,
                (bits & NO_WAIT) != 0);
    }

    /** Returns the options of {@code wait4}, which is also for children that have ended; null for unknown bits. */
    public static @Nullable WaitOptions ofWait4(int bits) {
        boolean isKnown = (bits & ~(NO_HANG | STOPPED | CONTINUED | KINDS_OF_CHILDREN)) == 0;
        return isKnown ? of(bits | EXITED) : null;
    }

    /** Returns the options of {@code waitid}; null for bits unknown there, or none that says what it is for. */
    public static @Nullable WaitOptions ofWaitId(int bits) {
        int kinds = EXITED | STOPPED | CONTINUED;
        boolean isKnown = (bits & ~(NO_HANG | NO_WAIT | kinds | KINDS_OF_CHILDREN)) == 0;
        return isKnown && (bits & kinds) != 0 ? of(bits) : null;
    }
}
