// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

/** The opens of the guest that share one open of the emulator; the last one ends it. Thread-safe. */
final class SharedUse {
    private final Runnable end;
    private int users;

    /** Makes the first use's share. */
    SharedUse(Runnable end) {
        this.end = end;
        users = 1;
    }

    /** Adds a use, while there is another one. */
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
