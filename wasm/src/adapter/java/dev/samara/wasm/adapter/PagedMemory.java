// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A rival for {@link RequestTimes}, such as boomslang has, which runs Python on Chicory: a memory in an array of pages
 * of 4 KiB, which share the bytes of one snapshot until they are written. A reset drops the pages that were written
 * since. The classes of the runtimes add what has their types. It is for one thread, has no atomic accesses, and throws
 * exceptions of the JDK.
 */
public abstract class PagedMemory {
    private static final VarHandle SHORTS = view(short[].class);
    private static final VarHandle INTS = view(int[].class);
    private static final VarHandle LONGS = view(long[].class);

    private static final int SHIFT = 12;
    private static final int PAGE = 1 << SHIFT;
    private static final byte[] ZEROS = new byte[PAGE];

    private final int initial;
    private final int maximum;

    /** The present pages, and those of the snapshot, which are not written. A page that is in both is shared. */
    private byte[][] pages = {};

    private byte[][] saved = {};
    private int savedSize;

    /** The numbers of the pages that are not shared. */
    private int[] written = new int[16];

    private int writes;
    private int size;

    protected PagedMemory(int initial, int maximum) {
        this.initial = initial;
        this.maximum = maximum;
        extend(initial * Accesses.PAGE_SIZE);
    }

    private static VarHandle view(Class<?> type) {
        return MethodHandles.byteArrayViewVarHandle(type, ByteOrder.LITTLE_ENDIAN);
    }

    private void extend(int to) {
        int before = pages.length;
        int count = to >> SHIFT;
        if (count > before) {
            pages = Arrays.copyOf(pages, count);
            saved = Arrays.copyOf(saved, count);
            Arrays.fill(pages, before, count, ZEROS);
            Arrays.fill(saved, before, count, ZEROS);
        }
        size = to;
    }

    /** Makes the present content the one to which {@link #reset} returns. */
    public void save() {
        saved = pages.clone();
        savedSize = size;
        writes = 0;
    }

    /** Returns to the content at the last {@link #save}. */
    public void reset() {
        for (int i = 0; i < writes; i++) {
            pages[written[i]] = saved[written[i]];
        }
        writes = 0;
        size = savedSize;
    }

    private void check(int address, int length) {
        if (address < 0 || length < 0 || address > size - length) {
            throw new IndexOutOfBoundsException("address " + address + ", length " + length + ", size " + size);
        }
    }

    private static boolean isWithin(int address, int length) {
        return (address & (PAGE - 1)) <= PAGE - length;
    }

    private byte[] forWriting(int address) {
        int page = address >> SHIFT;
        byte[] bytes = pages[page];
        return bytes == saved[page] ? copied(page) : bytes;
    }

    private byte[] copied(int page) {
        if (writes == written.length) {
            written = Arrays.copyOf(written, 2 * writes);
        }
        written[writes++] = page;
        byte[] copy = saved[page].clone();
        pages[page] = copy;
        return copy;
    }

    public int pages() {
        return size / Accesses.PAGE_SIZE;
    }

    public int grow(int more) {
        int before = pages();
        if (more < 0 || more > maximumPages() - before) {
            return -1;
        }
        extend((before + more) * Accesses.PAGE_SIZE);
        return before;
    }

    public int initialPages() {
        return initial;
    }

    public int maximumPages() {
        return Math.min(maximum, Integer.MAX_VALUE / Accesses.PAGE_SIZE);
    }

    public byte read(int address) {
        check(address, 1);
        return pages[address >> SHIFT][address & (PAGE - 1)];
    }

    public void writeByte(int address, byte value) {
        check(address, 1);
        forWriting(address)[address & (PAGE - 1)] = value;
    }

    public short readShort(int address) {
        if (!isWithin(address, Short.BYTES)) {
            return (short) ((read(address) & 0xff) | (read(address + 1) << 8));
        }
        check(address, Short.BYTES);
        return (short) SHORTS.get(pages[address >> SHIFT], address & (PAGE - 1));
    }

    public void writeShort(int address, short value) {
        check(address, Short.BYTES);
        if (isWithin(address, Short.BYTES)) {
            SHORTS.set(forWriting(address), address & (PAGE - 1), value);
        } else {
            writeByte(address, (byte) value);
            writeByte(address + 1, (byte) (value >> 8));
        }
    }

    public int readInt(int address) {
        if (!isWithin(address, Integer.BYTES)) {
            return (readShort(address) & 0xffff) | (readShort(address + 2) << 16);
        }
        check(address, Integer.BYTES);
        return (int) INTS.get(pages[address >> SHIFT], address & (PAGE - 1));
    }

    public void writeI32(int address, int value) {
        check(address, Integer.BYTES);
        if (isWithin(address, Integer.BYTES)) {
            INTS.set(forWriting(address), address & (PAGE - 1), value);
        } else {
            writeShort(address, (short) value);
            writeShort(address + 2, (short) (value >> 16));
        }
    }

    public long readLong(int address) {
        if (!isWithin(address, Long.BYTES)) {
            return Integer.toUnsignedLong(readInt(address)) | ((long) readInt(address + 4) << 32);
        }
        check(address, Long.BYTES);
        return (long) LONGS.get(pages[address >> SHIFT], address & (PAGE - 1));
    }

    public void writeLong(int address, long value) {
        check(address, Long.BYTES);
        if (isWithin(address, Long.BYTES)) {
            LONGS.set(forWriting(address), address & (PAGE - 1), value);
        } else {
            writeI32(address, (int) value);
            writeI32(address + 4, (int) (value >> 32));
        }
    }

    public long readU16(int address) {
        return readShort(address) & 0xffff;
    }

    public float readFloat(int address) {
        return Float.intBitsToFloat(readInt(address));
    }

    public long readF32(int address) {
        return readInt(address);
    }

    public void writeF32(int address, float value) {
        writeI32(address, Float.floatToRawIntBits(value));
    }

    public double readDouble(int address) {
        return Double.longBitsToDouble(readLong(address));
    }

    public long readF64(int address) {
        return readLong(address);
    }

    public void writeF64(int address, double value) {
        writeLong(address, Double.doubleToRawLongBits(value));
    }

    public byte[] readBytes(int address, int length) {
        check(address, length);
        byte[] bytes = new byte[length];
        for (int done = 0; done < length; ) {
            int from = address + done & (PAGE - 1);
            int some = Math.min(length - done, PAGE - from);
            System.arraycopy(pages[(address + done) >> SHIFT], from, bytes, done, some);
            done += some;
        }
        return bytes;
    }

    public void write(int address, byte[] bytes, int offset, int length) {
        check(address, length);
        for (int done = 0; done < length; ) {
            int to = address + done & (PAGE - 1);
            int some = Math.min(length - done, PAGE - to);
            System.arraycopy(bytes, offset + done, forWriting(address + done), to, some);
            done += some;
        }
    }

    public void fill(byte value, int from, int end) {
        check(from, end - from);
        for (int at = from; at < end; ) {
            int to = at & (PAGE - 1);
            int some = Math.min(end - at, PAGE - to);
            Arrays.fill(forWriting(at), to, to + some, value);
            at += some;
        }
    }

    public void zero() {
        fill((byte) 0, 0, size);
    }

    public boolean shared() {
        return false;
    }

    public Object lock(int address) {
        throw new UnsupportedOperationException();
    }

    public int waitOn(int address, int expected, long timeout) {
        throw new UnsupportedOperationException();
    }

    public int waitOn(int address, long expected, long timeout) {
        throw new UnsupportedOperationException();
    }

    public int notify(int address, int most) {
        throw new UnsupportedOperationException();
    }
}
