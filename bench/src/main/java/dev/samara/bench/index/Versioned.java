// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import org.jspecify.annotations.Nullable;

/** Can be had as it was at one instant, whatever is changed later. */
public interface Versioned {
    /**
     * The index as it is now.
     *
     * @return what {@link #getIn} takes
     */
    Object snapshot();

    /**
     * Which range covered an address.
     *
     * @param snapshot when
     * @param address any
     * @return the very object that was stored, or null if the address was in a hole
     */
    @Nullable
    Range getIn(Object snapshot, long address);
}
