// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/**
 * Thrown by a failed access, and caught by the loop that runs the block. Created once for each hart, without a stack
 * trace.
 */
public final class AccessTrap extends RuntimeException {
    private static final long serialVersionUID = 1;

    AccessTrap() {
        super(null, null, false, false);
    }
}
