// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED_NOREPLACE;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Machine;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A linear memory of WebAssembly, without a type of a runtime. It has its own address space, and starts at address 0.
 * Pages that were never written take no memory, and a {@linkplain #fork fork} copies no page. A runtime needs an
 * adapter: a subclass that implements the runtime's interface for memories. Those for Chicory and Endive are {@code
 * dev.samara.wasm.chicory.ChicoryMemory} and {@code dev.samara.wasm.endive.EndiveMemory}, in modules of their own. The
 * names of the methods are those of these interfaces, so that the adapters inherit them, and a call takes no longer
 * than if this class implemented the interface.
 *
 * <p><b>Threads.</b> Only one thread at a time may use a memory. A call of a function that the adapter's {@code
 * entering} wrapped enters the space for the duration of the call, on any thread. Without the wrapper, each access
 * enters the space for its own duration. The results are the same, but each access takes many times as long. While one
 * thread is in the space, a wrapped call on another thread throws {@link IllegalStateException}. Single accesses by
 * another thread are not checked, and must not be made. Other threads of the host use {@link #space}. Each WebAssembly
 * thread that shares a memory has its own instance, and each of these instances imports its own {@link #view}.
 *
 * <p><b>Traps</b> are the exceptions that the runtime's own memories throw ({@link MemoryExceptions}): one with the
 * message {@code out of bounds memory access} for an access outside. A failed access changes nothing. An access also
 * traps, with {@code out of memory}, if the machine has no memory for it. A thread that is interrupted while it waits
 * in {@link #grow}, in an atomic wait, or until the machine has freed memory for an access, throws the runtime's
 * exception for that; an interrupt ends no other wait of an access. A copy, fill or write of many bytes may have
 * changed part of the bytes if it ends with one of the latter two exceptions, or at a page whose access rights the host
 * removed.
 *
 * <p><b>The end.</b> An unreachable memory is released some time after a garbage collection ({@link
 * dev.samara.core.AddressSpaceBuilder#collected}). {@link #close} releases a memory as soon as no thread is in it.
 *
 * <p>If a machine contains such memories, only they may {@linkplain AddressSpace#enter enter} spaces of the machine.
 */
public abstract non-sealed class LinearMemory extends LinearAtomics implements AutoCloseable {
    /**
     * 4 GiB of addresses in pages of 64 KiB, which is the page size of WebAssembly. A fork takes about a twentieth of
     * the time of a fork with pages of 4 KiB ({@link Geometry#flat Geometry.flat(32)}). With pages of 4 KiB, less is
     * copied if few bytes are written.
     */
    public static final Geometry PAGES_64K = new Geometry(16, 2, 47, 0, 1L << 32, 1L << 32);

    /** The size of a page of WebAssembly, in bytes. */
    static final int PAGE = 1 << 16;

    /** One less than 2 GiB, because the runtimes address bytes with a signed number. */
    static final int MAXIMUM_PAGES = 32_767;

    private static final long END = 1L << 32;

    /** A bit that is set in {@code pages} while a thread adds pages. */
    private static final int GROWING = Integer.MIN_VALUE;

    /** A result of {@code mmap} that is neither an address nor an errno. */
    private static final long LOST = Long.MIN_VALUE;

    /** How long a thread parks between two checks whether another view still adds pages. */
    private static final long GROWTH_NANOS = 50_000;

    private final int initial;
    private final int maximum;
    private final boolean isShared;

    /** What all views of a memory share: the number of pages with the bit {@link #GROWING}, and the views. */
    private static final class Shared extends AtomicInteger {
        private static final long serialVersionUID = 1L;

        /** All views and the first memory, once there is a view. */
        @SuppressWarnings("serial") // No object of this class is serialized.
        private final List<WeakReference<LinearMemory>> views = new CopyOnWriteArrayList<>();

        Shared(int pages) {
            super(pages);
        }
    }

    private final Shared pages;

    private final MemoryWaits waits;

    /** Whether the instance that is being created leaves the content of this memory unchanged. */
    private boolean isKept;

    /**
     * Creates a memory of zeros.
     *
     * @param exceptions makes what the memory throws
     * @param machine a machine with memory
     * @param geometry at least 4 GiB from address 0, in pages of at most 64 KiB: {@link #PAGES_64K}, or {@code
     *     Geometry.flat(32)} for pages of 4 KiB
     * @param initial the number of pages at first
     * @param maximum the number of pages up to which the memory can grow
     * @param isShared whether threads share the memory
     * @throws IllegalArgumentException if the geometry does not fit
     * @throws RuntimeException as {@link MemoryExceptions#failed} makes it, if the initial size exceeds the limit of
     *     32,767 pages that the runtimes have, or the machine does not allow a memory of this size
     */
    @SuppressWarnings("this-escape") // The waits only store the reference, and the size needs no subclass.
    protected LinearMemory(
            MemoryExceptions exceptions,
            Machine machine,
            Geometry geometry,
            int initial,
            int maximum,
            boolean isShared) {
        super(newSpace(machine, geometry), exceptions);
        this.initial = initial;
        this.maximum = maximum;
        this.isShared = isShared;
        pages = new Shared(0);
        waits = new MemoryWaits(this);
        boolean isMade = false;
        try {
            if (grow(initial) < 0) {
                throw exceptions.failed("no room for a memory of " + initial + " pages"
                        + (initial > MAXIMUM_PAGES
                                ? ": the runtime addresses at most " + MAXIMUM_PAGES + " pages"
                                : ": the machine's limits do not allow it"));
            }
            isMade = true;
        } finally {
            if (!isMade) {
                space().close();
            }
        }
    }

    /**
     * Creates a fork or a view of a memory, for {@link #fork} and {@link #view}.
     *
     * @param of the memory
     * @param isView whether all content and the size are shared, instead of copied on write
     * @throws dev.samara.core.mman.MmException as {@link #fork} does
     */
    @SuppressWarnings("this-escape") // The waits and the views only store the reference.
    protected LinearMemory(LinearMemory of, boolean isView) {
        super(isView ? of.space() : of.forkSpace(), of.exceptions);
        initial = of.initial;
        maximum = of.maximum;
        isShared = of.isShared;
        pages = isView ? of.pages : new Shared(pagesOf(space()));
        waits = new MemoryWaits(this);
        if (isView) {
            of.add(of);
            of.add(this);
        }
    }

    /**
     * Creates a memory whose content is in its space already, for an {@link InstanceImage}.
     *
     * @param exceptions makes what the memory throws
     * @param space the space, which this takes over
     * @param initial the number of pages at first
     * @param maximum the number of pages up to which the memory can grow
     * @param isShared whether threads share the memory
     */
    @SuppressWarnings("this-escape") // The waits only store the reference.
    protected LinearMemory(
            MemoryExceptions exceptions, AddressSpace space, int initial, int maximum, boolean isShared) {
        super(space, exceptions);
        this.initial = initial;
        this.maximum = maximum;
        this.isShared = isShared;
        pages = new Shared(pagesOf(space));
        waits = new MemoryWaits(this);
    }

    /** Returns whether a loaded space is one of a memory: mapped up to its end, which its limits allow. */
    final boolean isWhole() {
        long end = 0;
        for (Vma vma : space().snapshot()) {
            if (vma.start() != end) {
                return false;
            }
            end = vma.end();
        }
        return end == bytes(pages()) && pages() >= initial && pages() <= maximumPages();
    }

    private static AddressSpace newSpace(Machine machine, Geometry geometry) {
        if (geometry.minimum() != 0 || geometry.limit() < END || geometry.pageSize() > PAGE) {
            throw new IllegalArgumentException(
                    geometry + " has not 4 GiB from address 0, in pages of at most " + PAGE + " bytes");
        }
        return machine.space(geometry).name("wasm").collected(true).build();
    }

    /**
     * Copies this memory with its current content. The two memories share each page until one of them writes to it. The
     * time depends on the number of pages in memory. With pages of 64 KiB, it is tens of microseconds for 100 MiB.
     * The modules of the runtimes copy instances with their memories.
     *
     * <p>Any thread may call this. The call waits for the next store or call of the thread that uses this memory. No
     * thread may grow this memory concurrently.
     *
     * @return the copy; no thread waits on its addresses
     * @throws dev.samara.core.mman.MmException if this memory is closed (ESRCH), or the machine's limits do not allow
     *     the copy
     */
    public abstract LinearMemory fork();

    private void add(LinearMemory view) {
        pages.views.removeIf(each -> each.refersTo(null));
        if (pages.views.stream().noneMatch(each -> each.refersTo(view))) {
            pages.views.add(new WeakReference<>(view));
        }
    }

    /** Returns this memory and its views, as far as they are reachable. */
    final List<LinearMemory> views() {
        if (pages.views.isEmpty()) {
            return List.of(this);
        }
        List<LinearMemory> all = new ArrayList<>();
        for (WeakReference<LinearMemory> view : pages.views) {
            LinearMemory of = view.get();
            if (of != null) {
                all.add(of);
            }
        }
        return all;
    }

    private AddressSpace forkSpace() {
        AddressSpace child = space().fork();
        back();
        return child;
    }

    private static int pagesOf(AddressSpace space) {
        Vma last = space.findPrevious(END);
        return last == null ? 0 : (int) (last.end() / PAGE);
    }

    /**
     * Returns a view of this memory for another thread, whose instance imports it. All views share their content and
     * size. Closing one view closes all of them.
     *
     * @return the view, through which another thread may enter the space
     */
    public abstract LinearMemory view();

    /**
     * Closes this memory and its views. Calls and waits in progress continue until they return, and the memory is
     * released after the last one. Calls and accesses that start later throw.
     */
    @Override
    public final void close() {
        space().close();
    }

    // ------------------------------------------------------------------ size

    @Override
    public final int pages() {
        return pages.get() & ~GROWING;
    }

    /**
     * Returns the number of pages at first.
     *
     * @return the initial size
     */
    public final int initialPages() {
        return initial;
    }

    /**
     * Returns the number of pages up to which this memory can grow.
     *
     * @return the maximum, at most 32,767
     */
    public final int maximumPages() {
        return Math.min(maximum, MAXIMUM_PAGES);
    }

    /**
     * Returns whether threads share this memory.
     *
     * @return whether its limits say so
     */
    public final boolean shared() {
        return isShared;
    }

    /**
     * Adds pages of zeros.
     *
     * @param size the number of pages to add
     * @return the previous number of pages, or -1 if the new number would exceed the maximum or the machine's limits
     * @throws RuntimeException as {@link MemoryExceptions#interrupted} makes it, if the thread was interrupted and
     *     would have waited; nothing changed
     */
    public final int grow(int size) {
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
                    throw exceptions.interrupted();
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
                throw exceptions.interrupted();
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

    /**
     * Restores the content and the size of this memory and its views.
     *
     * @param before the number of pages at the checkpoint
     * @return the number of the space's pages that were put back, or by which this memory had grown
     */
    final long restore(Checkpoint checkpoint, int before) {
        boolean isGrowing = false;
        int after = 0;
        try {
            int now = pages();
            // In the try, as in grow.
            isGrowing = pages.compareAndSet(now, now | GROWING);
            if (!isGrowing) {
                throw new IllegalStateException("another view of " + this + " adds pages");
            }
            after = now;
            long restored = checkpoint.restoreRunning();
            after = before;
            return restored + bytes(now - before) / space().geometry().pageSize();
        } finally {
            if (isGrowing) {
                pages.set(after);
            }
        }
    }

    private static long bytes(int pages) {
        return (long) PAGE * pages;
    }

    void checkInside(int address, int size) {
        if (!isInside(address, size)) {
            throw LinearAccess.trap(exceptions, Fault.MAPERR, address & ADDRESS, size);
        }
    }

    // ------------------------------------------------------------------ bytes

    /** Sets whether the next instance that is created with this memory leaves its content unchanged. */
    final void keep(boolean keeps) {
        isKept = keeps;
    }

    /**
     * Returns whether the instance that is being created is a copy, so that its memory has its content already.
     *
     * @return whether active segments must not be written
     */
    protected final boolean isKept() {
        return isKept;
    }

    /** Makes all bytes zero, but not those of an instance that is being copied. */
    public final void zero() {
        if (!isKept && pages() > 0) {
            long result = space().madvise(0, bytes(pages()), Mman.DONTNEED);
            back();
            if (result != 0) {
                throw exceptions.failed("zero: " + Errno.of(result));
            }
        }
    }

    /**
     * Returns whether a range of bytes is inside this memory.
     *
     * @param address the first byte
     * @param size the number of bytes
     * @return false also if one of them is negative
     */
    protected final boolean isInside(int address, int size) {
        return address >= 0 && size >= 0 && (long) address + size <= bytes(pages());
    }

    /**
     * Copies bytes of an array into this memory.
     *
     * @param address the first address
     * @param data the array
     * @param offset the index of the first byte
     * @param size the number of bytes
     */
    public final void write(int address, byte[] data, int offset, int size) {
        if (offset < 0 || size < 0 || (long) offset + size > data.length) {
            throw LinearAccess.trap(exceptions, Fault.MAPERR, offset & ADDRESS, size);
        }
        checkInside(address, size);
        LinearAccess of = access;
        if (of != null) {
            of.polled().copyBytesIn(address, data, offset, size);
        } else {
            outside(() -> write(address, data, offset, size));
        }
    }

    /**
     * Copies bytes of this memory.
     *
     * @param address the first address
     * @param length the number of bytes
     * @return a new array
     */
    public final byte[] readBytes(int address, int length) {
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

    /**
     * Sets bytes to a value.
     *
     * @param value the value
     * @param from the first address
     * @param to the address after the last one
     */
    public final void fill(byte value, int from, int to) {
        checkInside(from, to - from);
        LinearAccess of = access;
        if (of != null) {
            of.polled().fillBytes(from, to - from, value);
        } else {
            outside(() -> fill(value, from, to));
        }
    }

    /**
     * Copies bytes within this memory. The ranges may overlap.
     *
     * @param target the first address to copy to
     * @param source the first address to copy from
     * @param size the number of bytes
     */
    public final void copy(int target, int source, int size) {
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

    /**
     * Waits for a notification if a number of four bytes has an expected value.
     *
     * @param address the address of the number, a multiple of its size
     * @param expected the value
     * @param timeout the longest wait in nanoseconds; no limit if negative
     * @return 0 after a notification, 1 if the number had another value, 2 after the longest wait
     */
    public final int atomicWait(int address, int expected, long timeout) {
        return enter(() -> waits.await(address, expected, timeout));
    }

    /**
     * Waits for a notification if a number of eight bytes has an expected value.
     *
     * @param address the address of the number, a multiple of its size
     * @param expected the value
     * @param timeout the longest wait in nanoseconds; no limit if negative
     * @return 0 after a notification, 1 if the number had another value, 2 after the longest wait
     */
    public final int atomicWait(int address, long expected, long timeout) {
        return enter(() -> waits.await(address, expected, timeout));
    }

    /**
     * Wakes threads that wait at an address.
     *
     * @param address an address, a multiple of 4
     * @param most the most threads to wake; all if negative
     * @return the number of threads that were woken
     */
    public final int atomicNotify(int address, int most) {
        return enter(() -> waits.wake(address, most));
    }

    /* Older names of the runtimes, whose interfaces still have them. */

    /**
     * The runtimes locked a word with this before they had atomic accesses.
     *
     * @param address ignored
     * @return nothing
     * @throws UnsupportedOperationException always, because atomic accesses take no lock
     */
    @SuppressWarnings("DoNotCallSuggester") // a method of the runtimes' interfaces
    public final Object lock(int address) {
        throw new UnsupportedOperationException("atomic accesses take no lock");
    }

    /**
     * The same as {@link #atomicWait(int, int, long)}.
     *
     * @param address the address of the number
     * @param expected the value
     * @param timeout the longest wait in nanoseconds
     * @return what that returns
     */
    public final int waitOn(int address, int expected, long timeout) {
        return atomicWait(address, expected, timeout);
    }

    /**
     * The same as {@link #atomicWait(int, long, long)}.
     *
     * @param address the address of the number
     * @param expected the value
     * @param timeout the longest wait in nanoseconds
     * @return what that returns
     */
    public final int waitOn(int address, long expected, long timeout) {
        return atomicWait(address, expected, timeout);
    }

    /**
     * The same as {@link #atomicNotify}.
     *
     * @param address an address
     * @param most the most threads to wake
     * @return the number of threads that were woken
     */
    public final int notify(int address, int most) {
        return atomicNotify(address, most);
    }
}
