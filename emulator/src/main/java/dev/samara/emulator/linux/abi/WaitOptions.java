// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.abi;

import org.jspecify.annotations.Nullable;

/**
 * What a wait for children is for.
 *
 * @param ended those that have ended
 * @param stopped those that a signal has stopped
 * @param continued those that SIGCONT has continued
 * @param hangs whether the call waits for such a child
 * @param keeps whether a later call may find the child again
 * @param kinds which children: without a bit those whose end sends SIGCHLD
 */
public record WaitOptions(boolean ended, boolean stopped, boolean continued, boolean hangs, boolean keeps, int kinds) {
    private static final int NO_HANG = 1;
    private static final int STOPPED = 2;
    private static final int EXITED = 4;
    private static final int CONTINUED = 8;
    private static final int NO_WAIT = 0x0100_0000;
    private static final int ALL = 0x4000_0000;
    private static final int CLONED = 0x8000_0000;
    private static final int KINDS_OF_CHILDREN = 0x2000_0000 | ALL | CLONED;

    private static WaitOptions of(int bits) {
        return new WaitOptions(
                (bits & EXITED) != 0,
                (bits & STOPPED) != 0,
                (bits & CONTINUED) != 0,
                (bits & NO_HANG) == 0,
                (bits & NO_WAIT) != 0,
                bits & KINDS_OF_CHILDREN);
    }

    /** Returns whether a wait is for a child ({@code eligible_child}), by whether its end sends SIGCHLD. */
    public boolean isFor(boolean sendsChildSignal) {
        return (kinds & ALL) != 0 || sendsChildSignal == ((kinds & CLONED) == 0);
    }

    /** Returns options that differ only in that the call does not wait. */
    public WaitOptions withoutHanging() {
        return new WaitOptions(ended, stopped, continued, false, keeps, kinds);
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
