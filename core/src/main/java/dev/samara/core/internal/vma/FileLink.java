// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

/** The link of an attached VMA in the reverse map of its backing's pages. */
public interface FileLink {
    /**
     * Records that the pages in the range are the VMA's from now on. Called once, for a VMA that was linked before the
     * range was emptied of the pages of others.
     */
    void enter();

    /** Removes the link. Called once, after the VMA has no pages any more. */
    void unlink();
}
