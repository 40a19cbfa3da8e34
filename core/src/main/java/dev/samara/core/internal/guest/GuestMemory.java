// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.FrameStore;
import org.jspecify.annotations.Nullable;

/**
 * The guest memory of a CPU: reads and writes in the space that the CPU has loaded. Accesses translate through the
 * CPU's TLB and fault where no translation exists.
 *
 * <p>Every access is made in GUEST. If the CPU is not in GUEST, it enters for one access, or one page, and leaves
 * again. A fault is handled outside of GUEST, so no thread waits for a CPU that itself waits.
 */
public sealed class GuestMemory permits CheckedMemory {
    /**
     * The result of resolving a store to a page that is watched: each such store is made by address, and the watchers
     * are told. It is no negated {@link Fault}, and it is negative as an int too. Taken for a handle, it lies in no
     * frame.
     */
    public static final long NO_HANDLE = Integer.MIN_VALUE;

    private final CpuTlb processor;
    private final Faulter faulter;
    private final FrameStore store;

    /** The store, if it is the usual one; its accesses need not split a physical address. Null otherwise. */
    private final @Nullable DirectFrames direct;

    private final int pageShift;
    private final SoftTlb tlb;
    private final int pageMask;
    private final GuestBytes bytes;
    private final GuestPins pins;

    private boolean swapsBytes;
    private long value;
    private long faultAddress;
    private int fault;

    /**
     * Creates the guest memory of one thread's CPU.
     *
     * @param processor the CPU's own translations; whenever this object is used, it has loaded the space that this
     *     object serves
     * @param faulter handles faults in that space
     * @param worker the thread's page table context
     * @param frames the machine's frames
     */
    public GuestMemory(CpuTlb processor, Faulter faulter, PageTableContext worker, Frames frames) {
        this.processor = processor;
        this.faulter = faulter;
        store = frames.store();
        direct = store instanceof DirectFrames usual ? usual : null;
        pageShift = Integer.numberOfTrailingZeros(frames.pageSize());
        tlb = processor.tlb();
        pageMask = frames.pageSize() - 1;
        bytes = new GuestBytes(this);
        pins = new GuestPins(this, frames, worker);
    }

    /**
     * Serves another space from now on.
     *
     * @param layout the loaded space, of the same memory
     */
    public void serve(Layout layout) {
        faulter.serve(layout);
        value = 0;
        faultAddress = 0;
        fault = Fault.MINOR;
    }

    /**
     * Returns the store of the bytes.
     *
     * @return the store, the same for every call
     */
    public FrameStore store() {
        return store;
    }

    /**
     * Sets the byte order of numbers.
     *
     * @param swaps whether numbers are big-endian
     */
    public void swapBytes(boolean swaps) {
        swapsBytes = swaps;
    }

    /** Drops the references to the space that was served. No space is served after this. */
    public void rest() {
        faulter.rest();
    }

    /**
     * Returns the number that was read last.
     *
     * @return the number
     */
    public long value() {
        return value;
    }

    /**
     * Sets the number that counts as read last.
     *
     * @param value the number
     */
    public void setValue(long value) {
        this.value = value;
    }

    /**
     * Returns the address at which the last failed access failed.
     *
     * @return an address
     */
    public long faultAddress() {
        return faultAddress;
    }

    /** Begins an access that is made page by page, and fails only if a part fails. */
    void begin() {
        fault = Fault.MINOR;
    }

    /** Returns the number of bytes from an address to the end of its page. */
    int restOfPage(long address) {
        return pageMask + 1 - ((int) address & pageMask);
    }

    /**
     * Returns the accesses to byte sequences and strings.
     *
     * @return the accesses, the same for every call
     */
    public GuestBytes bytes() {
        return bytes;
    }

    /**
     * Returns the pins of frames.
     *
     * @return the pins, the same for every call
     */
    public GuestPins pins() {
        return pins;
    }

    /**
     * Returns the reason of the last failed access.
     *
     * @return a {@link Fault}; after a copy, a filling or a search, MINOR if it did not fail
     */
    public int fault() {
        return fault;
    }

    /** Records why and where an access has failed. */
    int fail(int why, long address) {
        fault = why;
        faultAddress = address;
        return why;
    }

