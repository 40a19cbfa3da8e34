// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Is called when mappings, pages or rights are removed, before the addresses are reused ({@code mmu_notifier_ops}). An
 * embedder can drop data that it derived from them, such as page tables or translated code.
 *
 * <p><b>When.</b> A notifier is called for each range in which an operation unmapped, replaced, moved or discarded
 * memory, or removed rights. The call happens after the publication, so lookups already find the new layout, and before
 * the operation completes. Until all notifiers have returned, nothing is placed in the range, and operations in that
 * range wait. So the data that a notifier drops cannot belong to the next mapping of the range, and data from a lookup
 * that starts after the call is not stale. An embedder that derives data concurrently with the call must synchronise
 * that itself. With early reuse, another mapping may already exist in the range; {@code resolve} of an address there
 * waits until the operation is complete. A notifier is not called for a range that gains rights, grows, is split or
 * merged, nor for a copy by a fork, nor for a checkpoint, nor for pages that a page cache removes.
 *
 * <p>Discarded pages are freed after the call, because nothing may use a page after it is free. The layout has not
 * changed, so a lookup between the call and the end of the operation may still find the page. An embedder that looks
 * pages up during that time must drop the data again when the operation has returned. For data that it derives from CPU
 * accesses, a {@link FlushListener} is sufficient: it is called when its CPU no longer finds the page.
 *
 * <p>A {@linkplain dev.samara.core.PageTableRef#reap reap} calls a notifier for each mapping that it empties, or for
 * parts of a large one. The call happens when no CPU finds the pages any more, and before they are freed. So data that
 * was looked up concurrently is also dropped. If there is no memory to wait for the CPUs, they may still find the pages
 * during the call. Operations in that range continue during the call, and may have placed another mapping there.
 * A {@linkplain dev.samara.core.Checkpoint#restore restore} calls it in the same way for each range that it restored.
 *
 * <p>While a space has a notifier, the machine drops none of its {@linkplain dev.samara.core.mman.Mman#DROPPABLE
 * droppable} pages when no frame is free.
 *
 * <p><b>Threads.</b> The operation's thread calls it. For an asynchronous operation, and for the machine's own reaps,
 * one of the machine's threads calls it, or any thread that runs steps of the {@linkplain
 * dev.samara.core.MachineBuilder#invokedHousekeeping invoked housekeeping}. Operations in different ranges call it
 * concurrently. A range in several pieces causes several calls.
 *
 * <p><b>Permitted actions.</b> No lock is held. A notifier may look up, reference and change VMAs in any address space,
 * and may block. Blocking delays the operation and other operations in its range, but no others. A call that would have
 * to wait for a range in flight throws {@link IllegalStateException}.
 *
 * <p><b>Failure.</b> An exception is reported to the machine's reporter. Other ranges and other notifiers are still
 * called, and the operation completes.
 */
@FunctionalInterface
public interface MmuNotifier {
    /**
     * Is called when data derived from a range is stale.
     *
     * @param start the first address
     * @param end first address after the range
     * @param reason the change of the range
     */
    void invalidate(long start, long end, Reason reason);

    /** The change of a range. */
    enum Reason {
        /** The mapping was removed; if the operation maps something else there, REPLACED follows. */
        UNMAPPED,
        /**
         * The range now contains another mapping, or a mapping with other pages; {@code resolve} of an address there
         * waits until the operation is complete.
         */
        REPLACED,
        /** The mapping is unchanged, but contains other pages, or none. */
        DISCARDED,
        /** The mapping has fewer rights. */
        PROTECTED,
        /**
         * The mapping and its contents are unchanged, but the next write to a page may copy the page, because a fork or
         * a {@linkplain dev.samara.core.AddressSpace#checkpoint checkpoint} shares it. Only flush listeners are called
         * with this reason. Data that was derived from the contents, such as translated code, stays valid; results of
         * {@link dev.samara.core.guest.FlatMemory#translate} do not. A copy of a page is told as DISCARDED.
         */
        WRITE_PROTECTED,
        /**
         * The mapping is unchanged, but later accesses to it must be recorded. Only flush listeners are called with
         * this reason.
         */
        OBSERVED
    }
}
