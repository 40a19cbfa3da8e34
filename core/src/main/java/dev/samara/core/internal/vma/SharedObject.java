// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import dev.samara.core.vma.Backing;

/** A backing of the library that counts its VMAs. Its content ends with the last VMA. */
public interface SharedObject extends Backing {
    /**
     * Counts VMAs that are added or removed. The memory is charged when the first VMA is added, regardless of the
     * limit, and uncharged when the last VMA is removed.
     *
     * @return the bytes that the caller charges, or, if negative, uncharges
     */
    long count(long change);
}
