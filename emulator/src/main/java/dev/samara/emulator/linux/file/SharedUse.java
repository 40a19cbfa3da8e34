// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

/** Counts the guest's opens that share one open of the emulator, and closes it with the last one. Thread-safe. */
final class SharedUse {
    private final Runnable end;
    private int users;

    /** Creates the count with one user. */
    SharedUse(Runnable end) {
        this.end = end;
        users = 1;
    }

    /** Adds a user; the caller is one. */
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
