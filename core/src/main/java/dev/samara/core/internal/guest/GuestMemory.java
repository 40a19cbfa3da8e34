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
 * What a CPU reads and writes in the space that it has loaded: translations through its TLB, faults where there is
 * none.
 *
 * <p>Every access is made in GUEST. Where the CPU is not in it, it enters for one access, or one page, and leaves
 * again. A fault is handled outside of GUEST, so that nobody waits for one who waits.
 */
public sealed class GuestMemory permits CheckedMemory {
    /**
     * What resolving answers for bytes of a page that is watched: each store there is made by address, and told. No
     * {@link Fault}, negated, and negative as an int too: where it is taken for a handle, it lies in no frame.
     */
    public static final long NO_HANDLE = Integer.MIN_VALUE;

    private final CpuTlb processor;
    private final Faulter faulter;
    private final FrameStore store;

    /** The same, if it is the usual one: then a physical address need not be taken apart. */
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
     * Puts it together, for one thread.
     *
     * @param processor whose TLB is used, and which has loaded what this serves whenever it is asked
     * @param faulter handles faults in that space
     * @param worker the thread's
     * @param frames the machine's
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
     * Is of another space from now on.
     *
     * @param layout what is loaded, of the same memory
     */
    public void serve(Layout layout) {
        faulter.serve(layout);
        value = 0;
        faultAddress = 0;
        fault = Fault.MINOR;
    }

    /**
     * Where the bytes are.
     *
     * @return always the same
     */
    public FrameStore store() {
        return store;
    }

    /**
     * Sets the order of bytes in numbers.
     *
     * @param swaps whether it is big-endian
     */
    public void swapBytes(boolean swaps) {
        swapsBytes = swaps;
    }

    /** Lets go of what the space has: none is served now. */
    public void rest() {
        faulter.rest();
    }

    /**
     * What was read last.
     *
     * @return the number
     */
    public long value() {
        return value;
    }

    /**
     * Sets what counts as read last.
     *
     * @param value the number
     */
    public void setValue(long value) {
        this.value = value;
    }

    /**
     * Where the last access that failed has failed.
     *
     * @return an address
     */
    public long faultAddress() {
        return faultAddress;
    }

    /** Begins what is made page by page, and fails only if a part does. */
    void begin() {
        fault = Fault.MINOR;
    }

    /** How many bytes there are from an address to the end of its page. */
    int restOfPage(long address) {
        return pageMask + 1 - ((int) address & pageMask);
    }

    /**
     * Numbers of bytes, and strings.
     *
     * @return always the same
     */
    public GuestBytes bytes() {
        return bytes;
    }

    /**
     * Frames that are kept.
     *
     * @return always the same
     */
    public GuestPins pins() {
        return pins;
    }

    /**
     * Why the last access that failed has.
     *
     * @return a {@link Fault}; of a copy, a filling or a search, MINOR if it did not
     */
    public int fault() {
        return fault;
    }

    /** Notes why an access has failed, and where. */
    int fail(int why, long address) {
        fault = why;
        faultAddress = address;
        return why;
    }

    /**
     * Makes a page accessible, out of GUEST.
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

    /** Acknowledges, in GUEST. */
    public void poll() {
        endHandles();
        processor.poll();
    }

    /** Says that handles from before are used no more: all but the next few calls may be about to resolve. */
    public void endHandles() {
        // Nobody checks.
    }

    private void checkQuiet() {
        if (processor.isTelling()) {
            throw new IllegalStateException("an access was made by a flush listener of the same CPU");
        }
    }

    /**
     * Makes sure that a size is that of a number.
     *
     * @param size bytes
     * @throws IllegalArgumentException if it is not 1, 2, 4 or 8
     */
    public static void checkSize(int size) {
        if (size != 8 && size != 4 && size != 2 && size != 1) {
            throw new IllegalArgumentException("size " + size + " is not 1, 2, 4 or 8");
        }
    }

    /** Reads, without order, in little-endian order of bytes. Who checks handles does it here and below. */
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

    /** The frame that a handle is for. */
    int frameAt(long physical) {
        return frameOf(physical);
    }

