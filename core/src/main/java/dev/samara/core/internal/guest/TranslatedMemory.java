// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.fault.PermissionCheck;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.internal.tlb.TlbFill;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.FrameStore;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The space of a CPU, through its TLB: translates addresses to physical addresses, by the TLB, the page table or a
 * fault, and accesses the bytes there. A translation is used before the CPU polls, leaves GUEST or translates another
 * address.
 *
 * <p>Bytes are accessed in GUEST only. If the CPU is not in GUEST, it enters for one access, or one page, and leaves
 * again. A fault is handled outside of GUEST, so no thread waits for a CPU that itself waits.
 */
public sealed class TranslatedMemory permits CheckedMemory {
    /**
     * The result of {@link #translate} for a store to a page that is watched, whose watchers are told of each store,
     * and for each access to a page that is watched for reads. It is not a negated {@link Fault}.
     */
    static final long WATCHED = Integer.MIN_VALUE;

    /** The access of an atomic update, which reads what it replaces. */
    static final int UPDATE = Protection.READ | Protection.WRITE;

    private final CpuTlb processor;
    private final CpuCounters counters;
    private final Faulter faulter;
    private final FrameStore store;

    /** The store, if it is the usual one; its accesses need not split a physical address. Null otherwise. */
    private final @Nullable DirectFrames direct;

    private final int pageShift;
    private final SoftTlb tlb;
    private final TlbFill fill;
    private final int pageMask;
    private final Frames frames;
    private final @Nullable RefTracker tracker;

    /** The layout of the space that is served; the {@link Faulter} gets it with the first fault there. */
    private @Nullable Layout served;

