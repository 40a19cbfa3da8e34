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

    @SuppressWarnings("UnusedVariable") // through SHARES
    private int shares = 1;

    /** Creates an open with one share, the creator's. */
    protected Open() {}

    /**
     * Acquires another share. Caller must have a share, or know that another thread keeps one meanwhile.
     *
     * @throws IllegalStateException if the open has ended; nothing is changed then
     */
    public final void share() {
        if (add(1) == 0) {
            throw new IllegalStateException("an open that has ended was shared: " + this);
        }
    }

    /**
     * Acquires another share, unless the open has ended.
     *
     * @return whether a share was acquired
     */
    public final boolean shareUnlessEnded() {
        return add(1) != 0;
    }

    /**
     * Drops a share. The last one ends the open, on this thread, which must not hold a lock of a layout.
     *
     * @throws IllegalStateException if all shares were dropped before; nothing is changed then
     */
    public final void drop() {
        int before = add(-1);
        if (before == 0) {
            throw new IllegalStateException("a share of an open was given up twice: " + this);
        }
        if (before == 1) {
            ended();
        }
    }

    /** Changes the number of shares, unless it is 0, which is final; returns the previous number. */
    private int add(int change) {
        int before;
        do {
            before = (int) SHARES.getVolatile(this);
        } while (before != 0 && !SHARES.compareAndSet(this, before, before + change));
        return before;
    }

    /** Called once, after the last share was dropped. Must not call an embedder's code, nor wait. */
    protected abstract void ended();
}
