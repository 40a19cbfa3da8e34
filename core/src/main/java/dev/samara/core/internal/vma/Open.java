// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * One open of a backing, shared by a VMA and its successors in the same place.
 *
 * <p>A change of rights therefore needs no new open, and the number of opens minus closes is the number of VMAs, as on
 * Linux. A reference to the VMA from before the change keeps the open.
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
     * @written {@code get}: holder of the district's lock, at publication (compare-and-set); a new user of a shared
     *     object's content (compare-and-set); {@code put}: the thread that ends a VMA or takes an open back
     *     (compare-and-set)
     * @read the threads that change it (volatile)
     * @invariant the number of VMAs and edits that have a share of this open and have not ended; from 0 it never rises
     */
    @SuppressWarnings("UnusedVariable") // through SHARES
    private int shares = 1;

    /** Creates an open with one share, the creator's. */
    protected Open() {}

    /**
     * Gets another share. Caller must have a share, or know that another thread has one meanwhile.
     *
     * @throws IllegalStateException if the open has ended; nothing is changed then
     */
    public final void get() {
        if (getAndAdd(1) == 0) {
            throw new IllegalStateException("share of an open that has ended: " + this);
        }
    }

    /**
     * Gets another share, unless the open has ended.
     *
     * @return whether the caller has a share now
     */
    public final boolean getUnlessEnded() {
        return getAndAdd(1) != 0;
    }

    /**
     * Puts a share. The put of the last share ends the open, on this thread. The thread must not hold a lock of a
     * layout.
     *
     * @throws IllegalStateException if all shares were put before; nothing is changed then
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

    /** Changes the number of shares, unless it is 0, which is final; returns the previous number. */
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

    /** Called once, after the last share was put. Must not call an embedder's code, nor wait. */
    protected abstract void ended();
}
