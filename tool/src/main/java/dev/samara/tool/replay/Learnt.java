// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.AddressSpace;

/**
 * A space and the knowledge about it that is not in its layout.
 *
 * @param space the space
 * @param objects the pairs of its shared objects and the kernel's
 * @param unsettled its pages whose {@code ac} is unknown
 */
record Learnt(AddressSpace space, SharedObjects objects, Unsettled unsettled) {
    /** Forks the space; the copy has the knowledge of the original. */
    Learnt fork() {
        return new Learnt(space.fork(), objects.copy(), unsettled.copy());
    }
}
