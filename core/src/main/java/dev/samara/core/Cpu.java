// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.event.FlushListener;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.guest.CheckedMemory;
import dev.samara.core.internal.guest.GuestAtomic;
import dev.samara.core.internal.guest.GuestMemory;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A simulated processor: reads and writes the mappings of its loaded space through its own TLB.
 *
 * <p>The thread that claimed a CPU owns it, and no other thread may use it. {@link MemoryAccess} has the accesses by
 * address. This class adds the loaded space, the GUEST state, and accesses by handle.
 *
 * <p><b>GUEST.</b> A thread that runs guest code {@linkplain #enterGuest enters GUEST}, and {@linkplain #poll polls}
 * often until it {@linkplain #leaveGuest leaves} GUEST: operations that remove pages or rights wait for the poll. In
 * GUEST there are handles. {@link #probeLoad} and the other probes look in the TLB. On a miss {@link #resolveLoad} and
 * its variants find a translation. {@link #get} and the other accesses by handle use them. A handle ends at the next
 * {@link #poll}, {@link #leaveGuest} or resolve, and at an access by address, which may have to resolve. Outside GUEST,
 * each access by address enters GUEST for the duration of the access. Calls that may wait, operations of a space above
 * all, are refused to a thread that has a CPU in GUEST.
 *
 * <p>A handle is never negative; {@link #MISS}, {@link #NO_HANDLE} and negated faults are. For speed, probes and
 * accesses by handle check neither the thread nor the handle. A {@linkplain Machine.Builder#checked checked} machine
 * refuses a call of another thread, and a handle that has ended or was made for another access ({@link
 * IllegalStateException}); it also refuses a negative handle, and a size that is not 1, 2, 4 or 8 ({@link
 * IllegalArgumentException}). On any machine an access of another size, by a negative handle, or with no space loaded
 * throws, and so does an atomic access that is not aligned; nothing was written then.
 */
public final class Cpu extends MemoryAccess implements AutoCloseable {
    /** The result of a probe if the TLB has no translation, or the access crosses a page boundary. */
    public static final long MISS = SoftTlb.MISS;

    /**
     * The result of a resolve for an access that has no handle and must be made by address: an access across a page
     * boundary, or a store into a page that is {@linkplain AddressSpace#watch watched}.
     */
    public static final long NO_HANDLE = GuestMemory.NO_HANDLE;

    private final Machine machine;
    private final int number;
    private final Thread owner = Thread.currentThread();

    private @Nullable AddressSpace space;
    private @Nullable Memory memory;
    private @Nullable PageTableContext worker;
    private @Nullable CpuTlb processor;

    /** The memory of the last loaded space; kept while no space is loaded. */
    private @Nullable GuestMemory served;

    /** Equal to {@code served} while a space is loaded, else null. */
    private @Nullable GuestMemory guest;

    /** In LAZY, the space that was loaded before. */
    private @Nullable AddressSpace lazySpace;

    Cpu(Machine machine, int number) {
        this.machine = machine;
        this.number = number;
    }

    /**
     * Loads a space: later accesses go to that space. The CPU keeps translations of earlier spaces for a while. Loading
     * the space in which the CPU is {@linkplain #enterLazy LAZY} costs almost nothing, unless that space was closed
     * meanwhile.
     *
     * @param next a space of a machine with memory, or null for none
     * @throws IllegalStateException if the thread does not own this CPU, if the CPU is in GUEST, in a fault or in one
     *     of its listeners, or if the machine was built without memory, or is closed
     */
    public void load(@Nullable AddressSpace next) {
        own();
        if (processor != null) {
            checkUnused(processor, "another space is loaded");
        }
        Layout layout = next == null ? null : next.layout();
        if (layout != null) {
            layout.host().spaces().checkOpen();
        }
        Memory of = layout == null ? memory : layout.memory();
        // A refusal above has changed nothing.
        AddressSpace lazy = lazySpace;
        space = null;
        guest = null;
        lazySpace = null;
        if (layout == null || of == null) {
            if (processor != null && served != null) {
                processor.load(null);
                served.rest();
            }
            return;
        }
        if (memory != of) {
            release();
            become(layout, of);
        }
        CpuTlb loads = Objects.requireNonNull(processor);
        loads.load(layout.pages());
        try {
            // After the increment of the space's users. Pairs with Spaces.close, which first marks the machine as
            // closed and then reads the users.
            layout.host().spaces().checkOpen();
        } catch (IllegalStateException closed) {
            loads.load(null);
            throw closed;
        }
        GuestMemory with = Objects.requireNonNull(served);
        if (next != lazy) {
            with.serve(layout);
        }
        with.swapBytes(swapsBytes());
        guest = with;
        space = next;
    }

    /** Joins a memory: makes the TLB and the context for it. */
    private void become(Layout layout, Memory of) {
        CpuTlb made = machine.newProcessor(of, number);
        PageTableContext mine = null;
        try {
            mine = of.newWorker("cpu " + number + " of thread " + owner.getName(), owner);
            made.readsAs(mine.reader());
            Faulter faulter = new Faulter(layout, mine);
            AccessChecker oracle = of.oracle();
            served = oracle == null
                    ? new GuestMemory(made, faulter, mine, of.frames())
                    : new CheckedMemory(made, faulter, mine, of.frames(), layout, oracle);
            worker = mine;
        } catch (Throwable thrown) {
            made.close();
            if (mine != null) {
                of.discard(mine);
            }
            throw thrown;
        }
        processor = made;
        memory = of;
    }

    /** Throws in a callback and in GUEST. */
    private void checkUnused(CpuTlb of, String what) {
        checkQuiet(of);
        if (of.isAt(CpuTlb.FAULTING)) {
            throw new IllegalStateException(this + " is in a fault: a backing that it asks must leave it loaded");
        }
        if (of.isGuest()) {
            throw new IllegalStateException(this + " is in GUEST: it has to leave it before " + what);
        }
    }

    /**
     * Enters LAZY, for a time without accesses ({@code enter_lazy_tlb}). This CPU is then no {@linkplain
     * AddressSpace#users user} of its space, and no operation waits for it, but it keeps its translations. Closing the
     * space takes the CPU off. {@link #load} with that space ends LAZY. Until a space is loaded, accesses are refused
     * and {@link #space} returns null.
     *
     * @throws IllegalStateException if it is in GUEST, in LAZY, in a fault or in one of its listeners, has no space
     *     loaded, or is not owned by the caller
     */
    public void enterLazy() {
        CpuTlb with = processor();
        checkUnused(with, "it is LAZY");
        with.enterLazy();
        lazySpace = space;
        space = null;
        guest = null;
    }

    /**
     * Returns the number of this CPU, by which reports and {@link dev.samara.core.event.ShootdownDelivery} name it.
     *
     * @return positive; no other CPU of its machine ever has it
     */
    public int number() {
        return number;
    }

    @Override
    void own() {
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException(this + " is used by thread "
                    + Thread.currentThread().getName() + " and owned by " + owner.getName());
        }
    }

    @Override
    @Nullable
    GuestMemory guestOrNull() {
        return guest;
    }

    @Override
    GuestMemory loaded() {
        own();
        return living();
    }

    private GuestMemory living() {
        GuestMemory of = guest;
        if (of == null) {
            throw new IllegalStateException(this
                    + (lazySpace == null ? " has no space loaded" : " is LAZY: it has to load its space again first"));
        }
        return of;
    }

    private CpuTlb processor() {
        loaded();
        return Objects.requireNonNull(processor);
    }

    /**
     * Enters GUEST, in which the TLB is used, and applies the flushes that were requested since this CPU last was in
     * GUEST.
     *
     * @throws IllegalStateException if it is in GUEST, in a fault or in one of its listeners, has no space loaded, or
     *     is not owned by the caller
     */
    public void enterGuest() {
        own();
        CpuTlb with = processor;
        if (with == null || !with.isIdle()) {
            throw mayNotEnter();
        }
        with.enterGuest();
    }

    private IllegalStateException mayNotEnter() {
        CpuTlb of = processor();
        checkQuiet(of);
        return new IllegalStateException(this
                + (of.isGuest()
                        ? " is in GUEST already"
                        : " is in a fault: a backing that it asks must leave it as it is"));
    }

    /**
     * Leaves GUEST: after this no operation waits for this CPU.
     *
     * @throws IllegalStateException if it is not in GUEST, or not owned by the caller
     */
    public void leaveGuest() {
        own();
        CpuTlb with = processor;
        if (with == null || !with.isInGuest()) {
            throw notInGuest();
        }
        with.leaveGuest();
    }

    /**
     * Acknowledges changes of other threads: drops the affected translations and calls the flush listeners. Handles end
     * here. Costs one read if there is no change.
     *
     * @throws IllegalStateException if it is not in GUEST, or not owned by the caller
     */
    public void poll() {
        guestInGuest().poll();
    }

    private GuestMemory guestInGuest() {
        own();
        CpuTlb with = processor;
        GuestMemory of = guest;
        if (with == null || of == null || !with.isInGuest()) {
            throw notInGuest();
        }
        return of;
    }

    private IllegalStateException notInGuest() {
        checkQuiet(processor());
        return new IllegalStateException(this + " is not in GUEST");
    }

    private void checkQuiet(CpuTlb of) {
        if (of.isTelling()) {
            throw new IllegalStateException(this + " is used by a flush listener, which it is telling of a flush");
        }
        if (of.isAt(CpuTlb.TELLING_STORE)) {
            throw new IllegalStateException(this + " is used by a write listener, which must leave it as it is");
        }
    }

    /**
     * Adds a listener for the translations that this CPU drops from its TLB. It is called for all spaces that have the
     * machine and the page size of the loaded space.
     *
     * @param listener the listener
     */
    public void onFlush(FlushListener listener) {
        processor().addListener(Objects.requireNonNull(listener, "listener"));
    }

    /**
     * Removes a listener, which is not called after this.
     *
     * @param listener the listener
     */
    public void removeFlushListener(FlushListener listener) {
        processor().removeListener(listener);
    }

    /**
     * Returns a handle for a load of {@code size} bytes if the TLB has the translation. Outside GUEST it has none.
     *
     * @param address of the lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle, or {@link #MISS}
     */
    public long probeLoad(long address, int size) {
        return probe(address, size, Pte.READ);
    }

    /**
     * Returns a handle for a store of {@code size} bytes if the TLB has the translation. Outside GUEST it has none.
     *
     * @param address of the lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle, or {@link #MISS}
     */
    public long probeStore(long address, int size) {
        return probe(address, size, Pte.WRITE);
    }

    /**
     * Returns a handle for an instruction fetch of {@code size} bytes if the TLB has the translation. Outside GUEST it
     * has none.
     *
     * @param address of the lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle, or {@link #MISS}
     */
    public long probeFetch(long address, int size) {
        return probe(address, size, Pte.EXEC);
    }

    private long probe(long address, int size, long right) {
        GuestMemory of = guest;
        return of == null ? MISS : of.probe(address, size, right);
    }

    /**
     * Returns a handle for a load of {@code size} bytes, found by the page table or by a fault; a fault leaves GUEST
     * meanwhile. Other handles end here.
     *
     * @param address of the lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle; the negated {@link Fault} if the access fails, at {@link #faultAddress}; or {@link #NO_HANDLE}
     * @throws IllegalStateException if it is not in GUEST, or not owned by the caller
     */
    public long resolveLoad(long address, int size) {
        return resolve(address, size, Protection.READ);
    }

    /**
     * Returns a handle for a store of {@code size} bytes, found by the page table or by a fault; a fault leaves GUEST
     * meanwhile. Other handles end here.
     *
     * @param address of the lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle; the negated {@link Fault} if the access fails, at {@link #faultAddress}; or {@link #NO_HANDLE}
     * @throws IllegalStateException if it is not in GUEST, or not owned by the caller
     */
    public long resolveStore(long address, int size) {
        return resolve(address, size, Protection.WRITE);
    }

    /**
     * Returns a handle for an instruction fetch of {@code size} bytes, found by the page table or by a fault; a fault
     * leaves GUEST meanwhile. Other handles end here.
     *
     * @param address of the lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle; the negated {@link Fault} if the access fails, at {@link #faultAddress}; or {@link #NO_HANDLE}
     * @throws IllegalStateException if it is not in GUEST, or not owned by the caller
     */
    public long resolveFetch(long address, int size) {
        return resolve(address, size, Protection.EXEC);
    }

    private long resolve(long address, int size, int access) {
        GuestMemory of = guestInGuest();
        GuestMemory.checkSize(size);
        of.endHandles();
        return of.crosses(address, size) ? NO_HANDLE : of.resolve(address, access);
    }

    /**
     * Reads a number by a handle.
     *
     * @param handle a valid handle for a load
     * @param size bytes, the size of the handle
     * @return the number, in the byte order of this CPU
     */
    public long get(long handle, int size) {
        return living().get(handle, size);
    }

    /**
     * Writes a number by a handle.
     *
     * @param handle a valid handle for a store
     * @param size bytes, the size of the handle
     * @param number the new value; bits above its size are ignored
     */
    public void put(long handle, int size, long number) {
        living().put(handle, size, number);
    }

    /**
     * Reads a number by a handle, with volatile ordering.
     *
     * @param handle a valid handle for a load, aligned
     * @param size bytes, the size of the handle
     * @return the number
     */
    public long getVolatile(long handle, int size) {
        return update(GuestAtomic.LOAD, handle, size, 0, 0);
    }

    /**
     * Writes a number by a handle, with volatile ordering.
     *
     * @param handle a valid handle for a store, aligned
     * @param size bytes, the size of the handle
     * @param number the new value
     */
    public void putVolatile(long handle, int size, long number) {
        update(GuestAtomic.STORE, handle, size, 0, number);
    }

    /**
     * Compares a number with an expected one by a handle, and writes a new one if they are equal, atomically.
     *
     * @param handle a valid handle for a store, aligned
     * @param size bytes, the size of the handle
     * @param expected the expected value; bits above its size are ignored, so it may be sign-extended
     * @param number the new value
     * @return the old value, with zeros above its size
     */
    public long exchange(long handle, int size, long expected, long number) {
        return update(GuestAtomic.EXCHANGE_IF, handle, size, expected, number);
    }

    /**
     * Adds to a number by a handle, atomically.
     *
     * @param handle a valid handle for a store, aligned
     * @param size bytes, the size of the handle
     * @param delta the value to add
     * @return the old value
     */
    public long add(long handle, int size, long delta) {
        return update(GuestAtomic.ADD, handle, size, 0, delta);
    }

    private long update(GuestAtomic what, long handle, int size, long expected, long operand) {
        GuestMemory of = living();
        if ((handle & size - 1) != 0) {
            throw misused(handle, size);
        }
        return of.update(what, handle, size, expected, operand);
    }

    private static IllegalArgumentException misused(long handle, int size) {
        GuestMemory.checkSize(size);
        return new IllegalArgumentException("handle 0x" + Long.toHexString(handle)
                + (handle < 0
                        ? " is negative: it is MISS, NO_HANDLE or a negated fault, and not a handle"
                        : " of an atomic access is not a multiple of its size " + size));
    }

    /**
     * Returns the loaded space.
     *
     * @return the space, or null for none, as in LAZY
     */
    public @Nullable AddressSpace space() {
        return space;
    }

    private void release() {
        Memory of = memory;
        if (of != null && worker != null) {
            Objects.requireNonNull(processor).close();
            processor = null;
            of.discard(worker);
            worker = null;
            memory = null;
            served = null;
        }
    }

    /**
     * Closes this CPU: unloads its space and frees the frames of its magazine.
     *
     * @throws IllegalStateException if it is in GUEST, in a fault or in one of its listeners, or is not owned by the
     *     caller
     */
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
