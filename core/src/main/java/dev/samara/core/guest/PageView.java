// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.guest.ViewedPage;
import java.io.Closeable;
import java.nio.ByteBuffer;

/**
 * A read-only view of bytes of memory that outlives the call which created it: {@link GuestMemory#view} or {@link
 * dev.samara.core.AddressSpace#view}. Any thread may read the bytes, without a CPU and without GUEST, until the view is
 * closed, or as long as it is reachable. The bytes stay valid if the mapping changes, its space ends or its machine is
 * closed, because the view pins the frames of the pages as {@link GuestMemory#pin} for reading does, and keeps the
 * machine's memory mapped.
 *
 * <p><b>Which bytes.</b> A view shows frames and not addresses. Stores to the same page are visible in it, in no
 * guaranteed order, until the page at the address is replaced. After that it shows the old bytes:
 *
 * <ul>
 *   <li>After {@code munmap}, {@code MADV_DONTNEED} or the end of the space.
 *   <li>After a truncation or a punched hole removed the page from its file. If the new end of the file is within the
 *       page, the page remains in the file, and its bytes beyond the end become zeros, as for a mapping.
 *   <li>After the first store to a private page that is shared: the store copies the page. This applies to a page of a
 *       private file mapping, a page shared since a fork, and memory that was never written, whose view shows zeros
 *       forever. A private page that belongs to its mapping alone is stored to in place, and the view shows the store.
 * </ul>
 *
 * <p>An eviction does not remove a viewed page, and a fork copies a viewed private page for the child. No operation
 * waits for a view. Reads through a view notify no watchpoint.
 *
 * <p>A viewed page of a host file is saved like other pages, and is not written because of the view. However, a page
 * that was dirty for another reason than a store through a present entry, e.g. because a call wrote it, stays dirty
 * until the view is released: {@code fsync}, {@code syncRange} and the periodic writes write it each time, and {@link
 * dev.samara.core.backing.HostFile#dirtyRanges} lists it.
 *
 * <p><b>Copies.</b> Views pin at most an eighth of the memory of each page size, and pages of host files at most an
 * eighth of the {@link dev.samara.core.MachineBuilder#cacheLimit}. A page counts once for each view. At this bound, or
 * if the frames of several pages are not adjacent in memory, or are in an embedder's frame store, the call copies the
 * bytes to the heap instead ({@link #isCopy}). Such a view shows the bytes of the call forever. {@link
 * dev.samara.core.MachineStatistics#viewCopies} counts the copies.
 *
 * <p><b>Release.</b> {@link #close} releases the pages. The thread that calls it must make sure that no other thread is
 * using the buffer. Only a checked machine prevents later accesses through the buffer: it sets the limit of the buffer
 * to 0. A view that is not closed is released after both the view and its {@link #buffer} became unreachable, by a
 * later call to the machine that creates a view or needs memory. Slices, duplicates and memory segments of the buffer
 * do <em>not</em> keep it reachable: keep the view in a field next to them.
 */
@Experimental
public abstract sealed class PageView implements Closeable permits ViewedPage {
    /** Only for the library. */
    protected PageView() {}

    /**
     * Returns the bytes: a read-only buffer whose index 0 is the first byte, and whose limit is the length of the view.
     * The byte order is little-endian. All threads share the position, limit and order of the buffer, so access it by
     * index, or use a duplicate for each thread.
     *
     * @return the buffer, always the same one
     * @throws IllegalStateException if the view is closed
     */
    public abstract ByteBuffer buffer();

    /**
     * Returns whether the bytes are a copy on the heap, which does not show later stores.
     *
     * @return false if the view pins the pages
     */
    public abstract boolean isCopy();

    /** Releases the pages, on any thread. Does nothing if the view is closed. Never waits. */
    @Override
    public abstract void close();
}
