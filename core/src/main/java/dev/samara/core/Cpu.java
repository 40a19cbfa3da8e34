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
 * A simulated processor: reads and writes what is mapped in the space that it has loaded, through a TLB of its own.
 *
 * <p>Owned by the thread that claimed it, and used by no other. Accesses by address are those of {@link MemoryAccess};
 * here are what a processor is besides, the space that it has loaded and whether it runs guest code, and accesses by
 * handle.
 *
 * <p><b>GUEST.</b> Who runs guest code {@linkplain #enterGuest enters GUEST}, and until he {@linkplain #leaveGuest
 * leaves} it, he {@linkplain #poll polls} often: operations that take something away wait for that. In GUEST there are
 * handles: {@link #probeLoad} and its like look in the TLB, {@link #resolveLoad} and its like find a translation where
 * that has none, and {@link #get} and its like use them. A handle means nothing any more after the next {@link #poll},
 * {@link #leaveGuest} or resolving, nor after an access by address, which may have to resolve. Outside of GUEST, each
 * access by address enters it for its own time. What may wait, operations of a space above all, is refused to a thread
 * one of whose CPUs is in GUEST.
 *
 * <p>A handle is never negative; {@link #MISS}, {@link #NO_HANDLE} and negated faults are. Probes and accesses by
 * handle look at neither the thread nor the handle, for speed: on a {@linkplain Machine.Builder#checked checked}
 * machine a call of another thread, a handle that has ended or was made for something else ({@link
 * IllegalStateException}), a negative one, and a size that is not 1, 2, 4 or 8 ({@link IllegalArgumentException}) are
 * refused. On any machine an access of another size, by a negative handle, or with nothing loaded throws, and so does
 * an atomic one that is not aligned; nothing was written then.
 */
public final class Cpu extends MemoryAccess implements AutoCloseable {
    /** What a probe answers where the TLB has no translation, or the access lies in two pages. */
    public static final long MISS = SoftTlb.MISS;

    /**
     * What resolving answers for an access that has no handle, and is made by address: one that lies in two pages, and
     * a store into a page that is {@linkplain AddressSpace#watch watched}.
     */
    public static final long NO_HANDLE = GuestMemory.NO_HANDLE;

    private final Machine machine;
    private final int number;
    private final Thread owner = Thread.currentThread();

    private @Nullable AddressSpace space;
    private @Nullable Memory memory;
    private @Nullable PageTableContext worker;
    private @Nullable CpuTlb processor;

    /** Of the space that is loaded, or was. */
    private @Nullable GuestMemory served;

    /** The same, while one is loaded. */
    private @Nullable GuestMemory guest;

    /** In LAZY, what was loaded before. */
    private @Nullable AddressSpace lazySpace;

    Cpu(Machine machine, int number) {
        this.machine = machine;
        this.number = number;
    }

    /**
     * Loads a space: accesses go there from now on. Translations of those that were loaded before are kept for a while.
     * To load the space in which it is {@linkplain #enterLazy LAZY} costs next to nothing, unless that was closed
     * meanwhile.
     *
     * @param next a space of a machine with memory, or null for none
     * @throws IllegalStateException if the thread does not own this CPU, if it is in GUEST, or if the machine was built
     *     without memory, or is closed
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
        // What is refused has left everything as it was.
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
            // Behind the count of its users. Pairs with Spaces.close, which says that the machine is closed, and then
            // reads that.
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

    /** Is one of a memory from now on. */
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

    /** Refuses what callbacks must not do, and nobody in GUEST. */
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
     * Goes to LAZY, for a time without accesses ({@code enter_lazy_tlb}): this CPU is no {@linkplain AddressSpace#users
     * user} of its space any more, and owes nobody anything, but it keeps its translations. Closing the space takes it
     * off. {@link #load} of the same space brings it back; until it has loaded a space, accesses are refused, and
     * {@link #space} is null.
     *
     * @throws IllegalStateException if it is in GUEST or in LAZY, has no space loaded, or is not the caller's
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
     * Its number, by which reports and {@link dev.samara.core.event.ShootdownDelivery} name it.
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
     * Goes to GUEST, where the TLB is used: catches up with what was changed since it was there.
     *
     * @throws IllegalStateException if it is in GUEST, has no space loaded, or is not the caller's
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
     * Leaves GUEST: from here on nobody waits for this CPU.
     *
     * @throws IllegalStateException if it is not in GUEST, or not the caller's
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
     * Acknowledges what others have changed, and tells listeners of it. Handles end here. Costs one read if there is
     * nothing.
     *
     * @throws IllegalStateException if it is not in GUEST, or not the caller's
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
     * Has a listener told of what this CPU drops from its TLB, for all spaces of the machine and page size that it has
     * loaded now.
     *
     * @param listener whom
     */
    public void onFlush(FlushListener listener) {
        processor().addListener(Objects.requireNonNull(listener, "listener"));
    }

    /**
     * Has a listener told of nothing any more.
     *
     * @param listener whom
     */
    public void removeFlushListener(FlushListener listener) {
        processor().removeListener(listener);
    }

    /**
     * Looks in the TLB for bytes that may be read. Out of GUEST it has nothing.
     *
     * @param address of the first byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle; {@link #MISS} if it is not there
     */
    public long probeLoad(long address, int size) {
        return probe(address, size, Pte.READ);
    }

    /**
     * The same for bytes that may be written.
     *
     * @param address of the first byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle; {@link #MISS} if it is not there
     */
    public long probeStore(long address, int size) {
        return probe(address, size, Pte.WRITE);
    }

    /**
     * The same for bytes that may be executed.
     *
     * @param address of the first byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle; {@link #MISS} if it is not there
     */
    public long probeFetch(long address, int size) {
        return probe(address, size, Pte.EXEC);
    }

    private long probe(long address, int size, long right) {
        GuestMemory of = guest;
        return of == null ? MISS : of.probe(address, size, right);
    }

    /**
     * Finds bytes that may be read, by the page table or by a fault, for which it leaves GUEST. Other handles end here.
     *
     * @param address of the first byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle; the negated {@link Fault} if there is none, and {@link #faultAddress} says where; {@link
     *     #NO_HANDLE}
     * @throws IllegalStateException if it is not in GUEST, or not the caller's
     */
    public long resolveLoad(long address, int size) {
        return resolve(address, size, Protection.READ);
    }

    /**
     * The same for bytes that may be written.
     *
     * @param address of the first byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle; the negated {@link Fault}; {@link #NO_HANDLE}
     * @throws IllegalStateException if it is not in GUEST, or not the caller's
     */
    public long resolveStore(long address, int size) {
        return resolve(address, size, Protection.WRITE);
    }

    /**
     * The same for bytes that may be executed.
     *
     * @param address of the first byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle; the negated {@link Fault}; {@link #NO_HANDLE}
     * @throws IllegalStateException if it is not in GUEST, or not the caller's
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
     * Reads by a handle.
     *
     * @param handle a living one for bytes that may be read
     * @param size bytes, as the handle was made for
     * @return the number, in the order of bytes of this CPU
     */
    public long get(long handle, int size) {
        return living().get(handle, size);
    }

    /**
     * Writes by a handle.
     *
     * @param handle a living one for bytes that may be written
     * @param size bytes, as the handle was made for
     * @param number what is written; bits above its size are ignored
     */
    public void put(long handle, int size, long number) {
        living().put(handle, size, number);
    }

    /**
     * Reads by a handle, in the order of volatile variables.
     *
     * @param handle a living one for bytes that may be read, aligned
     * @param size bytes, as the handle was made for
     * @return the number
     */
    public long getVolatile(long handle, int size) {
        return update(GuestAtomic.LOAD, handle, size, 0, 0);
    }

    /**
     * Writes by a handle, in the order of volatile variables.
     *
     * @param handle a living one for bytes that may be written, aligned
     * @param size bytes, as the handle was made for
     * @param number what is written
     */
    public void putVolatile(long handle, int size, long number) {
        update(GuestAtomic.STORE, handle, size, 0, number);
    }

    /**
     * Writes by a handle if what is there is expected, atomically.
     *
     * @param handle a living one for bytes that may be written, aligned
     * @param size bytes, as the handle was made for
     * @param expected what must be there; bits above its size are ignored, so it may be sign-extended
     * @param number what is written
     * @return what was there, with zeros above its size
     */
    public long exchange(long handle, int size, long expected, long number) {
        return update(GuestAtomic.EXCHANGE_IF, handle, size, expected, number);
    }

    /**
     * Adds by a handle, atomically.
     *
     * @param handle a living one for bytes that may be written, aligned
     * @param size bytes, as the handle was made for
     * @param delta what is added
     * @return what was there
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
     * The space that is loaded.
     *
     * @return the space, or null for none
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
     * Gives the CPU up, with the frames of its magazine.
     *
     * @throws IllegalStateException if it is in GUEST, or not the caller's
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