    /**
     * Makes the memory of one thread's CPU.
     *
     * @param processor the CPU's own translations; at each use the CPU is in the space that this object serves
     * @param faulter handles faults in that space
     * @param frames the machine's frames
     * @param tracker records where frames are pinned; null on a machine that does not track references
     */
    public TranslatedMemory(CpuTlb processor, Faulter faulter, Frames frames, @Nullable RefTracker tracker) {
        this.processor = processor;
        counters = processor.counters();
        this.faulter = faulter;
        store = frames.store();
        direct = frames.direct();
        pageShift = Integer.numberOfTrailingZeros(frames.pageSize());
        tlb = processor.tlb();
        fill = processor.fill();
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
     * Walks the tables that the CPU has in LAZY, on a checked machine. Does nothing on others, and in other states.
     *
     * @throws dev.samara.core.event.InvariantViolation if a table was given back although the CPU has it
     */
    public void speculate() {
        // Without a checker no walk has an effect that anything could find.
    }

    Frames frames() {
        return frames;
    }

    /** Returns the store of the frames if it has buffers; null for a store of the embedder's. */
    @Nullable
    DirectFrames direct() {
        return direct;
    }

    /** Returns whether each run has a buffer of its own, and buffers of runs and pins refuse accesses after the end. */
    boolean endsRuns() {
        return false;
    }

    /**
     * Notes a run that has begun. Called in GUEST.
     *
     * @param physical the physical address of its first byte
     */
    void begin(JudgedRun run, long physical) {
        // Only a checked memory ends runs.
    }

    /** Ends a run before the next one begins. Called in GUEST, and for a run of another space out of it. */
    void end(JudgedRun run) {
        // As above.
    }

    /** Returns the layout of the space that is served. */
    Layout layout() {
        return Objects.requireNonNull(served);
    }

    /** Returns the record of pinned frames; null on a machine that does not track references. */
    @Nullable
    RefTracker tracker() {
        return tracker;
    }

    CpuTlb processor() {
        return processor;
    }

    /** Sets the owner of the CPU; null for none. */
    public void ownedBy(@Nullable Thread thread) {
        // Only a checked memory compares it.
    }

    /** Refuses another thread than the owner of the CPU, in a checked memory only. */
    void checkCaller() {
        // The results of the last access are read too often to be guarded on every machine.
    }

    /** Returns the number of bytes from an address to the end of its page. */
    int restOfPage(long address) {
        return pageMask + 1 - ((int) address & pageMask);
    }

    /** Returns whether a range of bytes lies in two pages. */
    boolean crosses(long address, int size) {
        return ((int) address & pageMask) + size > pageMask + 1;
    }

    /**
     * Makes a page accessible, outside of GUEST. May wait like {@link Faulter#fault}; a CPU in GUEST leaves it
     * meanwhile.
     *
     * @param access bits of {@link Protection}
     * @return a {@link Fault}
     */
    int handleFault(long address, int access) {
        checkQuiet();
        boolean isGuest = processor.isGuest();
        if (isGuest) {
            leaveGuest();
        }
        try {
            return faultOutside(address, access);
        } finally {
            if (isGuest) {
                enterGuest();
            }
        }
    }

    /** Returns {@link Faulter#errnoOfRetry}. */
    Errno errnoOfRetry() {
        return faulter.errnoOfRetry();
    }

    private int faultOutside(long address, int access) {
        int others = Cpus.beginFault();
        return others == 0 ? serveFault(address, access) : serveFaultBeside(others, address, access);
    }

    /**
     * Serves a fault of a thread that has other CPUs in GUEST. Those for which the thread allowed it leave GUEST for as
     * long as the fault takes, so that no other thread waits for them.
     */
    private int serveFaultBeside(int others, long address, int access) {
        try {
            Cpus.leaveForFault(others);
            return serveFault(address, access);
        } finally {
            Cpus.comeBack(others);
        }
    }

    private int serveFault(long address, int access) {
        int before = processor.begin(CpuTlb.FAULTING);
        try {
            faulter.serve(Objects.requireNonNull(served));
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

    /** Enters GUEST unless the CPU is in it. Returns whether it has entered. */
    boolean enter() {
        checkQuiet();
        if (processor.isGuest()) {
            return false;
        }
        enterGuest();
        return true;
    }

    /**
     * Enters GUEST as {@link #enter} does, for an access to a number. Counts one that is made outside GUEST.
     */
    boolean enterForNumber() {
        checkQuiet();
        if (processor.isGuest()) {
            return false;
        }
        counters.increment(CpuCounters.OUTSIDE_GUEST);
        enterGuest();
        return true;
    }

    /** Counts an access to a number that is made byte by byte, each of which enters GUEST, if it is outside GUEST. */
    void countIfOutside() {
        if (!processor.isGuest()) {
            counters.increment(CpuCounters.OUTSIDE_GUEST);
        }
    }

    /** Reports many accesses of the view that were made outside GUEST. Called outside GUEST. */
    void reportOutsideGuest(String cpu, int accesses) {
        Objects.requireNonNull(served).host().reportOutsideGuest(cpu, accesses);
    }

    /** Ends an access, which {@link #enter} has begun. Called after the last use of a translation. */
    void leave(boolean entered) {
        if (entered) {
            // Not by way of leaveGuest: the entry had the stack depth that the exit needs.
            processor.leaveGuest();
        } else {
            // A CPU that is lost in GUEST is taken offline, and the frame may be freed.
            processor.keepReachable();
        }
    }

    private void enterGuest() {
        processor.enterGuest();
    }

    private void leaveGuest() {
        processor.leaveGuest();
    }

    /**
     * Translates an address for an access within one page. Called in GUEST. A fault leaves GUEST meanwhile, so earlier
     * translations are invalid after this call.
     *
     * @param access one bit of {@link Protection}
     * @return the physical address, or the negated {@link Fault}; {@link #WATCHED} if watchers may have to be told
     */
    long translate(long address, int size, int access) {
        long physical = tlb.probe(address, size, rightOf(access));
        return physical >= 0 ? physical : translateAfterMiss(address, access);
    }

    /**
     * Translates an address as {@link #translate} does, and as {@link #translateForUpdate} for {@link #UPDATE}, by the
     * TLB and the page table alone. Does not fault, so it stays in GUEST: earlier translations remain valid.
     *
     * @param access READ of {@link Protection}, or {@link #UPDATE}
     * @return the physical address; a negative number if the access would fault, or watchers may have to be told
     */
    long translatePresent(long address, int access) {
        long physical = tlb.probe(address, 1, access == UPDATE ? Pte.WRITE : Pte.READ);
        if (physical >= 0) {
            return physical;
        }
        physical = walk(address, rightOf(access));
        return physical >= 0 && isReported(address, access) ? WATCHED : physical;
    }

    /**
     * Returns whether a page has a frame, and no watcher has to be told of updates of it. Asked before {@link
     * #translatePresent}, which makes a page dirty also if it is of no use to the caller. Called in GUEST.
     */
    boolean mayUpdate(long address, int frame) {
        long pte = entry(address);
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
     * Translates an address for an atomic update, as {@link #translate} does. The TLB has no page for stores that may
     * not be read.
     */
    long translateForUpdate(long address, int size) {
        long physical = tlb.probe(address, size, Pte.WRITE);
        return physical >= 0 ? physical : translateAfterMiss(address, UPDATE);
    }

    /** Translates by the page table or a fault, after the TLB had no translation. Results as {@link #translate}. */
    private long translateAfterMiss(long address, int access) {
        long physical = walkOrFault(address, access);
        return physical >= 0 && isReported(address, access) ? WATCHED : physical;
    }

    private boolean isReported(long address, int access) {
        return fill.isReadWatched(address) || ((access & Protection.WRITE) != 0 && fill.isWatched(address));
    }

    /** Translates for a read by the TLB, and else like {@link #walkOrFault}. Called in GUEST. */
    long findReadable(long address, int access) {
        long physical = tlb.probe(address, 1, rightOf(access));
        return physical >= 0 ? physical : walkOrFault(address, access);
    }

    /** Translates for a store by the TLB, and else like {@link #walkOrFault}. Called in GUEST. */
    long findWritable(long address) {
        long physical = tlb.probe(address, 1, Pte.WRITE);
        return physical >= 0 ? physical : walkOrFault(address, Protection.WRITE);
    }

    /** Translates for an atomic update by the TLB, and else like {@link #walkOrFault}. Called in GUEST. */
    long findForUpdate(long address) {
        long physical = tlb.probe(address, 1, Pte.WRITE);
        return physical >= 0 ? physical : walkOrFault(address, UPDATE);
    }

    /**
     * Walks the page table for an address that the TLB does not translate, and faults if the walk finds nothing. Also
     * translates for a store to a page that is watched: the caller then notifies the watchers.
     */
    long walkOrFault(long address, int access) {
        long physical = walk(address, rightOf(access));
        // After the walk: because of this store, the compiler reads fields again instead of using their values of
        // before.
        counters.increment(CpuCounters.TLB_MISSES);
        return physical >= 0 ? physical : faultIn(address, access);
    }

    /**
     * Translates as {@link #walkOrFault} does, for an access whose miss was counted already. The CPU has not left GUEST
     * since then.
     */
    long walkOrFaultAgain(long address, int access) {
        long physical = walk(address, rightOf(access));
        return physical >= 0 ? physical : faultIn(address, access);
    }

    /**
     * Translates for a store by the TLB and the page table, if a miss is counted already. Does not fault: returns a
     * negative number instead.
     */
    long lookUpWritable(long address) {
        long physical = tlb.probe(address, 1, Pte.WRITE);
        return physical >= 0 ? physical : walk(address, Pte.WRITE);
    }

    /** Translates for an atomic update as {@link #lookUpWritable} does for a store. */
    long lookUpForUpdate(long address) {
        long physical = tlb.probe(address, 1, Pte.WRITE);
        return physical >= 0 ? physical : walk(address, Pte.READ | Pte.WRITE);
    }

    /** Translates for a load as {@link #lookUpWritable} does for a store. */
    long lookUpReadable(long address) {
        long physical = tlb.probe(address, 1, Pte.READ);
        return physical >= 0 ? physical : walk(address, Pte.READ);
    }

    /** Returns the entry of a page; {@link Pte#NONE} for none. Called in GUEST. Does not fault. */
    long entry(long address) {
        return fill.entry(address);
    }

    /**
     * Adds a translation to the TLB if a view may read it, and the page table has it. Called in GUEST. Does not fault,
     * and does not wait.
     *
     * @param access one bit of {@link Protection}
     * @return the physical address; {@link SoftTlb#MISS} if nothing was added: then the miss is not counted, since the
     *     access is made in another way
     */
    long walkForView(long address, int access) {
        return tlb.isViewed() ? counted(fill.add(address, rightOf(access))) : SoftTlb.MISS;
    }

    /** Adds a translation as {@link #walkForView} does, in the usual case only. */
    long refill(long address, int access) {
        return tlb.isViewed() ? counted(fill.refill(address, rightOf(access))) : SoftTlb.MISS;
    }

    private long counted(long physical) {
        if (physical >= 0) {
            counters.increment(CpuCounters.TLB_MISSES);
        }
        return physical;
    }

    /**
     * Translates an address by the TLB and the page table for an access through a view. Called in GUEST. Does not
     * fault, and does not wait. The CPU is in the cpumask of the page afterwards, so each later change of the page is
     * reported to the listeners of its flushes, also after another translation has taken the place in the TLB.
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
            // A watched page is found, and not added.
            index = tlb.indexInRegion(address, right);
            counters.increment(CpuCounters.TLB_MISSES);
        }
        return index;
    }

    /** Looks an address up in the page table. Called in GUEST. */
    long walk(long address, long right) {
        return fill.walk(address, right);
    }

    /**
     * Translates for an access that needs only the rights that the mapping may be given. Called in GUEST. The TLB gets
     * the rights of the entry, so an access that is not forced gains none.
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
        // No operation takes the page, or its being the mapping's alone, without waiting for this CPU in GUEST.
        long physical = walk(address, Pte.WRITE);
        return physical >= 0 ? physical : walk(address, Pte.FORCED_WRITE);
    }

    /** Faults the page in and walks again, until the walk finds it or the fault fails. Leaves GUEST for the fault. */
    private long faultIn(long address, int access) {
        for (; ; ) {
            int result;
            leaveGuest();
            try {
                result = faultOutside(address, access);
            } finally {
                enterGuest();
            }
            if (result != Fault.NONE) {
                return -result;
            }
            // The fault may have linked a new leaf.
            fill.forgetTable(address);
            long physical = (access & PermissionCheck.FORCED) != 0
                    ? walkForced(address, access)
                    : walk(address, rightOf(access));
            if (physical >= 0) {
                return physical;
            }
        }
    }

    /** Translates for a load by the TLB and the page table, and counts a miss. Does not fault: returns -1 instead. */
    long findMapped(long address) {
        long physical = tlb.probe(address, 1, Pte.READ);
        if (physical < 0) {
            physical = walk(address, Pte.READ);
            counters.increment(CpuCounters.TLB_MISSES);
        }
        return physical;
    }

    /**
     * Copies many bytes of a mapped file that are not in memory, past its page cache: see {@link Faulter#copyUncached}.
     * Called in GUEST, which it leaves meanwhile, so earlier translations are invalid after this call.
     *
     * @return the number of bytes; 0 if they have to be faulted in
     */
    int copyUncached(long address, ByteBuffer target) {
        leaveGuest();
        try {
            int others = Cpus.beginFault();
            try {
                Cpus.leaveForFault(others);
                return copyOutside(address, target);
            } finally {
                Cpus.comeBack(others);
            }
        } finally {
            enterGuest();
        }
    }

    private int copyOutside(long address, ByteBuffer target) {
        int before = processor.begin(CpuTlb.FAULTING);
        try {
            faulter.serve(Objects.requireNonNull(served));
            return faulter.copyUncached(address, target);
        } finally {
            processor.end(before);
        }
    }

    /** Returns whether watchers are told of a store to a range. They are not told of stores of a watcher. */
    boolean isWatched(long address, long length) {
        return !processor.isAt(CpuTlb.TELLING_STORE) && fill.watches().touches(address, address + length - 1);
    }

    /** Returns whether watchers are told of a read of a range. Reads that a watcher makes are not reported. */
    boolean isReadWatched(long address, long length) {
        return !processor.isAt(CpuTlb.TELLING_STORE) && fill.readWatches().touches(address, address + length - 1);
    }

    /**
     * Tells the watchers of a range about an access that was made. Called in GUEST, which it leaves meanwhile, since
     * watchers may take long. Earlier translations are invalid after this call.
     *
     * @param access WRITE of {@link Protection}, or the kind of a read
     * @param value the number that was read; 0 for none
     */
    void tell(int access, long address, long length, long value) {
        leaveGuest();
        int before = processor.begin(CpuTlb.TELLING_STORE);
        try {
            (access == Protection.WRITE ? fill.watches() : fill.readWatches()).tell(access, address, length, value);
        } finally {
            processor.end(before);
            enterGuest();
        }
    }

    /** Returns the frame of a physical address. */
    int frameOf(long physical) {
        return (int) (physical >>> pageShift);
    }

    /** Returns the offset in its page of an address, guest or physical. */
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

    void copy(long address, long physical, byte[] bytes, int at, int length, boolean writes) {
        if (writes) {
            store.write(frameOf(physical), offsetOf(physical), bytes, at, length);
        } else {
            store.read(frameOf(physical), offsetOf(physical), bytes, at, length);
        }
    }

    /**
     * Copies bytes between a page and a buffer.
     *
     * @param isForced whether {@link #findForced} has translated the address
     */
    void copy(long address, long physical, ByteBuffer bytes, int at, int length, boolean writes, boolean isForced) {
        if (writes) {
            store.write(frameOf(physical), offsetOf(physical), bytes, at, length);
        } else {
            store.read(frameOf(physical), offsetOf(physical), bytes, at, length);
        }
    }

    /**
     * Copies bytes of a page to the same or another page. The ranges may overlap.
     *
     * @param from the address in the source by which its page was translated
     * @param source the physical address of the first byte to read
     * @param to the address in the target by which its page was translated
     * @param target the physical address of the first byte to write
     */
    void copyWithin(long from, long source, long to, long target, int length) {
        store.copy(frameOf(source), offsetOf(source), frameOf(target), offsetOf(target), length);
    }

    void fill(long address, long physical, int length, byte with) {
        store.fill(frameOf(physical), offsetOf(physical), length, with);
    }

    /**
     * Makes an atomic access that is aligned.
     *
     * @param expected the number that EXCHANGE_IF expects; not used by other kinds
     * @param swaps whether the numbers are big-endian
     * @return the previous number; unspecified for STORE
     */
    long update(AtomicUpdate what, long address, long physical, int size, long expected, long operand, boolean swaps) {
        return what.update(store, frameOf(physical), offsetOf(physical), size, expected, operand, swaps);
    }
}
