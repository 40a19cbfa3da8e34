// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.VmaFlags;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One mapped page of a model space.
 *
 * @param flags the bits of {@link VmaFlags}
 * @param backing the backing of the page
 * @param offset the page offset in the backing
 * @param identity the identity of its anonymous memory
 * @param name the name of a special mapping, or of named memory in the form in which it is shown
 */
record Page(
        long flags,
        @Nullable Backing backing,
        long offset,
        @Nullable AnonVma identity,
        @Nullable String name) {

    /** Flags that do not prevent a merge; the merged VMA gets the flags of both. */
    static final long STICKY = VmaFlags.MAYBE_GUARD;

    boolean has(long wanted) {
        return (flags & wanted) == wanted;
    }

    boolean hasAny(long wanted) {
        return (flags & wanted) != 0;
    }

    /** Returns whether the kernel itself mapped the page. */
    boolean isSpecial() {
        return name != null && hasAny(VmaFlags.SPECIAL);
    }

    boolean isAnonymous() {
        return !isSpecial() && (backing == null || (backing.isZeroDevice() && !has(VmaFlags.SHARED)));
    }

    boolean countsMappings() {
        return backing != null && backing.countsMappings();
    }

    Page withFlags(long newFlags) {
        return new Page(newFlags, backing, offset, identity, name);
    }

    Page withIdentity(@Nullable AnonVma newIdentity) {
        return new Page(flags, backing, offset, newIdentity, name);
    }

    Page withName(@Nullable String newName) {
        return new Page(flags, backing, offset, identity, newName);
    }

    /** Returns the page {@code pages} further on in the same mapping. */
    Page further(long pages) {
        return new Page(flags, backing, offset + pages, identity, name);
    }

    /** Returns whether this page and the next one could belong to one VMA. */
    boolean continuesAs(Page next) {
        return sameFlags(next, STICKY)
                && !hasAny(VmaFlags.SPECIAL)
                && backing == next.backing
                && offset + 1 == next.offset
                && Objects.equals(name, next.name)
                && identitiesAgree(identity, next.identity);
    }

    /** Returns whether the flags are equal except for some. */
    boolean sameFlags(Page other, long but) {
        return ((flags ^ other.flags) & ~but) == 0;
    }

    private static boolean identitiesAgree(@Nullable AnonVma one, @Nullable AnonVma other) {
        if (one == other) {
            return true;
        }
        if (one == null) {
            return !Objects.requireNonNull(other).inherited;
        }
        return other == null && !one.inherited;
    }
}
