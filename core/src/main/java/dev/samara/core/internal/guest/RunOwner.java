// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import java.nio.ByteOrder;

/** The memory of a CPU as seen by its runs. Used by the owner of the CPU. */
interface RunOwner {
    /** Throws unless the calling thread is the owner. */
    void checkOwner();

    /**
     * Returns the memory of the CPU's space, with the CPU in GUEST. A CPU that left GUEST until the next poll enters
     * GUEST again.
     *
     * @throws IllegalStateException if the CPU is not in a space, or is outside GUEST
     */
    TranslatedMemory beginRun();

    /** Records why there is no run, as for an access that fails. */
    void failRun(int fault, long address, int access, int size);

    /** Returns the byte order of numbers. */
    ByteOrder runOrder();
}
