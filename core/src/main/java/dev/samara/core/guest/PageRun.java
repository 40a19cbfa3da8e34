// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.guest.GuestRun;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;

/**
 * A cursor over the bytes of pages in memory. A <em>run</em> is the range that one translation covers: the rest of a
 * page, or more if the frames of the next pages are adjacent in memory. Its bytes are accessible as a {@link
 * ByteBuffer}: a load or a store is an access of the JVM, without a call, a copy or a lookup. {@link
 * GuestMemory#newRun} creates the cursor, and {@link #seek} finds a run:
 *
 * <pre>{@code
 * long sum = 0;
 * for (long at = start; at < end; at += run.length()) {
 *     if (run.seek(at, (int) Math.min(end - at, 1 << 16), Mman.READ) == 0) {
 *         throw new IllegalStateException(Fault.toString(memory.fault()));
 *     }
 *     ByteBuffer bytes = run.buffer();
 *     for (int i = run.offset(); i < run.offset() + run.length(); i += Long.BYTES) {
 *         sum += bytes.getLong(i);
 *     }
 *     cpu.poll();
 * }
 * }</pre>
 *
 * <p><b>How long a run is valid.</b> A run is a translation of the CPU. It is valid in GUEST until the CPU acknowledges
 * changes by other threads, leaves GUEST, or goes to another space. Until then the bytes are those of the mapping,
 * because the following operations wait for the CPU before they return: a {@code munmap}, {@code mprotect} or {@code
 * fork}, a truncation or an eviction by another thread, a copy of the page on write by another CPU, a new watchpoint,
 * and a collection of dirty pages. So poll often: after each run, and also within a long run. The CPU acknowledges
 * changes, or may leave GUEST, in
 *
 * <ul>
 *   <li>a poll, if another thread requested one ({@link FlatMemory#poll} then returns true);
 *   <li>an access to a page for which the CPU has no translation, including a seek by another cursor, because the fault
 *       is handled outside GUEST;
 *   <li>{@link GuestMemory#copyOut}, {@code copyIn}, {@code copy}, {@code fill} and {@code string}, which poll, and an
 *       access to a watched page;
 *   <li>all calls that must be made outside GUEST.
 * </ul>
 *
 * <p>{@link #isValid} returns whether the run is still valid after such a call. Code that needs two pages at the same
 * time seeks the first page, seeks the second page by another cursor, and seeks the first page again if its run is no
 * longer valid. The bytes of an invalid run may be those of any page. Only a checked machine prevents accesses to them.
 *
 * <p><b>What a store does.</b> A run for WRITE counts as a store to each of its pages when {@link #seek} finds it. A
 * private page is copied. A page of a file becomes dirty, and the next save writes the bytes that the page contains at
 * that time. A save that has already started may miss a store; the next save then writes it. Bytes beyond the end of
 * the file, in its last page, exist only in memory and are not written to the file.
 *
 * <p><b>Order of accesses.</b> Other threads may read and write the bytes concurrently. Plain accesses behave like
 * those of a {@link FlatMemory}: aligned ones do not tear, except on a 32-bit JVM. For ordered and atomic accesses use
 * {@link java.lang.invoke.MethodHandles#byteBufferViewVarHandle}, and the fences of VarHandle. Frames are aligned to 8
 * bytes.
 *
 * <p><b>Checked machines.</b> On a {@linkplain dev.samara.core.MachineBuilder#checked checked} machine each run has its
 * own buffer. The run ends at each poll, with or without a change, and whenever the CPU leaves GUEST. At its end, the
 * pages are compared with the page table, as after an access, and the limit of the buffer becomes 0, so that each later
 * access through the buffer throws {@link IndexOutOfBoundsException} or {@link java.nio.BufferUnderflowException}. This
 * detects code that keeps the buffer too long. It does not detect code that uses a slice, a duplicate or a memory
 * segment of the buffer, or that resets the limit by {@code limit} or {@code clear}, because the JDK cannot revoke
 * these.
 *
 * <p>A cursor belongs to its CPU. Only the owner of the CPU may use it and its buffer; {@code seek} checks that. A CPU
 * that no thread can reach is taken offline, even in GUEST, so keep the cursor or the CPU reachable until the last
 * access, e.g. by a later poll.
 *
 * <p>On JDK 22 and later, {@code MemorySegment.ofBuffer(run.buffer())} returns the run as a segment. This library is
 * compiled for Java 17, so it has no method for that.
 */
@Experimental
public abstract sealed class PageRun permits GuestRun {
    /** Only for the library. */
    protected PageRun() {}

    /**
     * Finds the run at an address, and ends the cursor's previous run. If the page is not accessible yet, the fault is
     * handled outside GUEST, and may wait as for an access. No fault is handled for the pages after the first one: they
     * belong to the run only if they are accessible now, and adjacent in memory. The exception are the pages of a block
     * of a file ({@link dev.samara.core.backing.HostFileOption#BLOCKS_16K}): for READ, or in a shared mapping, they are
     * faulted in, so the run contains the rest of the block, up to the end of the mapping and of the file. It may
     * contain less of the block only if pages of it are removed, or are written to the host, again and again during
     * the call.
     *
     * <p>The call counts as an access to each page of the run. It notifies no watchpoint, so it finds no run at a page
     * that is {@linkplain dev.samara.core.AddressSpace#watch watched} for such an access; access such a page by the
     * methods of {@link GuestMemory}, which report the accesses.
     *
     * @param address of the first byte
     * @param length the maximum length of the run in bytes, positive
     * @param access {@link Mman#READ} for a read-only buffer; WRITE, or READ and WRITE, for a writable buffer,
     *     for which the pages must permit both
     * @return the length of the run in bytes; 0 if none was found: {@link GuestMemory#fault} then returns the reason,
     *     or {@link Fault#NONE} for a watched page
     * @throws IllegalArgumentException if {@code length} is not positive, or {@code access} has another value
     * @throws IllegalStateException if the CPU is not in GUEST, has no space, or is not owned by the caller
     * @throws UnsupportedOperationException if the frames are in an embedder's store ({@link
     *     dev.samara.core.MachineBuilder#frameStore}), which provides no buffers
     */
    public abstract int seek(long address, int length, int access);

    /**
     * Returns the buffer that contains the bytes. Its position is {@link #offset}, its limit is the end of the run, and
     * its byte order is that of the CPU's memory. The caller may change all three; the next seek sets them again. The
     * bytes below the offset are other memory of the machine.
     *
     * @return the buffer; a later run may use the same object
     * @throws IllegalStateException if there is no run, because there was no seek yet, or the last one found none
     */
    public abstract ByteBuffer buffer();

    /**
     * Returns the index at which the run starts in {@link #buffer}.
     *
     * @return the index of the first byte; unspecified if there is no run
     */
    public abstract int offset();

    /**
     * Returns the length of the run.
     *
     * @return bytes; 0 if there is no run
     */
    public abstract int length();

    /**
     * Returns the address of the run.
     *
     * @return the address of its first byte; unspecified if there is no run
     */
    public abstract long address();

    /**
     * Returns whether the bytes may be used now. Costs a few loads. Never waits.
     *
     * @return true if the CPU is in GUEST and has acknowledged no change since the seek; false even if the change
     *     concerned only other pages
     */
    public abstract boolean isValid();
}
