// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * One open of a backing, in which a VMA and the VMAs that took its place one after the other have shares.
 *
 * <p>So a change of rights needs no new open, and the number of opens less closes is the number of VMAs, as on Linux;
 * yet who keeps the VMA from before the change keeps the open.
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

    /** Makes an open with one share, the maker's. */
    protected Open() {}

    /**
     * Gives out another share. Caller must have one itself, or know that somebody keeps one meanwhile.
     *
     * @throws IllegalStateException if the open has ended; nothing is changed then
     */
    public final void share() {
        if (add(1) == 0) {
            throw new IllegalStateException("an open that has ended was shared: " + this);
        }
    }

    /**
     * Gives out another share, unless the open has ended.
     *
     * @return whether there is another share
     */
    public final boolean shareUnlessEnded() {
        return add(1) != 0;
    }

    /**
     * Gives a share up. The last one ends the open, on this thread, which must not hold a lock of a layout.
     *
     * @throws IllegalStateException if all have been given up; nothing is changed then
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

    /** Changes the number of shares, but from 0, which is for ever; returns what it was before. */
    private int add(int change) {
        int before;
        do {
            before = (int) SHARES.getVolatile(this);
        } while (before != 0 && !SHARES.compareAndSet(this, before, before + change));
        return before;
    }

    /** Called once, when the last share has been given up. Must not call an embedder's code, nor wait. */
    protected abstract void ended();
}
