// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import dev.samara.core.internal.sync.Gate;
import org.jspecify.annotations.Nullable;

/**
 * The transitions of an {@link Attachable}'s state word. Each is one read-modify-write, or a loop of them. None waits.
 */
public final class Life {
    private Life() {}

    /**
     * Attaches a fresh object. Caller must hold the layout lock, and publish the object afterwards.
     *
     * @param open its share in an open, or null
     * @param gate the gate of the operation in flight to which it belongs, or null
     * @throws IllegalStateException if it is or was attached
     */
    public static void attach(Attachable object, @Nullable Open open, @Nullable Gate gate) {
        if ((int) Attachable.WORD.get(object) != Attachable.FRESH) {
            throw new IllegalStateException("attached a second time: " + object);
        }
        object.open = open;
        object.gate = gate;
        // Plain: the later release store of the tree's root pairs with the acquire load of each lookup.
        Attachable.WORD.set(object, 0);
    }

    /**
     * Returns whether an object was never attached. Caller holds the layout lock, or no other thread can reach the
     * object.
     */
    public static boolean isFresh(Attachable object) {
        return (int) Attachable.WORD.getOpaque(object) == Attachable.FRESH;
    }

    /** Returns whether an object is detached forever. A fresh object is not. */
    public static boolean isDetached(Attachable object) {
        int word = (int) Attachable.WORD.getVolatile(object);
        return word < 0 && word != Attachable.FRESH;
    }

    /**
     * Detaches an object and sets its retiring bit until {@link #unhold}. Caller must hold the layout lock and have
     * published a tree without it.
     *
     * @param object an attached object
     * @throws IllegalStateException if it is not attached; nothing is changed then
     */
    public static void detach(Attachable object) {
        // Attached or not changes only under the lock.
        int before = (int) Attachable.WORD.getOpaque(object);
        if (before < 0) {
            if (before == Attachable.FRESH) {
                throw new IllegalStateException("detached before it was attached: " + object);
            }
            throw new IllegalStateException("detached a second time: " + object);
        }
        // Volatile: a full fence between this mark and the walk that clears its pages. Pairs with the volatile read of
        // the word by a thread that installs a page, after it has linked the page's table.
        Attachable.WORD.getAndBitwiseOr(object, Attachable.DETACHED | Attachable.HELD);
    }

    /**
     * Clears the retiring bit. Caller must not hold a lock of a layout.
     *
     * @param object an object that the caller has detached
     * @throws IllegalStateException if the bit is not set; nothing is changed then
     */
    public static void unhold(Attachable object) {
        // Without the bit, the AND changes nothing; only a fresh object must not reach it.
        if (isFresh(object)) {
            throw new IllegalStateException("unheld before it was attached: " + object);
        }
        int before = (int) Attachable.WORD.getAndBitwiseAnd(object, ~Attachable.HELD);
        if ((before & Attachable.HELD) == 0) {
            throw new IllegalStateException("not held: " + object);
        }
        if ((before & Attachable.KEEPS) == 0) {
            end(object);
        }
    }

    /**
     * Acquires a reference, unless the object is detached.
     *
     * @return whether the reference was acquired
     * @throws IllegalStateException if the reference count is at its maximum
     */
    public static boolean keep(Attachable object) {
        int word = (int) Attachable.WORD.getAcquire(object);
        while (word >= 0) {
            if (word >= Attachable.MOST_KEEPS) {
                throw new IllegalStateException("too many keeps of " + object);
            }
            int seen = (int) Attachable.WORD.compareAndExchange(object, word, word + 1);
            if (seen == word) {
                return true;
            }
            word = seen;
        }
        return false;
    }

    /**
     * Releases a reference.
     *
     * @param object an object of which the caller has acquired a reference
     * @throws IllegalStateException if there is none; nothing is changed then
     */
    public static void release(Attachable object) {
        int word = (int) Attachable.WORD.getAcquire(object);
        for (; ; ) {
            if ((word & Attachable.KEEPS) == 0 || word == Attachable.FRESH) {
                throw new IllegalStateException("released, but not kept: " + object);
            }
            int seen = (int) Attachable.WORD.compareAndExchange(object, word, word - 1);
            if (seen == word) {
                break;
            }
            word = seen;
        }
        if (word == (Attachable.DETACHED | 1)) {
            end(object);
        }
    }

    /** Returns the reference count at some instant of this call, for displays. */
    public static int keeps(Attachable object) {
        int word = (int) Attachable.WORD.getOpaque(object);
        return word == Attachable.FRESH ? 0 : word & Attachable.KEEPS;
    }

    /**
     * Returns the open in which an object has a share, or null if it needs none.
     *
     * @param object an attached object, or one with a reference or the retiring bit of the caller
     */
    public static @Nullable Open openOf(Attachable object) {
        return object.open;
    }

    /**
     * Sets the link of an object. Caller is about to publish the object.
     *
     * @param object a fresh object
     * @param linked the link
     */
    public static void link(Attachable object, Linked linked) {
        object.linked = linked;
    }

    /**
     * Records that the pages of a replaced object are gone: pages in the range are this object's own. Caller retires
     * the replaced object.
     *
     * @param object a published object
     */
    public static void enter(Attachable object) {
        Linked linked = object.linked;
        if (linked != null) {
            linked.enter();
        }
    }

    /**
     * Unlinks an object, if it was linked; at most once.
     *
     * @param object a detached object without remaining pages, or an object that was never published
     */
    public static void unlink(Attachable object) {
        Linked linked = object.linked;
        if (linked != null) {
            object.linked = null;
            linked.unlink();
        }
    }

    /** Returns whether an object is linked. Caller holds the layout lock. */
    public static boolean isLinked(Attachable object) {
        return object.linked != null;
    }

    /** Gives an object an identity, unless it has one. */
    public static void adoptIdentity(Attachable object, Object identity) {
        object.adoptIdentity(identity);
    }

    /**
     * Returns the gate, open or closed, of the operation in flight to which an object belongs or belonged, or null.
     *
     * @param object any object found in a tree
     */
    public static @Nullable Gate gateOf(Attachable object) {
        return object.gate;
    }

    /** Called by the thread that brings the word to detached, no retiring bit, no references; thus once. */
    private static void end(Attachable object) {
        Open open = object.open;
        if (open != null) {
            open.drop();
        }
    }
}
