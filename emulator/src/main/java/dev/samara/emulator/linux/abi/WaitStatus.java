// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.abi;

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
}
