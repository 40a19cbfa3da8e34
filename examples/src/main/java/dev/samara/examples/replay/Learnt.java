// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.replay;

import dev.samara.core.AddressSpace;

/**
 * A space together with what is known about it beside its layout.
 *
 * @param space the space
 * @param objects which of its shared objects are which of the kernel's
 * @param unsettled its pages whose {@code ac} is open
 */
record Learnt(AddressSpace space, SharedObjects objects, Unsettled unsettled) {
    /** Forks the space; the copy knows what the original does. */
    Learnt fork() {
        return new Learnt(space.fork(), objects.copy(), unsettled.copy());
    }
}
