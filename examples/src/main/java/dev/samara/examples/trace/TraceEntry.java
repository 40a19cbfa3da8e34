// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.trace;

/** One thing that a trace tells. */
public sealed interface TraceEntry permits Operation, Event, KernelSnapshot {
    /**
     * Where it stands in the file.
     *
     * @return the line, counted from 1
     */
    int line();

    /**
     * Its place in the order of the trace.
     *
     * @return the number; for a snapshot that of the operation or event that follows it
     */
    long sequence();
}
