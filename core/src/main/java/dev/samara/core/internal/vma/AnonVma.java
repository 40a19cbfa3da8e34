// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

/**
 * Tells which VMAs may share anonymous pages ({@code struct anon_vma}).
 *
 * <p>A private VMA has none until its first private page is made. From then on it merges only with VMAs that have no
 * {@code AnonVma}, or this very object. An {@code AnonVma} that is made for a child of {@code fork} is
 * <em>inherited</em>. Its pages may still be shared with the parent, so no neighbour without an {@code AnonVma} gets it
 * ({@code mm/vma.c}).
 */
public final class AnonVma {
    private final boolean inherited;

    private AnonVma(boolean inherited) {
        this.inherited = inherited;
    }

    /** Returns a new {@code AnonVma}, for memory that this space touched first. */
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
