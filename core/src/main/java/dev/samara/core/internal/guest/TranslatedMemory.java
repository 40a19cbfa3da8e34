// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.fault.PermissionCheck;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.FrameStore;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The space of a CPU as accessed through its TLB. Translates addresses to physical addresses, through the TLB, the page
 * table or a fault, and accesses the bytes there. A translation must be used before the CPU polls, leaves GUEST or
 * translates another address.
 *
 * <p>Bytes are accessed only in GUEST. If the CPU is not in GUEST, it enters GUEST for one access, or for one page, and
 * leaves it again. A fault is handled outside of GUEST, so no thread waits for a CPU that itself waits.
 */
public sealed class TranslatedMemory permits CheckedMemory {
    /**
     * The result of {@link #translate} for a store to a page that is watched for writes, and for each access to a page
     * that is watched for reads, because the watchers must be notified. It is not a negated {@link Fault}.
     */
    static final long WATCHED = Integer.MIN_VALUE;

    /** The access of an atomic update, which also reads the number that it replaces. */
    static final int UPDATE = Protection.READ | Protection.WRITE;

    /**
     * The stack that an access for more than one number needs to leave GUEST, in stack frames. The access may hold a
     * lock of the futex table in GUEST.
     */
    private static final int LEAVE_DEPTH = 16;

    /** The stack that a fault needs, and the return to GUEST after it, in stack frames. */
    private static final int FAULT_DEPTH = Faulter.DEPTH + 8;

    /** Visible to the accesses, which leave GUEST without a call after an Error. */
    final CpuTlb processor;

    private final CpuCounters counters;
    final Faulter faulter;
    private final FrameStore store;

    /** The store if it is {@link DirectFrames}, whose accesses need not split a physical address; otherwise null. */
    final @Nullable DirectFrames direct;

    final int pageShift;
    private final SoftTlb tlb;
    final int pageMask;
    final Frames frames;

    /** The tracker of pinned frames; null on a machine that does not track references. */
    final @Nullable RefTracker tracker;

    /** The layout of the space that is served. The {@link Faulter} receives it with the first fault in that space. */
    private @Nullable Layout served;

    /** The kinds of atomic accesses. */
    enum AtomicUpdate {
        /** Reads the number. */
        LOAD,
        /** Writes the operand. */
        STORE,
        /** Writes the operand if the number is the expected one. */
        EXCHANGE_IF,
        /** Adds the operand. */
        ADD,
        /** Replaces the number by the operand. */
        SET,
        /** Clears the bits that the operand lacks. */
        AND,
        /** Sets the bits of the operand. */
        OR,
        /** Flips the bits of the operand. */
        XOR;

        /** Returns READ or WRITE of {@link Protection}, or {@link TranslatedMemory#UPDATE}, which needs both rights. */
        int access() {
            return switch (this) {
                case LOAD -> Protection.READ;
                case STORE -> Protection.WRITE;
                default -> TranslatedMemory.UPDATE;
            };
        }

        /**
         * Executes the access.
         *
         * @param expected the number that EXCHANGE_IF expects; not used by other kinds
         * @param swaps whether the numbers are big-endian
         * @return the previous number; unspecified for STORE
         */
        long update(FrameStore store, int frame, int offset, int size, long expected, long operand, boolean swaps) {
            long mask = maskOf(size);
            long seen = switch (this) {
                case LOAD -> store.getVolatile(frame, offset, size);
                case STORE -> {
                    store.putVolatile(frame, offset, size, ordered(operand, size, swaps));
                    yield operand;
                }
                case EXCHANGE_IF ->
                    store.compareAndExchange(
                            frame,
                            offset,
                            size,
                            ordered(expected & mask, size, swaps),
                            ordered(operand & mask, size, swaps));
                default -> modify(store, frame, offset, size, operand, swaps);
            };
            return ordered(seen, size, swaps);
        }

