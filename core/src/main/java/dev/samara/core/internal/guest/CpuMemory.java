// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.guest.PageRun;
import dev.samara.core.guest.PageView;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.ViewPins;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.Watches;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one CPU: the byte order, the results of the last access, and accesses to the {@link TranslatedMemory}
 * of the CPU's space. Used by the thread that owns the CPU.
 *
 * <p>A number is read or written through one translation. If that is not enough, because the number crosses a page
 * boundary or watchers must be notified, a method of its own continues, so that the common case stays small. Ranges of
 * bytes are copied page by page. Each page is copied in GUEST, and requests of other threads are acknowledged in
 * between. Watchers are notified after the bytes.
 */
public final class CpuMemory extends GuestMemory implements SoftTlb.Viewed {
    /*
     * How an access works.
     *
     * 1. GUEST. If the CPU is not in GUEST, it enters GUEST for this access, or for one page of it (enter,
     *    enterForNumber).
     *
     * 2. Translation. The address is looked up in the TLB, and after a miss in the page table. If neither translates
     *    it, a fault is handled outside GUEST, and the page table is walked again (TranslatedMemory: find, walkOrFault,
     *    faultIn). A translation must be used before the CPU polls, leaves GUEST or translates another address. So an
     *    access to two pages translates the first page again after the second one.
     *
     * 3. Bytes. They are read or written in the frame (get, put, copy, fill, update). On a checked machine,
     *    CheckedMemory then checks that the translation is still right.
     *
     * 4. Watchers are notified (tell), after which translations are invalid, and the CPU leaves GUEST if it entered for
     *    this access (leave).
     */

    /*
     * Whether an access is rejected, and why. Each switch stores one of these numbers, because storing a reference
     * costs more.
     */
    private static final int SERVED = 0;

    /** The CPU has no space. */
    public static final int NO_SPACE = 1;

    /** The CPU is LAZY. */
    public static final int LAZY = 2;

    /** The CPU borrows a space without users. */
    public static final int WITHOUT_USERS = 3;

    /** After this number of consecutive accesses of the view outside GUEST, the thread is reported. */
    private static final int REPORTED_OUTSIDE = 10_000;

    /** The size of two numbers of eight bytes. */
    private static final int PAIR = 2 * Long.BYTES;

    /** The minimum number of bytes for which a copy tries to bypass the page cache of their file. */
    private static final int LEAST_UNCACHED = 64 << 10;

    /* The results of pinAll. */

    /** All frames are pinned. */
    private static final int PINNED = 0;

    /** A page has another frame by now. */
    private static final int CHANGED = 1;

    /** The frames are not consecutive, or the bound is reached. */
    private static final int APART = 2;

    /** A page is not accessible. */
    private static final int FAILED = 3;

    private final String cpu;

    private final CpuOwner owner;

    /** Whether the CPU leaves GUEST until a poll, because its pool lends it for guests. */
    private boolean mayLeave;

    /** The memory for the machine of the last space. */
    private @Nullable TranslatedMemory loaded;

    private int refusal = NO_SPACE;

    private SoftTlb.@Nullable View view;

    /** The memory whose TLB the view reads, which is that of the space that was served last. */
    private @Nullable TranslatedMemory viewed;

    /** How many plain accesses the view has made outside GUEST since the thread last entered GUEST. */
    private int outside;

    private boolean swapsBytes;
    private long value;
    private long faultAddress;
    private int fault;

    /** The fault of the last access that failed, at {@code faultAddress}; NONE if no access failed. */
    private int failed;

    private int failedAccess;
    private int failedSize;

    /**
     * Creates the memory of a CPU that has no space.
     *
     * @param cpu the name of the CPU in messages
     * @param owner the owner of the CPU
     */
    public CpuMemory(String cpu, CpuOwner owner) {
        this.cpu = cpu;
        this.owner = owner;
    }

    @Override
    public void view(SoftTlb.View next, ByteOrder order) {
        checkOwner();
        if (view != null) {
            throw new IllegalStateException(cpu + " has a FlatMemory already");
        }
        TranslatedMemory served = refusal == SERVED ? loaded : null;
        if (served == null) {
            SoftTlb.hide(next);
        } else {
            served.view(next);
        }
        // Stored last, so that nothing is changed if a step above throws.
        viewed = served;
        swapsBytes = order == ByteOrder.BIG_ENDIAN;
        view = next;
    }

    /**
     * Ends the use of a machine, after {@link #rest}. Afterwards, neither this object nor its view keeps the TLB
     * reachable, and the view does not refer to the region any more.
     */
    public void release() {
        loaded = null;
        SoftTlb.View of = view;
        if (of != null) {
            viewed = null;
            SoftTlb.hide(of);
            of.requests(null);
        }
    }

    @Override
    public void poll() {
        checkOwner();
        TranslatedMemory memory = loaded;
        if (memory == null || !(memory.processor.isInGuest() || memory.processor.comeBack())) {
            throw notInGuest();
        }
        outside = 0;
        memory.poll();
    }

    /** Called before the thread enters GUEST for more than one access. */
    public void entersGuest() {
        outside = 0;
    }

    @Override
    public long walk(long address, int access) {
        checkOwner();
        TranslatedMemory memory = loaded;
        if (memory == null || refusal != SERVED) {
            return SoftTlb.MISS;
        }
        if (memory.processor.isInGuest()) {
            return memory.walkForView(address, access);
        }
        if (++outside == REPORTED_OUTSIDE) {
            memory.layout().host.threads.reportOutsideGuest(cpu, outside);
        }
        return SoftTlb.MISS;
    }

    @Override
    public void comeBack() {
        checkOwner();
        TranslatedMemory memory = loaded;
        if (memory != null && refusal == SERVED && memory.processor.comeBackFrom(CpuTlb.FOR_CALL)) {
            outside = 0;
        }
    }

    @Override
    public long refill(long address, int access) {
        checkOwner();
        TranslatedMemory memory = loaded;
        return memory != null && memory.processor.isInGuest() ? memory.refill(address, access) : SoftTlb.MISS;
    }

    @Override
    public long translate(long address, int access) {
        TranslatedMemory memory = loaded();
        if (!memory.processor.isInGuest()) {
            throw notInGuest();
        }
        return memory.translateForView(address, access);
    }

    /** Forgets the last access. Resets the byte order to little-endian, unless there is a view. */
    public void reset() {
        if (view == null) {
            swapsBytes = false;
        }
        forgetLastAccess();
    }

