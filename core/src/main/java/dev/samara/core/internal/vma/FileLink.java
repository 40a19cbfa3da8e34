// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

/** The link of an attached VMA in the reverse map of its backing's pages. */
public interface FileLink {
    /**
     * Records that from now on the pages in the range belong to the VMA. Called once, for a VMA that was linked before
     * the pages of the replaced VMAs were removed from the range.
     */
    void enter();

    /** Removes the link. Called once, after the last page of the VMA was removed. */
    void unlink();
}
