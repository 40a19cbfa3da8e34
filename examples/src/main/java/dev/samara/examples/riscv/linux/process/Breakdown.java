// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.process;

import org.jspecify.annotations.Nullable;

/** The failure of the emulator after which a process may never end; for waits for ends. Guarded by their monitor. */
final class Breakdown {
    private @Nullable Throwable cause;

    /** Keeps the first failure. Needs no memory. */
    void begin(Throwable failure) {
        if (cause == null) {
            cause = failure;
        }
    }

    /** Throws the failure if there is one. */
    void check() {
        if (cause instanceof Error error) {
            throw error;
        }
        if (cause instanceof RuntimeException exception) {
            throw exception;
        }
    }
}
