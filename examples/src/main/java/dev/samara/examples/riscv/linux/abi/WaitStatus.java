// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.abi;

/** The status of a process that has ended, as {@code wait4} has it. */
public final class WaitStatus {
    private static final int OF_SIGNAL = 128;

    private WaitStatus() {}

    public static int exited(int status) {
        return (status & 0xff) << 8;
    }

    public static int killed(int signal) {
        return signal;
    }

    public static boolean isKilled(int status) {
        return (status & 0x7f) != 0;
    }

    /** The number that si_status has: the signal, or the exit status. */
    public static int number(int status) {
        return isKilled(status) ? status & 0x7f : status >> 8 & 0xff;
    }

    /** The exit status that a shell shows. */
    public static int ofShell(int status) {
        return isKilled(status) ? OF_SIGNAL + number(status) : number(status);
    }
}
