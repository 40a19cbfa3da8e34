// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.agrona.collections.Long2ObjectHashMap;

/**
 * The page table that the author of an emulator would write: an array and the rights of each page, and a TLB of 4,096
 * entries with separate tags for loads and stores. Neither thread-safe nor able to fork or to map files.
 */
final class PagedRam implements GuestRam {
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int SHIFT = 12;
    private static final int ENTRIES = 4096;

    /** The bytes of a page, and whether it is writable. */
    private static final class MappedPage {
        private final byte[] bytes = new byte[1 << SHIFT];
        private final boolean mayWrite;

        MappedPage(boolean mayWrite) {
            this.mayWrite = mayWrite;
        }
    }

    private final Long2ObjectHashMap<MappedPage> pages = new Long2ObjectHashMap<>();
    private final long[] loadTags = new long[ENTRIES];
    private final long[] storeTags = new long[ENTRIES];
    private final byte[][] frames = new byte[ENTRIES][];

    PagedRam() {
        Arrays.fill(loadTags, -1);
        Arrays.fill(storeTags, -1);
    }

    @Override
    public void map(long start, long length) {
        for (long page = start >>> SHIFT; page << SHIFT < start + length; page++) {
            pages.put(page, new MappedPage(true));
        }
    }

    private byte[] readable(long address) {
        long page = address >>> SHIFT;
        int at = (int) page & ENTRIES - 1;
        return loadTags[at] == page ? frames[at] : fill(page, at, false);
    }

    private byte[] writable(long address) {
        long page = address >>> SHIFT;
        int at = (int) page & ENTRIES - 1;
        return storeTags[at] == page ? frames[at] : fill(page, at, true);
    }

    private byte[] fill(long number, int at, boolean writes) {
        MappedPage page = pages.get(number);
        if (page == null || (writes && !page.mayWrite)) {
            throw new IllegalStateException("fault at 0x" + Long.toHexString(number << SHIFT));
        }
        loadTags[at] = number;
        storeTags[at] = page.mayWrite ? number : -1;
        frames[at] = page.bytes;
        return page.bytes;
    }

    private static int in(long address) {
        return (int) address & (1 << SHIFT) - 1;
    }

    @Override
    public long loadLong(long address) {
        return in(address) <= (1 << SHIFT) - 8 ? (long) LONG.get(readable(address), in(address)) : split(address, 8);
    }

    @Override
    public int loadInt(long address) {
        return in(address) <= (1 << SHIFT) - 4
                ? (int) INT.get(readable(address), in(address))
                : (int) split(address, 4);
    }

    @Override
    public short loadShort(long address) {
        return in(address) < (1 << SHIFT) - 1
                ? (short) SHORT.get(readable(address), in(address))
                : (short) split(address, 2);
    }

    @Override
    public byte loadByte(long address) {
        return readable(address)[in(address)];
    }

    private long split(long address, int size) {
        long value = 0;
        for (int i = size - 1; i >= 0; i--) {
            value = (value << 8) | (loadByte(address + i) & 0xff);
        }
        return value;
    }

    @Override
    public void storeLong(long address, long value) {
        if (in(address) <= (1 << SHIFT) - 8) {
            LONG.set(writable(address), in(address), value);
        } else {
            split(address, 8, value);
        }
    }

    @Override
    public void storeInt(long address, int value) {
        if (in(address) <= (1 << SHIFT) - 4) {
            INT.set(writable(address), in(address), value);
        } else {
            split(address, 4, value);
        }
    }

    @Override
    public void storeShort(long address, short value) {
        if (in(address) < (1 << SHIFT) - 1) {
            SHORT.set(writable(address), in(address), value);
        } else {
            split(address, 2, value);
        }
    }

    @Override
    public void storeByte(long address, byte value) {
        writable(address)[in(address)] = value;
    }

    private void split(long address, int size, long value) {
        for (int i = 0; i < size; i++) {
            storeByte(address + i, (byte) (value >>> (8 * i)));
        }
    }

    @Override
    public int fetchInt(long address) {
        return loadInt(address);
    }

    @Override
    public boolean poll() {
        // No other thread changes anything.
        return false;
    }

    @Override
    public void close() {
        // It uses only heap memory.
    }
}
