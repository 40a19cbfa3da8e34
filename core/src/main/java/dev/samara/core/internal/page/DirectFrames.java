// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.vma.FrameStore;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Frames in buffers outside the heap, which support every width and access mode, on every JDK, without a flag. Views of
 * byte arrays are faster for plain accesses, but have had no atomic accesses since JDK 23. The buffers are parts of
 * regions as long as the system has memory for regions, and direct buffers otherwise.
 *
 * <p>Direct buffers do not support compare-and-set of one or two bytes. Such an operation is done on the four aligned
 * bytes that contain them.
 */
public final class DirectFrames implements FrameStore, FrameRegion {
    /**
     * Written: guests, by {@code putVolatile} (volatile).
     * Read: guests, by {@code getVolatile} (volatile).
     * Invariant: the bytes of frames: the guest decides their order. Plain accesses use the buffers and no handle.
     */
    private static final VarHandle SHORT =
            MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    /**
     * Written: guests: {@code putVolatile} (volatile), {@code compareAndExchange} (compare-and-exchange, also for 1 and
     *     2 bytes). A byte is stored plainly between a release fence and a full fence.
     * Read: guests: {@code getVolatile} (volatile, also for 1 byte), {@code compareAndExchange} (compare-and-exchange,
     *     after a volatile read for 1 and 2 bytes).
     * Invariant: the bytes of frames: the guest decides their order. An exchange of a part of a word changes no other
     *     part.
     */
    private static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    /**
     * Written: guests: {@code putVolatile} (volatile), {@code compareAndExchange} (compare-and-exchange).
     * Read: guests: {@code getVolatile} (volatile), {@code compareAndExchange} (compare-and-exchange).
     * Invariant: the bytes of frames: the guest decides their order.
     */
    private static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final long BYTE_MASK = 0xffL;
    private static final long SHORT_MASK = 0xffffL;
    private static final long INT_MASK = 0xffff_ffffL;

    private final int pageShift;
    private final int chunkShift;
    private final int inChunk;

    /**
     * A frame of zeros. Copying it is one call of the JVM's fastest copy routine, whereas a loop of stores is slower.
     */
    private final ByteBuffer zeros;

    private final int mostFrames;

    /** The mask that extracts the offset in a chunk from a physical address if there are several chunks. */
    private final int chunkMask;

    /** The buffer of each chunk. An element is set before a frame of its chunk is handed out. */
    private final ByteBuffer[] chunks;

    private final @Nullable FrameRegions regions;

    /** The number of the first frame that is not in the first region. */
    private int regionEnd;

    /** The buffers of the regions: so few that they stay in the processor's caches. Empty without regions. */
    private final MappedByteBuffer[] wide;

    private final int wideShift;

    /**
     * Below this physical address, a frame is in the region whose index is its address shifted by {@link #wideShift}.
     */
    private long wideEnd;

    /**
     * The only buffer, if all chunks are in the first region or there is only one chunk, which saves the lookup;
     * otherwise null.
     *
     * <p>Words: {@code whole}, {@code chunks}, {@code regionEnd}, {@code wideEnd} and the elements of {@code wide}.
     * Written: the thread that makes frames, before their numbers are given out (plain).
     * Read: any thread, with such a number (plain).
     * Invariant: an element of {@code chunks} is set once. A thread that still reads {@code whole} as null uses {@code
     *     wide} or {@code chunks}. With regions, {@code whole} is the first region's buffer until a chunk is created
     *     outside of the first region: in another region, or, if the system has no memory for regions, elsewhere.
     *     Before a thread can read the number of a frame of that chunk, {@code regionEnd} is at most the chunk's first
     *     frame, {@code whole} is null, and either the element of {@code wide} is the region of the frame, or {@code
     *     wideEnd} is at most the frame's address.
     */
    private @Nullable ByteBuffer whole;

    /**
     * Creates a store without frames and without a region.
     *
     * @param pageShift binary logarithm of the size of a frame in bytes
     * @param chunkShift binary logarithm of the number of frames in a chunk
     * @param mostFrames the maximum number of frames
     */
    public DirectFrames(int pageShift, int chunkShift, int mostFrames) {
        this(pageShift, chunkShift, mostFrames, null);
    }