    private void forgetLastAccess() {
        value = 0;
        faultAddress = 0;
        fault = Fault.NONE;
        failed = Fault.NONE;
        clearReservation();
    }

    /** Serves a space, and forgets the last access. */
    public void serve(TranslatedMemory memory, Layout layout) {
        memory.serve(layout);
        forgetLastAccess();
        if (loaded != memory) {
            loaded = memory;
        }
        refusal = SERVED;
        if (view != null && viewed != memory) {
            memory.view(view);
            viewed = memory;
        }
    }

    /** Rejects accesses until a space is served, for one of the reasons above. */
    public void rest(int why) {
        refusal = why;
    }

    @Override
    public boolean isMine() {
        return owner.isMine();
    }

    /** Throws if the thread is not the owner. */
    @Override
    public void checkOwner() {
        if (!owner.isMine()) {
            throw notMine();
        }
    }

    private IllegalStateException notMine() {
        Thread of = owner.thread();
        return new IllegalStateException(cpu + " is used by thread "
                + Thread.currentThread().getName()
                + (of == null
                        ? " and owned by no thread: it has to be claimed first"
                        : " and owned by " + of.getName()));
    }

    /** Returns the memory of the CPU's space. Throws if the thread is not the owner, or the CPU has no space. */
    public TranslatedMemory loaded() {
        checkOwner();
        checkServed();
        return Objects.requireNonNull(loaded);
    }

    /** Throws unless accesses are served. */
    public void checkServed() {
        if (refusal != SERVED) {
            throw new IllegalStateException(cpu + refusal());
        }
    }

    private String refusal() {
        return switch (refusal) {
            case LAZY -> " is LAZY: it has to switch to its space again first";
            case WITHOUT_USERS ->
                " has given up the users of the space that it borrows: it has to leave, and to use the space again"
                        + " first";
            default -> " has no space";
        };
    }

    /** Throws if the CPU is calling a listener, which must not use the CPU. */
    public void checkQuiet(CpuTlb processor) {
        if (processor.isTelling()) {
            throw new IllegalStateException(cpu + " is used by a flush listener, which it is telling of a flush");
        }
        if (processor.isAt(CpuTlb.TELLING_STORE)) {
            throw new IllegalStateException(cpu + " is used by a write listener, which must leave it as it is");
        }
    }

    /** Allows the CPU to {@link #leave} GUEST until a poll. */
    public void allowLeave() {
        mayLeave = true;
    }

    @Override
    public void leave() {
        CpuTlb used = loaded().processor;
        if (!mayLeave) {
            throw new IllegalStateException(cpu + " is not of a Guest: only a Guest leaves GUEST until a poll");
        }
        if (used.isInGuest()) {
            used.goAway(CpuTlb.UNTIL_POLL);
        } else if (used.isIdle()) {
            used.stayUntilPoll();
        } else {
            throw mayNotEnter();
        }
        ThreadCpus.leaveForCall();
    }

    /** Returns the exception for a CPU that may not enter GUEST. Throws if it has no space. */
    public IllegalStateException mayNotEnter() {
        CpuTlb used = loaded().processor;
        checkQuiet(used);
        return new IllegalStateException(cpu
                + (used.isGuest()
                        ? " is in GUEST already"
                        : " is in a fault: a backing that it asks must leave it as it is"));
    }

    /** Returns the exception for a call that is allowed only in GUEST. */
    public IllegalStateException notInGuest() {
        checkQuiet(loaded().processor);
        return new IllegalStateException(cpu + " is not in GUEST");
    }

    @Override
    public void order(ByteOrder order) {
        checkOwner();
        boolean swaps = Objects.requireNonNull(order, "order") == ByteOrder.BIG_ENDIAN;
        if (view != null && swaps != swapsBytes) {
            throw new IllegalStateException(cpu + " has a FlatMemory of another byte order");
        }
        swapsBytes = swaps;
    }

    /** Converts a number between little-endian order and the byte order that is set. */
    long ordered(long number, int size) {
        return AtomicUpdate.ordered(number, size, swapsBytes);
    }

    @Override
    public long value() {
        return hasResults() ? value : 0;
    }

    @Override
    public long faultAddress() {
        return hasResults() ? faultAddress : 0;
    }

    @Override
    public int fault() {
        return hasResults() ? fault : Fault.NONE;
    }

    @Override
    public @Nullable Fault lastFault() {
        return hasResults() && failed != Fault.NONE ? new Fault(failed, faultAddress, failedAccess, failedSize) : null;
    }

    /** Returns the errno of a call whose last access was {@link Fault#RETRY}. The CPU has a space. */
    public Errno errnoOfRetry() {
        return loaded().faulter.errnoOfRetry();
    }

    private boolean hasResults() {
        if (refusal != SERVED) {
            return false;
        }
        if (Objects.requireNonNull(loaded).isChecked()) {
            checkOwner();
        }
        return true;
    }

    /** Starts an access that is made page by page, and that fails only if a part fails. */
    void begin() {
        fault = Fault.NONE;
    }

    /**
     * Records an access that failed.
     *
     * @param access {@code PROT_*} bits of {@link Mman}
     * @param size the number of bytes, or 0 for a page
     * @return {@code why}
     */
    int fail(int why, long address, int access, int size) {
        fault = why;
        failed = why;
        faultAddress = address;
        failedAccess = access;
        failedSize = size;
        return why;
    }

    /**
     * Notifies the watchers of a range of an access that was made. Called in GUEST. Earlier translations are invalid
     * after this call. Accesses by the watchers are not reported, and do not change the results of the last access.
     *
     * @param access WRITE of {@link Mman}, or the kind of read: READ or EXEC
     * @param number the number that was read; 0 for a store or a copy
     */
    void tell(TranslatedMemory memory, int access, long address, long length, long number) {
        CpuTlb processor = memory.processor;
        Watches watches = access == Mman.WRITE ? processor.watches() : processor.readWatches();
        if (processor.isAt(CpuTlb.TELLING_STORE) || !watches.touches(address, address + length - 1)) {
            return;
        }
        long valueBefore = value;
        long faultAddressBefore = faultAddress;
        int faultBefore = fault;
        int failedBefore = failed;
        int accessBefore = failedAccess;
        int sizeBefore = failedSize;
        try {
            memory.tell(watches, access, address, length, number);
        } finally {
            value = valueBefore;
            faultAddress = faultAddressBefore;
            fault = faultBefore;
            failed = failedBefore;
            failedAccess = accessBefore;
            failedSize = sizeBefore;
        }
    }

