// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

/**
 * The open spaces of a machine. While a recording enables the event {@code Mappings}, the mappings of each space are
 * counted for one event per space.
 */
public interface CountedSpaces {
    /**
     * Passes the counts of each space that has users to {@link Tracepoints#mappings}. Called on a thread of the flight
     * recorder. Takes no lock, and never waits.
     *
     * @param sample passed on unchanged
     */
    void countMappings(long sample);
}
