// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.abi;

/** The status of a process that has ended, stopped or continued, in the format of {@code wait4}. */
public final class WaitStatus {
    /** The status of a process that continued. */
    public static final int CONTINUED = 0xffff;

    /** The number of SIGCONT. */
    private static final int CONTINUING_SIGNAL = 18;

    private static final int OF_SIGNAL = 128;
    private static final int STOPPED = 0x7f;
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

    public static int stopped(int signal) {
        return signal << 8 | STOPPED;
    }

    public static boolean isStopped(int status) {
        return (status & 0xff) == STOPPED;
    }

    /** Whether a signal ended the process. */
    public static boolean isKilled(int status) {
        return (status & 0x7f) != 0 && status != CONTINUED && !isStopped(status);
    }

    /** Returns the number for si_status: the signal, or the exit status. */
    public static int number(int status) {
        if (status == CONTINUED) {
            return CONTINUING_SIGNAL;
        }
        return isKilled(status) ? status & 0x7f : status >> 8 & 0xff;
    }

    /** Returns the exit status that a shell shows. */
    public static int ofShell(int status) {
        return isKilled(status) ? OF_SIGNAL + number(status) : number(status);
    }
}
