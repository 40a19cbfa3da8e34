// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.guest.PageRun;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.fault.PermissionCheck;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one CPU: the byte order, the results of the last access, and accesses to the {@link TranslatedMemory}
 * of the CPU's space. Used by the thread that owns the CPU.
 */
public final class CpuMemory extends GuestMemory implements SoftTlb.Viewed, RunOwner {
    /*
     * Whether an access is rejected, and why. Each switch stores one of these numbers, because storing a reference
     * costs more.
     */
    private static final int SERVED = 0;
    private static final int NO_SPACE = 1;
    private static final int LAZY = 2;
    private static final int WITHOUT_USERS = 3;

    /** After this number of consecutive accesses of the view outside GUEST, the thread is reported. */
    private static final int REPORTED_OUTSIDE = 10_000;

    private final String cpu;

    /**
     * Null while the CPU is handed over. A plain field is enough, because a thread finds itself here only if it claimed
     * the CPU and has not handed it over since, whatever other threads store.
     */
    private @Nullable Thread owner;

    private final SlowAccess slow = new SlowAccess(this);
    private final GuestBytes bytes = new GuestBytes(this);
    private final GuestPins pins = new GuestPins();
    private final FutexKeys keys = new FutexKeys();

    /** The memory for the machine of the last space. */
    private @Nullable TranslatedMemory loaded;

    private int refusal = NO_SPACE;

    private @Nullable TlbView view;

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
     * @param owner the thread that may use the CPU
     */
    public CpuMemory(String cpu, Thread owner) {
        this.cpu = cpu;
        this.owner = owner;
    }

    @Override
    public void view(SoftTlb.View next, ByteOrder order) {
        checkOwner();
        if (view != null) {
            throw new IllegalStateException(cpu + " has a FlatMemory already");
        }
        TlbView made = new TlbView(next, refusal == SERVED ? loaded : null);
        // Stored last, so that nothing is changed if a step above throws.
        swapsBytes = order == ByteOrder.BIG_ENDIAN;
        view = made;
    }

    /**
     * Ends the use of a machine, after {@link #rest}. Afterwards, neither this object nor its view keeps the TLB
     * reachable, and the view does not refer to the region any more.
     */
    public void release() {
        loaded = null;
        if (view != null) {
            view.hide();
        }
    }