    @Override
    public int handleFault(long address, int access) {
        Faulter.requireKnown(access);
        int result = loaded().handleFault(address, access);
        return result == Fault.NONE ? result : fail(result, address, access, 0);
    }

    /**
     * Checks the size of a number.
     *
     * @throws IllegalArgumentException unless the size is 1, 2, 4 or 8
     */
    static void checkSize(int size) {
        if (size != 8 && size != 4 && size != 2 && size != 1) {
            throw new IllegalArgumentException("size " + size + " is not 1, 2, 4 or 8");
        }
    }

    @Override
    public int load(long address, int size) {
        return read(address, size, Mman.READ);
    }

    @Override
    public int fetch(long address, int size) {
        return read(address, size, Mman.EXEC);
    }

    private int read(long address, int size, int access) {
        TranslatedMemory memory = loaded();
        checkSize(size);
        if (memory.crosses(address, size)) {
            memory.countIfOutside();
            return loadAcross(memory, address, size, access);
        }
        boolean entered = memory.enterForNumber();
        try {
            int result = Fault.NONE;
            long physical = memory.translate(address, size, access);
            if (physical >= 0) {
                value = ordered(memory.get(address, physical, size, access), size);
            } else if (physical == TranslatedMemory.WATCHED) {
                result = loadWatched(memory, address, size, access);
            } else {
                result = fail((int) -physical, address, access, size);
            }
            memory.leave(entered);
            return result;
        } catch (Throwable thrown) {
            if (entered) {
                // As in leave, but without a call, for which no stack may be left.
                memory.processor.state.word = memory.processor.outside;
                memory.processor.activities &= CpuTlb.OUTSIDE;
            }
            throw thrown;
        }
    }

    /** Reads a number that crosses a page boundary. The value is set only if all bytes were read. */
    private int loadAcross(TranslatedMemory memory, long address, int size, int access) {
        long number = 0;
        for (int i = 0; i < size; i++) {
            boolean entered = memory.enter();
            try {
                long physical = memory.find(address + i, access);
                if (physical < 0) {
                    return fail((int) -physical, address + i, access, size);
                }
                number |= memory.get(address + i, physical, 1, access) << (i * Byte.SIZE);
            } finally {
                memory.leave(entered);
            }
        }
        value = ordered(number, size);
        boolean entered = memory.enter();
        try {
            tell(memory, access, address, size, value);
        } finally {
            memory.leave(entered);
        }
        return Fault.NONE;
    }

    /** Reads a number of a page that is watched for reads. Called in GUEST. */
    private int loadWatched(TranslatedMemory memory, long address, int size, int access) {
        long physical = memory.walkOrFaultAgain(address, access);
        if (physical < 0) {
            return fail((int) -physical, address, access, size);
        }
        value = ordered(memory.get(address, physical, size, access), size);
        tell(memory, access, address, size, value);
        return Fault.NONE;
    }

    @Override
    public int store(long address, int size, long number) {
        TranslatedMemory memory = loaded();
        checkSize(size);
        boolean entered = memory.enterForNumber();
        try {
            int result = storeInGuest(memory, address, size, ordered(number, size));
            memory.leave(entered);
            return result;
        } catch (Throwable thrown) {
            if (entered) {
                // As in leave, but without a call, for which no stack may be left.
                memory.processor.state.word = memory.processor.outside;
                memory.processor.activities &= CpuTlb.OUTSIDE;
            }
            throw thrown;
        }
    }

    private int storeInGuest(TranslatedMemory memory, long address, int size, long number) {
        if (memory.crosses(address, size)) {
            return storeAcross(memory, address, size, number, 0);
        }
        long physical = memory.translate(address, size, Mman.WRITE);
        if (physical >= 0) {
            memory.put(address, physical, size, number);
            return Fault.NONE;
        }
        return physical == TranslatedMemory.WATCHED
                ? storeWatched(memory, address, size, number)
                : fail((int) -physical, address, Mman.WRITE, size);
    }

    /**
     * Writes bytes that cross a page boundary. Both pages are found writable, with no acknowledgement in between,
     * before the first byte is written. The lower page is faulted in first; if that fails, the upper page is not
     * faulted in. Called in GUEST.
     *
     * @param size at most 16
     * @param first the first eight bytes, in little-endian order
     * @param last the bytes after the first eight
     */
    private int storeAcross(TranslatedMemory memory, long address, int size, long first, long last) {
        int below = memory.restOfPage(address);
        long second = address + below;
        long low = memory.find(address, Mman.WRITE);
        while (low >= 0) {
            long high = memory.find(second, Mman.WRITE);
            if (high < 0) {
                return fail((int) -high, second, Mman.WRITE, size);
            }
            // Translates again, because the CPU may have acknowledged a flush while the other page was faulted in.
            low = memory.lookUp(address, Mman.WRITE);
            if (low >= 0) {
                memory.reserveToTell();
                if (size == PAIR && below == Long.BYTES) {
                    memory.put(address, low, Long.BYTES, first);
                    memory.put(second, high, Long.BYTES, last);
                } else {
                    for (int i = 0; i < size; i++) {
                        long bytes = i < Long.BYTES ? first : last;
                        memory.put(address + i, i < below ? low + i : high + i - below, 1, bytes >>> (i * Byte.SIZE));
                    }
                }
                tell(memory, Mman.WRITE, address, size, 0);
                return Fault.NONE;
            }
            low = memory.walkOrFault(address, Mman.WRITE);
        }
        return fail((int) -low, address, Mman.WRITE, size);
    }

    /**
     * Writes a number to a page that is watched. Called in GUEST.
     *
     * @param number in little-endian order
     */
    private int storeWatched(TranslatedMemory memory, long address, int size, long number) {
        long physical = memory.walkOrFaultAgain(address, Mman.WRITE);
        if (physical < 0) {
            return fail((int) -physical, address, Mman.WRITE, size);
        }
        memory.reserveToTell();
        memory.put(address, physical, size, number);
        tell(memory, Mman.WRITE, address, size, 0);
        return Fault.NONE;
    }

