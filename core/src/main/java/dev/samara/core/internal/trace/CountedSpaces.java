// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

/** Spaces whose mappings are counted while a recording has such events. */
public interface CountedSpaces {
    /**
     * Passes the figures of each space that has users to {@link Tracepoints#mappings}. Called on a thread of the flight
     * recorder. Takes no lock, and never waits.
     *
     * @param sample passed on
     */
    void countMappings(long sample);
}
