// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * One open of a backing, shared by a VMA and its successors at the same address.
 *
 * <p>A change of rights therefore needs no new open, and the number of opens minus closes is the number of VMAs, as on
 * Linux. A reference to the VMA that was acquired before the change keeps the open.
 */
public abstract class Open {
    private static final VarHandle SHARES;

    static {
        try {
            SHARES = MethodHandles.lookup().findVarHandle(Open.class, "shares", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /**
     * Written: {@code get}: holder of the district's lock, at publication (compare-and-set); a new user of a shared
     *     object's content (compare-and-set); {@code put}: the thread that ends a VMA or reverts an open
     *     (compare-and-set).
     * Read: the threads that change it (volatile).
     * Invariant: the number of VMAs and edits that hold a share of this open; once 0, it never increases.
     */
    @SuppressWarnings("UnusedVariable") // through SHARES
    private int shares = 1;

    /** Creates an open with one share, the creator's. */
    protected Open() {}

    /**
     * Acquires another share. The caller must hold a share, or know that another thread holds one during the call.
     *
     * @throws IllegalStateException if the open has ended; nothing is changed then
     */
    public final void get() {
        if (getAndAdd(1) == 0) {
            throw new IllegalStateException("share of an open that has ended: " + this);
        }
    }

    /**
     * Acquires another share, unless the open has ended.
     *
     * @return whether the caller now holds the share
     */
    public final boolean getUnlessEnded() {
        return getAndAdd(1) != 0;
    }

    /**
     * Releases a share. The release of the last share ends the open, on this thread. The thread must not hold a lock of
     * a layout.
     *
     * @throws IllegalStateException if all shares were already released; nothing is changed then
     */
    public final void put() {
        int before = getAndAdd(-1);
        if (before == 0) {
            throw new IllegalStateException("share of an open put twice: " + this);
        }
        if (before == 1) {
            ended();
        }
    }

    /** Changes the number of shares, unless it is 0, the final value; returns the previous number. */
    private int getAndAdd(int change) {
        int before;
        do {
            before = sharesVolatile();
        } while (before != 0 && !casShares(before, before + change));
        return before;
    }

    private int sharesVolatile() {
        return (int) SHARES.getVolatile(this);
    }

    private boolean casShares(int expected, int value) {
        return SHARES.compareAndSet(this, expected, value);
    }

    /** Called once, after the last share was released. Must neither call an embedder's code nor wait. */
    protected abstract void ended();
}
