// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

import dev.samara.core.mman.Resource;
import java.util.Map;

/**
 * The header of a trace, before its first snapshot.
 *
 * @param program the traced workload
 * @param mm the number of this address space in the run
 * @param origin its origin
 * @param limits the soft limits in bytes, unsigned; a limit that is not named is none
 * @param startBrk the start of the heap
 * @param brk the end of the heap at the beginning of the trace
 * @param startStack the start of the stack
 * @param firstThread the number of the thread that began
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
    /** The origin of an address space. */
    public sealed interface TraceOrigin {}

    /** A program was executed in it. */
    public record Exec() implements TraceOrigin {}

    /**
     * The space is a copy of another.
     *
     * @param parent the number of the other, below its own
     * @param sequence the number of lines of the other's trace before the copy
     */
    public record CopyOf(int parent, long sequence) implements TraceOrigin {}
}
