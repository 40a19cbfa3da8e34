// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import java.nio.ByteBuffer;

/**
 * The bytes of frames: the physical memory of a simulated machine.
 *
 * <p>A frame is identified by a number from 0 up, and is as large as a page. Values in a frame are little-endian; a
 * value is passed in the low bits of a {@code long}, with the bits above it 0. Atomic methods need an offset that is a
 * multiple of the size. The other methods accept any offset, but all bytes must be in the frame. The callers ensure
 * both, so a store need not check. Any number of threads call a store concurrently.
 */
public interface FrameStore {
    /**
     * Makes frames usable; their initial content is arbitrary. Called once per frame, before any other use, and under a
     * lock.
     *
     * @param first the lowest frame
     * @param count number of frames
     * @return false if there is no memory for the frames; nothing is changed then
     */
    boolean extend(int first, int count);

    /**
     * Reads a number with plain memory access.
     *
     * @param frame the frame
     * @param offset the offset of the lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return the number
     */
    long get(int frame, int offset, int size);

    /**
     * Writes a number with plain memory access.
     *
     * @param frame the frame
     * @param offset the offset of the lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @param value the number; bits above its size are ignored
     */
    void put(int frame, int offset, int size, long value);

    /**
     * Reads a number atomically, with volatile ordering.
     *
     * @param frame the frame
     * @param offset the offset of the lowest byte, a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @return the number
     */
    long getVolatile(int frame, int offset, int size);

    /**
     * Writes a number atomically, with volatile ordering.
     *
     * @param frame the frame
     * @param offset the offset of the lowest byte, a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param value the number
     */
    void putVolatile(int frame, int offset, int size, long value);

    /**
     * Atomically compares a number with an expected value, and writes a new value if they are equal, with volatile
     * ordering.
     *
     * @param frame the frame
     * @param offset the offset of the lowest byte, a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected the expected number
     * @param value the new number
     * @return the old number
     */
    long compareAndExchange(int frame, int offset, int size, long expected, long value);

    /**
     * Fills bytes of a frame with plain memory access.
     *
     * @param frame the frame
     * @param offset the offset of the first byte
     * @param length number of bytes
     * @param value the byte
     */
    void fill(int frame, int offset, int length, byte value);

    /**
     * Copies a whole frame with plain memory access.
     *
     * @param from the source frame
     * @param to the target frame
     */
    void copy(int from, int to);

    /**
     * Copies bytes of a frame to the same or another frame, with plain memory access. The ranges may overlap: the
     * target receives the previous bytes of the source. The default implementation copies through an array.
     *
     * @param from the source frame
     * @param fromOffset the offset of the first byte of the source
     * @param to the target frame
     * @param toOffset the offset of the first byte of the target
     * @param length number of bytes
     */
    default void copy(int from, int fromOffset, int to, int toOffset, int length) {
        byte[] bytes = new byte[length];
        read(from, fromOffset, bytes, 0, length);
        write(to, toOffset, bytes, 0, length);
    }

    /**
     * Copies bytes out of a frame with plain memory access.
     *
     * @param frame the frame
     * @param offset the offset of the first byte
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length number of bytes
     */
    void read(int frame, int offset, byte[] target, int at, int length);

    /**
     * Copies bytes into a frame with plain memory access.
     *
     * @param frame the frame
     * @param offset the offset of the first byte
     * @param source contains the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     */
    void write(int frame, int offset, byte[] source, int at, int length);

    /**
     * Copies bytes out of a frame into a buffer, with plain memory access. The position of the buffer is neither used
     * nor changed. The default implementation copies through an array if the buffer has no array.
     *
     * @param frame the frame
     * @param offset the offset of the first byte
     * @param target receives the bytes; not read-only
     * @param at index of the first byte in {@code target}
     * @param length number of bytes; the caller ensures that they are below the limit of {@code target}
     */
    default void read(int frame, int offset, ByteBuffer target, int at, int length) {
        if (target.hasArray()) {
            read(frame, offset, target.array(), target.arrayOffset() + at, length);
            return;
        }
        byte[] bytes = new byte[length];
        read(frame, offset, bytes, 0, length);
        target.put(at, bytes);
    }

    /**
     * Copies bytes of a buffer into a frame, with plain memory access. The position of the buffer is neither used nor
     * changed. The default implementation copies through an array if the buffer has no array.
     *
     * @param frame the frame
     * @param offset the offset of the first byte
     * @param source contains the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes; the caller ensures that they are below the limit of {@code source}
     */
    default void write(int frame, int offset, ByteBuffer source, int at, int length) {
        if (source.hasArray()) {
            write(frame, offset, source.array(), source.arrayOffset() + at, length);
            return;
        }
        byte[] bytes = new byte[length];
        source.get(at, bytes);
        write(frame, offset, bytes, 0, length);
    }
}
