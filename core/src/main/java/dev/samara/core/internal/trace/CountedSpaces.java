// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

/** The open spaces, whose mappings are counted for an event of each while a recording asks for it. */
public interface CountedSpaces {
    /**
     * Passes the figures of each space that has users to {@link Tracepoints#mappings}. Called on a thread of the flight
     * recorder. Takes no lock, and never waits.
     *
     * @param sample passed on
     */
    void countMappings(long sample);
}
