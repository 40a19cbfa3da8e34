// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.guest.FramePin;
import java.nio.ByteBuffer;

/**
 * A pin of a page, as {@link GuestMemory#pin} returns it. The bytes of the page stay usable until the pin is released,
 * even if the mapping changes, its space ends or its machine is closed. For devices and long I/O, which do not use a
 * CPU. {@link #buffer} has the bytes as a buffer, which a channel of the host can fill or write out without a copy. The
 * other accesses are those of a {@link dev.samara.core.vma.FrameStore}, within the page, and serve all machines.
 *
 * <p>The bytes are those of a frame, so it depends neither on the CPU nor on the space by which it was taken.
 * Any thread may use it and release it, also a thread without a CPU, or with a CPU that is LAZY or in a space with
 * another page size. That remains so after the end of the CPU, of its thread and of the space. No operation waits for a
 * pin. A pin and the access that it permits are independent of the mapping: {@code munmap} and {@code mprotect} do not
 * end them, and a {@linkplain dev.samara.core.MachineBuilder#checked checked} machine does not check them. What becomes
 * of the page in the meantime:
 *
 * <ul>
 *   <li>After a {@code munmap}, {@code MADV_DONTNEED} or the end of the space the bytes are those of the pin alone. The
 *       address has other bytes, or none.
 *   <li>A truncation or a hole takes the page out of its file. Later stores through the pin are in no file.
 *   <li>An eviction leaves a pinned page in memory.
 *   <li>A private page that is pinned for writing is the mapping's own. A fork copies it for the child at once, so the
 *       pin and the parent have the same bytes. One that is pinned for reading may be shared: the next store of the
 *       guest copies it, and the pin has the old bytes. So pin for writing where the guest's later stores are to be
 *       seen ({@code FOLL_LONGTERM} breaks such sharing on Linux).
 *   <li>A page of a file that is pinned for writing is written by each save, with the bytes that it has then. Stores
 *       after the last save of the file are lost.
 * </ul>
 *
 * <p>A frame that is pinned for writing counts as written from the pin until the frame is free. A pin of a page that
 * was never written, for reading, may be one of the machine's page of zeros.
 *
 * <p>Each access throws {@link IllegalStateException} after the release. Only the caller knows that no thread uses the
 * page at the time of the release: an access that another thread has begun may be one to another page. A buffer
 * outlives its pin, and nothing stops an access to it then, but on a checked machine: there it has the limit 0 after
 * the release, so each access by it fails. Slices, duplicates and memory segments of it are not found.
 *
 * <p>A pin that is never released keeps its frame for ever, also after the pin has become unreachable: a device may
 * still use the bytes. {@link dev.samara.core.MachineStatistics#pins} counts the pins, and on a machine that
 * {@linkplain dev.samara.core.MachineBuilder#trackReferences tracks references}, {@link
 * dev.samara.core.Machine#outstandingReferences} has the stack trace of each.
 */
public abstract sealed class PinnedFrame implements AutoCloseable permits FramePin {
    /** Only for the library. */
    protected PinnedFrame() {}

    /**
     * Returns the frame: two pins of one page of the same machine have one number.
     *
     * @return the number of the frame
     * @throws IllegalStateException if the pin is released: the frame may be another page then
     */
    public abstract int frame();

    /**
     * Returns the bytes of the page. Index 0 is the first byte of the page, and the limit its size. The byte order is
     * little-endian; set another one on a {@linkplain ByteBuffer#duplicate duplicate}. Its position, limit and order
     * are those of all threads that use the pin, so use indices, or a duplicate for each thread. {@link
     * java.lang.invoke.MethodHandles#byteBufferViewVarHandle} has ordered and atomic accesses to it.
     *
     * @return the buffer, always the same one; read-only unless the pin is for writing
     * @throws IllegalStateException if the pin is released
     * @throws UnsupportedOperationException if the frames are in a store of the embedder's ({@link
     *     dev.samara.core.MachineBuilder#frameStore}), which has no buffers
     */
    @Experimental
    public abstract ByteBuffer buffer();

    /**
     * Reads a number, little-endian, with plain memory access.
     *
     * @param offset of the lowest byte in the page
     * @param size bytes: 1, 2, 4 or 8
     * @return the number, zero-extended
     * @throws IndexOutOfBoundsException if a byte is not in the page
     * @throws IllegalStateException if the pin is released
     */
    public abstract long get(int offset, int size);

    /**
     * Writes a number, little-endian, with plain memory access.
     *
     * @param offset of the lowest byte in the page
     * @param size bytes: 1, 2, 4 or 8
     * @param value the number; bits above its size are ignored
     * @throws IndexOutOfBoundsException if a byte is not in the page
     * @throws java.nio.ReadOnlyBufferException if the pin is not for writing
     * @throws IllegalStateException if the pin is released
     */
    public abstract void put(int offset, int size, long value);

    /**
     * Reads a number, little-endian, atomically, with volatile ordering.
     *
     * @param offset of the lowest byte in the page, a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @return the number, zero-extended
     * @throws IllegalArgumentException if the offset is not a multiple of the size
     * @throws IndexOutOfBoundsException if a byte is not in the page
     * @throws IllegalStateException if the pin is released
     */
    public abstract long getVolatile(int offset, int size);

    /**
     * Writes a number, little-endian, atomically, with volatile ordering.
     *
     * @param offset of the lowest byte in the page, a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param value the number; bits above its size are ignored
     * @throws IllegalArgumentException if the offset is not a multiple of the size
     * @throws IndexOutOfBoundsException if a byte is not in the page
     * @throws java.nio.ReadOnlyBufferException if the pin is not for writing
     * @throws IllegalStateException if the pin is released
     */
    public abstract void putVolatile(int offset, int size, long value);

    /**
     * Compares a number with an expected one, and writes a new one if they are equal, atomically, with volatile
     * ordering.
     *
     * @param offset of the lowest byte in the page, a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected the expected number; bits above its size are ignored
     * @param value the new number; bits above its size are ignored
     * @return the old number, zero-extended
     * @throws IllegalArgumentException if the offset is not a multiple of the size
     * @throws IndexOutOfBoundsException if a byte is not in the page
     * @throws java.nio.ReadOnlyBufferException if the pin is not for writing
     * @throws IllegalStateException if the pin is released
     */
    public abstract long compareAndExchange(int offset, int size, long expected, long value);

    /**
     * Returns the size of the frame.
     *
     * @return bytes
     */
    public abstract int pageSize();

    /**
     * Returns whether the frame was pinned for writing. The bytes of another one must not be written through the pin.
     *
     * @return whether the access had WRITE of {@link dev.samara.core.mman.Protection}
     */
    public abstract boolean isWritable();

    /**
     * Releases the pin, on any thread. If that was the last use of the frame, the frame is free. Never waits.
     *
     * @throws IllegalStateException if the pin has been released before; nothing is changed then
     */
    @Override
    public abstract void close();
}
