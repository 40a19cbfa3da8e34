// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The root reference, which every reader of a tree reads first, padded so that it has its own cache line. Without the
 * padding, it could share a cache line with the writer lock, which is allocated with the tree and which every edit
 * writes.
 *
 * <p>{@link BeforeRoot} and {@link AfterRoot} ensure, in any layout that the JVM chooses, that the object starts at
 * least 64 bytes before the end of the reference, and that no other field in use is within 64 bytes of either end of
 * it.
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

    /**
     * The tree that readers see. Written under the writer lock.
     *
     * <p>Written: an edit or a commit that holds the writer lock, in {@code publish} only (release).
     * Read: any thread, in {@code rootAcquire} (acquire); {@code snapshot}, {@code version} and their checks, in {@code
     *     rootVolatile} (volatile); holders of the writer lock, in {@code rootPlain} (plain).
     * Pairs: the store in {@code publish} with the loads in {@code rootAcquire} and {@code rootVolatile}. The
     *     construction of the nodes, and all earlier actions of the writer, come before everything that the reader does
     *     with the nodes that it finds. An edit stores exactly one of these: this word, one slot, or one word of a
     *     leaf's pivots.
     * Invariant: a complete tree: {@code validate()} passes. On a cache line of its own.
     */
    private Node root;

    PublishedRoot(Node root) {
        this.root = root;
    }

    /** The caller must hold the writer lock. */
    final Node rootPlain() {
        return root;
    }

    /**
     * Pairs with {@link #setRootRelease}: a reader that loads this root sees its nodes, and the values in them, fully
     * initialized.
     */
    final Node rootAcquire() {
        return (Node) ROOT.getAcquire(this);
    }

    /**
     * As {@link #rootAcquire}, for readers that compare the roots of several trees. Volatile loads have one total order
     * for all threads, so two readers never disagree about which of two trees changed first. On x86 and AArch64, this
     * is the same instruction as an acquire load.
     */
    final Node rootVolatile() {
        return (Node) ROOT.getVolatile(this);
    }

    /** Pairs with {@link #rootAcquire} and {@link #rootVolatile}. */
    final void setRootRelease(Node newRoot) {
        ROOT.setRelease(this, newRoot);
    }
}
