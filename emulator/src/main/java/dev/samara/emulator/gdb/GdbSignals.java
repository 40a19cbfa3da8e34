// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

/**
 * Converts between the signal numbers of gdb's protocol ({@code include/gdb/signals.def}) and the different signal
 * numbers of Linux ({@code include/uapi/asm-generic/signal.h}).
 */
final class GdbSignals {
    private static final int UNKNOWN = 143;

    /** The numbers of gdb by the numbers of Linux, up to SIGSYS. */
    private static final int[] OF_LINUX = {
        0, 1, 2, 3, 4, 5, 6, 10, 8, 9, 30, 11, 31, 13, 14, 15, UNKNOWN, 20, 19, 17, 18, 21, 22, 16, 24, 25, 26, 27, 28,
        23, 32, 12
    };

    private static final int REAL_TIME_32 = 32;
    private static final int REAL_TIME_33 = 33;
    private static final int REAL_TIME_64 = 64;
    private static final int GDB_REAL_TIME_33 = 45;
    private static final int GDB_REAL_TIME_32 = 77;
    private static final int GDB_REAL_TIME_64 = 78;

    private GdbSignals() {}

    static int ofLinux(int signal) {
        if (signal < OF_LINUX.length) {
            return OF_LINUX[signal];
        }
        return switch (signal) {
            case REAL_TIME_32 -> GDB_REAL_TIME_32;
            case REAL_TIME_64 -> GDB_REAL_TIME_64;
            default -> GDB_REAL_TIME_33 + signal - REAL_TIME_33;
        };
    }

    /** Returns the number in Linux; 0 if Linux has no such signal. */
    static int toLinux(long signal) {
        for (int i = 1; i <= REAL_TIME_64; i++) {
            if (ofLinux(i) == signal && signal != UNKNOWN) {
                return i;
            }
        }
        return 0;
    }
}
