// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.guest.FramePin;
import java.nio.ByteBuffer;

/**
 * A pin of a page, which {@link GuestMemory#pin} returns. The bytes of the page stay usable until the pin is released,
 * even if the mapping changes, its space ends or its machine is closed. Pins are for devices and long I/O, which do not
 * use a CPU. {@link #buffer} returns the bytes as a buffer, which a channel of the host can fill or write out without a
 * copy. The other accesses are those of a {@link dev.samara.core.vma.FrameStore}, within the page, and work on all
 * machines.
 *
 * <p>A pin refers to a frame, so it depends neither on the CPU nor on the space through which it was acquired. Any
 * thread may use and release it, even a thread without a CPU, or with a CPU that is LAZY or in a space with another
 * page size. This remains true after the end of the CPU, its thread and the space. No operation waits for a pin. A pin
 * and the access that it permits are independent of the mapping: {@code munmap} and {@code mprotect} do not end them,
 * and a {@linkplain dev.samara.core.MachineBuilder#checked checked} machine does not check accesses through a pin.
 * While a page is pinned:
 *
 * <ul>
 *   <li>After a {@code munmap}, {@code MADV_DONTNEED} or the end of the space, the bytes of the pin are no longer those
 *       at the address, where other memory or nothing is mapped.
 *   <li>A truncation or a punched hole removes the page from its file. Later stores through the pin reach no file.
 *   <li>An eviction does not remove a pinned page from memory.
 *   <li>A private page that is pinned for writing belongs to its mapping alone. A fork copies it for the child
 *       immediately, so the pin and the parent continue to see the same bytes. A private page that is pinned for
 *       reading may be shared: then the next store of the guest copies the page, and the pin refers to the old bytes.
 *       So pin for writing if the pin must see later stores of the guest ({@code FOLL_LONGTERM} breaks such sharing on
 *       Linux).
 *   <li>Each save writes a file page that is pinned for writing, with the bytes that the page contains at that time.
 *       Stores after the last save of the file are lost.
 * </ul>
 *
 * <p>A frame that is pinned for writing counts as written from then on until it is freed. A pin for reading, of a page
 * that was never written, may refer to the machine's zero page.
 *
 * <p>After the release, each access throws {@link IllegalStateException}. The caller must make sure that no thread uses
 * the page at the time of the release, because an access that another thread has already started may reach another
 * page. The buffer must not be used after the release, but only a checked machine prevents that: it sets the limit of
 * the buffer to 0, so that each access through the buffer fails. Accesses through slices, duplicates and memory
 * segments of the buffer are not detected.
 *
 * <p>A pin that is never released keeps its frame forever, even after the pin has become unreachable, because a device
 * may still use the bytes. {@link dev.samara.core.MachineStatistics#pins} counts the pins, and on a machine that
 * {@linkplain dev.samara.core.MachineBuilder#trackReferences tracks references}, {@link
 * dev.samara.core.Machine#outstandingReferences} returns the stack trace of each pin.
 */
public abstract sealed class PinnedFrame implements AutoCloseable permits FramePin {
    /** Only for the library. */
    protected PinnedFrame() {}

    /**
     * Returns the number of the frame. Two pins of the same page of a machine return the same number.
     *
     * @return the number of the frame
     * @throws IllegalStateException if the pin is released, because the frame may then contain another page
     */
    public abstract int frame();

    /**
     * Returns the bytes of the page. Index 0 is the first byte of the page, and the limit is the page size. The byte
     * order is little-endian; for another order use a {@linkplain ByteBuffer#duplicate duplicate}. All threads that use
     * the pin share the position, limit and order of the buffer, so access it by index, or use a duplicate for each
     * thread. {@link java.lang.invoke.MethodHandles#byteBufferViewVarHandle} provides ordered and atomic accesses to
     * it.
     *
     * @return the buffer, always the same one; read-only unless the pin is for writing
     * @throws IllegalStateException if the pin is released
     * @throws UnsupportedOperationException if the frames are in an embedder's store ({@link
     *     dev.samara.core.MachineBuilder#frameStore}), which provides no buffers
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
     * Returns whether the frame was pinned for writing. Otherwise its bytes must not be written through the pin.
     *
     * @return whether the access had WRITE of {@link dev.samara.core.mman.Mman}
     */
    public abstract boolean isWritable();

    /**
     * Releases the pin, on any thread. If that was the last use of the frame, the frame is freed. Never waits.
     *
     * @throws IllegalStateException if the pin was already released; nothing is changed then
     */
    @Override
    public abstract void close();
}
