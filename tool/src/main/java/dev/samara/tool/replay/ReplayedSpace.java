// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.AddressSpace;

/**
 * A space, and knowledge about it that its layout does not contain.
 *
 * @param space the space
 * @param objects the pairs of the space's shared objects and the kernel's
 * @param unknown the pages whose flag {@code ac} is unknown
 */
record ReplayedSpace(AddressSpace space, SharedObjects objects, UnknownAccounting unknown) {
    /** Forks the space, and copies the knowledge about it. */
    ReplayedSpace fork() {
        return new ReplayedSpace(space.fork(), objects.copy(), unknown.copy());
    }
}
