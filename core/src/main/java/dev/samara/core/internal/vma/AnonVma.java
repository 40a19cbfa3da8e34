// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

/**
 * Tells which VMAs may share anonymous pages ({@code struct anon_vma}).
 *
 * <p>A private VMA has none until its first private page is made. From then on it merges only with VMAs that have the
 * same one, compared by reference, or none. One that is made for a child of {@code fork} is <em>inherited</em>: its
 * pages may still be shared with the parent, so it is never given to a neighbour that has none ({@code mm/vma.c}).
 */
public final class AnonVma {
    private final boolean inherited;

    private AnonVma(boolean inherited) {
        this.inherited = inherited;
    }

    /** Returns a new one, for memory that this space touched first. */
    public static AnonVma fresh() {
        return new AnonVma(false);
    }

    /** Returns a new one, for memory that was copied from a parent. */
    public static AnonVma inherited() {
        return new AnonVma(true);
    }

    public boolean isInherited() {
        return inherited;
    }
}
