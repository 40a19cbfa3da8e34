// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.Nullable;

/** The top-level page table that a CPU loaded, like the table in {@code CR3} on x86. */
public interface LoadedRoot {
    /**
     * Walks to a leaf, as a CPU may do speculatively at any time while the root is loaded, even in LAZY. Acquires no
     * lock, unless it reads a table that is being given back. Then it waits for the end of the critical section that
     * unhooks the table. That section waits only for the lock of the table above.
     *
     * @param from the walk goes to the first leaf at or above this address, or, if there is none, to the first leaf of
     *     all
     * @return a description of what the walk read although it was given back, for messages; null if there is nothing
     */
    @Nullable
    String speculate(long from);
}
