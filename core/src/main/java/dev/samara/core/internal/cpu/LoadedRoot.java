// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.Nullable;

/** The topmost table of a context, which a CPU has loaded with the context. */
public interface LoadedRoot {
    /**
     * Walks to a leaf, as a CPU does by speculation at any time while it has the root loaded, also in LAZY. Does not
     * wait.
     *
     * @param from the walk is to the first leaf from this address on, or to the first of all
     * @return what the walk has met although it was given back, for messages; null for nothing
     */
    @Nullable
    String speculate(long from);
}
