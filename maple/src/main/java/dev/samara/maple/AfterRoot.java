// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/** The padding after the root; see {@link PublishedRoot}. */
@SuppressWarnings("unused") // padding
abstract class AfterRoot extends PublishedRoot {
    /**
     * Fills the four bytes after a compressed root reference, which the JVM would otherwise use for a field of a
     * subclass.
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

    AfterRoot(Node root) {
        super(root);
    }
}
