// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.fault.Faulter;
import dev.samara.core.layout.Layout;
import dev.samara.core.page.Memory;
import dev.samara.core.page.Pte;
import dev.samara.core.page.Worker;
import dev.samara.core.tlb.Processor;
import dev.samara.core.vma.Fault;
import dev.samara.core.vma.FlushListener;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Protection;
import java.nio.ByteOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A simulated processor: reads and writes what is mapped in the space that it has loaded, through a TLB of its own.
 *
 * <p>Owned by the thread that claimed it, and used by no other. An access either happens as a whole or not at all: then what
 * is returned is a {@link Fault} and {@link #faultAddress} says where. Nothing is thrown for what a guest does, and nothing
 * allocated. Each access finds the mapping of some instant of the call; after a {@code munmap}, {@code mprotect} or the like has
 * returned, none is made that the new state forbids.
 *
 * <p>Plain accesses may have any address, also across a page boundary; aligned ones of up to 8 bytes are made at once.
 * Atomic ones have to be aligned.
 *
 * <p><b>GUEST.</b> Who runs guest code {@linkplain #enterGuest enters GUEST}, and until he {@linkplain #leaveGuest leaves} it, he
 * {@linkplain #poll polls} often: operations that take something away wait for that. In GUEST there are handles: {@link #probeLoad}
 * and its like look in the TLB, {@link #resolveLoad} and its like find a translation where that has none, and {@link #get} and its
 * like use them. A handle means nothing any more after the next {@link #poll}, {@link #leaveGuest} or resolving, nor after an access
 * by address, which may have to resolve. Outside of GUEST, each access by address enters it for its own time. What may wait,
 * operations of a space above all, is refused to a thread one of whose CPUs is in GUEST.
 */
public final class Cpu implements AutoCloseable {
    /** What a probe answers where the TLB has no translation, or the access lies in two pages. */
    public static final long MISS = Processor.MISS;

    /** What resolving answers for an access that lies in two pages: it has no handle, and is made by address. */
    public static final long CROSSES = Long.MIN_VALUE;

    private final Machine machine;
    private final int number;
    private final Thread owner = Thread.currentThread();

    private @Nullable AddressSpace space;
    private @Nullable Memory memory;
    private @Nullable Worker worker;
    private @Nullable Processor processor;

    /** Of the space that is loaded. */
    private @Nullable GuestMemory guest;

    private boolean swapsBytes;

    Cpu(Machine machine, int number) {
        this.machine = machine;
        this.number = number;
    }

    /**
     * Loads a space: accesses go there from now on. Translations of those that were loaded before are kept for a while.
     *
     * @param next a space of a machine with memory, or null for none
     * @throws IllegalStateException if the thread does not own this CPU, if it is in GUEST, or if the machine was built without
     *     memory
     */
    public void load(@Nullable AddressSpace next) {
        own();
        GuestMemory before = guest;
        if (before != null && before.faulter().isBusy()) {
            throw new IllegalStateException(this + " is in a fault: a backing that it asks must leave it loaded");
        }
        if (processor != null) {
            checkQuiet(processor);
        }
        if (processor != null && processor.isGuest()) {
            throw new IllegalStateException(this + " is in GUEST: it has to leave it before another space is loaded");
        }
        if (next == null) {
            if (processor != null) {
                processor.load(null);
            }
            space = null;
            guest = null;
            return;
        }
        Layout layout = next.layout();
        Memory of = layout.memory();
        if (memory != of) {
            load(null);
            release();
            Processor made = machine.newProcessor(of);
            try {
                worker = of.newWorker("cpu " + number + " of thread " + owner.getName(), owner);
            } catch (Throwable thrown) {
                made.close();
                throw thrown;
            }
            processor = made;
            memory = of;
        }
        Worker mine = Objects.requireNonNull(worker);
        Processor with = Objects.requireNonNull(processor);
        guest = new GuestMemory(with, new Faulter(layout, mine), mine, of.frames());
        guest.swapBytes(swapsBytes);
        with.load(layout.pages());
        space = next;
    }

    private void own() {
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException(this + " is used by thread "
                    + Thread.currentThread().getName() + " and owned by " + owner.getName());
        }
    }

    private GuestMemory loaded() {
        own();
        GuestMemory of = guest;
        if (of == null) {
            throw new IllegalStateException(this + " has no space loaded");
        }
        return of;
    }

    private Processor processor() {
        loaded();
        return Objects.requireNonNull(processor);
    }

    /**
     * Goes to GUEST, where the TLB is used: catches up with what was changed since it was there.
     *
     * @throws IllegalStateException if it is in GUEST, has no space loaded, or is not the caller's
     */
    public void enterGuest() {
        Processor of = processor();
        checkQuiet(of);
        if (of.isGuest()) {
            throw new IllegalStateException(this + " is in GUEST already");
        }
        if (loaded().faulter().isBusy()) {
            throw new IllegalStateException(this + " is in a fault: a backing that it asks must leave it as it is");
        }
        of.enterGuest();
    }

    /**
     * Leaves GUEST: from here on nobody waits for this CPU.
     *
     * @throws IllegalStateException if it is not in GUEST, or not the caller's
     */
    public void leaveGuest() {
        guestProcessor().leaveGuest();
    }

    /**
     * Acknowledges what others have changed, and tells listeners of it. Handles end here. Costs one read if there is nothing.
     *
     * @throws IllegalStateException if it is not in GUEST, or not the caller's
     */
    public void poll() {
        guestProcessor().poll();
    }

    private Processor guestProcessor() {
        Processor of = processor();
        checkQuiet(of);
        if (!of.isGuest()) {
            throw new IllegalStateException(this + " is not in GUEST");
        }
        return of;
    }

    private void checkQuiet(Processor of) {
        if (of.isTelling()) {
            throw new IllegalStateException(this + " is used by a flush listener, which it is telling of a flush");
        }
    }

    /**
     * Has a listener told of what this CPU drops from its TLB, for all spaces of the machine and page size that it has loaded
     * now.
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
        Processor of = processor;
        return of == null ? MISS : of.probe(address, size, right);
    }

    /**
     * Finds bytes that may be read, by the page table or by a fault, for which it leaves GUEST. Other handles end here.
     *
     * @param address of the first byte
     * @param size bytes: 1, 2, 4 or 8
     * @return a handle; the negated {@link Fault} if there is none, and {@link #faultAddress} says where; {@link #CROSSES}
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
     * @return a handle; the negated {@link Fault}; {@link #CROSSES}
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
     * @return a handle; the negated {@link Fault}; {@link #CROSSES}
     * @throws IllegalStateException if it is not in GUEST, or not the caller's
     */
    public long resolveFetch(long address, int size) {
        return resolve(address, size, Protection.EXEC);
    }

    private long resolve(long address, int size, int access) {
        guestProcessor();
        GuestMemory.checkSize(size);
        GuestMemory of = loaded();
        return of.crosses(address, size) ? CROSSES : of.resolve(address, access);
    }

    /**
     * Reads by a handle.
     *
     * @param handle a living one for bytes that may be read
     * @param size bytes, as the handle was made for
     * @return the number, in the order of bytes of this CPU
     */
    public long get(long handle, int size) {
        return Objects.requireNonNull(guest).get(handle, size);
    }

    /**
     * Writes by a handle.
     *
     * @param handle a living one for bytes that may be written
     * @param size bytes, as the handle was made for
     * @param number what is written; bits above its size are ignored
     */
    public void put(long handle, int size, long number) {
        Objects.requireNonNull(guest).put(handle, size, number);
    }

    /**
     * Reads by a handle, in the order of volatile variables.
     *
     * @param handle a living one for bytes that may be read, aligned
     * @param size bytes, as the handle was made for
     * @return the number
     */
    public long getVolatile(long handle, int size) {
        return Objects.requireNonNull(guest).update(GuestAtomic.LOAD, handle, size, 0, 0);
    }

    /**
     * Writes by a handle, in the order of volatile variables.
     *
     * @param handle a living one for bytes that may be written, aligned
     * @param size bytes, as the handle was made for
     * @param number what is written
     */
    public void putVolatile(long handle, int size, long number) {
        Objects.requireNonNull(guest).update(GuestAtomic.STORE, handle, size, 0, number);
    }

    /**
     * Writes by a handle if what is there is expected, atomically.
     *
     * @param handle a living one for bytes that may be written, aligned
     * @param size bytes, as the handle was made for
     * @param expected what must be there
     * @param number what is written
     * @return what was there
     */
    public long exchange(long handle, int size, long expected, long number) {
        return Objects.requireNonNull(guest).update(GuestAtomic.EXCHANGE_IF, handle, size, expected, number);
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
        return Objects.requireNonNull(guest).update(GuestAtomic.ADD, handle, size, 0, delta);
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
        GuestMemory of = guest;
        if (of != null) {
            of.swapBytes(swapsBytes);
        }
    }

    /**
     * What the last successful access has read.
     *
     * @return the number, in the low bits; the bits above its size are 0. 0 if there was none since the space was loaded
     */
    public long value() {
        GuestMemory of = guest;
        return of == null ? 0 : of.value();
    }

    /**
     * Where the last access that failed has failed.
     *
     * @return an address; for one across a page boundary, of the page that failed
     */
    public long faultAddress() {
        GuestMemory of = guest;
        return of == null ? 0 : of.faultAddress();
    }

    /**
     * Why the last copy, fill or search came to an end before its time.
     *
     * @return a {@link Fault}; MINOR if it did not
     */
    public int fault() {
        GuestMemory of = guest;
        return of == null ? 0 : of.fault();
    }

    /**
     * Makes a page accessible, without an access.
     *
     * @param address any address
     * @param access bits of {@link Protection}
     * @return a {@link Fault}
     */
    public int handleFault(long address, int access) {
        GuestMemory of = loaded();
        if (processor().isGuest()) {
            guestProcessor().leaveGuest();
            try {
                return faulted(of, address, access);
            } finally {
                processor().enterGuest();
            }
        }
        return faulted(of, address, access);
    }

    private static int faulted(GuestMemory of, long address, int access) {
        int result = of.faulter().fault(address, access);
        return Fault.isDone(result) ? result : of.fail(result, address);
    }

    /**
     * Reads a number; {@link #value} has it then.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else why not
     */
    public int load(long address, int size) {
        return loaded().read(address, size, Protection.READ);
    }

    /**
     * Reads an instruction, or part of one: like {@link #load}, but what must be allowed is execution.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else why not
     */
    public int fetch(long address, int size) {
        return loaded().read(address, size, Protection.EXEC);
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
        return loaded().write(address, size, number);
    }

    /**
     * Reads a number atomically, in the order of volatile variables.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else why not; ADRALN for an address that is not aligned
     */
    public int loadVolatile(long address, int size) {
        return loaded().atomic(GuestAtomic.LOAD, address, size, 0, 0);
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
        return loaded().atomic(GuestAtomic.STORE, address, size, 0, number);
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
        return loaded().atomic(GuestAtomic.EXCHANGE_IF, address, size, expected, number);
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
            GuestMemory of = loaded();
            of.setValue(of.value() == (expected & -1L >>> (Long.SIZE - size * Byte.SIZE)) ? 1 : 0);
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
        return loaded().atomic(GuestAtomic.ADD, address, size, 0, delta);
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
        return loaded().atomic(GuestAtomic.SET, address, size, 0, number);
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
        return loaded().atomic(GuestAtomic.AND, address, size, 0, mask);
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
        return loaded().atomic(GuestAtomic.OR, address, size, 0, mask);
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
        return loaded().atomic(GuestAtomic.XOR, address, size, 0, mask);
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
        return loaded().transfer(address, target, at, length, false);
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
        return loaded().transfer(address, source, at, length, true);
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
        return loaded().fill(address, length, with);
    }

    /**
     * Copies a string of bytes that a 0 ends ({@code strncpy_from_user}).
     *
     * @param address of the first byte
     * @param target where to; what is in it behind the string may be overwritten
     * @return its length; the length of the target if it has no end within that; -1 if an access failed before its end, and {@link #fault} says why
     */
    public int string(long address, byte[] target) {
        return loaded().string(address, target);
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
        return loaded().pin(address, (access & Protection.WRITE) != 0);
    }

    /**
     * Ends a pin.
     *
     * @param frame a frame that this machine has pinned
     * @param written whether it was written through the pin
     * @throws IllegalStateException if it has no pin
     */
    public void unpin(int frame, boolean written) {
        loaded().unpin(frame, written);
    }

    /**
     * Where the bytes of pinned frames are.
     *
     * @return the store of the space's machine
     */
    public FrameStore frameStore() {
        return loaded().store();
    }

    private void release() {
        Memory of = memory;
        if (of != null && worker != null) {
            Objects.requireNonNull(processor).close();
            processor = null;
            of.discard(worker);
            worker = null;
            memory = null;
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