        private long modify(FrameStore store, int frame, int offset, int size, long operand, boolean swaps) {
            long mask = maskOf(size);
            long seen = store.getVolatile(frame, offset, size);
            for (; ; ) {
                long changed = ordered(apply(ordered(seen, size, swaps), operand) & mask, size, swaps);
                long witness = store.compareAndExchange(frame, offset, size, seen, changed);
                if (witness == seen) {
                    return seen;
                }
                seen = witness;
            }
        }

        private long apply(long before, long operand) {
            return switch (this) {
                case ADD -> before + operand;
                case SET -> operand;
                case AND -> before & operand;
                case OR -> before | operand;
                case XOR -> before ^ operand;
                default -> throw new IllegalArgumentException("not a read-modify-write: " + this);
            };
        }

        /** Returns a mask with the bits of a number of {@code size} bytes. */
        static long maskOf(int size) {
            return -1L >>> (Long.SIZE - size * Byte.SIZE);
        }

        /** Converts a number between little-endian order and the order of the CPU. */
        static long ordered(long number, int size, boolean swaps) {
            return swaps ? Long.reverseBytes(number) >>> (Long.SIZE - size * Byte.SIZE) : number;
        }
    }

    /**
     * Creates the memory of one thread's CPU.
     *
     * @param processor the CPU's own translations; whenever it is used, the CPU is in the space that this object serves
     * @param faulter handles faults in that space
     * @param frames the machine's frames
     * @param tracker records where frames are pinned; null on a machine that does not track references
     */
    public TranslatedMemory(CpuTlb processor, Faulter faulter, Frames frames, @Nullable RefTracker tracker) {
        this.processor = processor;
        counters = processor.state.counters();
        this.faulter = faulter;
        store = frames.store();
        direct = frames.direct();
        pageShift = Integer.numberOfTrailingZeros(frames.pageSize());
        tlb = processor.tlb();
        pageMask = frames.pageSize() - 1;
        this.frames = frames;
        this.tracker = tracker;
    }

    /** Lets a view read the TLB. */
    void view(SoftTlb.View view) {
        processor.view(view);
    }

    /** Serves another space from now on. The space must have this memory's machine and page size. */
    void serve(Layout layout) {
        faulter.rest();
        served = layout;
    }

    /** Drops all references to the space that was served. No space is served after this. */
    public void rest() {
        faulter.rest();
        served = null;
    }

    /**
     * On a checked machine, walks the page tables that the CPU keeps in LAZY. Does nothing on other machines and in
     * other states.
     *
     * @throws dev.samara.core.event.InvariantViolation if a table was given back although the CPU still keeps it
     */
    public void speculate() {
        // Does nothing, because without a checker, nothing could observe the walk.
    }

    /**
     * Returns whether each run has its own buffer, and the buffers of runs and pins reject accesses after the end of
     * the run or pin.
     */
    boolean endsRuns() {
        return false;
    }

    /**
     * Records that a run started. Called in GUEST.
     *
     * @param physical the physical address of the run's first byte
     */
    void begin(GuestRun run, long physical) {
        // Does nothing, because only a checked memory ends runs.
    }

    /** Ends a run before the next one starts. Called in GUEST, or, for a run of another space, outside GUEST. */
    void end(GuestRun run) {
        // Does nothing, as above.
    }

    /** Returns the layout of the space that is served. */
    Layout layout() {
        return Objects.requireNonNull(served);
    }

    /** Sets the owner of the CPU; null if it has none. */
    public void ownedBy(@Nullable Thread thread) {
        // Does nothing, because only a checked memory compares the owner.
    }

    /** In a checked memory, throws if the caller is not the owner of the CPU. */
    void checkCaller() {
        // Does nothing, because the results of the last access are read too often to be checked on every machine.
    }

    /** Returns the number of bytes from an address to the end of its page. */
    int restOfPage(long address) {
        return pageMask + 1 - ((int) address & pageMask);
    }

    /** Returns whether a range of bytes crosses a page boundary. */
    boolean crosses(long address, int size) {
        return ((int) address & pageMask) + size > pageMask + 1;
    }

