// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.vma.Geometry;

/**
 * A design in which a gather decides from its own arguments that no flush is needed. Linux used the first design below,
 * and discussed the second one. The library uses neither: the caller states that the space has ended.
 */
interface GatherIntent {
    /** The end of the whole range, for any space. */
    long WHOLE = -1;

    /**
     * The end of the addresses of a space. They are all the addresses that a space can map, but not the whole range.
     */
    long TASK_SIZE = Geometry.LINUX_X86_64.limit();

    /** The whole range means the end of the space ({@code tlb_gather_mmu(tlb, mm, 0, -1)}). */
    GatherIntent IMPLICIT = (start, end, users) -> start == 0 && end == WHOLE;

    /** The whole range means the end of the space if the space has no user. */
    GatherIntent AUTOMATIC = (start, end, users) -> start == 0 && end == WHOLE && users == 0;

    /**
     * Returns whether a gather skips its flushes.
     *
     * @param start the first address of the gather's range
     * @param end the end of its range
     * @param users the users of the space
     */
    boolean leavesFlushesOut(long start, long end, int users);

    /** Starts a gather of a space for the addresses from 0 to an end. */
    default TlbGather begin(MachineMemory memory, TlbContext of, long end) {
        boolean isLeftOut = leavesFlushesOut(0, end, of.users().users());
        return new TlbGather(memory, new GatheredFlushes(memory.shootdowns(), isLeftOut ? of : null));
    }
}
