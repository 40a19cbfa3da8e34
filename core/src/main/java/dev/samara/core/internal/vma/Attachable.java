// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import dev.samara.core.internal.sync.Gate;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The mutable state of a VMA in an address space, apart from its immutable definition.
 *
 * <p>{@link Life} has the transitions. An embedder cannot reach that class and cannot make them.
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

    /** Set forever. The sign bit: one comparison of the word decides whether a reference may be acquired. */
    static final int DETACHED = 1 << 31;

    /** The retiring bit: the operation that detached it still retires it. */
    static final int HELD = 1 << 30;

    /** The bits of the reference count. */
    static final int KEEPS = HELD - 1;

    /**
     * The highest reference count. One less than the bits allow: a full word, detached and retiring, must not equal
     * FRESH.
     */
    static final int MOST_KEEPS = KEEPS - 1;

    /** Not attached yet. No other state has all bits set. */
    static final int FRESH = -1;

    /** DETACHED, HELD and the reference count; or FRESH. */
    @SuppressWarnings("UnusedVariable") // through WORD
    private int word = FRESH;

    /** Its share in an open of its backing, which its predecessors may share; null if it needs none. */
    @Nullable
    Open open;

    /** The gate that is closed while it belongs to an operation in flight; null if it never did. */
    @Nullable
    Gate gate;

    /** Its link in the reverse map of its backing's pages; null if it has none. */
    @Nullable
    Linked linked;

    /** Creates a fresh object. */
    protected Attachable() {}

    /**
     * Returns whether it is not attached: fresh or detached. A volatile read.
     *
     * @return true if it is fresh or detached
     */
    protected final boolean isDetachedVolatile() {
        return (int) WORD.getVolatile(this) < 0;
    }

    /**
     * Sets the identity, unless there is one.
     *
     * @param identity the identity
     */
    protected void adoptIdentity(Object identity) {
        throw new UnsupportedOperationException("has no identity: " + this);
    }
}
