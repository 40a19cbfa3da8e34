// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

/**
 * The bytes of frames: the physical memory of a simulated machine.
 *
 * <p>A frame is a number from 0 up; it has as many bytes as a page. Numbers in a frame are little-endian, in the low
 * bits of a {@code long}, the bits above them 0. Methods that are atomic need an offset that is a multiple of the size;
 * the others do not, but all bytes must lie in the frame. Callers see to both, and a store need not check. Thread-safe
 * as each method says.
 */
public interface FrameStore {
    /**
     * Makes frames usable, with any content. Called once per number, before any other use, and under a lock.
     *
     * @param first the lowest
     * @param count how many
     * @return false if there is no memory for them; then nothing has changed
     */
    boolean extend(int first, int count);

    /**
     * Reads, without order.
     *
     * @param frame which frame
     * @param offset of the lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return the number
     */
    long get(int frame, int offset, int size);

    /**
     * Writes, without order.
     *
     * @param frame which frame
     * @param offset of the lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @param value the number; bits above its size are ignored
     */
    void put(int frame, int offset, int size, long value);

    /**
     * Reads atomically, in the order of volatile variables.
     *
     * @param frame which frame
     * @param offset of the lowest byte, a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @return the number
     */
    long getVolatile(int frame, int offset, int size);

    /**
     * Writes atomically, in the order of volatile variables.
     *
     * @param frame which frame
     * @param offset of the lowest byte, a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param value the number
     */
    void putVolatile(int frame, int offset, int size, long value);

    /**
     * Writes if what is there is expected, atomically, in the order of volatile variables.
     *
     * @param frame which frame
     * @param offset of the lowest byte, a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected what must be there
     * @param value what is written
     * @return what was there
     */
    long compareAndExchange(int frame, int offset, int size, long expected, long value);

    /**
     * Fills bytes of a frame, without order.
     *
     * @param frame which frame
     * @param offset of the first byte
     * @param length how many bytes
     * @param value with what
     */
    void fill(int frame, int offset, int length, byte value);

    /**
     * Copies a whole frame, without order.
     *
     * @param from from which
     * @param to to which
     */
    void copy(int from, int to);

    /**
     * Copies bytes out of a frame, without order.
     *
     * @param frame which frame
     * @param offset of the first byte
     * @param target where to
     * @param at the first index there
     * @param length how many bytes
     */
    void read(int frame, int offset, byte[] target, int at, int length);

    /**
     * Copies bytes into a frame, without order.
     *
     * @param frame which frame
     * @param offset of the first byte
     * @param source where from
     * @param at the first index there
     * @param length how many bytes
     */
    void write(int frame, int offset, byte[] source, int at, int length);
}
