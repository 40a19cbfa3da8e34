// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.guest.PageRun;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.concurrent.locks.LockSupport;
import java.util.function.ObjLongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A key-value store in a file: a B+tree whose pages are used as they lie in memory, with atomic checkpoints.
 *
 * <p>A change overwrites no page of the last checkpoint: it copies the page and its parents to free pages first
 * (<em>shadow paging</em>, as in LMDB). So the machine may write pages in any order, and no log is needed. A checkpoint
 * forces the pages, and then the number of the new root in the older of two headers; after a crash, one of the two is
 * valid. A change or checkpoint that fails closes the store, unless only the file could not grow. After a failed host
 * write, reads may be wrong until the next checkpoint, which then throws. An interrupt makes no call fail, and the
 * interrupt flag stays set. Only the thread that opened the store may use it.
 */
public final class KeyValueStore implements AutoCloseable {
    /** The maximum length of a value in bytes. */
    public static final int MAX_VALUE = 118;

    private static final int PAGE = 4096;
    private static final int INNER = 12;
    private static final int HEADERS = 2;
    private static final long FIRST_TREE = (HEADERS + 1L) << 32 | HEADERS;
    private static final long SPARE = 64;
    private static final long GROWTH = 1024;
    private static final long RETRY_NANOS = 20_000;

    private final HostFile file;
    private final AddressSpace space;
    private final Cpu cpu;
    private final PageRun run;
    private final long base;
    private long checkpoints;
    private int root = HEADERS;
    private int allocated = HEADERS - 1;
    // The pages that the tree contains, and those that it may contain after a crash.
    private final BitSet used = new BitSet();
    private BitSet saved = new BitSet();
    // The current page: the number of slots, the level above the leaves and the bytes of a slot in one word, and the
    // slots by key. A leaf's slot is a key, the length of a value, and the value; the longest value of the leaf decides
    // how many bytes all of its slots have. An inner page's slot is a key, and the child for keys from there on. An
    // inner page's first key is not used.
    private ByteBuffer bytes = ByteBuffer.allocate(0);
    private int start;
    private int count;
    private int level;
    private int width;

    /**
     * Opens a store.
     *
     * @param machine provides the memory
     * @param file a file for writing and {@link Geometry#LINUX_X86_64}, closed with the store; empty for a new store
     * @throws IOException if the file is neither empty nor a complete store, or cannot be read. After any failure, the
     *     file is unchanged and open, and the machine has no space and no CPU of the store
     */
    public KeyValueStore(Machine machine, HostFile file) throws IOException {
        this.file = file;
        if (isNew()) {
            used.set(root);
            reserve();
            writeHeader(HEADERS);
            file.channel().force(true);
        }
        long pages = 0;
        for (long header = 0; header < HEADERS * PAGE && file.size() > HEADERS * PAGE; header += PAGE) {
            long number = file.getLong(header);
            long tree = file.getLong(header + 8);
            if (number >= checkpoints && file.getLong(header + 16) == check(number, tree)) {
                checkpoints = number;
                root = (int) tree;
                pages = tree >>> 32;
            }
        }
        if (checkpoints == 0 || file.size() < pages * PAGE) {
            throw new IOException("not a store, cut short, or both headers are damaged");
        }
        space = machine.newSpace(Geometry.LINUX_X86_64);
        Cpu claimed = null;
        boolean isOpen = false;
        try {
            base = space.throwing().mmap(0, (long) PAGE << 31, READ | WRITE, Mman.SHARED, file, 0);
            claimed = machine.claimCpu();
            cpu = claimed;
            cpu.switchTo(space);
            run = cpu.memory().newRun();
            readTree();
            isOpen = true;
        } finally {
            if (!isOpen) {
                if (claimed != null) {
                    claimed.close();
                }
                space.close();
            }
        }
    }

    /** Marks the pages of the tree, and checks that its inner pages can be read. */
    private void readTree() throws IOException {
        cpu.enterGuest();
        try {
            seek(root, READ);
            use(root, level);
            saved.or(used);
        } catch (IllegalStateException unreadable) {
            throw new IOException("a page of the tree cannot be read", unreadable);
        } finally {
            cpu.leaveGuest();
        }
    }

    /** Returns whether the file is empty, or was left by a crash during the creation of a store. */
    private boolean isNew() throws IOException {
        boolean isNew = file.size() <= (HEADERS + 1 + SPARE + GROWTH) * PAGE && file.size() % 512 == 0;
        for (long at = 0; isNew && at < Math.min(file.size(), (HEADERS + 1) * PAGE); at += 8) {
            long word = file.getLong(at);
            isNew = word == 0 || (at == 0 && word == HEADERS) || (at == 8 && word == FIRST_TREE);
        }
        return isNew;
    }

    /** Marks the pages of a tree, without reading its leaves. */
    private void use(int page, int height) {
        used.set(page);
        if (height > 0) {
            seek(page, READ);
            for (int slot = 0; slot < count; slot++) {
                use(bytes.getInt(at(slot) + 8), height - 1);
                seek(page, READ);
            }
        }
    }

