// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.nio.MappedByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A frame store whose frames are in one buffer, as long as the system has memory for the buffer. The methods that take
 * a physical address reach all frames. The caller ensures that the frame cannot be freed during the call.
 */
public interface FrameRegion {
    /** Returns the buffer of the region, which is indexed by physical addresses; null if there is none. */
    @Nullable
    MappedByteBuffer region();

    /** Returns whether an existing frame is in the region. */
    boolean isInRegion(int frame);

    /**
     * Reads a number, little-endian, without memory ordering.
     *
     * @param physical the address of the lowest byte: the frame's number times its size, plus the offset
     * @param size the number of bytes: 1, 2, 4 or 8
     * @return the number, zero-extended
     */
    long get(long physical, int size);

    /**
     * Writes a number, little-endian, without memory ordering.
     *
     * @param physical the address of the lowest byte: the frame's number times its size, plus the offset
     * @param size the number of bytes: 1, 2, 4 or 8
     * @param value the number; bits above its size are ignored
     */
    void put(long physical, int size, long value);
}
