// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

/** One entry of a trace. */
public sealed interface TraceEntry permits TracedCall, Event, KernelSnapshot {
    /**
     * Returns the number of the entry's line in the file.
     *
     * @return the line, counted from 1
     */
    int line();

    /**
     * Returns the entry's sequence number.
     *
     * @return the number; for a snapshot, the number of the operation or event that follows it
     */
    long sequence();
}
