// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import org.jspecify.annotations.Nullable;

/** An index with snapshots, each of which shows one instant, regardless of later changes. */
public interface Versioned {
    /**
     * Returns a snapshot of the index.
     *
     * @return the argument for {@link #getIn}
     */
    Object snapshot();

    /**
     * Returns the range that covered an address.
     *
     * @param snapshot the instant
     * @param address any
     * @return the stored object itself, or null if the address was in a hole
     */
    @Nullable
    Range getIn(Object snapshot, long address);
}