    /**
     * Makes a page accessible, outside of GUEST. May wait like {@link Faulter#fault}; a CPU in GUEST leaves it
     * meanwhile.
     *
     * @param address any address
     * @param access bits of {@link Protection}
     * @return a {@link Fault}
     */
    public int handleFault(long address, int access) {
        checkQuiet();
        boolean isGuest = processor.isGuest();
        if (isGuest) {
            leaveGuest();
        }
        try {
            int result = faultOutside(address, access);
            return Fault.isDone(result) ? result : fail(result, address);
        } finally {
            if (isGuest) {
                enterGuest();
            }
        }
    }

    private int faultOutside(long address, int access) {
        int before = processor.begin(CpuTlb.FAULTING);
        try {
            return faulter.fault(address, access);
        } finally {
            processor.end(before);
        }
    }

    private void enterGuest() {
        processor.enterGuest();
    }

    private void leaveGuest() {
        processor.leaveGuest();
    }

    /** Acknowledges pending requests of other threads, in GUEST. Ends all handles. */
    public void poll() {
        endHandles();
        processor.poll();
    }

    /** Ends all earlier handles. Every access by address calls this in GUEST, since it may resolve. */
    public void endHandles() {
        // Only a checked memory records handles.
    }

    private void checkQuiet() {
        if (processor.isTelling()) {
            throw new IllegalStateException("an access was made by a flush listener of the same CPU");
        }
    }

    /**
     * Checks that a size is that of a number.
     *
     * @param size bytes
     * @throws IllegalArgumentException if the size is not 1, 2, 4 or 8
     */
    public static void checkSize(int size) {
        if (size != 8 && size != 4 && size != 2 && size != 1) {
            throw new IllegalArgumentException("size " + size + " is not 1, 2, 4 or 8");
        }
    }

    /**
     * Reads without ordering, in little-endian byte order. A checked memory checks handles here and in the methods
     * below.
     */
    long getRaw(long physical, int size) {
        DirectFrames of = direct;
        return of != null ? of.get(physical, size) : store.get(frameOf(physical), offsetOf(physical), size);
    }

    void putRaw(long physical, int size, long number) {
        DirectFrames of = direct;
        if (of != null) {
            of.put(physical, size, number);
        } else {
            store.put(frameOf(physical), offsetOf(physical), size, number);
        }
    }

    void copyRaw(long physical, byte[] bytes, int at, int length, boolean writes) {
        if (writes) {
            store.write(frameOf(physical), offsetOf(physical), bytes, at, length);
        } else {
            store.read(frameOf(physical), offsetOf(physical), bytes, at, length);
        }
    }

    void fillRaw(long physical, int length, byte with) {
        store.fill(frameOf(physical), offsetOf(physical), length, with);
    }

    /** Returns the frame of a handle. */
    int frameAt(long physical) {
        return frameOf(physical);
    }

    private long ordered(long number, int size) {
        return swapsBytes ? Long.reverseBytes(number) >>> (Long.SIZE - size * Byte.SIZE) : number;
    }

    /**
     * Returns whether a range of bytes lies in two pages.
     *
     * @param address the address of the first byte
     * @param size bytes
     * @return whether it crosses a page boundary
     */
    public boolean crosses(long address, int size) {
        return ((int) address & pageMask) + size > pageMask + 1;
    }

    private int frameOf(long physical) {
        return (int) (physical >>> pageShift);
    }

    private int offsetOf(long physical) {
        return (int) physical & pageMask;
    }

    private static long rightOf(int access) {
        return access == Protection.EXEC ? Pte.EXEC : access == Protection.WRITE ? Pte.WRITE : Pte.READ;
    }

    /**
     * Translates an address that the TLB does not. Called in GUEST. A fault leaves GUEST meanwhile, so earlier handles
     * are invalid after this call.
     *
     * @param address any address
     * @param access one bit of {@link Protection}
     * @return a handle, or the negated {@link Fault}; {@link #NO_HANDLE} for a store to a page that is watched
     */
    public long resolve(long address, int access) {
        long handle = find(address, access);
        return handle >= 0 && access == Protection.WRITE && processor.isWatched(address) ? NO_HANDLE : handle;
    }

    /**
     * Translates like {@link #resolve}, but also for a store to a page that is watched: the caller then tells the
     * watchers.
     */
    long find(long address, int access) {
        long handle = walk(address, rightOf(access));
        return handle >= 0 ? handle : findByFault(address, access);
    }

