// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.fault.Faulter;
import dev.samara.core.layout.Layout;
import dev.samara.core.page.Frames;
import dev.samara.core.page.Memory;
import dev.samara.core.page.PageTable;
import dev.samara.core.page.Pte;
import dev.samara.core.page.Worker;
import dev.samara.core.rcu.RcuReader;
import dev.samara.core.vma.Fault;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Protection;
import java.nio.ByteOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A simulated processor: reads and writes what is mapped in the space that it has loaded.
 *
 * <p>Owned by the thread that claimed it, and used by no other. An access either happens as a whole or not at all: then what
 * is returned is a {@link Fault} and {@link #faultAddress} says where. Nothing is thrown for what a guest does, and nothing
 * allocated. Each access finds the mapping of some instant of the call; after a {@code munmap}, {@code mprotect} or the like has
 * returned, none is made that the new state forbids.
 *
 * <p>Plain accesses may have any address, also across a page boundary; aligned ones of up to 8 bytes are made at once.
 * Atomic ones have to be aligned.
 */
public final class Cpu implements AutoCloseable {
    private final int number;
    private final Thread owner = Thread.currentThread();

    private boolean swapsBytes;
    private @Nullable AddressSpace space;
    private @Nullable Memory memory;
    private @Nullable Worker worker;

    /* Of the space that is loaded; valid while that is not null. */
    private @Nullable Faulter faulter;
    private @Nullable PageTable table;
    private @Nullable FrameStore store;
    private @Nullable RcuReader reader;
    private int pageMask;

    private long value;
    private long faultAddress;
    private int fault;

    Cpu(int number) {
        this.number = number;
    }

    /**
     * Loads a space: accesses go there from now on.
     *
     * @param next a space of a machine with memory, or null for none
     * @throws IllegalStateException if the thread does not own this CPU, or the machine was built without memory
     */
    public void load(@Nullable AddressSpace next) {
        own();
        if (faulter != null && faulter.isBusy()) {
            throw new IllegalStateException(this + " is in a fault: a backing that it asks must leave it loaded");
        }
        if (next == null) {
            space = null;
            faulter = null;
            return;
        }
        Layout layout = next.layout();
        Memory of = layout.memory();
        if (memory != of) {
            faulter = null;
            release();
            memory = of;
            worker = of.newWorker("cpu " + number + " of thread " + owner.getName(), owner);
        }
        Worker mine = Objects.requireNonNull(worker);
        faulter = new Faulter(layout, mine);
        table = layout.pages();
        store = of.frames().store();
        reader = mine.reader();
        pageMask = of.frames().pageSize() - 1;
        space = next;
    }

    private void own() {
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException(this + " is used by thread "
                    + Thread.currentThread().getName() + " and owned by " + owner.getName());
        }
    }

    private Faulter loaded() {
        own();
        Faulter of = faulter;
        if (of == null) {
            throw new IllegalStateException(this + " has no space loaded");
        }
        return of;
    }

    /**
     * The space that is loaded.
     *
     * @return the space, or null for none
     */
    public @Nullable AddressSpace space() {
        return space;
    }

    /**
     * Sets the order of bytes in numbers; little-endian unless set.
     *
     * @param order the order
     */
    public void order(ByteOrder order) {
        swapsBytes = order == ByteOrder.BIG_ENDIAN;
    }

    /**
     * What the last successful access has read.
     *
     * @return the number, in the low bits; the bits above its size are 0
     */
    public long value() {
        return value;
    }

    /**
     * Where the last access that failed has failed.
     *
     * @return an address; for one across a page boundary, of the page that failed
     */
    public long faultAddress() {
        return faultAddress;
    }

    /**
     * Why the last copy, fill or search came to an end before its time.
     *
     * @return a {@link Fault}; MINOR if it did not
     */
    public int fault() {
        return fault;
    }

    private int fail(int why, long address) {
        fault = why;
        faultAddress = address;
        return why;
    }

    private long ordered(long number, int size) {
        return swapsBytes ? Long.reverseBytes(number) >>> (Long.SIZE - size * Byte.SIZE) : number;
    }

    private static void checkSize(int size) {
        if (size != 8 && size != 4 && size != 2 && size != 1) {
            throw new IllegalArgumentException("size " + size + " is not 1, 2, 4 or 8");
        }
    }

    private boolean crosses(long address, int size) {
        return ((int) address & pageMask) + size > pageMask + 1;
    }

    /**
     * Makes a page accessible, without an access.
     *
     * @param address any address
     * @param access bits of {@link Protection}
     * @return a {@link Fault}
     */
    public int handleFault(long address, int access) {
        Faulter of = loaded();
        int result = of.fault(address, access);
        return Fault.isDone(result) ? result : fail(result, address);
    }

    /**
     * Reads a number; {@link #value} has it then.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else why not
     */
    public int load(long address, int size) {
        return read(address, size, Protection.READ);
    }

    /**
     * Reads an instruction, or part of one: like {@link #load}, but what must be allowed is execution.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else why not
     */
    public int fetch(long address, int size) {
        return read(address, size, Protection.EXEC);
    }

    private int read(long address, int size, int access) {
        Faulter of = loaded();
        checkSize(size);
        if (crosses(address, size)) {
            return readAcross(address, size, access);
        }
        RcuReader section = Objects.requireNonNull(reader);
        for (; ; ) {
            section.enter();
            try {
                long pte = Objects.requireNonNull(table).get(address);
                if (allows(pte, access)) {
                    long number = Objects.requireNonNull(store).get(Pte.frame(pte), (int) address & pageMask, size);
                    value = ordered(number, size);
                    return Fault.MINOR;
                }
            } finally {
                section.exit();
            }
            int result = of.fault(address, access);
            if (!Fault.isDone(result)) {
                return fail(result, address);
            }
        }
    }

    private static boolean allows(long pte, int access) {
        long rights = access == Protection.EXEC ? Pte.EXEC : access == Protection.WRITE ? Pte.WRITE : Pte.READ;
        return Pte.has(pte, Pte.PRESENT | rights);
    }

    private int readAcross(long address, int size, int access) {
        long before = value;
        long number = 0;
        for (int i = 0; i < size; i++) {
            int result = read(address + i, 1, access);
            if (!Fault.isDone(result)) {
                value = before;
                return result;
            }
            number |= value << (i * Byte.SIZE);
        }
        value = ordered(number, size);
        return Fault.MINOR;
    }

    /**
     * The entry of a page that may be written, with its dirty mark; 0 if there is none. Caller is in a reader section.
     */
    private long writable(long address) {
        PageTable of = Objects.requireNonNull(table);
        long pte = of.get(address);
        while (Pte.has(pte, Pte.PRESENT | Pte.WRITE) && !Pte.has(pte, Pte.DIRTY)) {
            long[] leaf = of.leaf(address);
            if (leaf == null) {
                return 0;
            }
            long dirty = pte | Pte.DIRTY | Pte.ACCESSED;
            if (PageTable.compareAndSet(leaf, of.indexOf(address), pte, dirty)) {
                return dirty;
            }
            pte = PageTable.get(leaf, of.indexOf(address));
        }
        return Pte.has(pte, Pte.PRESENT | Pte.WRITE) ? pte : 0;
    }

    /**
     * Writes a number.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @param number what is written; bits above its size are ignored
     * @return MINOR if it was written, else why not
     */
    public int store(long address, int size, long number) {
        Faulter of = loaded();
        checkSize(size);
        if (crosses(address, size)) {
            return storeAcross(of, address, size, ordered(number, size));
        }
        RcuReader section = Objects.requireNonNull(reader);
        for (; ; ) {
            section.enter();
            try {
                long pte = writable(address);
                if (pte != 0) {
                    Objects.requireNonNull(store)
                            .put(Pte.frame(pte), (int) address & pageMask, size, ordered(number, size));
                    return Fault.MINOR;
                }
            } finally {
                section.exit();
            }
            int result = of.fault(address, Protection.WRITE);
            if (!Fault.isDone(result)) {
                return fail(result, address);
            }
        }
    }

    /** Both pages are found writable in one section before the first byte is written. */
    private int storeAcross(Faulter of, long address, int size, long number) {
        long second = (address | pageMask) + 1;
        RcuReader section = Objects.requireNonNull(reader);
        for (; ; ) {
            long wanting = address;
            section.enter();
            try {
                long low = writable(address);
                long high = low == 0 ? 0 : writable(second);
                if (high != 0) {
                    putAcross(low, high, address, size, number);
                    return Fault.MINOR;
                }
                wanting = low == 0 ? address : second;
            } finally {
                section.exit();
            }
            int result = of.fault(wanting, Protection.WRITE);
            if (!Fault.isDone(result)) {
                return fail(result, wanting);
            }
        }
    }

    private void putAcross(long low, long high, long address, int size, long number) {
        for (int i = 0; i < size; i++) {
            int offset = (int) address & pageMask;
            boolean isLow = offset + i <= pageMask;
            int at = offset + i & pageMask;
            Objects.requireNonNull(store).put(Pte.frame(isLow ? low : high), at, 1, number >>> (i * Byte.SIZE));
        }
    }

    /** What an atomic access does. */
    private enum Update {
        LOAD,
        STORE,
        EXCHANGE_IF,
        ADD,
        SET,
        AND,
        OR,
        XOR
    }

    /**
     * Reads a number atomically, in the order of volatile variables.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else why not; ADRALN for an address that is not aligned
     */
    public int loadVolatile(long address, int size) {
        return atomic(Update.LOAD, address, size, 0, 0);
    }

    /**
     * Writes a number atomically, in the order of volatile variables.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number what is written
     * @return MINOR if it was written, else why not; ADRALN for an address that is not aligned
     */
    public int storeVolatile(long address, int size, long number) {
        return atomic(Update.STORE, address, size, 0, number);
    }

    /**
     * Writes a number if what is there is expected, atomically. {@link #value} has what was there: it was written if that is
     * what was expected.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected what must be there
     * @param number what is written
     * @return MINOR if it was compared, else why not; ADRALN for an address that is not aligned
     */
    public int compareAndExchange(long address, int size, long expected, long number) {
        return atomic(Update.EXCHANGE_IF, address, size, expected, number);
    }

    /**
     * Writes a number if what is there is expected, atomically. {@link #value} is 1 if it was written and 0 if not.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected what must be there
     * @param number what is written
     * @return MINOR if it was compared, else why not; ADRALN for an address that is not aligned
     */
    public int compareAndSet(long address, int size, long expected, long number) {
        int result = compareAndExchange(address, size, expected, number);
        if (Fault.isDone(result)) {
            value = value == (expected & maskOf(size)) ? 1 : 0;
        }
        return result;
    }

    /**
     * Adds to a number atomically; {@link #value} has what was there.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param delta what is added
     * @return MINOR if it was done, else why not; ADRALN for an address that is not aligned
     */
    public int getAndAdd(long address, int size, long delta) {
        return atomic(Update.ADD, address, size, 0, delta);
    }

    /**
     * Replaces a number atomically; {@link #value} has what was there.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number what is written
     * @return MINOR if it was done, else why not; ADRALN for an address that is not aligned
     */
    public int getAndSet(long address, int size, long number) {
        return atomic(Update.SET, address, size, 0, number);
    }

    /**
     * Clears bits of a number atomically; {@link #value} has what was there.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are kept
     * @return MINOR if it was done, else why not; ADRALN for an address that is not aligned
     */
    public int getAndBitwiseAnd(long address, int size, long mask) {
        return atomic(Update.AND, address, size, 0, mask);
    }

    /**
     * Sets bits of a number atomically; {@link #value} has what was there.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are set
     * @return MINOR if it was done, else why not; ADRALN for an address that is not aligned
     */
    public int getAndBitwiseOr(long address, int size, long mask) {
        return atomic(Update.OR, address, size, 0, mask);
    }

    /**
     * Flips bits of a number atomically; {@link #value} has what was there.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are flipped
     * @return MINOR if it was done, else why not; ADRALN for an address that is not aligned
     */
    public int getAndBitwiseXor(long address, int size, long mask) {
        return atomic(Update.XOR, address, size, 0, mask);
    }

    private static long maskOf(int size) {
        return -1L >>> (Long.SIZE - size * Byte.SIZE);
    }

    private int atomic(Update update, long address, int size, long expected, long operand) {
        Faulter of = loaded();
        checkSize(size);
        if ((address & size - 1) != 0) {
            return fail(Fault.ADRALN, address);
        }
        int access = update == Update.LOAD ? Protection.READ : Protection.WRITE;
        RcuReader section = Objects.requireNonNull(reader);
        for (; ; ) {
            section.enter();
            try {
                long pte = access == Protection.READ
                        ? Objects.requireNonNull(table).get(address)
                        : writable(address);
                if (allows(pte, access)) {
                    long seen = update(update, Pte.frame(pte), (int) address & pageMask, size, expected, operand);
                    if (update != Update.STORE) {
                        value = ordered(seen, size);
                    }
                    return Fault.MINOR;
                }
            } finally {
                section.exit();
            }
            int result = of.fault(address, access);
            if (!Fault.isDone(result)) {
                return fail(result, address);
            }
        }
    }

    /** Returns what was there, as it is stored. */
    private long update(Update update, int frame, int offset, int size, long expected, long operand) {
        FrameStore of = Objects.requireNonNull(store);
        return switch (update) {
            case LOAD -> of.getVolatile(frame, offset, size);
            case STORE -> {
                of.putVolatile(frame, offset, size, ordered(operand, size));
                yield operand;
            }
            case EXCHANGE_IF ->
                of.compareAndExchange(
                        frame, offset, size, ordered(expected, size) & maskOf(size), ordered(operand, size));
            default -> modify(of, update, frame, offset, size, operand);
        };
    }

    private long modify(FrameStore of, Update update, int frame, int offset, int size, long operand) {
        long seen = of.getVolatile(frame, offset, size);
        for (; ; ) {
            long changed = ordered(apply(update, ordered(seen, size), operand) & maskOf(size), size);
            long witness = of.compareAndExchange(frame, offset, size, seen, changed);
            if (witness == seen) {
                return seen;
            }
            seen = witness;
        }
    }

    private static long apply(Update update, long before, long operand) {
        return switch (update) {
            case ADD -> before + operand;
            case SET -> operand;
            case AND -> before & operand;
            case OR -> before | operand;
            case XOR -> before ^ operand;
            default -> throw new IllegalArgumentException("not a read-modify-write: " + update);
        };
    }

    /**
     * Copies out of memory, page by page: each page at some instant, the whole at none.
     *
     * @param address of the first byte
     * @param target where to
     * @param at index of the first
     * @param length how many bytes
     * @return how many were copied; if fewer, {@link #fault} says why
     */
    public int copyOut(long address, byte[] target, int at, int length) {
        Objects.checkFromIndexSize(at, length, target.length);
        return transfer(address, target, at, length, false);
    }

    /**
     * Copies into memory, page by page.
     *
     * @param address of the first byte
     * @param source where from
     * @param at index of the first
     * @param length how many bytes
     * @return how many were copied; if fewer, {@link #fault} says why
     */
    public int copyIn(long address, byte[] source, int at, int length) {
        Objects.checkFromIndexSize(at, length, source.length);
        return transfer(address, source, at, length, true);
    }

    private int transfer(long address, byte[] bytes, int at, int length, boolean writes) {
        own();
        fault = Fault.MINOR;
        int done = 0;
        while (done < length) {
            int part = Math.min(length - done, pageMask + 1 - ((int) (address + done) & pageMask));
            int result = transferPart(address + done, bytes, at + done, part, writes);
            if (!Fault.isDone(result)) {
                return done;
            }
            done += part;
        }
        return done;
    }

    private int transferPart(long address, byte[] bytes, int at, int length, boolean writes) {
        Faulter of = loaded();
        int access = writes ? Protection.WRITE : Protection.READ;
        RcuReader section = Objects.requireNonNull(reader);
        FrameStore into = Objects.requireNonNull(store);
        for (; ; ) {
            section.enter();
            try {
                long pte = writes
                        ? writable(address)
                        : Objects.requireNonNull(table).get(address);
                if (allows(pte, access)) {
                    if (writes) {
                        into.write(Pte.frame(pte), (int) address & pageMask, bytes, at, length);
                    } else {
                        into.read(Pte.frame(pte), (int) address & pageMask, bytes, at, length);
                    }
                    return Fault.MINOR;
                }
            } finally {
                section.exit();
            }
            int result = of.fault(address, access);
            if (!Fault.isDone(result)) {
                return fail(result, address);
            }
        }
    }

    /**
     * Fills memory with a byte, page by page.
     *
     * @param address of the first byte
     * @param length how many bytes, not negative
     * @param with with what
     * @return how many were filled; if fewer, {@link #fault} says why
     */
    public long fill(long address, long length, byte with) {
        Faulter of = loaded();
        fault = Fault.MINOR;
        RcuReader section = Objects.requireNonNull(reader);
        long done = 0;
        while (done < length) {
            long from = address + done;
            int offset = (int) from & pageMask;
            int part = (int) Math.min(length - done, pageMask + 1 - offset);
            long pte;
            section.enter();
            try {
                pte = writable(from);
                if (pte != 0) {
                    Objects.requireNonNull(store).fill(Pte.frame(pte), offset, part, with);
                    done += part;
                }
            } finally {
                section.exit();
            }
            if (pte == 0) {
                int result = of.fault(from, Protection.WRITE);
                if (!Fault.isDone(result)) {
                    fail(result, from);
                    return done;
                }
            }
        }
        return done;
    }

    /**
     * Copies a string of bytes that a 0 ends ({@code strncpy_from_user}).
     *
     * @param address of the first byte
     * @param target where to; the 0 is not copied
     * @return its length; the length of the target if it has no end within that; -1 if an access failed before its end, and {@link #fault} says why
     */
    public int string(long address, byte[] target) {
        own();
        fault = Fault.MINOR;
        int length = 0;
        while (length < target.length) {
            int part = Math.min(target.length - length, pageMask + 1 - ((int) (address + length) & pageMask));
            if (!Fault.isDone(transferPart(address + length, target, length, part, false))) {
                return -1;
            }
            for (int i = 0; i < part; i++) {
                if (target[length + i] == 0) {
                    return length + i;
                }
            }
            length += part;
        }
        return length;
    }

    /**
     * Pins the frame of a page: its memory stays usable until {@link #unpin}, whatever becomes of the mapping. For devices
     * and long I/O; what is read or written through it follows the mapping only as long as that is not changed.
     *
     * @param address an address of the page
     * @param access READ or WRITE of {@link Protection}; a frame pinned for writing counts as written
     * @return the frame; or negative, the negated {@link Fault} that it met; OOM too if the page has as many pins as can be counted
     */
    public int pin(long address, int access) {
        Faulter of = loaded();
        boolean writes = (access & Protection.WRITE) != 0;
        int wanted = writes ? Protection.WRITE : Protection.READ;
        RcuReader section = Objects.requireNonNull(reader);
        Frames frames = Objects.requireNonNull(memory).frames();
        for (; ; ) {
            section.enter();
            try {
                long pte = writes
                        ? writable(address)
                        : Objects.requireNonNull(table).get(address);
                if (allows(pte, wanted)) {
                    // Not free before this section ends, so the pin comes in time.
                    int frame = Pte.frame(pte);
                    if (frame == Frames.ZERO) {
                        // Nobody counts it, and it is never free.
                        return frame;
                    }
                    if (!frames.pin(frame)) {
                        return -fail(Fault.OOM, address);
                    }
                    if (isUnchanged(address, pte)) {
                        if (writes) {
                            frames.setDirty(frame);
                        }
                        return frame;
                    }
                    frames.unpin(frame, Objects.requireNonNull(worker).magazine());
                    continue;
                }
            } finally {
                section.exit();
            }
            int result = of.fault(address, wanted);
            if (!Fault.isDone(result)) {
                return -fail(result, address);
            }
        }
    }

    /** Whether an entry is as it was, whether used or not. Behind a pin. Pairs with a fork, which clears rights and then looks for pins. */
    private boolean isUnchanged(long address, long pte) {
        long now = Objects.requireNonNull(table).get(address);
        return ((now ^ pte) & ~(Pte.ACCESSED | Pte.DIRTY)) == 0;
    }

    /**
     * Ends a pin.
     *
     * @param frame a frame that this machine has pinned
     * @param written whether it was written through the pin
     * @throws IllegalStateException if it has no pin
     */
    public void unpin(int frame, boolean written) {
        loaded();
        if (frame == Frames.ZERO) {
            return;
        }
        Frames frames = Objects.requireNonNull(memory).frames();
        if (written && frames.isPinned(frame)) {
            frames.setDirty(frame);
        }
        frames.unpin(frame, Objects.requireNonNull(worker).magazine());
    }

    /**
     * Where the bytes of pinned frames are.
     *
     * @return the store of the space's machine
     */
    public FrameStore frameStore() {
        loaded();
        return Objects.requireNonNull(store);
    }

    private void release() {
        Memory of = memory;
        if (of != null && worker != null) {
            of.discard(worker);
            worker = null;
            memory = null;
        }
    }

    /** Gives the CPU up, with the frames of its magazine. */
    @Override
    public void close() {
        own();
        load(null);
        release();
    }

    @Override
    public String toString() {
        return "cpu " + number;
    }
}
