// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.util.Arrays;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The regions of a frame store: one region for up to 1 GiB, and otherwise regions of 1 GiB each in the order of the
 * frames, because a buffer is limited to 2 GiB. All but the first are opened when they are needed, so that a large
 * store is created fast. Called under a lock, except for {@link #first}.
 */
final class FrameRegions {
    private final long size;
    private final long most;
    private final LongFunction<@Nullable SparseRegion> opener;

    /**
     * Words: {@code regions}, {@code isFull}.
     * Written: a thread that creates frames, holding {@code lock} of the {@code FramePool} (plain).
     * Read: a thread that creates frames, holding {@code lock} of the {@code FramePool} (plain).
     * Invariant: an element is set once, the first one by the constructor; {@code isFull} is never reset.
     */
    private final @Nullable SparseRegion[] regions;

    private final MappedByteBuffer[] buffers;
    private final SparseRegion first;

    /** Whether the system refused a region or a part of a region. After that, no more memory is requested. */
    private boolean isFull;

    private FrameRegions(
            long size, long most, LongFunction<@Nullable SparseRegion> opener, int count, SparseRegion first) {
        this.size = size;
        this.most = most;
        this.opener = opener;
        this.first = first;
        regions = new SparseRegion[count];
        regions[0] = first;
        // The other regions are not open yet, and contain no frame.
        buffers = new MappedByteBuffer[count];
        Arrays.fill(buffers, first.bytes());
    }

    /** Returns regions for a number of bytes, of which no part is provided yet; null if the system has no room. */
    static @Nullable FrameRegions open(long size) {
        return SparseRegion.hasRoom(size)
                ? open(size, SparseRegion.MOST_MEMORY, SparseRegion.ZERO_PAGE, SparseRegion::open)
                : null;
    }

    /**
     * Returns regions for a number of bytes; null if the system has no room.
     *
     * @param most the size of a region in bytes
     * @param more the maximum number of bytes by which the last region may exceed that size, less than {@code most}
     * @param opener opens a region of a size, or returns null
     */
    static @Nullable FrameRegions open(long size, long most, long more, LongFunction<@Nullable SparseRegion> opener) {
        int count = (int) Math.max(1, (size - more + most - 1) / most);
        SparseRegion first = opener.apply(count == 1 ? size : most);
        return first == null ? null : new FrameRegions(size, most, opener, count, first);
    }

    /** Returns the bytes of the first region, little-endian; always the same object. */
    MappedByteBuffer first() {
        return first.bytes();
    }

    /**
     * Returns the bytes of the regions, little-endian; always the same array. An element is set before a part of its
     * region is provided.
     */
    MappedByteBuffer[] buffers() {
        return buffers;
    }

    /** Returns the size in bytes of each region but the last, which contains the rest. */
    long size() {
        return most;
    }

    /**
     * Takes memory from the system for a part, which is in one region.
     *
     * @param from the offset of the part from the start of the first region
     * @return the part; null if the system has no memory for it or for an earlier part
     */
    @Nullable
    ByteBuffer provide(long from, int bytes) {
        int number = (int) Math.min(from / most, regions.length - 1);
        SparseRegion region = isFull ? null : region(number);
        if (region != null) {
            long at = from - number * most;
            // Created before the memory is taken, so that nothing was taken if the heap has no memory for this object.
            ByteBuffer part = region.bytes().slice((int) at, bytes).order(ByteOrder.LITTLE_ENDIAN);
            if (region.provide(at, bytes)) {
                return part;
            }
        }
        isFull = true;
        return null;
    }

    private @Nullable SparseRegion region(int number) {
        SparseRegion region = regions[number];
        if (region == null) {
            region = opener.apply(number == regions.length - 1 ? size - number * most : most);
            regions[number] = region;
            if (region != null) {
                buffers[number] = region.bytes();
            }
        }
        return region;
    }
}
