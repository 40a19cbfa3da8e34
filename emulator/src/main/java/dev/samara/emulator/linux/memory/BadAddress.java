// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.memory;

/**
 * Ends a system call that was given an address which it cannot access. Made once for each thread, without a stack
 * trace.
 */
public final class BadAddress extends RuntimeException {
    private static final long serialVersionUID = 1;

    BadAddress() {
        super("EFAULT", null, false, false);
    }
}
