// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.trace;

import dev.samara.core.mman.Resource;
import java.util.Map;

/**
 * What a trace says before its first snapshot.
 *
 * @param program the traced workload
 * @param mm the number of this address space in the run
 * @param origin where it came from
 * @param limits the soft limits in bytes, unsigned; a limit that is not named is none
 * @param startBrk where the heap begins
 * @param brk where it ended when the trace began
 * @param startStack where the stack began
 * @param firstThread the number of the thread that began
 */
public record TraceHeader(
        String program,
        int mm,
        Origin origin,
        Map<Resource, Long> limits,
        long startBrk,
        long brk,
        long startStack,
        int firstThread) {
    /** Where an address space came from. */
    public sealed interface Origin {}

    /** A program was executed in it. */
    public record Exec() implements Origin {}

    /**
     * It is the copy of another.
     *
     * @param parent the number of the other, below its own
     * @param sequence how many lines of the other's trace come before the copy
     */
    public record Fork(int parent, long sequence) implements Origin {}
}