    private long ordered(long number, int size) {
        return swapsBytes ? Long.reverseBytes(number) >>> (Long.SIZE - size * Byte.SIZE) : number;
    }

    /**
     * Whether bytes lie in two pages.
     *
     * @param address of the first byte
     * @param size bytes
     * @return true if so
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
     * Translates where the TLB does not. In GUEST; a fault leaves it for its time, so handles from before mean nothing.
     *
     * @param address any address
     * @param access one bit of {@link Protection}
     * @return a handle, or the negated {@link Fault}; {@link #NO_HANDLE} for a store into a page that is watched
     */
    public long resolve(long address, int access) {
        long handle = find(address, access);
        return handle >= 0 && access == Protection.WRITE && processor.isWatched(address) ? NO_HANDLE : handle;
    }

    /** The same, also of a page that is watched: then the caller tells. */
    long find(long address, int access) {
        long handle = walk(address, rightOf(access));
        return handle >= 0 ? handle : findByFault(address, access);
    }

    /** Looks in the page table. In GUEST. */
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
            // In a table that the fault has made.
            processor.forgetTable(address);
            long handle = walk(address, rightOf(access));
            if (handle >= 0) {
                return handle;
            }
        }
    }

    /**
     * Looks in the TLB. Out of GUEST it has nothing.
     *
     * @param address of the first byte
     * @param size bytes
     * @param right {@link Pte#READ}, {@link Pte#WRITE} or {@link Pte#EXEC}
     * @return a handle, or {@link SoftTlb#MISS}
     */
    public long probe(long address, int size, long right) {
        return tlb.probe(address, size, right >> 1);
    }

    /** As {@link #find}, of what the TLB may have. In GUEST. */
    long findWritable(long address) {
        long handle = probe(address, 1, Pte.WRITE);
        return handle >= 0 ? handle : find(address, Protection.WRITE);
    }

    /**
     * Tells who watches bytes of an access that was made, out of GUEST: they may take their time. In GUEST; handles end
     * here. What they read themselves does not count as read last.
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

    /** A handle for bytes of one page; or the negated {@link Fault}, or {@link #NO_HANDLE}. In GUEST. */
    long translate(long address, int size, int access) {
        long handle = probe(address, size, rightOf(access));
        return handle >= 0 ? handle : resolve(address, access);
    }

    /** Goes to GUEST unless it is there; true if it was not. */
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
            // Not by way of leaveGuest: whoever came in has the stack to go out.
            processor.leaveGuest();
        }
    }

    /**
     * Reads a number.
     *
     * @param address of the first byte
     * @param size bytes: 1, 2, 4 or 8
     * @param access READ or EXEC of {@link Protection}
     * @return MINOR if it was done, else why not
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
     * Reads by a handle.
     *
     * @param handle a living one
     * @param size bytes
     * @return the number
     */
    public long get(long handle, int size) {
        return ordered(getRaw(handle, size), size);
    }

    /**
     * Writes by a handle.
     *
     * @param handle a living one
     * @param size bytes
     * @param number what is written
     */
    public void put(long handle, int size, long number) {
        putRaw(handle, size, ordered(number, size));
    }

    /**
     * Writes a number.
     *
     * @param address of the first byte
     * @param size bytes: 1, 2, 4 or 8
     * @param number what is written
     * @return MINOR if it was done, else why not
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

    /** Both pages are found writable, with no acknowledgement in between, before the first byte is written. */
    private int writeAcross(long address, int size, long number) {
        long second = (address | pageMask) + 1;
        for (; ; ) {
            long high = findWritable(second);
            if (high < 0) {
                // The lower page's fault is the one to be told of, if it has one too.
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
     * Makes an atomic access; {@link #value} has what was there.
     *
     * @param what which
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected of EXCHANGE_IF, what must be there
     * @param operand what it is made with
     * @return MINOR if it was done, else why not
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
     * The same by a handle.
     *
     * @param what which
     * @param handle a living one, aligned
     * @param size bytes
     * @param expected of EXCHANGE_IF, what must be there
     * @param operand what it is made with
     * @return what was there
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
