// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.annotation.Experimental;

/**
 * Is called when a CPU drops translations because they changed, so that an embedder can drop data that it derived from
 * them, e.g. decoded instructions, or results of {@link dev.samara.core.guest.FlatMemory#translate}. Evictions of a
 * translation by another one in the TLB are not reported, because the evicted translation is still valid.
 *
 * <p>The thread that owns the CPU calls the listener while it polls, enters GUEST or handles a page fault, in the order
 * of generations. An access outside GUEST enters GUEST for its duration. The call precedes the CPU's acknowledgement of
 * the flush: data that the listener drops is not used after the operation that caused the flush has returned. The
 * listener may also be called for ranges of which the CPU had no translation, for the ranges of a fork, for all
 * addresses at a checkpoint and at its end, and for a page that is copied before a write. It is called for all
 * addresses when the CPU first enters GUEST in a space of which it has no translations. The number of calls is
 * therefore meaningless. A write to a page that is not copied, whether permitted or {@linkplain
 * dev.samara.core.AddressSpace#writeForced forced}, drops no translation; only a {@link WriteListener} is notified of
 * it. An exception is reported to the machine's reporter, and the flush still takes effect. The listener must not wait,
 * because an operation may be waiting for this CPU; an operation called from here throws.
 *
 * <p>A range belongs to the space that the CPU is in. A CPU keeps the translations of six spaces, including the current
 * one. When it returns to one of them, the listener is called once, only for the changes made in the meantime. When it
 * returns to any other space, the listener is called for all addresses. So the embedder must drop data derived from one
 * space whenever the CPU switches away from it: at {@link dev.samara.core.Cpu#switchTo} and {@link
 * dev.samara.core.Cpu#exec}, at {@link dev.samara.core.Cpu#use} and {@link dev.samara.core.Cpu#tryUse}, and when a
 * borrow that one of the latter two started ends. {@link dev.samara.core.Cpu#space} is not a usable key for keeping
 * such data: it is null during a borrow, and two references to one space are not equal.
 */
@FunctionalInterface
@Experimental
public interface FlushListener {
    /**
     * Is called after translations were dropped.
     *
     * @param start the first address
     * @param end first address after the range, unsigned; a flush of all translations has the range from 0 to -1
     * @param reason the change of the range; for a flush of all translations, the strongest possible one. For a flush
     *     with several reasons, the first of UNMAPPED, REPLACED, DISCARDED, PROTECTED, WRITE_PROTECTED and
     *     OBSERVED that applies
     * @param generation the generation of the space up to which this CPU is flushed by this call
     */
    void flushed(long start, long end, MmuNotifier.Reason reason, long generation);

    /**
     * Is called when a {@linkplain dev.samara.core.AddressSpace#checkpoint checkpoint} of the CPU's space was made, so
     * that the embedder can save the registers of this CPU. The checkpoint contains all accesses of this CPU before
     * this call, and none after it. If the CPU is in GUEST and polls, {@code checkpoint} returns after this call. If
     * the CPU is outside GUEST, or its access waits in a page fault, this call precedes its next access, and may follow
     * the return of {@code checkpoint}. A CPU that made no access between several checkpoints and restores is notified
     * of the last restore, if there was one, and then of the last checkpoint after it; one that used many other spaces
     * meanwhile is not notified. Also called for a checkpoint that fails because a page is pinned.
     *
     * @param checkpoint the {@linkplain dev.samara.core.Checkpoint#number number} of the checkpoint
     */
    default void checkpointed(long checkpoint) {}

    /**
     * Is called when the CPU's space {@linkplain dev.samara.core.Checkpoint#restore returned} to a checkpoint, at the
     * times described at {@link #checkpointed}, so that the embedder can restore the registers. An access of guest code
     * that waits in a page fault meanwhile is completed afterwards.
     *
     * @param checkpoint the {@linkplain dev.samara.core.Checkpoint#number number} of the checkpoint
     */
    default void restored(long checkpoint) {}
}
