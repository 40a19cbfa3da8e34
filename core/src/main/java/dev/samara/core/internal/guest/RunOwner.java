// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import java.nio.ByteOrder;

/** The memory of a CPU as its runs see it. For the owner of the CPU. */
interface RunOwner {
    /** Throws unless the calling thread is the owner. */
    void checkOwner();

    /**
     * Returns the memory of the CPU's space, in GUEST, to which a CPU comes back that has left it until the next poll.
     *
     * @throws IllegalStateException if the CPU is in no space, or out of GUEST
     */
    TranslatedMemory beginRun();

    /** Records why there is no run, as for an access that fails. */
    void failRun(int fault, long address, int access, int size);

    /** Returns the byte order of numbers. */
    ByteOrder runOrder();
}
