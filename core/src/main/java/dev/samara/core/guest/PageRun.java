// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.guest.GuestRun;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import java.nio.ByteBuffer;

/**
 * A cursor over the bytes of pages as they lie in memory. A <em>run</em> is what one translation covers: the rest of a
 * page, or more if the frames of the next pages follow each other in memory. Its bytes are those of a {@link
 * ByteBuffer}: a load or a store is one of the JVM, without a call, a copy or a lookup. {@link GuestMemory#newRun}
 * makes the cursor, and {@link #seek} finds a run:
 *
 * <pre>{@code
 * long sum = 0;
 * for (long at = start; at < end; at += run.length()) {
 *     if (run.seek(at, (int) Math.min(end - at, 1 << 16), Protection.READ) == 0) {
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
 * <p><b>How long a run is valid.</b> It is a translation of the CPU, and is valid in GUEST until the CPU acknowledges
 * changes of other threads, leaves GUEST, or goes to another space. Until then the bytes are those of the mapping. A
 * {@code munmap}, {@code mprotect} or {@code fork}, a truncation or an eviction by another thread, a copy of the page
 * on write by another CPU, a new watchpoint and a collection of dirty pages have not returned yet: they wait for the
 * CPU. So poll often: after each run, and within a long one too. The CPU acknowledges changes or may leave GUEST in
 *
 * <ul>
 *   <li>a poll, if another thread has asked for one ({@link FlatMemory#poll} returns true then);
 *   <li>an access to a page for which the CPU has no translation, a seek by another cursor among them: it handles a
 *       fault out of GUEST;
 *   <li>{@link GuestMemory#copyOut}, {@code copyIn}, {@code copy}, {@code fill} and {@code string}, which poll, and an
 *       access to a watched page;
 *   <li>all calls that are made out of GUEST.
 * </ul>
 *
 * <p>{@link #isValid} returns whether a run has outlived such a call. Code that needs two pages at the same time seeks
 * the first one, seeks the second one by another cursor, and seeks the first one again if it is not valid any more. The
 * bytes of a run that is not valid may be those of any page. Nothing stops an access to them, but on a checked machine.
 *
 * <p><b>What a store does.</b> A run for WRITE counts as a store to each of its pages when it is found: a private page
 * is copied, a page of a file is dirty, and is written by the next save with the bytes that it has then. Stores after
 * a save has begun are in that save or the next one. Bytes after the end of the file in its last page are those of
 * memory: they are not written to the file.
 *
 * <p><b>Order of accesses.</b> The bytes are memory that other threads read and write at the same time. Plain accesses
 * are as those of a {@link FlatMemory}: aligned ones are not torn, but on a JVM of 32 bits. For others use {@link
 * java.lang.invoke.MethodHandles#byteBufferViewVarHandle} and its fences. The frames of a page are aligned to 8 bytes.
 *
 * <p><b>Checked machines.</b> On a {@linkplain dev.samara.core.MachineBuilder#checked checked} machine each run has a
 * buffer of its own. The run ends with each poll, whether there was a change or not, and whenever the CPU leaves GUEST.
 * Then the pages are compared with the page table, as after an access, and the buffer has the limit 0: each later
 * access by it throws {@link IndexOutOfBoundsException} or {@link java.nio.BufferUnderflowException}. This finds code
 * that keeps the buffer. It does not find code that uses a slice or a duplicate of the buffer, a memory segment of it,
 * or the buffer after a call of its {@code limit} or {@code clear}: the JDK has no way to take those back.
 *
 * <p>A cursor belongs to its CPU. Only the owner of the CPU may use it and its buffer; {@code seek} checks that. A CPU
 * that no thread can reach any more is taken offline, also in GUEST, so keep the cursor or the CPU reachable until the
 * last access: a later poll does so.
 *
 * <p>JDK 22 and later have {@code MemorySegment.ofBuffer(run.buffer())}, which is the run as a segment; this library is
 * compiled for 17, so it has no method for it.
 */
@Experimental
public abstract sealed class PageRun permits GuestRun {
    /** Only for the library. */
    protected PageRun() {}

    /**
     * Finds the run at an address, and ends the run before it. If the page is not accessible yet, the fault is handled
     * out of GUEST, and may wait like an access. It handles no fault for the pages after the first one: they belong to
     * the run if they are accessible now, and lie behind it in memory.
     *
     * <p>The access counts as one to each page of the run. Watchers are not told of it, so a page that is {@linkplain
     * dev.samara.core.AddressSpace#watch watched} for the access has no run: make the accesses to it by a method of
     * {@link GuestMemory}, which reports them.
     *
     * @param address of the first byte
     * @param length the most bytes that are needed, positive
     * @param access {@link Protection#READ} for a buffer that cannot be written; WRITE, or READ and WRITE, for one
     *     that can. The pages must permit both then
     * @return the number of bytes; 0 if there is none: {@link GuestMemory#fault} has the reason, or {@link Fault#NONE}
     *     for a watched page
     * @throws IllegalArgumentException if {@code length} is not positive, or {@code access} is another one
     * @throws IllegalStateException if the CPU is not in GUEST, has no space, or is not owned by the caller
     * @throws UnsupportedOperationException if the frames are in a store of the embedder's ({@link
     *     dev.samara.core.MachineBuilder#frameStore}), which has no buffers
     */
    public abstract int seek(long address, int length, int access);

    /**
     * Returns the buffer that has the bytes. Its position is {@link #offset}, its limit is behind the run, and its byte
     * order that of the memory. The caller may change all three; the next seek sets them. The bytes below the offset
     * are other memory of the machine.
     *
     * @return the buffer; that of a later run may be the same object
     * @throws IllegalStateException if there is no run: no seek yet, or the last one found nothing
     */
    public abstract ByteBuffer buffer();

    /**
     * Returns where the run begins in {@link #buffer}.
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
     * @return true if the CPU is in GUEST and has acknowledged no change since the seek. It does not compare ranges:
     *     the change may be one of other pages
     */
    public abstract boolean isValid();
}