    /**
     * Creates a store without frames.
     *
     * @param pageShift binary logarithm of the size of a frame in bytes
     * @param chunkShift binary logarithm of the number of frames in a chunk
     * @param mostFrames the maximum number of frames
     * @param hasRegions whether frames are in regions, as long as the system provides them
     */
    public DirectFrames(int pageShift, int chunkShift, int mostFrames, boolean hasRegions) {
        this(pageShift, chunkShift, mostFrames, hasRegions ? FrameRegions.open((long) mostFrames << pageShift) : null);
    }

    DirectFrames(int pageShift, int chunkShift, int mostFrames, @Nullable FrameRegions regions) {
        this.pageShift = pageShift;
        this.chunkShift = chunkShift;
        this.mostFrames = mostFrames;
        inChunk = (1 << chunkShift) - 1;
        zeros = ByteBuffer.allocateDirect(1 << pageShift);
        chunks = new ByteBuffer[(int) (((long) mostFrames + inChunk) >>> chunkShift)];
        chunkMask = (1 << (pageShift + chunkShift)) - 1;
        this.regions = regions;
        if (regions == null) {
            wide = new MappedByteBuffer[0];
            wideShift = 0;
        } else {
            whole = regions.first();
            regionEnd = whole.capacity() >>> pageShift;
            wide = regions.buffers();
            wideShift = Long.numberOfTrailingZeros(regions.size());
            // The last region may be larger, and then contains frames beyond wideEnd.
            wideEnd = Long.bitCount(regions.size()) == 1 ? wide.length * regions.size() : 0;
        }
    }

    /** Returns whether the system currently has room for regions that contain a number of bytes of frames. */
    public static boolean mayHaveRegions(long bytes) {
        return SparseRegion.hasRoom(bytes);
    }

    @Override
    public @Nullable MappedByteBuffer region() {
        return regions == null ? null : regions.first();
    }

    @Override
    public boolean isInRegion(int frame) {
        return frame < regionEnd;
    }

    @Override
    public boolean extend(int first, int count) {
        try {
            for (int frame = first; frame < first + count; frame += inChunk + 1) {
                int bytes = Math.min(inChunk + 1, mostFrames - frame) << pageShift;
                chunks[frame >>> chunkShift] = newChunk(frame, bytes);
            }
            if (regions == null) {
                whole = chunks.length == 1 ? chunks[0] : null;
            }
            return true;
        } catch (OutOfMemoryError exhausted) {
            return false;
        }
    }

    /**
     * Creates a chunk, in a region if possible. Once the system has no memory for a chunk in a region, this chunk and
     * all later ones are direct buffers.
     */
    private ByteBuffer newChunk(int frame, int bytes) {
        ByteBuffer chunk = regions == null ? null : regions.provide((long) frame << pageShift, bytes);
        if (regions != null && (chunk == null || frame >= regionEnd)) {
            regionEnd = Math.min(regionEnd, frame);
            whole = null;
        }
        if (chunk == null) {
            wideEnd = Math.min(wideEnd, (long) frame << pageShift);
        }
        return chunk == null ? direct(bytes) : chunk;
    }