    /**
     * Makes a page accessible, outside of GUEST. May wait like {@link Faulter#fault}; a CPU in GUEST leaves GUEST
     * during the call.
     *
     * @param access bits of {@link Protection}
     * @return a {@link Fault}
     */
    int handleFault(long address, int access) {
        checkQuiet();
        StackReserve.check(FAULT_DEPTH);
        return faultOutside(address, access, null);
    }

    /**
     * Handles a fault outside of GUEST, or copies bytes as {@link Faulter#copyUncached} does if there is a target.
     */
    private int faultOutside(long address, int access, @Nullable ByteBuffer target) {
        int as = processor.suspend();
        try {
            int others = ThreadCpus.beginFault();
            if (others == 0) {
                return serveFault(address, access, target);
            }
            // Other CPUs of the thread are in GUEST. Those that it has allowed to do so leave GUEST for the duration of
            // the fault, so that no other thread waits for them.
            try {
                ThreadCpus.leaveForFault(others);
                return serveFault(address, access, target);
            } finally {
                ThreadCpus.comeBack(others);
            }
        } finally {
            processor.resume(as);
        }
    }

    private int serveFault(long address, int access, @Nullable ByteBuffer target) {
        int before = processor.begin(CpuTlb.FAULTING);
        try {
            faulter.serve(Objects.requireNonNull(served));
            if (target != null) {
                return faulter.copyUncached(address, target);
            }
            int result = faulter.fault(address, access);
            if (result == Fault.NONE) {
                counters.increment(faulter.wasMajor() ? CpuCounters.MAJOR_FAULTS : CpuCounters.MINOR_FAULTS);
                if (faulter.wasCopy()) {
                    counters.increment(CpuCounters.COPIES_ON_WRITE);
                }
            }
            return result;
        } finally {
            processor.end(before);
        }
    }

    /** Acknowledges pending requests of other threads, in GUEST. */
    public void poll() {
        processor.poll();
    }

    private void checkQuiet() {
        if (processor.isTelling()) {
            throw new IllegalStateException("an access was made by a flush listener of this CPU");
        }
    }

    /**
     * Enters GUEST unless the CPU is already in GUEST. Checks that enough stack is left for {@link #leave}. Returns
     * whether it entered.
     */
    boolean enter() {
        checkQuiet();
        if (processor.isGuest()) {
            return false;
        }
        StackReserve.check(LEAVE_DEPTH);
        processor.enterForAccess();
        return true;
    }

    /**
     * Enters GUEST as {@link #enter} does, for an access to a number. Counts the access if it is made outside GUEST.
     * Does not check the stack, which would take too long for a hit: if the access fails, its caller leaves GUEST
     * without a call, by storing to the fields of {@link #processor}.
     */
    boolean enterForNumber() {
        checkQuiet();
        if (processor.isGuest()) {
            return false;
        }
        counters.increment(CpuCounters.OUTSIDE_GUEST);
        processor.enterForAccess();
        return true;
    }

    /**
     * If the CPU is outside GUEST, counts an access to a number that is made byte by byte, where each byte enters
     * GUEST.
     */
    void countIfOutside() {
        if (!processor.isGuest()) {
            counters.increment(CpuCounters.OUTSIDE_GUEST);
        }
    }

    /** Ends an access that {@link #enter} started. Called after the last use of a translation. */
    void leave(boolean entered) {
        if (entered) {
            processor.leaveAfterAccess();
        } else {
            // The CPU must be reachable up to here, because a CPU that is lost in GUEST is taken offline, and then the
            // frame may be freed.
            processor.keepReachable();
        }
    }

    /**
     * Translates an address for an access within one page. Called in GUEST. A fault leaves GUEST temporarily, so
     * earlier translations are invalid after this call.
     *
     * @param access one bit of {@link Protection}, or {@link #UPDATE}
     * @return the physical address, or the negated {@link Fault}; {@link #WATCHED} if watchers may have to be notified
     */
    long translate(long address, int size, int access) {
        long physical = tlb.probe(address, size, probedRight(access));
        return physical >= 0 ? physical : translateAfterMiss(address, access);
    }

