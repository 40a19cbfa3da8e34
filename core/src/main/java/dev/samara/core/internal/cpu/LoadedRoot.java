// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.Nullable;

/** The top-level page table that a CPU has loaded, as {@code CR3} names it on x86. */
public interface LoadedRoot {
    /**
     * Walks to a leaf, as a CPU does by speculation at any time while it has the root loaded, also in LAZY. Takes no
     * lock, unless it meets a table that is being given back. Then it waits for the end of the critical section that
     * unhooks the table. That section waits for nothing but the lock of the table above.
     *
     * @param from the walk is to the first leaf from this address on, or to the first of all
     * @return what the walk has met although it was given back, for messages; null for nothing
     */
    @Nullable
    String speculate(long from);
}
