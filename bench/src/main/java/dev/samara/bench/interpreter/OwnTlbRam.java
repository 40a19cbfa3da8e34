// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.util.Arrays;

/**
 * The memory of a guest that uses page tables in RISC-V's Sv39 format, accessed through the embedder's own TLB. Like
 * the TLB of the RISC-V board Sedna, it has 1,024 entries, with separate tags for loads and stores. An entry contains
 * the index of its page in the bytes of the physical memory. A subclass provides the physical memory, and determines
 * which pages can be accessed by an index; the rest of an access is the same code for all subclasses. Not thread-safe.
 */
abstract class OwnTlbRam implements GuestRam {
    static final int PAGE_SHIFT = 12;

    private static final int ENTRIES = 1024;
    private static final long PAGE_MASK = -1L << PAGE_SHIFT;

    /** The tag of an empty entry; it matches no page. */
    private static final long NOTHING = 1;

    /* Sv39: three levels of 512 entries. */
    private static final int LEVEL_BITS = 9;
    private static final int TOP_SHIFT = PAGE_SHIFT + 2 * LEVEL_BITS;
    private static final int FRAME_SHIFT = 10;
    private static final int VALID = 1;
    private static final int READ = 1 << 1;
    private static final int WRITE = 1 << 2;
    private static final int EXECUTE = 1 << 3;
    private static final int ACCESSED_AND_DIRTY = 3 << 6;
    private static final int ALL = VALID | READ | WRITE | EXECUTE | ACCESSED_AND_DIRTY;

    private final long[] loadTags = new long[ENTRIES];
    private final long[] storeTags = new long[ENTRIES];

    /** The index of a byte minus its address, in 32 bits. */
    private final int[] addends = new int[ENTRIES];

    /** The address of the next free frame. The frame at address 0 is the root page table. */
    private long nextFrame = 1L << PAGE_SHIFT;

    OwnTlbRam() {
        drop();
    }

    /** Returns the size of the physical memory that a program needs, including its page tables, in bytes. */
    static int physicalBytes(GuestProgram work) {
        int pages = (work.bytes() >> PAGE_SHIFT) + 2;
        return (pages + (pages >> LEVEL_BITS) + 16) << PAGE_SHIFT;
    }

    /**
     * Returns the index of the first byte of a physical page, or -1 if accesses must use the physical address instead.
     */
    abstract int translate(long physical, boolean writes);

    /** Reads a number at a physical address. */
    abstract long read(long physical, int size);

    /** Writes a number at a physical address. */
    abstract void write(long physical, int size, long value);

    abstract long getLong(int at);

    abstract int getInt(int at);

    abstract short getShort(int at);

    abstract byte getByte(int at);

    abstract void putLong(int at, long value);

    abstract void putInt(int at, int value);

    abstract void putShort(int at, short value);

    abstract void putByte(int at, byte value);

    /** Drops all translations. */
    final void drop() {
        Arrays.fill(loadTags, NOTHING);
        Arrays.fill(storeTags, NOTHING);
    }

    // ------------------------------------------------------------------ the guest's page tables

    @Override
    public final void map(long start, long length) {
        for (long page = start & PAGE_MASK; page < start + length; page += 1L << PAGE_SHIFT) {
            map(page);
        }
    }

    private void map(long page) {
        long table = 0;
        for (int shift = TOP_SHIFT; shift > PAGE_SHIFT; shift -= LEVEL_BITS) {
            long at = entryAt(table, page, shift);
            long entry = read(at, Long.BYTES);
            if (entry == 0) {
                entry = newEntry(VALID);
                write(at, Long.BYTES, entry);
            }
            table = frameOf(entry);
        }
        write(entryAt(table, page, PAGE_SHIFT), Long.BYTES, newEntry(ALL));
    }

    private long newEntry(int bits) {
        long frame = nextFrame;
        nextFrame += 1L << PAGE_SHIFT;
        return frame >>> PAGE_SHIFT << FRAME_SHIFT | bits;
    }

    private static long entryAt(long table, long address, int shift) {
        return table + (address >>> shift & (1 << LEVEL_BITS) - 1) * Long.BYTES;
    }

    private static long frameOf(long entry) {
        return entry >>> FRAME_SHIFT << PAGE_SHIFT;
    }

