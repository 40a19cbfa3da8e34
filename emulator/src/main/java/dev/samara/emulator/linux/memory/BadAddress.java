// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.memory;

/**
 * Thrown to end a system call that cannot access an address that it was given. Created once for each thread, without a
 * stack trace.
 */
public final class BadAddress extends RuntimeException {
    private static final long serialVersionUID = 1;

    BadAddress() {
        super("EFAULT", null, false, false);
    }
}
