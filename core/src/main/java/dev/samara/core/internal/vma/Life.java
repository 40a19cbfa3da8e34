// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import dev.samara.core.internal.sync.Gate;
import org.jspecify.annotations.Nullable;

/**
 * The transitions of an {@link Attachable}'s state word. Each is one read-modify-write, or a loop of them; none waits.
 */
public final class Life {
    private Life() {}

    /**
     * Attaches a fresh object. Caller must hold the layout lock, and publish the object after this.
     *
     * @param object what to attach
     * @param open its share in an open, or null
     * @param gate the gate of the operation in transit that it belongs to, or null
     * @throws IllegalStateException if it is attached already, or was
     */
    public static void attach(Attachable object, @Nullable Open open, @Nullable Gate gate) {
        if ((int) Attachable.WORD.get(object) != Attachable.FRESH) {
            throw new IllegalStateException("attached a second time: " + object);
        }
        object.open = open;
        object.gate = gate;
        // Plain: the release store of the tree's root, which comes after, pairs with the acquire load of every finder.
        Attachable.WORD.set(object, 0);
    }

    /**
     * Whether an object is neither attached nor ever was.
     *
     * @param object any, of which no other thread knows yet, or under the layout lock
     * @return true if so
     */
    public static boolean isFresh(Attachable object) {
        return (int) Attachable.WORD.getOpaque(object) == Attachable.FRESH;
    }

    /**
     * Whether an object is detached for ever. A fresh one is not.
     *
     * @param object any
     * @return true if so
     */
    public static boolean isDetached(Attachable object) {
        int word = (int) Attachable.WORD.getVolatile(object);
        return word < 0 && word != Attachable.FRESH;
    }

    /**
     * Detaches an object, held by the caller until {@link #unhold}. Caller must hold the layout lock and have published
     * a tree without it.
     *
     * @param object an attached object
     * @throws IllegalStateException if it is not attached; nothing is changed then
     */
    public static void detach(Attachable object) {
        // Whether it is attached changes under the lock only.
        int before = (int) Attachable.WORD.getOpaque(object);
        if (before < 0) {
            if (before == Attachable.FRESH) {
                throw new IllegalStateException("detached before it was attached: " + object);
            }
            throw new IllegalStateException("detached a second time: " + object);
        }
        // Volatile: a full fence between this mark and the walk that clears its pages. Pairs with the volatile read of
        // the word by who installs a page after having linked its table.
        Attachable.WORD.getAndBitwiseOr(object, Attachable.DETACHED | Attachable.HELD);
    }

    /**
     * Ends the hold of the operation that detached an object. Caller must not hold a lock of a layout.
     *
     * @param object an object that the caller has detached
     * @throws IllegalStateException if it is not held; nothing is changed then
     */
    public static void unhold(Attachable object) {
        // Without the bit, the and changes nothing; only a fresh one must not come to it.
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
     * Takes a keep, unless the object is detached.
     *
     * @param object any object
     * @return whether it was taken
     * @throws IllegalStateException if there are as many keeps as can be counted
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
     * Gives a keep up.
     *
     * @param object an object of which the caller has taken a keep
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

    /**
     * The number of keeps, for showing.
     *
     * @param object any object
     * @return the number at some instant of this call
     */
    public static int keeps(Attachable object) {
        int word = (int) Attachable.WORD.getOpaque(object);
        return word == Attachable.FRESH ? 0 : word & Attachable.KEEPS;
    }

    /**
     * The open in which an object has a share.
     *
     * @param object an attached object, or one kept or held by the caller
     * @return the open, or null if it needs none
     */
    public static @Nullable Open openOf(Attachable object) {
        return object.open;
    }

    /**
     * Notes what unlinks an object. Caller is about to publish it.
     *
     * @param object a fresh object
     * @param linked what unlinks it
     */
    public static void link(Attachable object, Linked linked) {
        object.linked = linked;
    }

    /**
     * Says that what an object has replaced is gone: pages in its range are its own. Caller retires what it has
     * replaced.
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
     * @param object an object that is detached, and of whose pages nothing is left, or that was never published
     */
    public static void unlink(Attachable object) {
        Linked linked = object.linked;
        if (linked != null) {
            object.linked = null;
            linked.unlink();
        }
    }

    /**
     * Whether an object is linked.
     *
     * @param object any, under the layout lock
     * @return true if so
     */
    public static boolean isLinked(Attachable object) {
        return object.linked != null;
    }

    /**
     * Gives an object its identity, unless it has one.
     *
     * @param object any object
     * @param identity an identity
     */
    public static void adoptIdentity(Attachable object, Object identity) {
        object.adoptIdentity(identity);
    }

    /**
     * The gate of the operation whose transit an object was, or is, part of.
     *
     * @param object any object found in a tree
     * @return the gate, open or shut, or null
     */
    public static @Nullable Gate gateOf(Attachable object) {
        return object.gate;
    }

    /** Whoever brings the word to detached, not held, no keeps comes here, so it happens once. */
    private static void end(Attachable object) {
        Open open = object.open;
        if (open != null) {
            open.drop();
        }
    }
}
