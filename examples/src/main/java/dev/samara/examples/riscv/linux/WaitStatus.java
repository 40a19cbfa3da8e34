// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

/** The status of a process that has ended, as {@code wait4} has it. */
final class WaitStatus {
    private static final int OF_SIGNAL = 128;

    private WaitStatus() {}

    static int exited(int status) {
        return (status & 0xff) << 8;
    }

    static int killed(int signal) {
        return signal;
    }

    static boolean isKilled(int status) {
        return (status & 0x7f) != 0;
    }

    /** The number that si_status has: the signal, or the exit status. */
    static int number(int status) {
        return isKilled(status) ? status & 0x7f : status >> 8 & 0xff;
    }

    /** The exit status that a shell shows. */
    static int ofShell(int status) {
        return isKilled(status) ? OF_SIGNAL + number(status) : number(status);
    }
}
