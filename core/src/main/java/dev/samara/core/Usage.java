// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.space.Layout;

/**
 * The amounts of an address space that count against limits, at one instant. All except the first are pages.
 *
 * @param maps number of VMAs
 * @param total all mappings ({@code RLIMIT_AS})
 * @param data private, writable mappings that do not grow down ({@code RLIMIT_DATA})
 * @param exec mappings that are executable and not writable
 * @param stack mappings that grow down
 * @param locked mappings locked in memory ({@code RLIMIT_MEMLOCK})
 * @param accounted mappings charged against the commit limit
 */
public record Usage(long maps, long total, long data, long exec, long stack, long locked, long accounted) {
    /**
     * Creates the record. A minor version may add components.
     *
     * @param maps {@link #maps()}
     * @param total {@link #total()}
     * @param data {@link #data()}
     * @param exec {@link #exec()}
     * @param stack {@link #stack()}
     * @param locked {@link #locked()}
     * @param accounted {@link #accounted()}
     */
    @Experimental
    public Usage {}

    static Usage of(Layout layout) {
        long[] counts = layout.usage();
        return new Usage(counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6]);
    }
}