    /**
     * {@return a copy of the key's value; null if the key is absent}
     *
     * @param key any number
     */
    public byte @Nullable [] get(long key) {
        byte[][] found = {null};
        forEach(key, key, (value, any) -> {
            found[0] = new byte[value.remaining()];
            value.get(found[0]);
        });
        return found[0];
    }

    /**
     * Visits records in the order of their keys.
     *
     * @param first the lowest key
     * @param last the highest key, inclusive
     * @param visitor receives the bytes of each value in its page, valid until it returns; must not use the store
     */
    public void forEach(long first, long last, ObjLongConsumer<ByteBuffer> visitor) {
        cpu.enterGuest();
        try {
            visit(root, first, last, visitor);
        } finally {
            cpu.leaveGuest();
        }
    }

    /** Visits the records of a page and of those below it; goes from child to child, not again from the root. */
    private void visit(int page, long first, long last, ObjLongConsumer<ByteBuffer> visitor) {
        seek(page, READ);
        if (level > 0) {
            boolean isLast = false;
            for (int slot = find(first); !isLast; slot++) {
                isLast = slot + 1 == count || key(slot + 1) > last;
                visit(bytes.getInt(at(slot) + 8), first, last, visitor);
                if (!isLast) {
                    seek(page, READ);
                }
            }
        } else {
            for (int i = first == Long.MIN_VALUE ? 0 : find(first - 1) + 1; i < count && key(i) <= last; i++) {
                visitor.accept(bytes.slice(at(i) + 10, bytes.getShort(at(i) + 8)), key(i));
            }
            cpu.poll();
        }
    }

    /**
     * Puts or removes a value. The next checkpoint makes the change durable.
     *
     * @param key any number
     * @param value at most {@link #MAX_VALUE} bytes; null to remove the key
     * @throws IOException if the file cannot grow
     */
    public void put(long key, byte @Nullable [] value) throws IOException {
        if (value != null && value.length > MAX_VALUE) {
            throw new IllegalArgumentException("value: " + value.length + " bytes, more than " + MAX_VALUE);
        }
        reserve();
        boolean isDone = false;
        cpu.enterGuest();
        try {
            int needed = value == null ? 0 : 10 + value.length;
            while (!ownLeaf(key, needed)) {
                // Slots that become much longer may need several splits.
            }
            widen(needed);
            int slot = find(key);
            boolean isThere = slot >= 0 && key(slot) == key;
            if (value != null) {
                slot = isThere ? slot : insert(slot + 1, key);
                bytes.putShort(at(slot) + 8, (short) value.length).put(at(slot) + 10, value);
            } else if (isThere) {
                bytes.put(at(slot), bytes, at(slot + 1), at(count) - at(slot + 1))
                        .putInt(start, count - 1);
            }
            isDone = true;
        } finally {
            cpu.leaveGuest();
            if (!isDone) {
                close();
            }
        }
    }

    /**
     * Seeks the leaf for a change: copies pages that are saved, and makes room in a full page. The last page of a level
     * stays full if the key belongs at its end, so ascending keys fill their pages.
     *
     * @param needed the bytes of a slot
     * @return false if slots were moved to another page, and the leaf is not found yet
     */
    private boolean ownLeaf(long key, int needed) {
        root = own(root);
        if (isFull(needed)) {
            int lower = root;
            root = copy(lower);
            bytes.putInt(start, 0).putInt(start + 4, level + 1 | INNER << 8);
            seek(root, READ | WRITE);
            bytes.putInt(at(insert(0, key)) + 8, lower);
        }
        boolean isLast = true;
        for (int page = root; level > 0; ) {
            int slot = find(key);
            isLast &= slot == count - 1;
            int lower = own(bytes.getInt(at(slot) + 8));
            seek(page, READ | WRITE);
            bytes.putInt(at(slot) + 8, lower);
            seek(lower, READ | WRITE);
            if (isFull(needed)) {
                if (level == 0 && shift(page, slot, lower, needed)) {
                    return false;
                }
                boolean isAppended = isLast && find(key) == count - 1 && (level > 0 || key(count - 1) < key);
                // A new last leaf starts with the new key alone; a new inner page needs a child.
                int kept = !isAppended ? count / 2 : level > 0 ? count - 1 : count;
                long least = kept < count ? key(kept) : key;
                int upper = copy(lower);
                bytes.put(at(0), bytes, at(kept), at(count) - at(kept)).putInt(start, count - kept);
                if (kept == count) {
                    bytes.putInt(start + 4, 0);
                }
                seek(lower, READ | WRITE);
                bytes.putInt(start, kept);
                seek(page, READ | WRITE);
                bytes.putInt(at(insert(slot + 1, least)) + 8, upper);
                return false;
            }
            page = lower;
        }
        return true;
    }

