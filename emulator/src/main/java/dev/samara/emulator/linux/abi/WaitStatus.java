// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.abi;

import org.jspecify.annotations.Nullable;

/** The status of a process that has ended, stopped or continued, in the format of {@code wait4}. */
public final class WaitStatus {
    private static final int OF_SIGNAL = 128;

    private static final int DUMPED = 0x80;

    private WaitStatus() {}

    public static int exited(int status) {
        return (status & 0xff) << 8;
    }

    /**
     * Returns the status of a process that a signal ended.
     *
     * @param isDumped whether its memory was dumped
     */
    public static int killed(int signal, boolean isDumped) {
        return isDumped ? signal | DUMPED : signal;
    }

    /** Whether a signal ended the process and its memory was dumped. */
    public static boolean isDumped(int status) {
        return isKilled(status) && (status & DUMPED) != 0;
    }

    public static boolean isKilled(int status) {
        return (status & 0x7f) != 0;
    }

    /** Returns the exit status of a process, or the signal that killed it. */
    public static int number(int status) {
        return isKilled(status) ? status & 0x7f : status >> 8 & 0xff;
    }

    /** Returns the exit status that a shell shows. */
    public static int ofShell(int status) {
        return isKilled(status) ? OF_SIGNAL + number(status) : number(status);
    }

    /**
     * The options of a wait for children.
     *
     * @param ended whether it waits for children that have ended
     * @param hangs whether the call blocks until there is such a child
     * @param keeps whether a later call may find the child again
     * @param kinds the bits that select kinds of children; without a bit, the children whose end sends SIGCHLD
     */
    public record WaitOptions(boolean ended, boolean hangs, boolean keeps, int kinds) {
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
                    (bits & EXITED) != 0, (bits & NO_HANG) == 0, (bits & NO_WAIT) != 0, bits & KINDS_OF_CHILDREN);
        }

        /**
         * Returns whether a child is eligible for the wait, depending on whether its end sends SIGCHLD ({@code
         * eligible_child}).
         */
        public boolean isFor(boolean sendsChildSignal) {
            return (kinds & ALL) != 0 || sendsChildSignal == ((kinds & CLONED) == 0);
        }

        /**
         * Returns the options of {@code wait4}, which always waits for children that have ended; null if a bit is
         * unknown.
         */
        public static @Nullable WaitOptions ofWait4(int bits) {
            boolean isKnown = (bits & ~(NO_HANG | STOPPED | CONTINUED | KINDS_OF_CHILDREN)) == 0;
            return isKnown ? of(bits | EXITED) : null;
        }

        /**
         * Returns the options of {@code waitid}; null if a bit is unknown, or if no bit selects a change to wait for.
         */
        public static @Nullable WaitOptions ofWaitId(int bits) {
            int kinds = EXITED | STOPPED | CONTINUED;
            boolean isKnown = (bits & ~(NO_HANG | NO_WAIT | kinds | KINDS_OF_CHILDREN)) == 0;
            return isKnown && (bits & kinds) != 0 ? of(bits) : null;
        }
    }
}
