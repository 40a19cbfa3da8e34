// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import org.jspecify.annotations.Nullable;

/** A failure of the emulator after which a process may never end. Guarded by the monitor of waits for ends. */
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
