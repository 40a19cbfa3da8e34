// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Knows which range covers an address. May be asked by any thread at any time. */
public abstract class RangeIndex {
    /** For those that are one. */
    protected RangeIndex() {}

    /**
     * Which range covers an address.
     *
     * @param address any
     * @return the very object that was stored, or null if the address is in a hole
     */
    public abstract @Nullable Range get(long address);

    /**
     * Stores ranges. Called once, before anything else.
     *
     * @param ranges what to store, in this order unless the structure has something better for so many at once; no two
     *     overlap
     */
    public abstract void fill(List<Range> ranges);
}
