// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.vma.FrameStore;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Compares layouts for the bytes of frames: the cost of a load and of a store of 1 to 8 bytes at random aligned offsets
 * of 64 frames.
 *
 * <p>{@code shipped} is the store that machines use. The other layouts implement only the measured accesses. {@code
 * bytes} is one byte array with views; it supports no atomic access from JDK 23 on, and is the lower bound. {@code
 * longs} is one {@code long[]} per frame, accessed with shifts; its narrow stores are compare-and-set loops. {@code
 * frames} is one direct buffer per frame.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class FrameStoreBenchmark {
    private static final int SHIFT = 12;
    private static final int FRAMES = 64;

    /** The number of accesses drawn; the benchmark cycles through them. */
    static final int PICKS = 1 << 12;

    private static final VarHandle BUFFER_SHORT =
            MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle BUFFER_INT =
            MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle BUFFER_LONG =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ARRAY_SHORT =
            MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ARRAY_INT =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ARRAY_LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ELEMENT = MethodHandles.arrayElementVarHandle(long[].class);

    /** The layout of the bytes. */
    @Param({"shipped", "bytes", "longs", "frames"})
    public String layout;

    /** The size of an access in bytes. */
    @Param({"1", "2", "4", "8"})
    public int size;

    /** The frame and the offset of each access, packed into one number. */
    private final int[] picks = new int[PICKS];

    private int position;
    private Bytes bytes;

    /** Called by JMH; {@link #setUp()} creates the store. */
    public FrameStoreBenchmark() {}

    /** Creates the store, and draws the accesses at random. */
    @Setup(Level.Trial)
    public void setUp() {
        bytes = switch (layout) {
            case "shipped" -> new Shipped();
            case "bytes" -> new OneArray();
            case "longs" -> new Longs();
            case "frames" -> new BufferPerFrame();
            default -> throw new IllegalArgumentException("no store is named " + layout);
        };
        SplittableRandom random = new SplittableRandom(42);
        for (int i = 0; i < PICKS; i++) {
            picks[i] = random.nextInt(FRAMES << SHIFT) & -size;
        }
    }

    private int pick() {
        position = (position + 1) & (PICKS - 1);
        return picks[position];
    }

    /**
     * Loads.
     *
     * @return the loaded value
     */
    @Benchmark
    @About("a load of 1 to 8 bytes from a frame at random")
    public long load() {
        int pick = pick();
        return bytes.get(pick >>> SHIFT, pick & (1 << SHIFT) - 1, size);
    }

    /** Stores. */
    @Benchmark
    @About("a store of 1 to 8 bytes to a frame at random")
    public void store() {
        int pick = pick();
        bytes.put(pick >>> SHIFT, pick & (1 << SHIFT) - 1, size, pick);
    }

    /** Returns the sum that a load of each pick must return, after each pick was stored at itself. */
    long expectedSum() {
        long mask = -1L >>> (Long.SIZE - size * Byte.SIZE);
        long sum = 0;
        for (int pick : picks) {
            sum += pick & mask;
        }
        return sum;
    }

    private interface Bytes {
        long get(int frame, int offset, int size);

        void put(int frame, int offset, int size, long value);
    }

    /** The store that machines use, in chunks of 4 MiB as in a machine. */
    private static final class Shipped implements Bytes {
        private final FrameStore frames = new DirectFrames(SHIFT, 10, FRAMES);

        Shipped() {
            if (!frames.extend(0, 1 << 10)) {
                throw new IllegalStateException("no memory for the frames");
            }
        }

        @Override
        public long get(int frame, int offset, int size) {
            return frames.get(frame, offset, size);
        }

        @Override
        public void put(int frame, int offset, int size, long value) {
            frames.put(frame, offset, size, value);
        }
    }

    /** One array of bytes. */
    private static final class OneArray implements Bytes {
        private final byte[] all = new byte[FRAMES << SHIFT];

        @Override
        public long get(int frame, int offset, int size) {
            int at = (frame << SHIFT) + offset;
            return switch (size) {
                case 8 -> (long) ARRAY_LONG.get(all, at);
                case 4 -> (int) ARRAY_INT.get(all, at) & 0xffff_ffffL;
                case 2 -> (short) ARRAY_SHORT.get(all, at) & 0xffffL;
                default -> all[at] & 0xffL;
            };
        }

        @Override
        public void put(int frame, int offset, int size, long value) {
            int at = (frame << SHIFT) + offset;
            switch (size) {
                case 8 -> ARRAY_LONG.set(all, at, value);
                case 4 -> ARRAY_INT.set(all, at, (int) value);
                case 2 -> ARRAY_SHORT.set(all, at, (short) value);
                default -> all[at] = (byte) value;
            }
        }
    }

    /** One {@code long[]} per frame, for aligned accesses only. */
    private static final class Longs implements Bytes {
        private final long[][] all = new long[FRAMES][1 << (SHIFT - 3)];

        @Override
        public long get(int frame, int offset, int size) {
            long word = all[frame][offset >>> 3];
            return size == 8 ? word : word >>> ((offset & 7) << 3) & (1L << (size << 3)) - 1;
        }

        @Override
        public void put(int frame, int offset, int size, long value) {
            long[] words = all[frame];
            int at = offset >>> 3;
            if (size == 8) {
                words[at] = value;
                return;
            }
            int shift = (offset & 7) << 3;
            long mask = (1L << (size << 3)) - 1;
            long seen = words[at];
            for (; ; ) {
                // Retried until it succeeds, because a narrow store must not undo a concurrent store to the bytes next
                // to it.
                long changed = (seen & ~(mask << shift)) | (value & mask) << shift;
                long witness = (long) ELEMENT.compareAndExchange(words, at, seen, changed);
                if (witness == seen) {
                    return;
                }
                seen = witness;
            }
        }
    }

    private static final class BufferPerFrame implements Bytes {
        private final ByteBuffer[] all = new ByteBuffer[FRAMES];

        BufferPerFrame() {
            for (int i = 0; i < FRAMES; i++) {
                all[i] = ByteBuffer.allocateDirect((1 << SHIFT) + Long.BYTES)
                        .alignedSlice(Long.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN);
            }
        }

        @Override
        public long get(int frame, int offset, int size) {
            ByteBuffer bytes = all[frame];
            return switch (size) {
                case 8 -> (long) BUFFER_LONG.get(bytes, offset);
                case 4 -> (int) BUFFER_INT.get(bytes, offset) & 0xffff_ffffL;
                case 2 -> (short) BUFFER_SHORT.get(bytes, offset) & 0xffffL;
                default -> bytes.get(offset) & 0xffL;
            };
        }

        @Override
        public void put(int frame, int offset, int size, long value) {
            ByteBuffer bytes = all[frame];
            switch (size) {
                case 8 -> BUFFER_LONG.set(bytes, offset, value);
                case 4 -> BUFFER_INT.set(bytes, offset, (int) value);
                case 2 -> BUFFER_SHORT.set(bytes, offset, (short) value);
                default -> bytes.put(offset, (byte) value);
            }
        }
    }
}
