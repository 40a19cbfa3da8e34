// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * The reaping state of one space, read by the space's threads and by threads that need memory ({@code MMF_UNSTABLE},
 * {@code MMF_OOM_SKIP}). Both marks, once set, stay set. Thread-safe.
 */
public final class Reaping {
    /**
     * Written under the layout lock, so that a fork of the space comes wholly before or is refused.
     *
     * @written reapers, holding the layout lock, before they look at an entry (volatile)
     * @read a fault that is about to install a private page, under the lock of the leaf, and before without it; a fork,
     *     holding the layout lock (volatile)
     * @pairs a reaper sets the mark, fences ({@code PageTable.nextLeaf}), and takes the locks of the leaves. A fault
     *     links the leaf (volatile), takes its lock, reads the mark, and fills the entry. So the reaper finds the
     *     entry, or the fault finds the mark
     * @invariant final once set. After the last lock of a leaf that a reaper has held in a private anonymous mapping,
     *     no page is installed there
     */
    private volatile boolean isUnstable;

    /**
     * @written the thread that ends a reap, or gives up one that hangs (volatile)
     * @read the thread of a fault that looks for a victim (volatile)
     * @invariant final once set. It is a hint: a space may be reaped again
     */
    private volatile boolean isSkipped;

    Reaping() {}

    /**
     * Returns whether private pages of the space may be missing: a private mapping gets no page any more, and the space
     * has no child. A fault that installs a page asks under the lock of the leaf.
     */
    public boolean isUnstable() {
        // Pairs with the walk of the reaper, which follows the mark and takes the locks of the leaves.
        return isUnstable;
    }

    /** Marks the space before the first page is taken from it. The caller holds the layout lock. */
    void setUnstable() {
        // Pairs with a fault that links a leaf, takes its lock and reads the mark.
        isUnstable = true;
    }

    /** Returns whether the machine need not look at the space for memory: it is emptied, or could not be. */
    boolean isSkipped() {
        return isSkipped;
    }

    void skip() {
        isSkipped = true;
    }
}
