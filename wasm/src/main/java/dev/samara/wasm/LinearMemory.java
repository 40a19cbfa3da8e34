// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED_NOREPLACE;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import com.dylibso.chicory.runtime.ChicoryInterruptedException;
import com.dylibso.chicory.runtime.ConstantEvaluators;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.UninstantiableException;
import com.dylibso.chicory.wasm.types.ActiveDataSegment;
import com.dylibso.chicory.wasm.types.DataSegment;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.PassiveDataSegment;
import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A linear memory of the WebAssembly runtime Chicory. It has its own address space, and starts at address 0. Pages that
 * were never written take no memory, and a {@linkplain #fork fork} copies no page.
 *
 * <pre>{@code
 * Instance instance = Instance.builder(module).withMemoryFactory(LinearMemory.factory(machine)).build();
 * LinearMemory memory = (LinearMemory) instance.memory();
 * ExportFunction run = memory.entering(instance.export("run"));
 * }</pre>
 *
 * <p><b>Threads.</b> Only one thread at a time may use a memory. A call of a function that {@link #entering} wrapped
 * enters the space for the duration of the call, on any thread. Without the wrapper, each access enters the space for
 * its own duration. The results are the same, but each access takes many times as long. While one thread is in the
 * space, a wrapped call on another thread throws {@link IllegalStateException}. Single accesses by another thread are
 * not checked, and must not be made. Other threads of the host use {@link #space}. Each WebAssembly thread that shares
 * a memory has its own instance, and each of these instances imports its own {@link #view}.
 *
 * <p><b>Traps</b> are the same exceptions that Chicory's own memories throw: {@link WasmRuntimeException} with the
 * message {@code out of bounds memory access}. A failed access changes nothing. An access also traps, with {@code out
 * of memory}, if the machine has no memory for it. A thread that is interrupted while it waits in {@link #grow}, in an
 * atomic wait, or until the machine has freed memory for an access, throws {@link ChicoryInterruptedException}; an
 * interrupt ends no other wait of an access. A copy, fill or write of many bytes may have changed part of the bytes if
 * it ends with one of the latter two exceptions, or at a page whose access rights the host removed.
 *
 * <p><b>The end.</b> An unreachable memory is released some time after a garbage collection ({@link
 * dev.samara.core.AddressSpaceBuilder#collected}). {@link #close} releases a memory as soon as no thread is in it.
 *
 * <p>If a machine contains such memories, only they may {@linkplain AddressSpace#enter enter} spaces of the machine.
 */
public final class LinearMemory extends LinearAtomics implements AutoCloseable {
    /**
     * 4 GiB of addresses in pages of 64 KiB, which is the page size of WebAssembly. A fork takes about a twentieth of
     * the time of a fork with pages of 4 KiB ({@link Geometry#flat Geometry.flat(32)}). With pages of 4 KiB, less is
     * copied if few bytes are written.
     */
    public static final Geometry PAGES_64K = new Geometry(16, 2, 47, 0, 1L << 32, 1L << 32);

    private static final long END = 1L << 32;

    /** A bit that is set in {@code pages} while a thread adds pages. */
    private static final int GROWING = Integer.MIN_VALUE;

    /** A result of {@code mmap} that is neither an address nor an errno. */
    private static final long LOST = Long.MIN_VALUE;

    /** How long a thread parks between two checks whether another view still adds pages. */
    private static final long GROWTH_NANOS = 50_000;

    private final MemoryLimits limits;
    /** The number of pages and the bit {@link #GROWING}. All views share this object. */
    private final AtomicInteger pages;

    private final MemoryWaits waits;

    private DataSegment @Nullable [] segments;

    /** Whether the instance that is being created leaves the content of this memory unchanged. */
    private boolean isKept;

    /**
     * Creates a memory of zeros, with pages of 64 KiB.
     *
     * @param machine a machine with memory
     * @param limits the sizes, and whether threads share the memory
     * @throws ChicoryException if the initial size exceeds Chicory's limit of 32,767 pages, or the machine does not
     *     allow a memory of this size
     */
    public LinearMemory(Machine machine, MemoryLimits limits) {
        this(machine, PAGES_64K, limits);
    }

    /**
     * Creates a memory of zeros.
     *
     * @param machine a machine with memory
     * @param geometry at least 4 GiB from address 0, in pages of at most 64 KiB: {@link #PAGES_64K}, or {@code
     *     Geometry.flat(32)} for pages of 4 KiB
     * @param limits the sizes, and whether threads share the memory
     * @throws IllegalArgumentException if the geometry does not fit
     * @throws ChicoryException if the initial size exceeds Chicory's limit of 32,767 pages, or the machine does not
     *     allow a memory of this size
     */
    public LinearMemory(Machine machine, Geometry geometry, MemoryLimits limits) {
        this(newSpace(machine, geometry), limits, new AtomicInteger());
        boolean isMade = false;
        try {
            if (grow(limits.initialPages()) < 0) {
                throw new ChicoryException("no room for a memory of " + limits.initialPages() + " pages"
                        + (limits.initialPages() > RUNTIME_MAX_PAGES
                                ? ": Chicory addresses at most " + RUNTIME_MAX_PAGES + " pages"
                                : ": the machine's limits do not allow it"));
            }
            isMade = true;
        } finally {
            if (!isMade) {
                close();
            }
        }
    }

    private LinearMemory(AddressSpace space, MemoryLimits limits, AtomicInteger pages) {
        super(space);
        this.limits = limits;
        this.pages = pages;
        waits = new MemoryWaits(this);
    }

    private static AddressSpace newSpace(Machine machine, Geometry geometry) {
        if (geometry.minimum() != 0 || geometry.limit() < END || geometry.pageSize() > PAGE_SIZE) {
            throw new IllegalArgumentException(
                    geometry + " has not 4 GiB from address 0, in pages of at most " + PAGE_SIZE + " bytes");
        }
        return machine.space(geometry).name("wasm").collected(true).build();
    }

    /**
     * Returns a memory factory for Chicory's instance builder ({@code withMemoryFactory}).
     *
     * @param machine a machine with memory
     * @return a factory that creates memories with pages of 64 KiB
     */
    public static Function<MemoryLimits, Memory> factory(Machine machine) {
        return limits -> new LinearMemory(machine, limits);
    }

    /**
     * Copies this memory with its current content. The two memories share each page until one of them writes to it. The
     * time depends on the number of pages in memory. With pages of 64 KiB, it is tens of microseconds for 100 MiB.
     * {@link InstanceFork} copies an instance with its memory.
     *
     * <p>Any thread may call this. The call waits for the next store or call of the thread that uses this memory. No
     * thread may grow this memory concurrently.
     *
     * @return the copy; no thread waits on its addresses
     * @throws dev.samara.core.mman.MmException if this memory is closed (ESRCH), or the machine's limits do not allow
     *     the copy
     */
    public LinearMemory fork() {
        AddressSpace child = space().fork();
        back();
        Vma last = child.findPrevious(END);
        return new LinearMemory(child, limits, new AtomicInteger(last == null ? 0 : (int) (last.end() / PAGE_SIZE)));
    }

    /**
     * Returns a view of this memory for another thread, whose instance imports it. All views share their content and
     * size. Closing one view closes all of them.
     *
     * @return the view, through which another thread may enter the space
     */
    public LinearMemory view() {
        return new LinearMemory(space(), limits, pages);
    }

    /**
     * Closes this memory and its views. Calls and waits in progress continue until they return, and the memory is
     * released after the last one. Calls and accesses that start later throw.
     */
    @Override
    public void close() {
        space().close();
    }

    // ------------------------------------------------------------------ size

    @Override
    public int pages() {
        return pages.get() & ~GROWING;
    }

    @Override
    public int initialPages() {
        return limits.initialPages();
    }

    @Override
    public int maximumPages() {
        return Math.min(limits.maximumPages(), RUNTIME_MAX_PAGES);
    }

    @Override
    public boolean shared() {
        return limits.shared();
    }

    /**
     * Adds pages of zeros.
     *
     * @param size the number of pages to add
     * @return the previous number of pages, or -1 if the new number would exceed the maximum or the machine's limits
     * @throws ChicoryInterruptedException if the thread was interrupted and would have waited; nothing changed
     */
    @Override
    public int grow(int size) {
        while (true) {
            int before = pages.get();
            if ((before & GROWING) != 0) {
                // The other view may be waiting for an operation that waits for this thread's CPUs in GUEST.
                enter(() -> leave(this::awaitGrowth));
            } else if (size < 0 || size > maximumPages() - before) {
                return -1;
            } else if (size == 0) {
                return before;
            } else {
                long result = grow(before, size);
                back();
                if (result == Errno.EINTR.result()) {
                    throw new ChicoryInterruptedException("Thread interrupted");
                }
                if (result != LOST) {
                    return Errno.isError(result) ? -1 : before;
                }
            }
        }
    }

    /** Waits until no view adds pages. */
    private int awaitGrowth() {
        int seen = pages.get();
        while ((seen & GROWING) != 0) {
            if (Thread.currentThread().isInterrupted()) {
                throw new ChicoryInterruptedException("Thread interrupted");
            }
            LockSupport.parkNanos(pages, GROWTH_NANOS);
            seen = pages.get();
        }
        return seen;
    }

    /** Maps pages after the last one. Returns what {@code mmap} returns, or {@link #LOST} after a lost race. */
    private long grow(int before, int size) {
        boolean isGrowing = false;
        int after = before;
        try {
            // In the try, because after a stack overflow in between no view could grow any more.
            isGrowing = pages.compareAndSet(before, before | GROWING);
            if (!isGrowing) {
                return LOST;
            }
            long result = space().mmap(
                            bytes(before), bytes(size), READ | WRITE, PRIVATE | ANONYMOUS | FIXED_NOREPLACE, null, 0);
            if (!Errno.isError(result)) {
                after = before + size;
            }
            return result;
        } finally {
            if (isGrowing) {
                pages.set(after);
            }
        }
    }

    private static long bytes(int pages) {
        return (long) PAGE_SIZE * pages;
    }

    private boolean isInside(int address, int size) {
        return address >= 0 && size >= 0 && (long) address + size <= bytes(pages());
    }

    void checkInside(int address, int size) {
        if (!isInside(address, size)) {
            throw LinearAccess.trap(Fault.MAPERR, address & ADDRESS, size);
        }
    }

    // ------------------------------------------------------------------ segments

    /** Sets whether the next instance that is created with this memory leaves its content unchanged. */
    void keep(boolean keeps) {
        isKept = keeps;
    }

    @Override
    public void zero() {
        if (!isKept && pages() > 0) {
            long result = space().madvise(0, bytes(pages()), Mman.DONTNEED);
            back();
            if (result != 0) {
                throw new ChicoryException("zero: " + Errno.of(result));
            }
        }
    }

    @Override
    public void initialize(Instance instance, DataSegment[] dataSegments) {
        initialize(instance, dataSegments, 0);
    }

    @Override
    public void initialize(Instance instance, DataSegment @Nullable [] dataSegments, int memoryIndex) {
        segments = dataSegments;
        if (isKept || dataSegments == null) {
            return;
        }
        for (DataSegment segment : dataSegments) {
            if (segment instanceof ActiveDataSegment active && active.index() == memoryIndex) {
                long offset = ConstantEvaluators.computeConstantValue(instance, active.offsetInstructions())[0];
                byte[] data = active.data();
                if (!isInside((int) offset, data.length)) {
                    throw new UninstantiableException("out of bounds memory access");
                }
                write((int) offset, data, 0, data.length);
            }
        }
    }

    @Override
    public void initPassiveSegment(int segmentId, int target, int offset, int size) {
        write(target, segment(segmentId), offset, size);
    }

    private byte[] segment(int segmentId) {
        DataSegment[] all = segments;
        return all == null ? PassiveDataSegment.EMPTY.data() : all[segmentId].data();
    }

    @Override
    public void drop(int segment) {
        DataSegment[] all = segments;
        if (all != null) {
            all[segment] = PassiveDataSegment.EMPTY;
        }
    }

    // ------------------------------------------------------------------ bytes

    @Override
    public void write(int address, byte[] data, int offset, int size) {
        if (offset < 0 || size < 0 || (long) offset + size > data.length) {
            throw LinearAccess.trap(Fault.MAPERR, offset & ADDRESS, size);
        }
        checkInside(address, size);
        LinearAccess of = access;
        if (of != null) {
            of.polled().copyBytesIn(address, data, offset, size);
        } else {
            outside(() -> write(address, data, offset, size));
        }
    }

    @Override
    public byte[] readBytes(int address, int length) {
        checkInside(address, length);
        byte[] data = new byte[length];
        LinearAccess of = access;
        if (of != null) {
            of.polled().copyBytesOut(address, data);
        } else {
            outside(() -> entered().copyBytesOut(address, data));
        }
        return data;
    }

    @Override
    public void fill(byte value, int from, int to) {
        checkInside(from, to - from);
        LinearAccess of = access;
        if (of != null) {
            of.polled().fillBytes(from, to - from, value);
        } else {
            outside(() -> fill(value, from, to));
        }
    }

    @Override
    public void copy(int target, int source, int size) {
        checkInside(source, size);
        checkInside(target, size);
        LinearAccess of = access;
        if (of != null) {
            of.polled().copyBytes(source, target, size);
        } else {
            outside(() -> copy(target, source, size));
        }
    }

    // ------------------------------------------------------------------ waits

    @Override
    public int atomicWait(int address, int expected, long timeout) {
        return enter(() -> waits.await(address, expected, timeout));
    }

    @Override
    public int atomicWait(int address, long expected, long timeout) {
        return enter(() -> waits.await(address, expected, timeout));
    }

    @Override
    public int atomicNotify(int address, int most) {
        return enter(() -> waits.wake(address, most));
    }

    @Override
    @SuppressWarnings("removal")
    public Object lock(int address) {
        throw new UnsupportedOperationException("atomic accesses take no lock");
    }

    @Override
    @SuppressWarnings("removal")
    public int waitOn(int address, int expected, long timeout) {
        return atomicWait(address, expected, timeout);
    }

    @Override
    @SuppressWarnings("removal")
    public int waitOn(int address, long expected, long timeout) {
        return atomicWait(address, expected, timeout);
    }

    @Override
    @SuppressWarnings("removal")
    public int notify(int address, int most) {
        return atomicNotify(address, most);
    }
}
