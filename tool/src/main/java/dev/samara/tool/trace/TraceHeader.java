// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

import dev.samara.core.mman.Resource;
import java.util.Map;

/**
 * The header of a trace, before its first snapshot.
 *
 * @param program the traced workload
 * @param mm the number of this address space in the run
 * @param origin how the address space was created
 * @param limits the soft limits in bytes, unsigned; a limit that is not in the map is unlimited
 * @param startBrk the start of the heap
 * @param brk the end of the heap at the start of the trace
 * @param startStack the start of the stack
 * @param firstThread the ID ({@code tid}) of the thread with which the trace starts
 */
public record TraceHeader(
        String program,
        int mm,
        TraceOrigin origin,
        Map<Resource, Long> limits,
        long startBrk,
        long brk,
        long startStack,
        int firstThread) {
    /** How an address space was created. */
    public sealed interface TraceOrigin {}

    /** A program was executed in the space. */
    public record Exec() implements TraceOrigin {}

    /**
     * The space is a copy of another space.
     *
     * @param parent the number of the other space, which is lower than the number of the copy
     * @param sequence the sequence number in the other space's trace at which the copy was made
     */
    public record CopyOf(int parent, long sequence) implements TraceOrigin {}
}
