// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

/**
 * The anonymous-memory identity of a VMA: what Linux calls its {@code anon_vma}.
 *
 * <p>A private VMA has none until its first page of its own is made. From then on it merges only with VMAs that have
 * the same identity, compared by reference, or none. One that was made for a child of {@code fork} is
 * <em>inherited</em>: its pages may still be shared with the parent, so it is never lent to a neighbour that has none
 * ({@code mm/vma.c}).
 */
public final class AnonVma {
    private final boolean inherited;

    private AnonVma(boolean inherited) {
        this.inherited = inherited;
    }

    /**
     * Makes the identity of memory that this space touched first.
     *
     * @return a new identity, different from every other
     */
    public static AnonVma fresh() {
        return new AnonVma(false);
    }

    /**
     * Makes the identity of memory that was copied from a parent.
     *
     * @return a new identity, different from every other
     */
    public static AnonVma inherited() {
        return new AnonVma(true);
    }

    /**
     * Whether this is the identity of memory copied from a parent.
     *
     * @return true if so
     */
    public boolean isInherited() {
        return inherited;
    }
}