    /** Looks an address up in the page table. Called in GUEST. */
    long walk(long address, long right) {
        return processor.walk(address, right);
    }

    private long findByFault(long address, int access) {
        for (; ; ) {
            int result;
            leaveGuest();
            try {
                result = faultOutside(address, access);
            } finally {
                enterGuest();
            }
            if (!Fault.isDone(result)) {
                return -fail(result, address);
            }
            // The fault may have linked a new leaf.
            processor.forgetTable(address);
            long handle = walk(address, rightOf(access));
            if (handle >= 0) {
                return handle;
            }
        }
    }

    /**
     * Looks an address up in the TLB. Outside of GUEST every lookup misses.
     *
     * @param address the address of the first byte
     * @param size bytes
     * @param right {@link Pte#READ}, {@link Pte#WRITE} or {@link Pte#EXEC}
     * @return a handle, or {@link SoftTlb#MISS}
     */
    public long probe(long address, int size, long right) {
        return tlb.probe(address, size, right >> 1);
    }

    /** Translates for a store by the TLB, and else like {@link #find}. Called in GUEST. */
    long findWritable(long address) {
        long handle = probe(address, 1, Pte.WRITE);
        return handle >= 0 ? handle : find(address, Protection.WRITE);
    }

    /**
     * Tells the watchers of a range about a store that was made. Called in GUEST, which it leaves meanwhile, since
     * watchers may take long. Earlier handles are invalid after this call. Reads by the watchers do not count as read
     * last.
     */
    void tell(long address, long length) {
        if (processor.isAt(CpuTlb.TELLING_STORE) || !processor.watches().touches(address, address + length - 1)) {
            return;
        }
        long valueBefore = value;
        long faultAddressBefore = faultAddress;
        int faultBefore = fault;
        leaveGuest();
        int before = processor.begin(CpuTlb.TELLING_STORE);
        try {
            processor.watches().tell(address, length);
        } finally {
            processor.end(before);
            value = valueBefore;
            faultAddress = faultAddressBefore;
            fault = faultBefore;
            enterGuest();
        }
    }

    /** Returns a handle for bytes of one page, the negated {@link Fault}, or {@link #NO_HANDLE}. Called in GUEST. */
    long translate(long address, int size, int access) {
        long handle = probe(address, size, rightOf(access));
        return handle >= 0 ? handle : resolve(address, access);
    }

    /** Enters GUEST unless the CPU is in it. Returns whether it has entered. */
    boolean enter() {
        checkQuiet();
        if (processor.isGuest()) {
            endHandles();
            return false;
        }
        enterGuest();
        return true;
    }

    void leave(boolean entered) {
        if (entered) {
            // Not by way of leaveGuest: the entry had the stack depth that the exit needs.
            processor.leaveGuest();
        }
    }