    /**
     * Returns the right that a translation in the TLB must have. The TLB does not cache store translations of pages
     * that must not be read, so that it suffices for an update.
     */
    private static long probedRight(int access) {
        return switch (access) {
            case Protection.EXEC -> Pte.EXEC;
            case Protection.WRITE, UPDATE -> Pte.WRITE;
            default -> Pte.READ;
        };
    }

    /**
     * Translates an address as {@link #translate} does, but only through the TLB and the page table. Does not fault, so
     * it stays in GUEST, and earlier translations remain valid.
     *
     * @param access READ of {@link Protection}, or {@link #UPDATE}
     * @return the physical address; a negative number if the access would fault, or if watchers may have to be notified
     */
    long translatePresent(long address, int access) {
        long physical = tlb.probe(address, 1, probedRight(access));
        if (physical >= 0) {
            return physical;
        }
        physical = walk(address, rightOf(access));
        return physical >= 0 && isReported(address, access) ? WATCHED : physical;
    }

    /**
     * Returns whether a page has the given frame, and no watcher must be notified of updates of the page. Called before
     * {@link #translatePresent}, which makes the page dirty even if the caller cannot use the translation. Called in
     * GUEST.
     */
    boolean mayUpdate(long address, int frame) {
        long pte = processor.entry(address);
        return Pte.isPresent(pte) && Pte.frame(pte) == frame && !isReported(address, UPDATE);
    }

    static long rightOf(int access) {
        return switch (access) {
            case Protection.EXEC -> Pte.EXEC;
            case Protection.WRITE -> Pte.WRITE;
            case UPDATE -> Pte.READ | Pte.WRITE;
            default -> Pte.READ;
        };
    }

    /**
     * Translates through the page table or a fault, after a TLB miss. Returns the same results as {@link #translate}.
     */
    private long translateAfterMiss(long address, int access) {
        long physical = walkOrFault(address, access);
        return physical >= 0 && isReported(address, access) ? WATCHED : physical;
    }

    private boolean isReported(long address, int access) {
        return processor.isReadWatched(address) || ((access & Protection.WRITE) != 0 && processor.isWatched(address));
    }

    /** Translates through the TLB or, after a miss, like {@link #walkOrFault}. Called in GUEST. */
    long find(long address, int access) {
        long physical = tlb.probe(address, 1, probedRight(access));
        return physical >= 0 ? physical : walkOrFault(address, access);
    }

    /**
     * Walks the page table for an address that the TLB does not translate, and faults if the walk finds nothing. Also
     * translates for a store to a page that is watched, in which case the caller notifies the watchers.
     */
    long walkOrFault(long address, int access) {
        long physical = walk(address, rightOf(access));
        // Counted after the walk, because this store makes the compiler reload fields that it would otherwise keep in
        // registers.
        counters.increment(CpuCounters.TLB_MISSES);
        return physical >= 0 ? physical : faultIn(address, access);
    }

    /**
     * Translates as {@link #walkOrFault} does, for an access whose miss was already counted. The CPU has not left GUEST
     * since then.
     */
    long walkOrFaultAgain(long address, int access) {
        long physical = walk(address, rightOf(access));
        return physical >= 0 ? physical : faultIn(address, access);
    }

    /**
     * Translates through the TLB and the page table, if a miss was already counted. Returns a negative number instead
     * of faulting.
     */
    long lookUp(long address, int access) {
        long physical = tlb.probe(address, 1, probedRight(access));
        return physical >= 0 ? physical : walk(address, rightOf(access));
    }

    /**
     * Adds a translation to the TLB if a view may read the TLB and the page table contains the translation. Called in
     * GUEST. Does not fault, and does not wait.
     *
     * @param access one bit of {@link Protection}
     * @return the physical address; {@link SoftTlb#MISS} if nothing was added, in which case the miss is not counted,
     *     because the access is then made in another way
     */
    long walkForView(long address, int access) {
        return tlb.isViewed() ? counted(processor.add(address, rightOf(access))) : SoftTlb.MISS;
    }

