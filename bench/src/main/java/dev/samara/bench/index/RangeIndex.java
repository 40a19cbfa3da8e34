// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds the range that covers an address. Any thread may call {@link #get} at any time. */
public abstract class RangeIndex {
    /** For subclasses. */
    protected RangeIndex() {}

    /**
     * Returns the range that covers an address.
     *
     * @param address any
     * @return the stored object itself, or null if the address is in a hole
     */
    public abstract @Nullable Range get(long address);

    /**
     * Stores ranges. Called once, before any other method.
     *
     * @param ranges the ranges, which must not overlap; they are stored in this order unless the structure supports a
     *     better way to load many ranges
     */
    public abstract void fill(List<Range> ranges);
}
