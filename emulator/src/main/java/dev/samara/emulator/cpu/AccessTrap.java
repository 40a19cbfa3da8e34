// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/** What a failed access throws to the loop that runs the block. Made once for each hart, without a stack trace. */
public final class AccessTrap extends RuntimeException {
    private static final long serialVersionUID = 1;

    AccessTrap() {
        super(null, null, false, false);
    }
}
