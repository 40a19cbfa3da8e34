// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.internal.vma.VmArea;
import org.jspecify.annotations.Nullable;

/** The VMAs of the space whose page table is walked. */
public interface VmaLookup {
    /**
     * Returns the VMA that covers an address at some instant of the call, or null if there is none. Acquires no lock.
     */
    @Nullable
    VmArea find(long address);
}