    /**
     * Adds a translation as {@link #walkForView} does, but only if the walk is cached, the entry needs no mark, the
     * page is readable and the space has no watched range ({@link CpuTlb#refill}).
     */
    long refill(long address, int access) {
        return tlb.isViewed() ? counted(processor.refill(address, rightOf(access))) : SoftTlb.MISS;
    }

    private long counted(long physical) {
        if (physical >= 0) {
            counters.increment(CpuCounters.TLB_MISSES);
        }
        return physical;
    }

    /**
     * Translates an address through the TLB and the page table for an access through a view. Called in GUEST. Does not
     * fault, and does not wait. Afterwards, the CPU is in the cpumask of the page, so its flush listeners are notified
     * of each later change of the page, even after another translation has replaced this one in the TLB.
     *
     * @param access one bit of {@link Protection}
     * @return the index in the region, or {@link SoftTlb#MISS}
     */
    long translateForView(long address, int access) {
        long right = rightOf(access);
        if (!tlb.isViewed()) {
            return SoftTlb.MISS;
        }
        long index = tlb.indexInRegion(address, right);
        if (index < 0 && walk(address, right) >= 0) {
            // Still a miss if the page is watched, because the walk then adds no translation to the TLB.
            index = tlb.indexInRegion(address, right);
            counters.increment(CpuCounters.TLB_MISSES);
        }
        return index;
    }

    /** Walks the page table for an address. Called in GUEST. */
    long walk(long address, long right) {
        return processor.walk(address, right);
    }

    /**
     * Translates for a forced access, which needs only the rights that the mapping may be given. Called in GUEST. The
     * TLB gets only the rights of the entry, so accesses that are not forced gain no rights.
     *
     * @param access READ or WRITE of {@link Protection}
     * @return the physical address, or the negated {@link Fault}
     */
    long findForced(long address, int access) {
        long physical = tlb.probe(address, 1, rightOf(access));
        if (physical >= 0) {
            return physical;
        }
        physical = walkForced(address, access | PermissionCheck.FORCED);
        counters.increment(CpuCounters.TLB_MISSES);
        return physical >= 0 ? physical : faultIn(address, access | PermissionCheck.FORCED);
    }

    private long walkForced(long address, int access) {
        if ((access & Protection.WRITE) == 0) {
            return walk(address, 0);
        }
        // The page stays private between the two walks and the access: no operation removes it, or makes it shared,
        // without waiting for this CPU in GUEST.
        long physical = walk(address, Pte.WRITE);
        return physical >= 0 ? physical : walk(address, Pte.FORCED_WRITE);
    }

    /**
     * Faults the page in and walks again, until the walk finds the page or the fault fails. Leaves GUEST for the fault.
     */
    private long faultIn(long address, int access) {
        StackReserve.check(FAULT_DEPTH);
        for (; ; ) {
            int result = faultOutside(address, access, null);
            if (result != Fault.NONE) {
                return -result;
            }
            // The cached leaf is dropped, because the fault may have linked a new one.
            processor.forgetTable(address);
            long physical = (access & PermissionCheck.FORCED) != 0
                    ? walkForced(address, access)
                    : walk(address, rightOf(access));
            if (physical >= 0) {
                return physical;
            }
        }
    }

    /** Translates for a load through the TLB and the page table, and counts a miss. Returns -1 instead of faulting. */
    long findMapped(long address) {
        long physical = tlb.probe(address, 1, Pte.READ);
        if (physical < 0) {
            physical = walk(address, Pte.READ);
            counters.increment(CpuCounters.TLB_MISSES);
        }
        return physical;
    }

    /**
     * Copies many bytes of a mapped file that are not in memory, bypassing its page cache; see {@link
     * Faulter#copyUncached}. Called in GUEST, which it leaves during the copy, so earlier translations are invalid
     * after this call.
     *
     * @return the number of bytes; 0 if they must be faulted in
     */
    int copyUncached(long address, ByteBuffer target) {
        StackReserve.check(FAULT_DEPTH);
        return faultOutside(address, Protection.READ, target);
    }

    /** Returns whether watchers are notified of a store to a range. Stores that a watcher makes are not reported. */
    boolean isWatched(long address, long length) {
        return !processor.isAt(CpuTlb.TELLING_STORE) && processor.watches().touches(address, address + length - 1);
    }

