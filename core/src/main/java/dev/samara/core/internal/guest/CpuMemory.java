// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.guest.PageRun;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.fault.PermissionCheck;
import dev.samara.core.internal.guest.TranslatedMemory.AtomicUpdate;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
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

    private final String cpu;

    /**
     * Null while the CPU is handed over. A plain field is enough, because a thread finds itself here only if it claimed
     * the CPU and has not handed it over since, whatever other threads store.
     */
    private @Nullable Thread owner;

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
            memory.layout().host().reportOutsideGuest(cpu, outside);
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
        Objects.requireNonNull(loaded).checkCaller();
        return true;
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
        return read(address, size, Protection.READ);
    }

    @Override
    public int fetch(long address, int size) {
        return read(address, size, Protection.EXEC);
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
            tellRead(memory, access, address, size, value);
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
        tellRead(memory, access, address, size, value);
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
        long physical = memory.translate(address, size, Protection.WRITE);
        if (physical >= 0) {
            memory.put(address, physical, size, number);
            return Fault.NONE;
        }
        return physical == TranslatedMemory.WATCHED
                ? storeWatched(memory, address, size, number)
                : fail((int) -physical, address, Protection.WRITE, size);
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
        long low = memory.find(address, Protection.WRITE);
        while (low >= 0) {
            long high = memory.find(second, Protection.WRITE);
            if (high < 0) {
                return fail((int) -high, second, Protection.WRITE, size);
            }
            // Translates again, because the CPU may have acknowledged a flush while the other page was faulted in.
            low = memory.lookUp(address, Protection.WRITE);
            if (low >= 0) {
                if (size == PAIR && below == Long.BYTES) {
                    memory.put(address, low, Long.BYTES, first);
                    memory.put(second, high, Long.BYTES, last);
                } else {
                    for (int i = 0; i < size; i++) {
                        long bytes = i < Long.BYTES ? first : last;
                        memory.put(address + i, i < below ? low + i : high + i - below, 1, bytes >>> (i * Byte.SIZE));
                    }
                }
                tell(memory, address, size);
                return Fault.NONE;
            }
            low = memory.walkOrFault(address, Protection.WRITE);
        }
        return fail((int) -low, address, Protection.WRITE, size);
    }

    /**
     * Writes a number to a page that is watched. Called in GUEST.
     *
     * @param number in little-endian order
     */
    private int storeWatched(TranslatedMemory memory, long address, int size, long number) {
        long physical = memory.walkOrFaultAgain(address, Protection.WRITE);
        if (physical < 0) {
            return fail((int) -physical, address, Protection.WRITE, size);
        }
        memory.put(address, physical, size, number);
        tell(memory, address, size);
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
        long physical = memory.find(address, Protection.WRITE);
        if (physical < 0) {
            return fail((int) -physical, address, Protection.WRITE, PAIR);
        }
        memory.put(address, physical, Long.BYTES, first);
        // Uses the translation of the first number, because the second number may be in the next granule of a large
        // page.
        memory.put(address, physical + Long.BYTES, Long.BYTES, second);
        tell(memory, address, PAIR);
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
        int access = what == AtomicUpdate.LOAD ? Protection.READ : Protection.WRITE;
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
        int access = what == AtomicUpdate.LOAD ? Protection.READ : Protection.WRITE;
        long physical = memory.walkOrFaultAgain(address, what.access());
        if (physical < 0) {
            return fail((int) -physical, address, access, size);
        }
        long seen = update(memory, what, address, physical, size, expected, operand);
        if (what != AtomicUpdate.STORE) {
            tellRead(memory, Protection.READ, address, size, seen);
        }
        boolean isWritten = what == AtomicUpdate.EXCHANGE_IF
                ? seen == (expected & AtomicUpdate.maskOf(size))
                : what != AtomicUpdate.LOAD;
        if (isWritten) {
            tell(memory, address, size);
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
            if (done >= next && length - done >= LEAST_UNCACHED) {
                int copied = readPart(memory, address + done, bytes, at + done, buffer, part, length - done);
                if (copied == 0) {
                    return done;
                }
                done += Math.abs(copied);
                next = copied < 0 ? done + LEAST_UNCACHED : next;
                continue;
            }
            if (transferPart(memory, address + done, bytes, at + done, buffer, part, writes, isForced) != Fault.NONE) {
                return done;
            }
            done += part;
        }
        return done;
    }

    /** Copies bytes of a page to or from the array, or the buffer; the other one is null. */
    private int transferPart(
            TranslatedMemory memory,
            long address,
            byte @Nullable [] bytes,
            int at,
            @Nullable ByteBuffer buffer,
            int length,
            boolean writes,
            boolean isForced) {
        int access = writes ? Protection.WRITE : Protection.READ;
        boolean entered = memory.enter();
        try {
            memory.poll();
            long physical = isForced ? memory.findForced(address, access) : memory.find(address, access);
            if (physical < 0) {
                return fail((int) -physical, address, access, length);
            }
            memory.copy(address, physical, bytes, at, length, buffer, writes, isForced);
            if (writes) {
                tell(memory, address, length);
            } else if (!isForced) {
                tellRead(memory, Protection.READ, address, length, 0);
            }
            return Fault.NONE;
        } finally {
            memory.leave(entered);
        }
    }

    /**
     * Copies bytes of a page; or, if the page has no translation, bytes of several pages, bypassing the page cache of
     * their file.
     *
     * @param length the number of bytes in the page
     * @param most the number of bytes in this page and others
     * @return the number of bytes, negated if the page was faulted in; 0 if the access failed
     */
    private int readPart(
            TranslatedMemory memory,
            long address,
            byte @Nullable [] bytes,
            int at,
            @Nullable ByteBuffer buffer,
            int length,
            int most) {
        boolean entered = memory.enter();
        try {
            memory.poll();
            long physical = memory.findMapped(address);
            boolean isFaulted = physical < 0;
            if (isFaulted) {
                int copied = copyUncached(memory, address, bytes, at, buffer, most);
                if (copied > 0) {
                    tellReads(memory, address, copied);
                    return copied;
                }
                physical = memory.walkOrFaultAgain(address, Protection.READ);
            }
            if (physical < 0) {
                fail((int) -physical, address, Protection.READ, length);
                return 0;
            }
            memory.copy(address, physical, bytes, at, length, buffer, false, false);
            tellRead(memory, Protection.READ, address, length, 0);
            return isFaulted ? -length : length;
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
            tellRead(memory, Protection.READ, address + told, part, 0);
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
            long source = memory.find(from + first, Protection.READ);
            while (source >= 0) {
                long target = memory.find(to + first, Protection.WRITE);
                if (target < 0) {
                    return fail((int) -target, to + first, Protection.WRITE, 1);
                }
                // Translates again, because the CPU may have acknowledged a flush while the target was faulted in.
                source = memory.lookUp(from + first, Protection.READ);
                if (source >= 0) {
                    memory.copyWithin(from + first, source - first, to + first, target - first, length);
                    tellRead(memory, Protection.READ, from, length, 0);
                    tell(memory, to, length);
                    return Fault.NONE;
                }
                source = memory.walkOrFault(from + first, Protection.READ);
            }
            return fail((int) -source, from + first, Protection.READ, 1);
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
                long physical = memory.find(from, Protection.WRITE);
                if (physical < 0) {
                    fail((int) -physical, from, Protection.WRITE, part);
                    return done;
                }
                memory.fill(from, physical, part, with);
                tell(memory, from, part);
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
            long physical = memory.find(address, Protection.READ);
            if (physical < 0) {
                fail((int) -physical, address, Protection.READ, length);
                return -1;
            }
            memory.copy(address, physical, target, at, length, null, false, false);
            int read = 0;
            while (read < length && target[at + read] != 0) {
                read++;
            }
            // The bytes after the 0 are not part of the string, and the guest has not read them.
            tellRead(memory, Protection.READ, address, Math.min(read + 1, length), 0);
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
        boolean writes = (access & Protection.WRITE) != 0;
        boolean entered = memory.enter();
        try {
            for (; ; ) {
                // Translates through the entry and not the TLB, because the entry is compared after the pin.
                long physical = memory.walkOrFault(address, writes ? Protection.WRITE : Protection.READ);
                if (physical < 0) {
                    fail((int) -physical, address, access, 0);
                    return null;
                }
                // Created before the frame is pinned, because there may be no memory for the object.
                FramePin pin = new FramePin(
                        memory.frames, memory.frameOf(physical), writes, memory.tracker, memory.endsRuns());
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
            // Orders the pin before the read of the entry. Pairs with CopyPageTables, which clears rights and then
            // reads the pins, and with DroppedPages, which claims the entry and then reads the pins. The mark that is
            // set next pairs with Frames.clearDirty, which reads the pins and clears the mark in one compare-and-set.
            VarHandle.fullFence();
            long again = memory.walk(address, writes ? Pte.WRITE : Pte.READ);
            if (again >= 0 && memory.frameOf(again) == frame) {
                if (writes) {
                    // The mark stays until the frame is free, so the release of the pin need not set it again.
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
        return "memory of " + cpu;
    }
}
