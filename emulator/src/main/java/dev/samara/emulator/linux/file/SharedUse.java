// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

/**
 * Counts the guest's opens that share one open file of the emulator, and closes that file with the last of them.
 * Thread-safe.
 */
final class SharedUse {
    private final Runnable end;
    private int users;

    /** Creates the count with one user. */
    SharedUse(Runnable end) {
        this.end = end;
        users = 1;
    }

    /** Adds a user. The caller must be a user already. */
    synchronized SharedUse add() {
        users++;
        return this;
    }

    void drop() {
        boolean isLast;
        synchronized (this) {
            isLast = --users == 0;
        }
        if (isLast) {
            end.run();
        }
    }
}
