// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * The word that every reader of a tree reads first, with a cache line to itself. Writers take the tree's lock for each
 * edit; the lock is allocated with the tree, and would lie next to this.
 *
 * <p>The object begins at least 64 bytes before the end of the word. It has no other field that is used within 64 bytes
 * of either end of the word, in any layout that the JVM chooses.
 */
@SuppressWarnings("unused") // padding
abstract class PublishedRoot extends RootWord {
    /**
     * Fills the space between a root of four bytes and the next multiple of eight, which a subclass would use
     * otherwise.
     */
    private int rest;

    private long a0;
    private long a1;
    private long a2;
    private long a3;
    private long a4;
    private long a5;
    private long a6;
    private long a7;

    PublishedRoot(Node root) {
        super(root);
    }
}