    @Override
    public int storePair(long address, long first, long second) {
        TranslatedMemory memory = loaded();
        boolean entered = memory.enterForNumber();
        try {
            int result = storePairInGuest(memory, address, ordered(first, Long.BYTES), ordered(second, Long.BYTES));
            memory.leave(entered);
            return result;
        } catch (Throwable thrown) {
            if (entered) {
                // As in leave, but without a call, for which no stack may be left.
                memory.processor.state.word = memory.processor.outside;
                memory.processor.activities &= CpuTlb.OUTSIDE;
            }
            throw thrown;
        }
    }

    /**
     * Writes two numbers of eight bytes. Called in GUEST.
     *
     * @param first the first number, in little-endian order
     * @param second the second number, in little-endian order
     */
    private int storePairInGuest(TranslatedMemory memory, long address, long first, long second) {
        if (memory.crosses(address, PAIR)) {
            return storeAcross(memory, address, PAIR, first, second);
        }
        long physical = memory.find(address, Mman.WRITE);
        if (physical < 0) {
            return fail((int) -physical, address, Mman.WRITE, PAIR);
        }
        memory.reserveToTell();
        memory.put(address, physical, Long.BYTES, first);
        // Uses the translation of the first number, because the second number may be in the next granule of a large
        // page.
        memory.put(address, physical + Long.BYTES, Long.BYTES, second);
        tell(memory, Mman.WRITE, address, PAIR, 0);
        return Fault.NONE;
    }

    @Override
    public int loadVolatile(long address, int size) {
        return atomic(AtomicUpdate.LOAD, address, size, 0, 0);
    }

    @Override
    public int storeVolatile(long address, int size, long number) {
        return atomic(AtomicUpdate.STORE, address, size, 0, number);
    }

    @Override
    public int compareAndExchange(long address, int size, long expected, long number) {
        return atomic(AtomicUpdate.EXCHANGE_IF, address, size, expected, number);
    }

    @Override
    public int compareAndSet(long address, int size, long expected, long number) {
        int result = compareAndExchange(address, size, expected, number);
        if (result == Fault.NONE) {
            value = value == (expected & AtomicUpdate.maskOf(size)) ? 1 : 0;
        }
        return result;
    }

    @Override
    public int loadReserved(long address, int size) {
        int result = loadVolatile(address, size);
        if (result == Fault.NONE) {
            reserve(address, size, value);
        }
        return result;
    }

    @Override
    public int storeConditional(long address, int size, long number) {
        loaded();
        checkSize(size);
        if (takeReservation(address, size)) {
            return compareAndSet(address, size, reservedNumber(), number);
        }
        value = 0;
        return Fault.NONE;
    }

    @Override
    public int getAndAdd(long address, int size, long delta) {
        return atomic(AtomicUpdate.ADD, address, size, 0, delta);
    }

    @Override
    public int getAndSet(long address, int size, long number) {
        return atomic(AtomicUpdate.SET, address, size, 0, number);
    }

    @Override
    public int getAndBitwiseAnd(long address, int size, long mask) {
        return atomic(AtomicUpdate.AND, address, size, 0, mask);
    }

    @Override
    public int getAndBitwiseOr(long address, int size, long mask) {
        return atomic(AtomicUpdate.OR, address, size, 0, mask);
    }

    @Override
    public int getAndBitwiseXor(long address, int size, long mask) {
        return atomic(AtomicUpdate.XOR, address, size, 0, mask);
    }

    private int atomic(AtomicUpdate what, long address, int size, long expected, long operand) {
        TranslatedMemory memory = loaded();
        checkSize(size);
        int access = what == AtomicUpdate.LOAD ? Mman.READ : Mman.WRITE;
        if ((address & size - 1) != 0) {
            return fail(Fault.ADRALN, address, access, size);
        }
        boolean entered = memory.enterForNumber();
        try {
            long physical = memory.translate(address, size, what.access());
            int result = Fault.NONE;
            if (physical >= 0) {
                update(memory, what, address, physical, size, expected, operand);
            } else if (physical == TranslatedMemory.WATCHED) {
                result = updateWatched(memory, what, address, size, expected, operand);
            } else {
                result = fail((int) -physical, address, access, size);
            }
            memory.leave(entered);
            return result;
        } catch (Throwable thrown) {
            if (entered) {
                // As in leave, but without a call, for which no stack may be left.
                memory.processor.state.word = memory.processor.outside;
                memory.processor.activities &= CpuTlb.OUTSIDE;
            }
            throw thrown;
        }
    }

    /** Executes an atomic access. Sets the value, except for STORE. Returns the previous number. */
    long update(
            TranslatedMemory memory,
            AtomicUpdate what,
            long address,
            long physical,
            int size,
            long expected,
            long operand) {
        long seen = memory.update(what, address, physical, size, expected, operand, swapsBytes);
        if (what != AtomicUpdate.STORE) {
            value = seen;
        }
        return seen;
    }

    /** Executes an atomic access to a page that is watched. Called in GUEST. */
    private int updateWatched(
            TranslatedMemory memory, AtomicUpdate what, long address, int size, long expected, long operand) {
        int access = what == AtomicUpdate.LOAD ? Mman.READ : Mman.WRITE;
        long physical = memory.walkOrFaultAgain(address, what.access());
        if (physical < 0) {
            return fail((int) -physical, address, access, size);
        }
        memory.reserveToTell();
        long seen = update(memory, what, address, physical, size, expected, operand);
        if (what != AtomicUpdate.STORE) {
            tell(memory, Mman.READ, address, size, seen);
        }
        boolean isWritten = what == AtomicUpdate.EXCHANGE_IF
                ? seen == (expected & AtomicUpdate.maskOf(size))
                : what != AtomicUpdate.LOAD;
        if (isWritten) {
            tell(memory, Mman.WRITE, address, size, 0);
        }
        return Fault.NONE;
    }

    @Override
    public int copyOut(long address, byte[] target, int at, int length) {
        Objects.checkFromIndexSize(at, length, target.length);
        return transfer(address, target, at, length, null, false, false);
    }

    @Override
    public int copyIn(long address, byte[] source, int at, int length) {
        Objects.checkFromIndexSize(at, length, source.length);
        return transfer(address, source, at, length, null, true, false);
    }

