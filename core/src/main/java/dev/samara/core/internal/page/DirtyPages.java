// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

/** Counts pages of saved files that become dirty, and limits their number. Thread-safe. */
public interface DirtyPages {
    /**
     * Counts the bytes of a page that just became dirty. Must not wait, because it is called in GUEST and under leaf
     * locks.
     */
    void add(int bytes);

    /**
     * Returns whether a thread should call {@link #balance} before it makes a page dirty. Does not wait and stores
     * nothing.
     */
    boolean isBalanceDue();

    /**
     * Writes pages back if too many are dirty ({@code balance_dirty_pages}). May wait for the host, for CPUs and for
     * changes of files.
     */
    void balance();
}
