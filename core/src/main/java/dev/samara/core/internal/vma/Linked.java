// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

/** What an attached VMA is linked to besides its space: the reverse map of its backing's pages. */
public interface Linked {
    /**
     * Says that the pages in the range are the object's from now on. Called once, of an object that was linked before
     * the range had been emptied of the pages of others.
     */
    void enter();

    /** Unlinks it. Called once, when nothing of its pages is left. */
    void unlink();
}