    /** Walks the page tables, and returns the physical address. */
    private long walk(long address, int right) {
        long table = 0;
        for (int shift = TOP_SHIFT; ; shift -= LEVEL_BITS) {
            long entry = read(entryAt(table, address, shift), Long.BYTES);
            if ((entry & VALID) == 0 || (shift == PAGE_SHIFT && (entry & right) == 0)) {
                throw new IllegalStateException("page fault of the guest at 0x" + Long.toHexString(address));
            }
            table = frameOf(entry);
            if (shift == PAGE_SHIFT) {
                return table | (address & ~PAGE_MASK);
            }
        }
    }

    // ------------------------------------------------------------------ loads

    private static int slot(long address) {
        return (int) (address >>> PAGE_SHIFT) & ENTRIES - 1;
    }

    /** Returns whether an access crosses a page boundary. */
    private static boolean crosses(long address, int size) {
        return ((address ^ address + size - 1) & PAGE_MASK) != 0;
    }

    @Override
    public final long loadLong(long address) {
        int slot = slot(address);
        return loadTags[slot] == (address + 7 & PAGE_MASK)
                ? getLong(addends[slot] + (int) address)
                : load(address, Long.BYTES);
    }

    @Override
    public final int loadInt(long address) {
        int slot = slot(address);
        return loadTags[slot] == (address + 3 & PAGE_MASK)
                ? getInt(addends[slot] + (int) address)
                : (int) load(address, Integer.BYTES);
    }

    @Override
    public final short loadShort(long address) {
        int slot = slot(address);
        return loadTags[slot] == (address + 1 & PAGE_MASK)
                ? getShort(addends[slot] + (int) address)
                : (short) load(address, Short.BYTES);
    }

    @Override
    public final byte loadByte(long address) {
        int slot = slot(address);
        return loadTags[slot] == (address & PAGE_MASK)
                ? getByte(addends[slot] + (int) address)
                : (byte) load(address, Byte.BYTES);
    }

    @Override
    public final int fetchInt(long address) {
        return loadInt(address);
    }

    /** Executes a load that missed the TLB. */
    private long load(long address, int size) {
        if (crosses(address, size)) {
            long value = 0;
            for (int i = size - 1; i >= 0; i--) {
                value = value << Byte.SIZE | (loadByte(address + i) & 0xff);
            }
            return value;
        }
        long physical = walk(address, READ);
        int index = translate(physical & PAGE_MASK, false);
        if (index >= 0) {
            long page = address & PAGE_MASK;
            int slot = slot(address);
            if (storeTags[slot] != page) {
                storeTags[slot] = NOTHING;
            }
            loadTags[slot] = page;
            addends[slot] = index - (int) page;
        }
        return read(physical, size);
    }

    // ------------------------------------------------------------------ stores

    @Override
    public final void storeLong(long address, long value) {
        int slot = slot(address);
        if (storeTags[slot] == (address + 7 & PAGE_MASK)) {
            putLong(addends[slot] + (int) address, value);
        } else {
            store(address, Long.BYTES, value);
        }
    }

    @Override
    public final void storeInt(long address, int value) {
        int slot = slot(address);
        if (storeTags[slot] == (address + 3 & PAGE_MASK)) {
            putInt(addends[slot] + (int) address, value);
        } else {
            store(address, Integer.BYTES, value);
        }
    }

    @Override
    public final void storeShort(long address, short value) {
        int slot = slot(address);
        if (storeTags[slot] == (address + 1 & PAGE_MASK)) {
            putShort(addends[slot] + (int) address, value);
        } else {
            store(address, Short.BYTES, value);
        }
    }

    @Override
    public final void storeByte(long address, byte value) {
        int slot = slot(address);
        if (storeTags[slot] == (address & PAGE_MASK)) {
            putByte(addends[slot] + (int) address, value);
        } else {
            store(address, Byte.BYTES, value);
        }
    }

    /** Executes a store that missed the TLB. */
    private void store(long address, int size, long value) {
        if (crosses(address, size)) {
            for (int i = 0; i < size; i++) {
                storeByte(address + i, (byte) (value >>> (i * Byte.SIZE)));
            }
            return;
        }
        long physical = walk(address, WRITE);
        int index = translate(physical & PAGE_MASK, true);
        if (index >= 0) {
            long page = address & PAGE_MASK;
            int slot = slot(address);
            loadTags[slot] = page;
            storeTags[slot] = page;
            addends[slot] = index - (int) page;
        }
        write(physical, size, value);
    }
}
