// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import dev.samara.core.internal.sync.Gate;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * What belongs to an address space for a while: the words of a VMA that move, apart from what defines it.
 *
 * <p>{@link Life} has the transitions; an embedder, who cannot reach that class, cannot make them.
 */
public abstract class Attachable {
    static final VarHandle WORD;

    static {
        try {
            WORD = MethodHandles.lookup().findVarHandle(Attachable.class, "word", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** For ever; the sign, so that one test of the word says whether it may be kept. */
    static final int DETACHED = 1 << 31;

    /** The operation that detached it is not done with it. */
    static final int HELD = 1 << 30;

    /** The number of keeps. */
    static final int KEEPS = HELD - 1;

    /** One less than can be written, so that a word with all of it, detached and held, does not look fresh. */
    static final int MOST_KEEPS = KEEPS - 1;

    /** Not attached yet. No other state has all bits. */
    static final int FRESH = -1;

    /** DETACHED, HELD and the number of keeps; or FRESH. */
    @SuppressWarnings("UnusedVariable") // through WORD
    private int word = FRESH;

    /**
     * Its share in an open of its backing, which it may have in common with its predecessors; null if it needs none.
     */
    @Nullable
    Open open;

    /** What is shut while it belongs to an operation in transit; null if it never did. */
    @Nullable
    Gate gate;

    /** What unlinks it from the reverse map of its backing's pages; null if it has none. */
    @Nullable
    Linked linked;

    /** Makes a fresh one. */
    protected Attachable() {}

    /**
     * Whether it is no longer, or not yet, attached.
     *
     * @return true if so
     */
    protected final boolean isDetachedVolatile() {
        return (int) WORD.getVolatile(this) < 0;
    }

    /**
     * Gives it an identity unless it has one.
     *
     * @param identity the identity
     */
    protected void adoptIdentity(Object identity) {
        throw new UnsupportedOperationException("has no identity: " + this);
    }
}