    /** Returns whether watchers are notified of a read of a range. Reads that a watcher makes are not reported. */
    boolean isReadWatched(long address, long length) {
        return !processor.isAt(CpuTlb.TELLING_STORE) && processor.readWatches().touches(address, address + length - 1);
    }

    /**
     * Notifies the watchers of a range of an access that was made. Called in GUEST, which it leaves during the call,
     * because watchers may take long. Earlier translations are invalid after this call.
     *
     * @param access WRITE of {@link Protection}, or the kind of read: READ or EXEC
     * @param value the number that was read; 0 if there is none
     */
    void tell(int access, long address, long length, long value) {
        StackReserve.check(CpuTlb.FLUSH_DEPTH + LEAVE_DEPTH);
        int as = processor.suspend();
        int before = processor.begin(CpuTlb.TELLING_STORE);
        try {
            (access == Protection.WRITE ? processor.watches() : processor.readWatches())
                    .tell(access, address, length, value);
        } finally {
            processor.end(before);
            processor.resume(as);
        }
    }

    /** Returns the frame of a physical address. */
    int frameOf(long physical) {
        return (int) (physical >>> pageShift);
    }

    /** Returns the offset of a guest or physical address in its page. */
    int offsetOf(long physical) {
        return (int) physical & pageMask;
    }

    /**
     * Reads without ordering, in little-endian byte order. A checked memory checks the translation here and in the
     * methods below.
     *
     * @param physical the translation of the address
     * @param access READ or EXEC of {@link Protection}
     */
    long get(long address, long physical, int size, int access) {
        DirectFrames usual = direct;
        return usual != null ? usual.get(physical, size) : store.get(frameOf(physical), offsetOf(physical), size);
    }

    /** Writes without ordering, in little-endian byte order. */
    void put(long address, long physical, int size, long number) {
        DirectFrames usual = direct;
        if (usual != null) {
            usual.put(physical, size, number);
        } else {
            store.put(frameOf(physical), offsetOf(physical), size, number);
        }
    }

    /**
     * Copies bytes between a page and an array, or a buffer, whose position it advances; the other one is null.
     *
     * @param at the index of the first byte in the array; not used for a buffer
     * @param isForced whether {@link #findForced} translated the address
     */
    void copy(
            long address,
            long physical,
            byte @Nullable [] bytes,
            int at,
            int length,
            @Nullable ByteBuffer buffer,
            boolean writes,
            boolean isForced) {
        int frame = frameOf(physical);
        int offset = offsetOf(physical);
        if (buffer == null) {
            byte[] array = Objects.requireNonNull(bytes);
            if (writes) {
                store.write(frame, offset, array, at, length);
            } else {
                store.read(frame, offset, array, at, length);
            }
            return;
        }
        int position = buffer.position();
        if (writes) {
            store.write(frame, offset, buffer, position, length);
        } else {
            store.read(frame, offset, buffer, position, length);
        }
        buffer.position(position + length);
    }

    /**
     * Copies bytes of a page to the same or another page. The ranges may overlap.
     *
     * @param from the address in the source with which its page was translated
     * @param source the physical address of the first byte to read
     * @param to the address in the target with which its page was translated
     * @param target the physical address of the first byte to write
     */
    void copyWithin(long from, long source, long to, long target, int length) {
        store.copy(frameOf(source), offsetOf(source), frameOf(target), offsetOf(target), length);
    }

    void fill(long address, long physical, int length, byte with) {
        store.fill(frameOf(physical), offsetOf(physical), length, with);
    }

    /**
     * Executes an aligned atomic access.
     *
     * @param expected the number that EXCHANGE_IF expects; not used by other kinds
     * @param swaps whether the numbers are big-endian
     * @return the previous number; unspecified for STORE
     */
    long update(AtomicUpdate what, long address, long physical, int size, long expected, long operand, boolean swaps) {
        return what.update(store, frameOf(physical), offsetOf(physical), size, expected, operand, swaps);
    }
}
