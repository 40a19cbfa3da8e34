// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import dev.samara.core.vma.Backing;

/** A backing of the library that counts its VMAs: its content ends with the last of them. */
public interface SharedObject extends Backing {
    /**
     * Counts VMAs that are added or removed. The memory is charged with the first one, regardless of the limit, and
     * uncharged with the last.
     *
     * @return the bytes that the caller charges, or, if negative, uncharges
     */
    long count(long change);
}
