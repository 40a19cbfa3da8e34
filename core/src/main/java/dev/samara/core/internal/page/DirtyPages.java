// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

/** Counts pages of saved files that become dirty, and keeps them few. Thread-safe. */
public interface DirtyPages {
    /** Counts bytes of a page that has just become dirty. Waits for nothing: called in GUEST, and under leaf locks. */
    void add(int bytes);

    /**
     * Returns whether a thread that is about to make a page dirty should call {@link #balance} before. Waits for
     * nothing, and stores nothing.
     */
    boolean isBalanceDue();

    /**
     * Has pages written if too many are dirty ({@code balance_dirty_pages}). May wait for the host, for CPUs and for
     * changes of files.
     */
    void balance();
}
