// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

/**
 * The anonymous identity of a VMA, Linux's {@code anon_vma}.
 *
 * <p>A private VMA has none until its first private page is made. From then on it merges only with VMAs that have the
 * same identity, compared by reference, or none. An identity made for a child of {@code fork} is <em>inherited</em>:
 * its pages may still be shared with the parent, so it is never given to a neighbour that has none ({@code mm/vma.c}).
 */
public final class AnonVma {
    private final boolean inherited;

    private AnonVma(boolean inherited) {
        this.inherited = inherited;
    }

    /**
     * Returns a new identity, for memory that this space touched first.
     *
     * @return an identity that differs from every other
     */
    public static AnonVma fresh() {
        return new AnonVma(false);
    }

    /**
     * Returns a new identity, for memory that was copied from a parent.
     *
     * @return an identity that differs from every other
     */
    public static AnonVma inherited() {
        return new AnonVma(true);
    }

    /**
     * Returns whether this is the identity of memory that was copied from a parent.
     *
     * @return true if it is inherited
     */
    public boolean isInherited() {
        return inherited;
    }
}
