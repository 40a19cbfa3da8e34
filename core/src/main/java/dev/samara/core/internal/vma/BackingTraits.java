// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.VmOperations;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The traits of a backing, read once before the layout lock is acquired, so that no code of a backing runs under the
 * lock. Each component is the result of the method of {@link Backing} with the same name.
 *
 * @param backing the backing; its identity determines which mappings may be merged
 */
public record BackingTraits(
        Backing backing,
        boolean readable,
        boolean writable,
        boolean executable,
        boolean appendOnly,
        boolean swapFile,
        boolean mappable,
        long maximumSize,
        boolean wantsHugeAlignment,
        boolean isZeroDevice,
        boolean refusesSync,
        boolean movesAlone,
        boolean countsMappings,
        boolean acceptsNames,
        @Nullable VmOperations operations,
        @Nullable PageCache pageCache,
        boolean punchesHoles,
        Backing underlying,
        boolean noticesWrites) {

    /** Reads the traits of a backing. Returns null if {@code backing} is null. */
    public static @Nullable BackingTraits of(@Nullable Backing backing) {
        if (backing == null) {
            return null;
        }
        return new BackingTraits(
                backing,
                backing.readable(),
                backing.writable(),
                backing.executable(),
                backing.appendOnly(),
                backing.swapFile(),
                backing.mappable(),
                backing.maximumSize(),
                backing.wantsHugeAlignment(),
                backing.isZeroDevice(),
                backing.refusesSync(),
                backing.movesAlone(),
                backing.countsMappings(),
                backing.acceptsNames(),
                backing.operations(),
                backing.pageCache(),
                backing.punchesHoles(),
                Objects.requireNonNull(backing.underlying(), "underlying"),
                backing.noticesWrites());
    }
}
