// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** The padding before the root; see {@link PublishedRoot}. */
@SuppressWarnings("unused") // padding
abstract class BeforeRoot {
    /** Fills the space after an object's header, where the JVM would place the root otherwise. */
    private int header;

    private long b0;
    private long b1;
    private long b2;
    private long b3;
    private long b4;
    private long b5;
    private long b6;
    private long b7;
}

/**
 * The word that every reader of a tree reads first, with a cache line to itself. Writers take the tree's lock for each
 * edit; the lock is allocated with the tree, and would lie next to this.
 *
 * <p>The object begins at least 64 bytes before the end of the word. It has no other field that is used within 64 bytes
 * of either end of the word, in any layout that the JVM chooses: {@link BeforeRoot} and {@link AfterRoot} see to that.
 */
abstract class PublishedRoot extends BeforeRoot {

    private static final VarHandle ROOT;

    static {
        try {
            ROOT = MethodHandles.lookup().findVarHandle(PublishedRoot.class, "root", Node.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** The tree that readers see. Written under the writer lock. */
    private Node root;

    PublishedRoot(Node root) {
        this.root = root;
    }

    /** The caller must hold the writer lock. */
    final Node rootPlain() {
        return root;
    }

    /**
     * Pairs with {@link #setRootRelease}: a reader that gets this root sees its nodes, and the values in them, as
     * stored.
     */
    final Node rootAcquire() {
        return (Node) ROOT.getAcquire(this);
    }

    /**
     * As {@link #rootAcquire}, for readers that compare the roots of several trees: all threads see the loads of this
     * mode in one order, so two readers do not disagree about which of two trees was changed first. The same
     * instruction as an acquire load on x86 and AArch64.
     */
    final Node rootVolatile() {
        return (Node) ROOT.getVolatile(this);
    }

    /** Pairs with {@link #rootAcquire} and {@link #rootVolatile}. */
    final void setRootRelease(Node newRoot) {
        ROOT.setRelease(this, newRoot);
    }
}
