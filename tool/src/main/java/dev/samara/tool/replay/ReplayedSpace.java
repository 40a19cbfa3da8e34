// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.AddressSpace;

/**
 * A space and the knowledge about it that is not in its layout.
 *
 * @param space the space
 * @param objects the pairs of its shared objects and the kernel's
 * @param unknown its pages whose {@code ac} is unknown
 */
record ReplayedSpace(AddressSpace space, SharedObjects objects, UnknownAccounting unknown) {
    /** Forks the space; the copy has the knowledge of the original. */
    ReplayedSpace fork() {
        return new ReplayedSpace(space.fork(), objects.copy(), unknown.copy());
    }
}
