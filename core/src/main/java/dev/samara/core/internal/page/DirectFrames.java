// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.page.Frames.FrameRegion;
import dev.samara.core.vma.FrameStore;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.management.ManagementFactory;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Frames in buffers outside the heap, which support every width and access mode, on every JDK, without a flag. Views of
 * byte arrays are faster for plain accesses, but have had no atomic accesses since JDK 23.
 *
 * <p>The buffers are parts of regions as long as the system has memory for regions, and direct buffers otherwise. There
 * is one region for up to 1 GiB, and otherwise there are regions of 1 GiB each in the order of the frames, because a
 * buffer is limited to 2 GiB. All but the first are opened when they are needed, so that a large store is created fast.
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

    private static final String LIMIT_OPTION = "-XX:MaxDirectMemorySize=";

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

    /** The size in bytes of each region but the last, which contains the rest. */
    private final long regionSize;

    /** Opens a region of a size, or returns null. */
    private final LongFunction<@Nullable SparseRegion> opener;

    /**
     * The regions, which are null until they are opened; without elements if there are none.
     *
     * <p>Words: {@code regions}, {@code isFull}.
     * Written: a thread that creates frames, holding {@code lock} of {@code Frames} (plain).
     * Read: a thread that creates frames, holding {@code lock} of {@code Frames} (plain).
     * Invariant: an element is set once, the first one by the constructor; {@code isFull} is never reset.
     */
    private final @Nullable SparseRegion[] regions;

    /** Whether the system refused a region or a part of a region. After that, no more memory is requested. */
    private boolean isFull;

    /** The number of the first frame that is not in the first region. */
    private int regionEnd;

    /**
     * The buffers of the regions: so few that they stay in the processor's caches. Empty without regions. An element is
     * set before a part of its region is provided; before that, it is the buffer of the first region.
     */
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
        this(pageShift, chunkShift, mostFrames, false);
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
        this(
                pageShift,
                chunkShift,
                mostFrames,
                SparseRegion.MOST_MEMORY,
                SparseRegion.ZERO_PAGE,
                hasRegions && mayHaveRegions((long) mostFrames << pageShift) ? SparseRegion::open : size -> null);
    }

    /**
     * Creates a store without frames, in given regions.
     *
     * @param most the size of a region in bytes
     * @param more the maximum number of bytes by which the last region may exceed that size, less than {@code most}
     * @param opener opens a region of a size, or returns null; there are no regions if it returns null here
     */
    DirectFrames(
            int pageShift,
            int chunkShift,
            int mostFrames,
            long most,
            long more,
            LongFunction<@Nullable SparseRegion> opener) {
        this.pageShift = pageShift;
        this.chunkShift = chunkShift;
        this.mostFrames = mostFrames;
        inChunk = (1 << chunkShift) - 1;
        zeros = ByteBuffer.allocateDirect(1 << pageShift);
        chunks = new ByteBuffer[(int) (((long) mostFrames + inChunk) >>> chunkShift)];
        chunkMask = (1 << (pageShift + chunkShift)) - 1;
        regionSize = most;
        this.opener = opener;
        long size = (long) mostFrames << pageShift;
        int count = (int) Math.max(1, (size - more + most - 1) / most);
        SparseRegion first = opener.apply(count == 1 ? size : most);
        regions = new SparseRegion[first == null ? 0 : count];
        wide = new MappedByteBuffer[regions.length];
        wideShift = Long.numberOfTrailingZeros(most);
        if (first != null) {
            regions[0] = first;
            whole = first.bytes;
            Arrays.fill(wide, first.bytes);
            regionEnd = first.bytes.capacity() >>> pageShift;
            // The last region may be larger, and then contains frames beyond wideEnd.
            wideEnd = Long.bitCount(most) == 1 ? count * most : 0;
        }
    }

    /**
     * Returns whether the system has room for regions that contain a number of bytes of frames. Other processes may use
     * up the room at any time.
     */
    public static boolean mayHaveRegions(long bytes) {
        return SparseRegion.MEMORY.canWrite() && SparseRegion.MEMORY.getUsableSpace() >= bytes;
    }

    /**
     * Returns the JVM's limit for direct memory in bytes: the last {@code -XX:MaxDirectMemorySize} among the JVM's
     * options. Without that option, or without the module {@code java.management}, returns the maximum size of the
     * heap, which is the JVM's default.
     */
    public static long memoryLimit() {
        return memoryLimit(options(), Runtime.getRuntime().maxMemory());
    }

    private static List<String> options() {
        try {
            return ManagementFactory.getRuntimeMXBean().getInputArguments();
        } catch (LinkageError | SecurityException absent) {
            return List.of();
        }
    }

    /** Returns the limit in bytes that follows from options and from the maximum size of the heap. */
    static long memoryLimit(List<String> options, long maxHeap) {
        long limit = 0;
        for (String option : options) {
            if (option.startsWith(LIMIT_OPTION)) {
                limit = bytes(option.substring(LIMIT_OPTION.length()));
            }
        }
        return limit == 0 ? maxHeap : limit;
    }

    /** Parses a size that the JVM accepted, in the same way as the JVM. */
    private static long bytes(String size) {
        String number = size.toLowerCase(Locale.ROOT);
        int shift = 10 * ("kmgt".indexOf(number.charAt(number.length() - 1)) + 1);
        String digits = shift == 0 ? number : number.substring(0, number.length() - 1);
        return Long.decode(digits.startsWith("0x") ? digits : digits.replaceFirst("^0+(?=.)", "")) << shift;
    }

    @Override
    public @Nullable MappedByteBuffer region() {
        return wide.length == 0 ? null : wide[0];
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
            if (regions.length == 0) {
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
        boolean hasRegions = regions.length != 0;
        ByteBuffer chunk = hasRegions ? provided((long) frame << pageShift, bytes) : null;
        if (hasRegions && (chunk == null || frame >= regionEnd)) {
            regionEnd = Math.min(regionEnd, frame);
            whole = null;
        }
        if (chunk == null) {
            wideEnd = Math.min(wideEnd, (long) frame << pageShift);
        }
        return chunk == null ? direct(bytes) : chunk;
    }

    /**
     * Takes memory from the system for a part, which is in one region.
     *
     * @param from the offset of the part from the start of the first region
     * @return the part; null if the system has no memory for it or for an earlier part
     */
    private @Nullable ByteBuffer provided(long from, int bytes) {
        int number = (int) Math.min(from / regionSize, regions.length - 1);
        SparseRegion region = isFull ? null : openRegion(number);
        if (region != null) {
            long at = from - number * regionSize;
            // Created before the memory is taken, so that nothing was taken if the heap has no memory for this object.
            ByteBuffer part = region.bytes.slice((int) at, bytes).order(ByteOrder.LITTLE_ENDIAN);
            if (region.provide(at, bytes)) {
                return part;
            }
        }
        isFull = true;
        return null;
    }

    private @Nullable SparseRegion openRegion(int number) {
        SparseRegion region = regions[number];
        if (region == null) {
            long rest = ((long) mostFrames << pageShift) - number * regionSize;
            region = opener.apply(number == regions.length - 1 ? rest : regionSize);
            regions[number] = region;
            if (region != null) {
                wide[number] = region.bytes;
            }
        }
        return region;
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
     * Returns bytes of consecutive frames that are in one buffer, read-only. They stay valid as those of {@link
     * #bytes(int, int)}, and the memory of the frames stays mapped as long as the result is reachable.
     *
     * @param physical the address of the first byte
     * @param length the number of bytes
     */
    public ByteBuffer view(long physical, int length) {
        return chunkOf(physical)
                .slice(atOf(physical), length)
                .asReadOnlyBuffer()
                .order(ByteOrder.LITTLE_ENDIAN);
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
        return bytes((long) first << pageShift, length, views, false);
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

    /**
     * One buffer for frames of a machine. It uses memory of the system only for the parts that were provided. The
     * buffer maps a deleted file in {@code /dev/shm}. The system frees the file when the process ends, or after the
     * buffer is collected.
     *
     * <p>An access to a part that was not provided may throw InternalError if the system has no memory for the part. So
     * {@link #provide} first writes zeros; if the system has no memory, the write fails with an IOException.
     */
    static final class SparseRegion {
        /** The size of a large region in bytes, without the zero page. */
        static final long MOST_MEMORY = 1L << 30;

        /** The maximum size of the zero page, which the last region of a machine contains in addition. */
        static final long ZERO_PAGE = 1L << 24;

        private static final long MOST = MOST_MEMORY + ZERO_PAGE;

        /**
         * The directory in which Linux keeps files in memory. Without it there are no regions, because files in other
         * directories would be written to disk.
         */
        private static final File MEMORY = new File("/dev/shm");

        private static final byte[] ZEROS = new byte[1 << 16];

        /** Counted for each region in addition to its memory, because it uses a mapping and an open file. */
        private static final long OVERHEAD = 1L << 24;

        private final RandomAccessFile file;

        /** All bytes of the region, little-endian. */
        final MappedByteBuffer bytes;

        final RegionBudget.Share share;

        SparseRegion(RandomAccessFile file, MappedByteBuffer bytes) {
            this.file = file;
            this.bytes = bytes;
            share = RegionBudget.ALL.share(bytes);
            share.add(OVERHEAD);
        }

        /** Returns a region of a size, of which no part is provided yet; null if the system has no room for it. */
        static @Nullable SparseRegion open(long size) {
            if (size > MOST || !mayHaveRegions(size)) {
                return null;
            }
            // FileChannel.map fails on an interrupted thread.
            boolean isInterrupted = Thread.interrupted();
            try {
                // Unlike File.createTempFile, this creates a file that no other user can open.
                File named =
                        Files.createTempFile(MEMORY.toPath(), "samara", null).toFile();
                try {
                    return mapped(new RandomAccessFile(named, "rw"), size);
                } finally {
                    if (!named.delete()) {
                        named.deleteOnExit();
                    }
                }
            } catch (IOException | SecurityException | OutOfMemoryError refused) {
                return null;
            } finally {
                if (isInterrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }

        private static SparseRegion mapped(RandomAccessFile file, long size) throws IOException {
            try {
                file.setLength(size);
                MappedByteBuffer bytes = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, size);
                bytes.order(ByteOrder.LITTLE_ENDIAN);
                return new SparseRegion(file, bytes);
            } catch (IOException | OutOfMemoryError refused) {
                file.close();
                throw refused;
            }
        }

        /** Takes memory of the system for a part. Returns false if the system has none. Called under a lock. */
        boolean provide(long from, int length) {
            boolean isProvided = false;
            long before = share.bytes();
            try {
                share.add(length);
                file.seek(from);
                for (int done = 0; done < length; done += ZEROS.length) {
                    file.write(ZEROS, 0, Math.min(ZEROS.length, length - done));
                }
                isProvided = true;
            } catch (IOException full) {
                giveBack(from);
            } finally {
                // Runs also after an Error, when the part may or may not be counted; the caller then retries.
                if (!isProvided) {
                    share.add(before - share.bytes());
                }
            }
            return isProvided;
        }

        /**
         * Releases the memory from an offset on to the system. No frame is there, because parts are provided in
         * ascending order.
         */
        private void giveBack(long from) {
            try {
                file.setLength(from);
            } catch (IOException kept) {
                // Ignored: the memory stays allocated until the buffer is collected.
            }
        }
    }

    /**
     * Counts the memory of regions that were not garbage-collected yet. A region releases its memory when its buffer is
     * collected. It uses almost no heap, so the JVM would see no need for a collection. So {@link Share#add} requests
     * one when the sum exceeds the limit, and again after each further quarter of the limit. Thread-safe.
     */
    static final class RegionBudget {
        /** The budget of all regions of the process, with the limit of direct memory. */
        static final RegionBudget ALL = new RegionBudget(memoryLimit(), 1L << 26, System::gc);

        private final long limit;

        /** The number of bytes after which a collection is requested again. */
        private final long step;

        private final Runnable collector;
        private final ReferenceQueue<Object> unreachable = new ReferenceQueue<>();

        @GuardedBy("this")
        private final Set<Share> shares = new HashSet<>();

        /**
         * Words: {@code sum}, {@code nextCollection}, and {@code bytes} of a share.
         * Written: a thread that takes memory for a region, or finds a region collected (monitor).
         * Read: these threads (monitor).
         * Invariant: the bytes of the regions of the process that are not known to be collected.
         */
        @GuardedBy("this")
        private long sum;

        @GuardedBy("this")
        private long nextCollection;

        /**
         * Creates an unused budget.
         *
         * @param limit the limit in bytes
         * @param leastStep the minimum number of bytes between two collections
         * @param collector requests a collection
         */
        RegionBudget(long limit, long leastStep, Runnable collector) {
            this.limit = limit;
            step = Math.max(limit / 4, leastStep);
            this.collector = collector;
            nextCollection = limit;
        }

        /** The share of one region. */
        final class Share extends PhantomReference<Object> {
            private long bytes;

            private Share(Object buffer) {
                super(buffer, unreachable);
            }

            long bytes() {
                synchronized (RegionBudget.this) {
                    return bytes;
                }
            }

            /** Counts memory that the region takes. May request a collection before it returns. */
            void add(long more) {
                if (isTooMuch(this, more)) {
                    collector.run();
                }
            }
        }

        /** Returns a share of 0 bytes, which ends when the buffer is collected. */
        synchronized Share share(Object buffer) {
            Share share = new Share(buffer);
            shares.add(share);
            return share;
        }

        private synchronized boolean isTooMuch(Share share, long more) {
            for (Reference<?> ended = unreachable.poll(); ended != null; ended = unreachable.poll()) {
                if (shares.remove(ended)) {
                    sum -= ((Share) ended).bytes;
                }
            }
            // After regions were collected, the next quarter is counted from the current sum.
            nextCollection = Math.max(limit, Math.min(nextCollection, sum + step));
            share.bytes += more;
            sum += more;
            if (sum <= nextCollection) {
                return false;
            }
            nextCollection = sum + step;
            return true;
        }

        /** Returns the number of bytes of all regions that are not known to be collected. */
        synchronized long sum() {
            return sum;
        }
    }
}