    /**
     * Reads a number into {@link #value}.
     *
     * @param address the address of the first byte
     * @param size bytes: 1, 2, 4 or 8
     * @param access READ or EXEC of {@link Protection}
     * @return MINOR if it was done, otherwise the fault
     */
    public int read(long address, int size, int access) {
        checkSize(size);
        if (crosses(address, size)) {
            return readAcross(address, size, access);
        }
        boolean entered = enter();
        try {
            long handle = translate(address, size, access);
            if (handle < 0) {
                return (int) -handle;
            }
            value = get(handle, size);
            return Fault.MINOR;
        } finally {
            leave(entered);
        }
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
     * Reads a number by a handle.
     *
     * @param handle a valid handle
     * @param size bytes
     * @return the number
     */
    public long get(long handle, int size) {
        return ordered(getRaw(handle, size), size);
    }

    /**
     * Writes a number by a handle.
     *
     * @param handle a valid handle
     * @param size bytes
     * @param number the number to be written
     */
    public void put(long handle, int size, long number) {
        putRaw(handle, size, ordered(number, size));
    }

    /**
     * Writes a number.
     *
     * @param address the address of the first byte
     * @param size bytes: 1, 2, 4 or 8
     * @param number the number to be written
     * @return MINOR if it was done, otherwise the fault
     */
    public int write(long address, int size, long number) {
        checkSize(size);
        boolean entered = enter();
        try {
            if (crosses(address, size)) {
                return writeAcross(address, size, ordered(number, size));
            }
            long handle = translate(address, size, Protection.WRITE);
            if (handle < 0) {
                return handle == NO_HANDLE ? writeWatched(address, size, number) : (int) -handle;
            }
            put(handle, size, number);
            return Fault.MINOR;
        } finally {
            leave(entered);
        }
    }

    private int writeWatched(long address, int size, long number) {
        long handle = find(address, Protection.WRITE);
        if (handle < 0) {
            return (int) -handle;
        }
        put(handle, size, number);
        tell(address, size);
        return Fault.MINOR;
    }

    /**
     * Writes a number that crosses a page boundary. Both pages are found writable, with no acknowledgement in between,
     * before the first byte is written.
     */
    private int writeAcross(long address, int size, long number) {
        long second = (address | pageMask) + 1;
        for (; ; ) {
            long high = findWritable(second);
            if (high < 0) {
                // If the lower page faults too, its fault is the one to be reported.
                long low = findWritable(address);
                return low < 0 ? (int) -low : fail((int) -high, second);
            }
            long low = walk(address, Pte.WRITE);
            if (low >= 0) {
                for (int i = 0; i < size; i++) {
                    boolean isLow = ((int) address & pageMask) + i <= pageMask;
                    long at = isLow ? low + i : high + i - (second - address);
                    putRaw(at, 1, number >>> (i * Byte.SIZE));
                }
                tell(address, size);
                return Fault.MINOR;
            }
            low = find(address, Protection.WRITE);
            if (low < 0) {
                return (int) -low;
            }
        }
    }

    /**
     * Makes an atomic access. Sets {@link #value} to the previous number, except for STORE.
     *
     * @param what the kind of access
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected the number that EXCHANGE_IF expects; not used by other kinds
     * @param operand the operand
     * @return MINOR if it was done, otherwise the fault
     */
    public int atomic(GuestAtomic what, long address, int size, long expected, long operand) {
        checkSize(size);
        if ((address & size - 1) != 0) {
            return fail(Fault.ADRALN, address);
        }
        boolean entered = enter();
        try {
            long handle = translate(address, size, what == GuestAtomic.LOAD ? Protection.READ : Protection.WRITE);
            if (handle < 0) {
                return handle == NO_HANDLE ? atomicWatched(what, address, size, expected, operand) : (int) -handle;
            }
            long seen = update(what, handle, size, expected, operand);
            if (what != GuestAtomic.STORE) {
                value = seen;
            }
            return Fault.MINOR;
        } finally {
            leave(entered);
        }
    }

    private int atomicWatched(GuestAtomic what, long address, int size, long expected, long operand) {
        long handle = find(address, Protection.WRITE);
        if (handle < 0) {
            return (int) -handle;
        }
        long seen = update(what, handle, size, expected, operand);
        if (what != GuestAtomic.STORE) {
            value = seen;
        }
        boolean isWritten =
                what != GuestAtomic.EXCHANGE_IF || seen == (expected & -1L >>> (Long.SIZE - size * Byte.SIZE));
        if (isWritten) {
            tell(address, size);
        }
        return Fault.MINOR;
    }

    /**
     * Makes an atomic access by a handle.
     *
     * @param what the kind of access
     * @param handle a valid handle, aligned
     * @param size bytes
     * @param expected the number that EXCHANGE_IF expects; not used by other kinds
     * @param operand the operand
     * @return the previous number; unspecified for STORE
     */
    public long update(GuestAtomic what, long handle, int size, long expected, long operand) {
        long mask = -1L >>> (Long.SIZE - size * Byte.SIZE);
        int frame = frameOf(handle);
        int offset = offsetOf(handle);
        long seen = switch (what) {
            case LOAD -> store.getVolatile(frame, offset, size);
            case STORE -> {
                store.putVolatile(frame, offset, size, ordered(operand, size));
                yield operand;
            }
            case EXCHANGE_IF ->
                store.compareAndExchange(
                        frame, offset, size, ordered(expected & mask, size), ordered(operand & mask, size));
            default -> modify(what, frame, offset, size, operand, mask);
        };
        return ordered(seen, size);
    }

    private long modify(GuestAtomic what, int frame, int offset, int size, long operand, long mask) {
        long seen = store.getVolatile(frame, offset, size);
        for (; ; ) {
            long changed = ordered(what.apply(ordered(seen, size), operand) & mask, size);
            long witness = store.compareAndExchange(frame, offset, size, seen, changed);
            if (witness == seen) {
                return seen;
            }
            seen = witness;
        }
    }
}
