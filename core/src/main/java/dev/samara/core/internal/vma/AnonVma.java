// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

/**
 * Determines which VMAs may share anonymous pages ({@code struct anon_vma}).
 *
 * <p>A private VMA has no {@code AnonVma} until its first private page is created. From then on it merges only with
 * VMAs that have no {@code AnonVma}, or the same one. An {@code AnonVma} that is created for a child of {@code fork} is
 * <em>inherited</em>. Its pages may still be shared with the parent, so it is never given to a neighbour without an
 * {@code AnonVma} ({@code mm/vma.c}).
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

    /** Returns a new {@code AnonVma}, for memory that was copied from a parent. */
    public static AnonVma inherited() {
        return new AnonVma(true);
    }

    public boolean isInherited() {
        return inherited;
    }
}
