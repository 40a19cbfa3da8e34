// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import org.jspecify.annotations.Nullable;

/**
 * A failure of the emulator after which a process may never end. Guarded by the monitor of {@link ProcessTree}, on
 * which threads wait for the ends of processes.
 */
final class Breakdown {
    private @Nullable Throwable cause;

    /** Records the failure if it is the first one. Allocates nothing. */
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