    @Override
    public void poll() {
        checkOwner();
        TranslatedMemory memory = loaded;
        if (memory == null
                || !(memory.processor().isInGuest() || memory.processor().comeBack())) {
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
        if (memory.processor().isInGuest()) {
            return memory.walkForView(address, access);
        }
        if (++outside == REPORTED_OUTSIDE) {
            memory.reportOutsideGuest(cpu, outside);
        }
        return SoftTlb.MISS;
    }

    @Override
    public void comeBack() {
        checkOwner();
        TranslatedMemory memory = loaded;
        if (memory != null && refusal == SERVED && memory.processor().comeBackFrom(CpuTlb.FOR_CALL)) {
            outside = 0;
        }
    }

    @Override
    public long refill(long address, int access) {
        checkOwner();
        TranslatedMemory memory = loaded;
        return memory != null && memory.processor().isInGuest() ? memory.refill(address, access) : SoftTlb.MISS;
    }

    @Override
    public long translate(long address, int access) {
        TranslatedMemory memory = loaded();
        if (!memory.processor().isInGuest()) {
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
        if (view != null) {
            view.serve(memory);
        }
    }

    /** Rejects accesses from now on, because the CPU has no space. */
    public void rest() {
        refusal = NO_SPACE;
    }

    /** Rejects accesses until a space is served, because the CPU is LAZY. */
    public void restLazy() {
        refusal = LAZY;
    }

    /** Rejects accesses until a space is served, because the CPU borrows a space without users. */
    public void restWithoutUsers() {
        refusal = WITHOUT_USERS;
    }

    /** Sets the owner of the CPU; null if it has none. */
    public void ownedBy(@Nullable Thread thread) {
        owner = thread;
    }

    /** Throws if the thread is not the owner. */
    @Override
    public void checkOwner() {
        Thread of = owner;
        if (Thread.currentThread() != of) {
            throw new IllegalStateException(cpu + " is used by thread "
                    + Thread.currentThread().getName()
                    + (of == null
                            ? " and owned by no thread: it has to be claimed first"
                            : " and owned by " + of.getName()));
        }
    }

    /** Returns the memory of the CPU's space. Throws if the thread is not the owner, or the CPU has no space. */
    TranslatedMemory loaded() {
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

    /** Throws if the thread is not the owner, or the CPU has no space. */
    public void checkLoaded() {
        loaded();
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

    /** Returns the exception for a call that is allowed only in GUEST. */
    public IllegalStateException notInGuest() {
        checkQuiet(loaded().processor());
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
        return loaded().errnoOfRetry();
    }

    private boolean hasResults() {
        if (refusal != SERVED) {
            return false;
        }
        Objects.requireNonNull(loaded).checkCaller();
        return true;
    }

    void setValue(long value) {
        this.value = value;
    }

    /** Starts an access that is made page by page, and that fails only if a part fails. */
    void begin() {
        fault = Fault.NONE;
    }

    /**
     * Records an access that failed.
     *
     * @param access bits of {@link Protection}
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
     * Notifies the watchers of a range of a store that was made. Called in GUEST. Earlier translations are invalid
     * after this call. Accesses by the watchers do not change the results of the last access.
     */
    void tell(TranslatedMemory memory, long address, long length) {
        if (memory.isWatched(address, length)) {
            tell(memory, Protection.WRITE, address, length, 0);
        }
    }

    /**
     * Notifies the watchers of a range of a read, as {@link #tell(TranslatedMemory, long, long)} does.
     *
     * @param access READ or EXEC of {@link Protection}
     * @param number the number that was read; 0 for a copy
     */
    void tellRead(TranslatedMemory memory, int access, long address, long length, long number) {
        if (memory.isReadWatched(address, length)) {
            tell(memory, access, address, length, number);
        }
    }

    private void tell(TranslatedMemory memory, int access, long address, long length, long number) {
        long valueBefore = value;
        long faultAddressBefore = faultAddress;
        int faultBefore = fault;
        int failedBefore = failed;
        int accessBefore = failedAccess;
        int sizeBefore = failedSize;
        try {
            memory.tell(access, address, length, number);
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
        PermissionCheck.requireKnown(access);
        int result = loaded().handleFault(address, access);
        return result == Fault.NONE ? result : fail(result, address, access, 0);
    }

    @Override
    public int load(long address, int size) {
        return read(address, size, Protection.READ);
    }

    @Override
    public int fetch(long address, int size) {
        return read(address, size, Protection.EXEC);
    }

    private int read(long address, int size, int access) {
        TranslatedMemory memory = loaded();
        AccessSize.check(size);
        if (memory.crosses(address, size)) {
            memory.countIfOutside();
            return slow.load(memory, address, size, access);
        }
        boolean entered = memory.enterForNumber();
        try {
            int result = Fault.NONE;
            long physical = memory.translate(address, size, access);
            if (physical >= 0) {
                value = ordered(memory.get(address, physical, size, access), size);
            } else if (physical == TranslatedMemory.WATCHED) {
                result = slow.loadWatched(memory, address, size, access);
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

    @Override
    public int store(long address, int size, long number) {
        TranslatedMemory memory = loaded();
        AccessSize.check(size);
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
            return slow.storeAcross(memory, address, size, number, 0);
        }
        long physical = memory.translate(address, size, Protection.WRITE);
        if (physical >= 0) {
            memory.put(address, physical, size, number);
            return Fault.NONE;
        }
        return physical == TranslatedMemory.WATCHED
                ? slow.storeWatched(memory, address, size, number)
                : fail((int) -physical, address, Protection.WRITE, size);
    }

    @Override
    public int storePair(long address, long first, long second) {
        TranslatedMemory memory = loaded();
        boolean entered = memory.enterForNumber();
        try {
            int result = slow.storePair(memory, address, ordered(first, Long.BYTES), ordered(second, Long.BYTES));
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
        checkLoaded();
        AccessSize.check(size);
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
        AccessSize.check(size);
        int access = what == AtomicUpdate.LOAD ? Protection.READ : Protection.WRITE;
        if ((address & size - 1) != 0) {
            return fail(Fault.ADRALN, address, access, size);
        }
        boolean entered = memory.enterForNumber();
        try {
            long physical = what.isUpdate()
                    ? memory.translateForUpdate(address, size)
                    : memory.translate(address, size, access);
            int result = Fault.NONE;
            if (physical >= 0) {
                update(memory, what, address, physical, size, expected, operand);
            } else if (physical == TranslatedMemory.WATCHED) {
                result = slow.updateWatched(memory, what, address, size, expected, operand);
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

    @Override
    public int copyOut(long address, byte[] target, int at, int length) {
        Objects.checkFromIndexSize(at, length, target.length);
        return bytes.transfer(loaded(), address, target, at, length, false);
    }

    @Override
    public int copyIn(long address, byte[] source, int at, int length) {
        Objects.checkFromIndexSize(at, length, source.length);
        return bytes.transfer(loaded(), address, source, at, length, true);
    }

    @Override
    public int copyOut(long address, ByteBuffer target) {
        if (target.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
        return bytes.transfer(loaded(), address, target, false, false);
    }

    @Override
    public int copyIn(long address, ByteBuffer source) {
        return bytes.transfer(loaded(), address, Objects.requireNonNull(source, "source"), true, false);
    }

    /**
     * Copies as {@link #copyOut(long, ByteBuffer)} and {@link #copyIn(long, ByteBuffer)} do, but checks the rights that
     * the mappings may be given instead of the rights that they have.
     */
    public int copyForced(long address, ByteBuffer buffer, boolean writes) {
        return bytes.transfer(loaded(), address, buffer, writes, true);
    }

    @Override
    public long copy(long from, long to, long length) {
        return bytes.copy(loaded(), from, to, length);
    }

    @Override
    public long fill(long address, long length, byte with) {
        return bytes.fill(loaded(), address, length, with);
    }

    @Override
    public int string(long address, byte[] target) {
        return bytes.string(loaded(), address, target);
    }

    @Override
    public @Nullable PinnedFrame pin(long address, int access) {
        TranslatedMemory memory = loaded();
        begin();
        PinnedFrame pinned = pins.pin(memory, address, (access & Protection.WRITE) != 0);
        if (pinned == null) {
            fail(pins.fault(), address, access, 0);
        }
        return pinned;
    }

    @Override
    public PageRun newRun() {
        checkOwner();
        return new GuestRun(this);
    }

    @Override
    public TranslatedMemory beginRun() {
        TranslatedMemory memory = loaded();
        if (!(memory.processor().isInGuest() || memory.processor().comeBack())) {
            throw notInGuest();
        }
        begin();
        return memory;
    }

    @Override
    public void failRun(int fault, long address, int access, int size) {
        fail(fault, address, access, size);
    }

    @Override
    public ByteOrder runOrder() {
        return swapsBytes ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
    }

    @Override
    public @Nullable FutexKey futexKey(long address, boolean isShared, int access) {
        TranslatedMemory memory = loaded();
        begin();
        FutexKey key = keys.of(memory, address, isShared, (access & Protection.WRITE) != 0);
        if (key == null) {
            fail(keys.fault(), address, access, FutexKeys.SIZE);
        }
        return key;
    }

    @Override
    public String toString() {
        return "memory of " + cpu;
    }
}
