// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * The reaping state of one space, read by the space's threads and by threads that need memory ({@code MMF_UNSTABLE},
 * {@code MMF_OOM_SKIP}). Both marks, once set, stay set. Thread-safe.
 */
public final class Reaping {
    /**
     * Written under the layout lock, so that a fork of the space either precedes the mark completely or is refused.
     *
     * <p>Written: reapers, holding the layout lock, before they read an entry (volatile).
     * Read: a fault that is about to install a private page, under the lock of the leaf, and earlier without that lock;
     *     a fork, holding the layout lock (volatile).
     * Pairs: a reaper sets the mark, fences ({@code PageTable.nextLeaf}), and takes the locks of the leaves. A fault
     *     links the leaf (volatile), takes its lock, reads the mark, and fills the entry. So the reaper finds the
     *     entry, or the fault finds the mark.
     * Invariant: final once set. After a reaper has released the last leaf lock that it takes in a private anonymous
     *     mapping, no page is installed in that mapping.
     */
    private volatile boolean isUnstable;

    /**
     * Written: the thread that ends a reap, or abandons a reap that hangs (volatile).
     * Read: the thread of a fault that looks for a victim (volatile).
     * Invariant: final once set. It is only a hint, because a space may be reaped again.
     */
    private volatile boolean isSkipped;

    Reaping() {}

    /**
     * Returns whether private pages of the space may be missing. If so, a private mapping receives no more pages, and
     * the space cannot fork. A fault that installs a page calls this under the lock of the leaf.
     */
    public boolean isUnstable() {
        // Pairs with the reaper, which sets the mark, and then walks and takes the locks of the leaves.
        return isUnstable;
    }

    /** Marks the space before the first page is taken from it. The caller holds the layout lock. */
    void setUnstable() {
        // Pairs with a fault that links a leaf, takes its lock and reads the mark.
        isUnstable = true;
    }

    /**
     * Returns whether the machine skips the space when it needs memory, because its pages were already taken, or
     * because an attempt to take them failed.
     */
    boolean isSkipped() {
        return isSkipped;
    }

    void skip() {
        isSkipped = true;
    }
}