    /**
     * Moves slots of a full leaf, the current page, to the next leaf of the same parent, so that both have as many. This
     * keeps leaves fuller than splits alone.
     *
     * @return false if there is no such leaf, or the leaf is almost as full; the full leaf is then the current page
     */
    private boolean shift(int page, int slot, int lower, int needed) {
        int full = count;
        int bytesOfSlot = width;
        seek(page, READ);
        int upper = slot + 1 < count ? bytes.getInt(at(slot + 1) + 8) : lower;
        seek(upper, READ);
        int moved = (full - count) / 2;
        if (moved <= full / 16 || width != bytesOfSlot || width < needed) {
            seek(lower, READ | WRITE);
            return false;
        }
        upper = own(upper);
        bytes.put(at(moved), bytes, at(0), at(count) - at(0)).putInt(start, count + moved);
        copy(lower, 8 + (full - moved) * width, upper, 8, moved * width);
        seek(lower, READ | WRITE);
        long least = key(full - moved);
        bytes.putInt(start, full - moved);
        seek(page, READ | WRITE);
        bytes.putLong(at(slot + 1), least).putInt(at(slot + 1) + 8, upper);
        return true;
    }

    /** Returns whether the current page has no room for a slot, of so many bytes in a leaf. */
    private boolean isFull(int needed) {
        return 8 + (count + 1) * Math.max(width, level > 0 ? INNER : needed) > PAGE;
    }

    /** Gives the slots of the current leaf at least so many bytes. */
    private void widen(int needed) {
        int before = width;
        if (needed > before) {
            width = needed;
            bytes.putInt(start + 4, width << 8);
            for (int slot = count - 1; slot >= 0; slot--) {
                bytes.put(at(slot), bytes, start + 8 + slot * before, before);
            }
        }
    }

    /** Seeks a page that may be overwritten: the given page, or a copy that replaces it. */
    private int own(int page) {
        int owned = saved.get(page) ? copy(page) : page;
        used.set(page, owned == page);
        seek(owned, READ | WRITE);
        return owned;
    }

    private int copy(int page) {
        allocated = saved.nextClearBit(allocated + 1);
        used.set(allocated);
        copy(page, 0, allocated, 0, PAGE);
        seek(allocated, READ | WRITE);
        return allocated;
    }

    private void copy(int from, int at, int to, int put, int length) {
        while (cpu.memory().copy(base + (long) from * PAGE + at, base + (long) to * PAGE + put, length) < length) {
            checkRetry();
        }
    }

    /** Makes the file large enough for a change. */
    private void reserve() throws IOException {
        long end = Math.max(used.length(), saved.length()) + SPARE;
        if (end * PAGE > file.size()) {
            file.putByte((end + GROWTH) * PAGE - 1, (byte) 0);
        }
    }

    /**
     * Makes all changes durable atomically: they are on the device when this returns.
     *
     * @throws IOException if the host cannot save the file; the store is then closed
     */
    public void checkpoint() throws IOException {
        boolean isDone = false;
        try {
            file.channel().force(true);
            saved.or(used);
            writeHeader(checkpoints + 1);
            // Not a force of the file, which would look for dirty pages among all pages in memory.
            long result = space.msync(base, HEADERS * PAGE, Mman.SYNC);
            if (result != 0) {
                throw new IOException("the header is not saved: " + Errno.of(result));
            }
            saved = (BitSet) used.clone();
            allocated = HEADERS - 1;
            isDone = true;
        } finally {
            if (!isDone) {
                close();
            }
        }
    }

    private void writeHeader(long number) throws IOException {
        long header = number % HEADERS * PAGE;
        long tree = (long) used.length() << 32 | root;
        file.putLong(header, number);
        file.putLong(header + 8, tree);
        file.putLong(header + 16, check(number, tree));
        checkpoints = number;
    }

    private static long check(long number, long tree) {
        return Long.reverse(number) ^ tree ^ 0x736d_7261_6d72_7662L;
    }

    @Override
    public void close() {
        cpu.close();
        space.close();
        file.close();
    }

    private void seek(int page, int access) {
        while (run.seek(base + (long) page * PAGE, PAGE, access) < PAGE) {
            checkRetry();
        }
        bytes = run.buffer();
        start = run.offset();
        count = bytes.getInt(start);
        level = bytes.getInt(start + 4) & 0xff;
        width = bytes.getInt(start + 4) >>> 8;
    }

    /** Throws the failure of an access, unless the machine is freeing memory for it ({@code lowMemory}). */
    private void checkRetry() {
        if (cpu.memory().fault() != Fault.RETRY) {
            throw new IllegalStateException(Fault.toString(cpu.memory().fault()));
        }
        LockSupport.parkNanos(this, RETRY_NANOS);
    }

    /** Returns the last slot whose key is at most the given key; -1 if a leaf contains none. */
    private int find(long key) {
        int low = level > 0 ? 1 : 0;
        for (int high = count; low < high; ) {
            int middle = (low + high) >>> 1;
            boolean isAbove = key(middle) > key;
            low = isAbove ? low : middle + 1;
            high = isAbove ? middle : high;
        }
        return low - 1;
    }

    private int insert(int slot, long key) {
        bytes.put(at(slot + 1), bytes, at(slot), at(count) - at(slot));
        bytes.putLong(at(slot), key).putInt(start, ++count);
        return slot;
    }

    private int at(int slot) {
        return start + 8 + slot * width;
    }

    private long key(int slot) {
        return bytes.getLong(at(slot));
    }
}
