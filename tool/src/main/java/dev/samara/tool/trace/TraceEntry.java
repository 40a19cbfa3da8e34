// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

/** One entry of a trace. */
public sealed interface TraceEntry permits TracedCall, Event, KernelSnapshot {
    /**
     * Returns the entry's position in the file.
     *
     * @return the line, counted from 1
     */
    int line();

    /**
     * Returns the entry's place in the order of the trace.
     *
     * @return the number; for a snapshot that of the operation or event that follows it
     */
    long sequence();
}