    @Override
    public int copyOut(long address, ByteBuffer target) {
        if (target.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
        return transfer(address, null, 0, target.remaining(), target, false, false);
    }

    @Override
    public int copyIn(long address, ByteBuffer source) {
        loaded();
        Objects.requireNonNull(source, "source");
        return transfer(address, null, 0, source.remaining(), source, true, false);
    }

    /**
     * Copies bytes between guest memory and an array, or a buffer, whose position it advances; the other one is null.
     *
     * @param at the index of the first byte in the array; not used for a buffer
     * @param length the number of bytes, which is at most that of the remaining ones in a buffer
     * @param writes whether guest memory is written
     * @param isForced whether to check the rights that the mapping may be given instead of its current rights
     * @return the number of bytes copied; if it is less than the length, {@link #fault} gives the reason
     */
    public int transfer(
            long address,
            byte @Nullable [] bytes,
            int at,
            int length,
            @Nullable ByteBuffer buffer,
            boolean writes,
            boolean isForced) {
        TranslatedMemory memory = loaded();
        begin();
        // From this byte on, the copy tries to bypass the cache.
        int next = writes || isForced ? length : 0;
        int done = 0;
        while (done < length) {
            int part = Math.min(length - done, memory.restOfPage(address + done));
            int most = done >= next && length - done >= LEAST_UNCACHED ? length - done : 0;
            int copied = transferPart(memory, address + done, bytes, at + done, buffer, part, most, writes, isForced);
            if (copied == 0) {
                return done;
            }
            done += Math.abs(copied);
            next = copied < 0 ? done + LEAST_UNCACHED : next;
        }
        return done;
    }

    /**
     * Copies bytes of a page to or from the array, or the buffer; the other one is null. If a page that is read has no
     * translation, this may read bytes of several pages, bypassing the page cache of their file.
     *
     * @param length the number of bytes in the page
     * @param most the number of bytes in this page and others that may bypass the page cache; 0 if none may
     * @return the number of bytes, negated if the page was faulted in instead; 0 if the access failed
     */
    private int transferPart(
            TranslatedMemory memory,
            long address,
            byte @Nullable [] bytes,
            int at,
            @Nullable ByteBuffer buffer,
            int length,
            int most,
            boolean writes,
            boolean isForced) {
        int access = writes ? Mman.WRITE : Mman.READ;
        boolean entered = memory.enter();
        try {
            memory.poll();
            long physical = isForced
                    ? memory.findForced(address, access)
                    : most != 0 ? memory.findMapped(address) : memory.find(address, access);
            boolean isUnmapped = most != 0 && physical < 0;
            if (isUnmapped) {
                int copied = copyUncached(memory, address, bytes, at, buffer, most);
                if (copied > 0) {
                    tellReads(memory, address, copied);
                    return copied;
                }
                physical = memory.walkOrFaultAgain(address, access);
            }
            if (physical < 0) {
                fail((int) -physical, address, access, length);
                return 0;
            }
            memory.copy(address, physical, bytes, at, length, buffer, writes, isForced);
            if (writes || !isForced) {
                tell(memory, access, address, length, 0);
            }
            return isUnmapped ? -length : length;
        } finally {
            memory.leave(entered);
        }
    }

    private static int copyUncached(
            TranslatedMemory memory,
            long address,
            byte @Nullable [] bytes,
            int at,
            @Nullable ByteBuffer buffer,
            int most) {
        if (buffer == null) {
            return memory.copyUncached(address, ByteBuffer.wrap(Objects.requireNonNull(bytes), at, most));
        }
        int limit = buffer.limit();
        buffer.limit(buffer.position() + most);
        try {
            return memory.copyUncached(address, buffer);
        } finally {
            buffer.limit(limit);
        }
    }

    /** Notifies watchers of a read of several pages, which is reported as one read per page. */
    private void tellReads(TranslatedMemory memory, long address, int length) {
        for (int told = 0; told < length; ) {
            int part = Math.min(length - told, memory.restOfPage(address + told));
            tell(memory, Mman.READ, address + told, part, 0);
            told += part;
        }
    }

    @Override
    public long copy(long from, long to, long length) {
        TranslatedMemory memory = loaded();
        begin();
        // Like memmove: upwards, or downwards if the target starts within the source and above its start.
        boolean isDown = from != to && Long.compareUnsigned(to - from, length) < 0;
        long done = 0;
        while (done < length) {
            long rest = length - done;
            int part = isDown
                    ? Math.min(memory.offsetOf(from + rest - 1), memory.offsetOf(to + rest - 1)) + 1
                    : Math.min(memory.restOfPage(from + done), memory.restOfPage(to + done));
            part = (int) Math.min(rest, part);
            long at = isDown ? rest - part : done;
            if (copyPart(memory, from + at, to + at, part, isDown ? part - 1 : 0) != Fault.NONE) {
                return done;
            }
            done += part;
        }
        return done;
    }

    /**
     * Copies a part.
     *
     * @param first the index of the byte that a copy byte by byte would copy first; a failure is reported for this byte
     */
    private int copyPart(TranslatedMemory memory, long from, long to, int length, int first) {
        boolean entered = memory.enter();
        try {
            memory.poll();
            long source = memory.find(from + first, Mman.READ);
            while (source >= 0) {
                long target = memory.find(to + first, Mman.WRITE);
                if (target < 0) {
                    return fail((int) -target, to + first, Mman.WRITE, 1);
                }
                // Translates again, because the CPU may have acknowledged a flush while the target was faulted in.
                source = memory.lookUp(from + first, Mman.READ);
                if (source >= 0) {
                    memory.copyWithin(from + first, source - first, to + first, target - first, length);
                    tell(memory, Mman.READ, from, length, 0);
                    tell(memory, Mman.WRITE, to, length, 0);
                    return Fault.NONE;
                }
                source = memory.walkOrFault(from + first, Mman.READ);
            }
            return fail((int) -source, from + first, Mman.READ, 1);
        } finally {
            memory.leave(entered);
        }
    }

    @Override
    public long fill(long address, long length, byte with) {
        TranslatedMemory memory = loaded();
        begin();
        long done = 0;
        while (done < length) {
            long from = address + done;
            int part = (int) Math.min(length - done, memory.restOfPage(from));
            boolean entered = memory.enter();
            try {
                memory.poll();
                long physical = memory.find(from, Mman.WRITE);
                if (physical < 0) {
                    fail((int) -physical, from, Mman.WRITE, part);
                    return done;
                }
                memory.fill(from, physical, part, with);
                tell(memory, Mman.WRITE, from, part, 0);
            } finally {
                memory.leave(entered);
            }
            done += part;
        }
        return done;
    }

    @Override
    public int string(long address, byte[] target) {
        TranslatedMemory memory = loaded();
        begin();
        int length = 0;
        while (length < target.length) {
            int part = Math.min(target.length - length, memory.restOfPage(address + length));
            int read = stringPart(memory, address + length, target, length, part);
            if (read < 0) {
                return -1;
            }
            length += read;
            if (read < part) {
                return length;
            }
        }
        return length;
    }

    /** Returns the number of bytes before the first 0, or the length of the part if there is no 0; -1 after a fault. */
    private int stringPart(TranslatedMemory memory, long address, byte[] target, int at, int length) {
        boolean entered = memory.enter();
        try {
            memory.poll();
            long physical = memory.find(address, Mman.READ);
            if (physical < 0) {
                fail((int) -physical, address, Mman.READ, length);
                return -1;
            }
            memory.copy(address, physical, target, at, length, null, false, false);
            int read = 0;
            while (read < length && target[at + read] != 0) {
                read++;
            }
            // The bytes after the 0 are not part of the string, and the guest has not read them.
            tell(memory, Mman.READ, address, Math.min(read + 1, length), 0);
            return read;
        } finally {
            memory.leave(entered);
        }
    }

    /**
     * Pins the frame of a page ({@code pin_user_pages}). A pinned frame is not freed before the pin is released, even
     * if the mapping is removed.
     */
    @Override
    public @Nullable PinnedFrame pin(long address, int access) {
        TranslatedMemory memory = loaded();
        begin();
        boolean writes = (access & Mman.WRITE) != 0;
        boolean entered = memory.enter();
        try {
            for (; ; ) {
                // Translates through the entry and not the TLB, because the entry is compared after the pin.
                long physical = memory.walkOrFault(address, writes ? Mman.WRITE : Mman.READ);
                if (physical < 0) {
                    fail((int) -physical, address, access, 0);
                    return null;
                }
                // Created before the frame is pinned, because there may be no memory for the object.
                FramePin pin = new FramePin(
                        memory.frames,
                        memory.frameOf(physical),
                        writes ? memory.processor.table() : null,
                        memory.tracker,
                        memory.endsRuns());
                // The frame is not freed before this CPU acknowledges, so the pin is in time.
                if (!pin.take()) {
                    fail(Fault.OUT_OF_MEMORY, address, access, 0);
                    return null;
                }
                if (isKept(memory, pin, address, memory.frameOf(physical), writes)) {
                    return pin;
                }
            }
        } finally {
            memory.leave(entered);
        }
    }

    /** Returns whether a page still has the frame that was just pinned. If not, releases the pin. */
    private static boolean isKept(TranslatedMemory memory, FramePin pin, long address, int frame, boolean writes) {
        boolean isKept = false;
        try {
            if (isStill(memory, address, frame, writes ? Pte.WRITE : Pte.READ)) {
                if (writes) {
                    // The mark pairs with Frames.clearDirty, which reads the pins and clears the mark in one
                    // compare-and-set. It stays until the frame is free, so the release of the pin need not set it
                    // again.
                    memory.frames.setDirty(frame);
                }
                pin.track();
                isKept = true;
            }
            return isKept;
        } finally {
            if (!isKept) {
                pin.giveUp();
            }
        }
    }

    /** Returns whether a page still has the frame that the caller just pinned. */
    private static boolean isStill(TranslatedMemory memory, long address, int frame, long right) {
        // Orders the pin before the read of the entry. Pairs with CopyPageTables, which clears rights and then reads
        // the pins, and with DroppedPages, which claims the entry and then reads the pins.
        VarHandle.fullFence();
        long again = memory.walk(address, right);
        return again >= 0 && memory.frameOf(again) == frame;
    }

    /**
     * Returns a view of bytes. Each page is faulted in and pinned before the next one is, so the frames found so far
     * stay those of the view while a later page is faulted in, outside GUEST.
     */
    @Override
    public @Nullable PageView view(long address, int length) {
        TranslatedMemory memory = loaded();
        if (length <= 0) {
            throw new IllegalArgumentException("length " + length + " is not positive");
        }
        begin();
        boolean entered = memory.enter();
        try {
            for (; ; ) {
                long first = memory.walkOrFault(address, Mman.READ);
                if (first < 0) {
                    fail((int) -first, address, Mman.READ, 0);
                    return null;
                }
                ByteBuffer bytes = consecutive(memory, first, length);
                if (bytes == null) {
                    return copied(memory, address, length);
                }
                ViewPins.Pinned pins = memory.views.begin(bytes, memory.frameOf(first));
                boolean isKept = false;
                try {
                    ViewedPage view = new ViewedPage(bytes, pins, memory.endsRuns());
                    int pinned = pinAll(memory, pins, address, first, length);
                    isKept = pinned == PINNED;
                    if (isKept) {
                        return view;
                    }
                    if (pinned == FAILED) {
                        return null;
                    }
                    if (pinned == APART) {
                        pins.release();
                        return copied(memory, address, length);
                    }
                } finally {
                    if (!isKept) {
                        pins.release();
                    }
                }
            }
        } finally {
            memory.leave(entered);
        }
    }

    /** Returns the bytes from a physical address on; null if the store has no buffer with that many. */
    private static @Nullable ByteBuffer consecutive(TranslatedMemory memory, long first, int length) {
        DirectFrames direct = memory.direct;
        long last = (first + length - 1) >>> memory.pageShift;
        if (direct == null || last > memory.frames.most() || !direct.areTogether(memory.frameOf(first), (int) last)) {
            return null;
        }
        return direct.view(first, length);
    }

    /** Pins the frames of a view, the first of which was just translated. */
    private int pinAll(TranslatedMemory memory, ViewPins.Pinned pins, long address, long first, int length) {
        long physical = first;
        for (int done = 0; done < length; ) {
            long at = address + done;
            if (done > 0) {
                physical = memory.walkOrFault(at, Mman.READ);
                if (physical < 0) {
                    fail((int) -physical, at, Mman.READ, 0);
                    return FAILED;
                }
            }
            // The frame is not freed before this CPU acknowledges, so the pin is in time.
            if (physical != first + done || !pins.pinNext()) {
                return APART;
            }
            if (!isStill(memory, at, memory.frameOf(physical), Pte.READ)) {
                return CHANGED;
            }
            done += memory.restOfPage(at);
        }
        return PINNED;
    }

    /** Returns a view of a copy of bytes; null after a fault. Called in GUEST. */
    private @Nullable PageView copied(TranslatedMemory memory, long address, int length) {
        byte[] bytes = new byte[length];
        for (int done = 0; done < length; ) {
            long at = address + done;
            int part = Math.min(length - done, memory.restOfPage(at));
            memory.poll();
            long physical = memory.find(at, Mman.READ);
            if (physical < 0) {
                fail((int) -physical, at, Mman.READ, 0);
                return null;
            }
            memory.copy(at, physical, bytes, done, part, null, false, false);
            done += part;
        }
        memory.views.countCopy();
        ByteBuffer copy = ByteBuffer.wrap(bytes).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
        return new ViewedPage(copy, null, memory.endsRuns());
    }

    @Override
    public PageRun newRun() {
        checkOwner();
        return new GuestRun(this);
    }

    /**
     * Returns the memory of the CPU's space, with the CPU in GUEST, for a new run. A CPU that left GUEST until the next
     * poll enters GUEST again.
     *
     * @throws IllegalStateException if the CPU is not in a space, or is outside GUEST
     */
    TranslatedMemory beginRun() {
        TranslatedMemory memory = loaded();
        if (!(memory.processor.isInGuest() || memory.processor.comeBack())) {
            throw notInGuest();
        }
        begin();
        return memory;
    }

    ByteOrder order() {
        return swapsBytes ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
    }

    @Override
    public @Nullable FutexKey futexKey(long address, boolean isShared, int access) {
        TranslatedMemory memory = loaded();
        begin();
        return FutexBuckets.keyOf(this, memory, address, isShared, access);
    }

    @Override
    public String toString() {
        Thread of = owner.thread();
        return "memory of " + cpu + (of == null ? "" : " of thread " + of.getName());
    }

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

        /** Returns READ or WRITE of {@link Mman}, or {@link TranslatedMemory#UPDATE}, which needs both rights. */
        int access() {
            return switch (this) {
                case LOAD -> Mman.READ;
                case STORE -> Mman.WRITE;
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
     * The space of a CPU as accessed through its TLB. Translates addresses to physical addresses, through the TLB, the
     * page table or a fault, and accesses the bytes there. A translation must be used before the CPU polls, leaves
     * GUEST or translates another address.
     *
     * <p>Bytes are accessed only in GUEST. If the CPU is not in GUEST, it enters GUEST for one access, or for one page,
     * and leaves it again. A fault is handled outside of GUEST, so no thread waits for a CPU that itself waits.
     */
    public static sealed class TranslatedMemory permits CheckedMemory {
        /**
         * The result of {@link #translate} for a store to a page that is watched for writes, and for each access to a
         * page that is watched for reads, because the watchers must be notified. It is not a negated {@link Fault}.
         */
        static final long WATCHED = Integer.MIN_VALUE;

        /** The access of an atomic update, which also reads the number that it replaces. */
        static final int UPDATE = Mman.READ | Mman.WRITE;

        /**
         * The stack that an access for more than one number needs to leave GUEST, in stack frames. The access may hold
         * a lock of the futex table in GUEST.
         */
        private static final int LEAVE_DEPTH = 16;

        /** The stack that a fault needs, and the return to GUEST after it, in stack frames. */
        private static final int FAULT_DEPTH = StackReserve.around(Faulter.DEPTH, 8);

        /** The stack that {@link #tell} needs, in stack frames, counted from an access that calls it. */
        private static final int TELL_DEPTH = StackReserve.around(CpuTlb.FLUSH_DEPTH + LEAVE_DEPTH, 16);

        /** Visible to the accesses, which leave GUEST without a call after an Error. */
        final CpuTlb processor;

        private final CpuCounters counters;
        final Faulter faulter;
        private final FrameStore store;

        /**
         * The store if it is {@link DirectFrames}, whose accesses need not split a physical address; otherwise null.
         */
        final @Nullable DirectFrames direct;

        final int pageShift;
        private final SoftTlb tlb;
        final int pageMask;
        final Frames frames;
        final ViewPins views;

        /** The tracker of pinned frames; null on a machine that does not track references. */
        final @Nullable RefTracker tracker;

        /**
         * The layout of the space that is served. The {@link Faulter} receives it with the first fault in that space.
         */
        private @Nullable Layout served;

        /**
         * Creates the memory of one thread's CPU.
         *
         * @param processor the CPU's own translations; whenever it is used, the CPU is in the space that this object
         *     serves
         * @param faulter handles faults in that space
         * @param memory the memory of the space
         * @param tracker records where frames are pinned; null on a machine that does not track references
         */
        public TranslatedMemory(CpuTlb processor, Faulter faulter, MachineMemory memory, @Nullable RefTracker tracker) {
            this.processor = processor;
            counters = processor.state.counters;
            this.faulter = faulter;
            frames = memory.frames;
            views = memory.views;
            store = frames.store;
            direct = frames.direct();
            pageShift = Integer.numberOfTrailingZeros(frames.pageSize);
            tlb = processor.tlb;
            pageMask = frames.pageSize - 1;
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
         * Returns whether each run has its own buffer, and the buffers of runs and pins reject accesses after the end
         * of the run or pin.
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

        /**
         * Returns whether the machine is checked. Only then are reads of the results of the last access refused to
         * other threads, because they are too frequent to be checked on every machine.
         */
        boolean isChecked() {
            return false;
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
         * @param access {@code PROT_*} bits of {@link Mman}
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
                // Other CPUs of the thread are in GUEST. Those that it has allowed to do so leave GUEST for the
                // duration of
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
                    counters.increment(faulter.wasMajor ? CpuCounters.MAJOR_FAULTS : CpuCounters.MINOR_FAULTS);
                    if (faulter.wasCopy) {
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
         * Enters GUEST as {@link #enter} does, for an access to a number. Counts the access if it is made outside
         * GUEST. Does not check the stack, which would take too long for a hit: if the access fails, its caller leaves
         * GUEST without a call, by storing to the fields of {@link #processor}.
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
                // The CPU must be reachable up to here, because a CPU that is lost in GUEST is taken offline, and then
                // the frame may be freed.
                processor.keepReachable();
            }
        }

        /**
         * Translates an address for an access within one page. Called in GUEST. A fault leaves GUEST temporarily, so
         * earlier translations are invalid after this call.
         *
         * @param access one {@code PROT_*} bit of {@link Mman}, or {@link #UPDATE}
         * @return the physical address, or the negated {@link Fault}; {@link #WATCHED} if watchers may have to be
         *     notified
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
                case Mman.EXEC -> Pte.EXEC;
                case Mman.WRITE, UPDATE -> Pte.WRITE;
                default -> Pte.READ;
            };
        }

        /**
         * Translates an address as {@link #translate} does, but only through the TLB and the page table. Does not
         * fault, so it stays in GUEST, and earlier translations remain valid.
         *
         * @param access READ of {@link Mman}, or {@link #UPDATE}
         * @return the physical address; a negative number if the access would fault, or if watchers may have to be
         *     notified
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
         * Returns whether a page has the given frame, and no watcher must be notified of updates of the page. Called
         * before {@link #translatePresent}, which makes the page dirty even if the caller cannot use the translation.
         * Called in GUEST.
         */
        boolean mayUpdate(long address, int frame) {
            long pte = processor.entry(address);
            return Pte.isPresent(pte) && Pte.frame(pte) == frame && !isReported(address, UPDATE);
        }

        /** Returns the rights that the entry must have. */
        static long rightOf(int access) {
            return (long) access << Pte.RIGHTS_SHIFT;
        }

        /**
         * Translates through the page table or a fault, after a TLB miss. Returns the same results as {@link
         * #translate}.
         */
        private long translateAfterMiss(long address, int access) {
            long physical = walkOrFault(address, access);
            return physical >= 0 && isReported(address, access) ? WATCHED : physical;
        }

        /** Called in GUEST after a walk to the address. */
        private boolean isReported(long address, int access) {
            return processor.sawWatches
                    && (processor.isReadWatched(address)
                            || ((access & Mman.WRITE) != 0 && processor.isWatched(address)));
        }

        /** Translates through the TLB or, after a miss, like {@link #walkOrFault}. Called in GUEST. */
        long find(long address, int access) {
            long physical = tlb.probe(address, 1, probedRight(access));
            return physical >= 0 ? physical : walkOrFault(address, access);
        }

        /**
         * Walks the page table for an address that the TLB does not translate, and faults if the walk finds nothing.
         * Also translates for a store to a page that is watched, in which case the caller notifies the watchers.
         */
        long walkOrFault(long address, int access) {
            long physical = walk(address, rightOf(access));
            // Counted after the walk, because this store makes the compiler reload fields that it would otherwise keep
            // in registers.
            counters.increment(CpuCounters.TLB_MISSES);
            return physical >= 0 ? physical : faultIn(address, access);
        }

        /**
         * Translates as {@link #walkOrFault} does, for an access whose miss was already counted. The CPU has not left
         * GUEST since then.
         */
        long walkOrFaultAgain(long address, int access) {
            long physical = walk(address, rightOf(access));
            return physical >= 0 ? physical : faultIn(address, access);
        }

        /**
         * Translates through the TLB and the page table, if a miss was already counted. Returns a negative number
         * instead of faulting.
         */
        long lookUp(long address, int access) {
            long physical = tlb.probe(address, 1, probedRight(access));
            return physical >= 0 ? physical : walk(address, rightOf(access));
        }

        /**
         * Adds a translation to the TLB if a view may read the TLB and the page table contains the translation. Called
         * in GUEST. Does not fault, and does not wait.
         *
         * @param access one {@code PROT_*} bit of {@link Mman}
         * @return the physical address; {@link SoftTlb#MISS} if nothing was added, in which case the miss is not
         *     counted, because the access is then made in another way
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
         * Translates an address through the TLB and the page table for an access through a view. Called in GUEST. Does
         * not fault, and does not wait. Afterwards, the CPU is in the cpumask of the page, so its flush listeners are
         * notified of each later change of the page, even after another translation has replaced this one in the TLB.
         *
         * @param access one {@code PROT_*} bit of {@link Mman}
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
         * Translates for a forced access, which needs only the rights that the mapping may be given. Called in GUEST.
         * The TLB gets only the rights of the entry, so accesses that are not forced gain no rights.
         *
         * @param access READ or WRITE of {@link Mman}
         * @return the physical address, or the negated {@link Fault}
         */
        long findForced(long address, int access) {
            long physical = tlb.probe(address, 1, rightOf(access));
            if (physical >= 0) {
                return physical;
            }
            physical = walkForced(address, access | Faulter.FORCED);
            counters.increment(CpuCounters.TLB_MISSES);
            return physical >= 0 ? physical : faultIn(address, access | Faulter.FORCED);
        }

        private long walkForced(long address, int access) {
            if ((access & Mman.WRITE) == 0) {
                return walk(address, 0);
            }
            // The page stays private between the two walks and the access: no operation removes it, or makes it shared,
            // without waiting for this CPU in GUEST.
            long physical = walk(address, Pte.WRITE);
            return physical >= 0 ? physical : walk(address, Pte.FORCED_WRITE);
        }

        /**
         * Faults the page in and walks again, until the walk finds the page or the fault fails. Leaves GUEST for the
         * fault.
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
                long physical =
                        (access & Faulter.FORCED) != 0 ? walkForced(address, access) : walk(address, rightOf(access));
                if (physical >= 0) {
                    return physical;
                }
            }
        }

        /**
         * Translates for a load through the TLB and the page table, and counts a miss. Returns -1 instead of faulting.
         */
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
            return faultOutside(address, Mman.READ, target);
        }

        /**
         * Checks the stack for {@link #tell}, before a store of which watchers may have to be told: a store that was
         * made must not fail.
         */
        void reserveToTell() {
            if (processor.sawWatches) {
                StackReserve.check(TELL_DEPTH);
            }
        }

        /**
         * Notifies the watchers of a range of an access that was made. Called in GUEST, which it leaves during the
         * call, because watchers may take long. Earlier translations are invalid after this call.
         *
         * @param access WRITE of {@link Mman}, or the kind of read: READ or EXEC
         * @param value the number that was read; 0 if there is none
         */
        void tell(Watches watches, int access, long address, long length, long value) {
            StackReserve.check(CpuTlb.FLUSH_DEPTH + LEAVE_DEPTH);
            int as = processor.suspend();
            int before = processor.begin(CpuTlb.TELLING_STORE);
            try {
                watches.tell(access, address, length, value);
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
         * @param access READ or EXEC of {@link Mman}
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
        long update(
                AtomicUpdate what, long address, long physical, int size, long expected, long operand, boolean swaps) {
            return what.update(store, frameOf(physical), offsetOf(physical), size, expected, operand, swaps);
        }
    }
}
