// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import org.jspecify.annotations.Nullable;

/**
 * The answers of a backing, read once before the layout lock is taken, so that no code of a backing runs under the
 * lock.
 *
 * @param backing the backing; its identity decides which mappings may be merged
 * @param readable see {@link Backing#readable}
 * @param writable see {@link Backing#writable}
 * @param executable see {@link Backing#executable}
 * @param appendOnly see {@link Backing#appendOnly}
 * @param swapFile see {@link Backing#swapFile}
 * @param mappable see {@link Backing#mappable}
 * @param maximumSize see {@link Backing#maximumSize}
 * @param wantsHugeAlignment see {@link Backing#wantsHugeAlignment}
 * @param isZeroDevice see {@link Backing#isZeroDevice}
 * @param refusesSync see {@link Backing#refusesSync}
 * @param movesAlone see {@link Backing#movesAlone}
 * @param countsMappings see {@link Backing#countsMappings}
 * @param operations see {@link Backing#operations}
 * @param pageCache see {@link Backing#pageCache}
 * @param punchesHoles see {@link Backing#punchesHoles}
 * @param noticesWrites see {@link Backing#noticesWrites}
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
        @Nullable VmOperations operations,
        @Nullable PageCache pageCache,
        boolean punchesHoles,
        boolean noticesWrites) {

    /**
     * Returns the answers of a backing.
     *
     * @param backing the backing, or null
     * @return its answers, or null for null
     */
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
                backing.operations(),
                backing.pageCache(),
                backing.punchesHoles(),
                backing.noticesWrites());
    }
}