    private static ByteBuffer direct(int bytes) {
        // The JVM does not guarantee an alignment of direct buffers, but atomic accesses need a multiple of 8.
        return ByteBuffer.allocateDirect(bytes + Long.BYTES)
                .alignedSlice(Long.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Returns whether two frames are in the same buffer. */
    public boolean areTogether(int frame, int other) {
        return frame >>> chunkShift == other >>> chunkShift;
    }

    /**
     * Returns bytes of consecutive frames that are in one buffer. The bytes stay valid until one of the frames is
     * freed.
     *
     * @param first the first frame
     * @param length the number of bytes, from the start of the first frame
     * @return a buffer with its own position and limit
     */
    public ByteBuffer bytes(int first, int length) {
        return chunk(first).slice(at(first, 0), length);
    }

    /**
     * Returns the maximum number of buffers, which is the required length of the array for {@link #bytes(int, int,
     * ByteBuffer[])}.
     */
    public int buffers() {
        return chunks.length;
    }

    /**
     * Returns bytes of consecutive frames, like {@link #bytes(int, int)}, from the position to the limit of a buffer.
     * The buffer is created once and kept in the array.
     *
     * @param views buffers of one thread, null at first; see {@link #buffers}
     */
    public ByteBuffer bytes(int first, int length, @Nullable ByteBuffer[] views) {
        int at = first >>> chunkShift;
        ByteBuffer view = views[at];
        if (view == null) {
            view = chunk(first).duplicate();
            views[at] = view;
        }
        int start = at(first, 0);
        return view.limit(start + length).position(start);
    }

    /**
     * Returns bytes of consecutive frames that are in one buffer, from the position to the limit of a buffer. The
     * buffer is created once and kept in the array.
     *
     * @param physical the address of the first byte
     * @param length the number of bytes
     * @param views buffers of one thread, null at first; see {@link #buffers}
     * @param isReadOnly whether a buffer that is created is read-only
     */
    public ByteBuffer bytes(long physical, int length, @Nullable ByteBuffer[] views, boolean isReadOnly) {
        int at = (int) (physical >>> (pageShift + chunkShift));
        ByteBuffer view = views[at];
        if (view == null) {
            view = isReadOnly ? chunks[at].asReadOnlyBuffer() : chunks[at].duplicate();
            views[at] = view;
        }
        int start = atOf(physical);
        return view.limit(start + length).position(start);
    }

    private ByteBuffer chunk(int frame) {
        return chunks[frame >>> chunkShift];
    }

    private ByteBuffer chunkOf(long physical) {
        return chunks[(int) (physical >>> (pageShift + chunkShift))];
    }

    private int atOf(long physical) {
        return (int) physical & chunkMask;
    }

    private int at(int frame, int offset) {
        return ((frame & inChunk) << pageShift) + offset;
    }

    @Override
    public long get(int frame, int offset, int size) {
        return get(chunk(frame), at(frame, offset), size);
    }

    @Override
    public long get(long physical, int size) {
        ByteBuffer all = whole;
        if (all != null) {
            return get(all, (int) physical, size);
        }
        return physical < wideEnd
                ? get(wide[(int) (physical >>> wideShift)], inRegion(physical), size)
                : get(chunkOf(physical), atOf(physical), size);
    }

    private int inRegion(long physical) {
        return (int) physical & (1 << wideShift) - 1;
    }

    private static long get(ByteBuffer chunk, int at, int size) {
        return switch (size) {
            case 8 -> chunk.getLong(at);
            case 4 -> chunk.getInt(at) & INT_MASK;
            case 2 -> chunk.getShort(at) & SHORT_MASK;
            case 1 -> chunk.get(at) & BYTE_MASK;
            default -> throw noSize(size);
        };
    }

    private static IllegalArgumentException noSize(int size) {
        return new IllegalArgumentException("size " + size + " is not 1, 2, 4 or 8");
    }

    /** Checks that two bytes are aligned, and so in one word, and returns the argument. */
    private static int aligned(int at) {
        if ((at & 1) != 0) {
            throw new IllegalArgumentException("offset " + at + " of an atomic access is not a multiple of size 2");
        }
        return at;
    }

    @Override
    public void put(int frame, int offset, int size, long value) {
        put(chunk(frame), at(frame, offset), size, value);
    }

    @Override
    public void put(long physical, int size, long value) {
        ByteBuffer all = whole;
        if (all != null) {
            put(all, (int) physical, size, value);
        } else if (physical < wideEnd) {
            put(wide[(int) (physical >>> wideShift)], inRegion(physical), size, value);
        } else {
            put(chunkOf(physical), atOf(physical), size, value);
        }
    }

    private static void put(ByteBuffer chunk, int at, int size, long value) {
        switch (size) {
            case 8 -> chunk.putLong(at, value);
            case 4 -> chunk.putInt(at, (int) value);
            case 2 -> chunk.putShort(at, (short) value);
            case 1 -> chunk.put(at, (byte) value);
            default -> throw noSize(size);
        }
    }

    @Override
    public long getVolatile(int frame, int offset, int size) {
        ByteBuffer chunk = chunk(frame);
        int at = at(frame, offset);
        return switch (size) {
            case 8 -> (long) LONG.getVolatile(chunk, at);
            case 4 -> (int) INT.getVolatile(chunk, at) & INT_MASK;
            case 2 -> (short) SHORT.getVolatile(chunk, at) & SHORT_MASK;
            case 1 -> (int) INT.getVolatile(chunk, at & -4) >>> ((at & 3) << 3) & BYTE_MASK;
            default -> throw noSize(size);
        };
    }

    @Override
    public void putVolatile(int frame, int offset, int size, long value) {
        ByteBuffer chunk = chunk(frame);
        int at = at(frame, offset);
        switch (size) {
            case 8 -> LONG.setVolatile(chunk, at, value);
            case 4 -> INT.setVolatile(chunk, at, (int) value);
            case 2 -> SHORT.setVolatile(chunk, at, (short) value);
            case 1 -> {
                // A store of a byte is atomic on every machine. The fences add the ordering of a volatile store.
                VarHandle.releaseFence();
                chunk.put(at, (byte) value);
                VarHandle.fullFence();
            }
            default -> throw noSize(size);
        }
    }

    @Override
    public long compareAndExchange(int frame, int offset, int size, long expected, long value) {
        ByteBuffer chunk = chunk(frame);
        int at = at(frame, offset);
        return switch (size) {
            case 8 -> (long) LONG.compareAndExchange(chunk, at, expected, value);
            case 4 -> (int) INT.compareAndExchange(chunk, at, (int) expected, (int) value) & INT_MASK;
            case 2 -> exchangePart(chunk, aligned(at), SHORT_MASK, expected & SHORT_MASK, value & SHORT_MASK);
            case 1 -> exchangePart(chunk, at, BYTE_MASK, expected & BYTE_MASK, value & BYTE_MASK);
            default -> throw noSize(size);
        };
    }

    private static long exchangePart(ByteBuffer chunk, int at, long mask, long expected, long value) {
        int word = at & -4;
        int shift = (at & 3) << 3;
        int whole = (int) INT.getVolatile(chunk, word);
        for (; ; ) {
            long part = whole >>> shift & mask;
            if (part != expected) {
                return part;
            }
            int changed = (int) ((whole & ~(mask << shift)) | (value << shift));
            int seen = (int) INT.compareAndExchange(chunk, word, whole, changed);
            if (seen == whole) {
                return expected;
            }
            whole = seen;
        }
    }

    @Override
    public void fill(int frame, int offset, int length, byte value) {
        ByteBuffer chunk = chunk(frame);
        int at = at(frame, offset);
        if (value == 0) {
            chunk.put(at, zeros, 0, length);
            return;
        }
        int end = at + length;
        long eight = (value & BYTE_MASK) * 0x0101_0101_0101_0101L;
        while (at < end && (at & 7) != 0) {
            chunk.put(at++, value);
        }
        for (; at + 8 <= end; at += 8) {
            // This is several times as fast as a store by the handle; both store the eight bytes in one step.
            chunk.putLong(at, eight);
        }
        while (at < end) {
            chunk.put(at++, value);
        }
    }

    @Override
    public void copy(int from, int to) {
        chunk(to).put(at(to, 0), chunk(from), at(from, 0), 1 << pageShift);
    }

    @Override
    public void copy(int from, int fromOffset, int to, int toOffset, int length) {
        // Copies as if through an intermediate buffer, also within one frame.
        chunk(to).put(at(to, toOffset), chunk(from), at(from, fromOffset), length);
    }

    @Override
    public void read(int frame, int offset, byte[] target, int at, int length) {
        chunk(frame).get(at(frame, offset), target, at, length);
    }

    @Override
    public void write(int frame, int offset, byte[] source, int at, int length) {
        chunk(frame).put(at(frame, offset), source, at, length);
    }

    @Override
    public void read(int frame, int offset, ByteBuffer target, int at, int length) {
        target.put(at, chunk(frame), at(frame, offset), length);
    }

    @Override
    public void write(int frame, int offset, ByteBuffer source, int at, int length) {
        chunk(frame).put(at(frame, offset), source, at, length);
    }

    @Override
    public String toString() {
        return "frames of " + (1 << pageShift) + " bytes in direct memory, at most " + mostFrames;
    }
}
