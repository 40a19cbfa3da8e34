// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Is called when mappings, pages or rights are removed, before the addresses are reused ({@code mmu_notifier_ops}). An
 * embedder can drop data that it derived from them, such as page tables or translated code.
 *
 * <p><b>When.</b> A notifier is called for each range in which an operation has unmapped, replaced, moved or discarded
 * memory, or removed rights. The call comes after the publication, so lookups already find the new layout, and before
 * the operation is complete. Until all notifiers have returned, nothing is placed in the range, and operations in that
 * range wait. Data that a notifier drops can therefore not belong to the next mapping of the range, and data from a
 * lookup that begins after the call is not outdated. An embedder that fills in data during the call must order that
 * itself. With early reuse another mapping may exist there already; {@code resolve} waits at it. A notifier is not
 * called for a range that gains rights, grows, is cut or joined, nor for a copy by a fork, nor for pages that a page
 * cache removes.
 *
 * <p>Discarded pages go after the call, since nothing may use a page after it is free. The layout has not changed, so a
 * lookup between the call and the end of the operation may find the page still. An embedder that looks pages up at that
 * time drops the data again when the operation has returned. Data that it derives from accesses of CPUs is dropped in
 * time by a {@link FlushListener}, which is called when no CPU finds the page any more.
 *
 * <p>A {@linkplain dev.samara.core.PageTableRef#reap reap} calls a notifier for each mapping that it empties, or for
 * parts of a large one. The call comes when no CPU finds the pages any more, and before they are free. So data that is
 * looked up again meanwhile is dropped, too. If there is no memory to wait for the CPUs, they may still find the pages
 * during the call. Operations in that range go on during the call, and may have placed another mapping there.
 *
 * <p>While a space has a notifier, the machine drops none of its {@linkplain dev.samara.core.mman.MapFlags#DROPPABLE
 * droppable} pages when no frame is free.
 *
 * <p><b>Threads.</b> The thread of the operation calls it. For an asynchronous operation, a thread of the machine does,
 * or any thread that makes steps of the {@linkplain dev.samara.core.MachineBuilder#invokedHousekeeping invoked
 * housekeeping}; the machine's own reaps are called for so, too. Operations in different ranges call it at the same
 * time. A range in several pieces causes several calls.
 *
 * <p><b>Freedom.</b> No lock is held. A notifier may look up, reference and change VMAs in any address space, and may
 * block. The operation takes as long, and so do operations in its range; no other operation waits. A call that would
 * itself have to wait for a range in flight throws {@link IllegalStateException}.
 *
 * <p><b>Failure.</b> An exception is reported to the machine's reporter. Other ranges and other notifiers are still
 * called, and the operation completes.
 */
@FunctionalInterface
public interface MmuNotifier {
    /**
     * Is called when data about a range is outdated.
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
        /** Another mapping is there now, or a mapping with other pages; {@code resolve} waits for it. */
        REPLACED,
        /** The mapping is unchanged, with other pages or none. */
        DISCARDED,
        /** The mapping has fewer rights. */
        PROTECTED,
        /** The mapping is unchanged, but its accesses are recorded again; only flush listeners are called. */
        OBSERVED
    }
}
