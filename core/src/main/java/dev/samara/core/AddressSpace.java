// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.event.AccessListener;
import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Registration;
import dev.samara.core.event.WriteListener;
import dev.samara.core.guest.PageView;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.fault.ExpandStack;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.op.SpaceCheckpoint;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.syscall.Fork;
import dev.samara.core.internal.syscall.Madvise;
import dev.samara.core.internal.syscall.Madvise.SetAnonVmaName;
import dev.samara.core.internal.syscall.Mlock;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.internal.syscall.Mmap.Brk;
import dev.samara.core.internal.syscall.Mmap.Munmap;
import dev.samara.core.internal.syscall.Mprotect;
import dev.samara.core.internal.syscall.Mremap;
import dev.samara.core.internal.syscall.Mseal;
import dev.samara.core.internal.syscall.Msync;
import dev.samara.core.internal.syscall.Pagemap;
import dev.samara.core.internal.syscall.Shm;
import dev.samara.core.internal.syscall.Syscall;
import dev.samara.core.internal.vcpu.Vcpu;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A concurrent address space: a set of mappings, and the calls that change it.
 *
 * <p>Any thread may call {@link #find}, {@link #findNext}, {@link #findPrevious}, {@link #forEach}, {@link #acquire}
 * and {@link #snapshot} at any time; they take no lock and never wait. Mappings above the limit of the space, such as
 * {@code [vsyscall]}, appear only in snapshots; as on Linux, lookups do not find them. Any thread may also make the
 * other calls, and calls run concurrently. Before a call changes anything, it waits for the operations in flight in its
 * range. Each call takes effect at one instant. From that instant lookups no longer find a mapping that {@code munmap}
 * removed; its range can be allocated again after {@code munmap} has returned. Calls that change more than 64 mappings
 * one by one do so in batches, each of which is atomic: {@link #mremap} of several mappings, {@link #mprotect}, {@link
 * #madvise}, {@link #setAnonymousName}, {@link #mlock} and its relatives, {@link #mseal}. Lookups and snapshots may run
 * between two batches; forks, and operations in the range, do not. A call that removes pages or rights returns, or
 * completes its future, after the last CPU has stopped using them: it waits until CPUs in GUEST poll, and for accesses
 * in progress. The package description lists the other waits.
 *
 * <p>A call that has to wait while its thread is interrupted returns {@code EINTR}, with nothing changed and the
 * interrupt flag still set. (An access to memory never fails because of an interrupt.) If a notifier of an operation in
 * flight makes a call that has to wait, the call throws {@link IllegalStateException} instead, also with nothing
 * changed.
 *
 * <p>A call that removes pages or rights first reserves the resources for the removal. It returns {@code EAGAIN} if the
 * maximum number of such calls is already running, and {@code ENOMEM} if heap or stack are exhausted, or if its page
 * tables exceed {@linkplain MachineBuilder#pageTableLimit their limit}. In both cases it has changed nothing. If a
 * later step fails, the range stays in flight for other calls. The failure is reported ({@link
 * dev.samara.core.event.Report.Kind#RETIREMENT_FAILED}), and the step is retried until it succeeds; only then does the
 * call return, or its future complete. {@link #close} is never refused.
 *
 * <p>Each call behaves as on Linux 6.18 (x86-64): it returns an address, a count or 0, or a negated {@link Errno}, and
 * checks its arguments in the kernel's order. Unless its description says otherwise, a call that fails changes nothing,
 * except that a mapping may stay split at an edge of the range. Lengths and addresses are bytes, unsigned; a length is
 * rounded up to whole pages. No such call throws for invalid addresses, lengths or flags; {@link #throwing} returns the
 * form that throws. (Exceptions: {@link #watch} throws for an invalid range, and a call that takes an array throws for
 * indexes outside it.) A call that may wait, which includes every call that changes the layout, throws {@link
 * IllegalStateException} if a CPU of the calling thread is in GUEST; CPUs of other threads may be in GUEST.
 *
 * <p><b>References and the end.</b> An {@code AddressSpace} is a reference to the users of a space ({@code mm_users}),
 * the strongest of three kinds: as long as there is a user, the space keeps its mappings and pages. {@link #get}
 * returns an additional one, for another holder; a CPU in the space is also a user. {@link #hold} and {@link #grab}
 * return two weaker kinds of references, {@link PageTableRef} and {@link SpaceIdentity}, which do not delay the end.
 *
 * <p>{@link #close} releases a reference; other users are not affected. The thread whose {@code close} or CPU was the
 * last user tears the space down, and may wait while doing so. That thread must not wait if it has a CPU in GUEST, is
 * in a reader section, or is in a callback that other threads wait for; then one of the machine's threads tears the
 * space down. Once its last user is gone, the space can have no user again. If a reference becomes unreachable without
 * a close, the machine releases it, and reports it ({@link dev.samara.core.event.Report.Kind#REFERENCE_LOST}) unless
 * the space was built for that ({@link AddressSpaceBuilder#collected}). The machine does so when it creates another
 * space, waits for quiescence, is closed or is asked for its statistics. Keep a reference reachable until its calls
 * have returned.
 *
 * <p>After {@code close} returns, calls through the closed reference that need the space are refused. A call that
 * another thread started earlier may still take effect; it is refused if the space is torn down first.
 *
 * <ul>
 *   <li>Calls that return an {@link Errno} return {@code -ESRCH}, regardless of their arguments; so does {@link #brk}.
 *       The asynchronous forms return a completed call with that result.
 *   <li>{@link #get}, {@link #hold}, {@link #grab}, {@link #fork}, {@link #enter}, {@link #watch}, {@link
 *       #addListener}, {@link #addNotifier}, {@link #setLimit}, {@link #grant}, {@link #drop}, {@link Cpu#switchTo},
 *       {@link Cpu#use} and {@link Cpu#exec} throw {@link MmException} with ESRCH, as the calls of {@link #throwing}
 *       do.
 *   <li>Lookups and {@link #snapshot} find no mapping, except that a snapshot contains the mappings above the limit of
 *       the space. {@link #resolve} returns MAPERR. {@link #usage}, {@link #residency} and {@link #smapsRollup} return
 *       0, and {@link #pageTableBytes} returns the value of an empty space.
 *   <li>{@link #statistics}, {@link #holdTimes}, {@link #geometry}, {@link #machine}, {@link #users}, {@link #cpus},
 *       {@link #references} and {@link #toString} work as before, and refer to the space.
 * </ul>
 *
 * <p>In GUEST, and within {@code rcuMapPages}, calls that may wait are refused, through a closed reference as through
 * an open one. All spaces of a {@linkplain Machine#close closed} machine have ended.
 */
public final class AddressSpace implements AutoCloseable {
    /** The stack depth, in frames, that a close needs if idle CPUs then leave the space. */
    private static final int END_DEPTH = StackReserve.around(Vcpu.END_DEPTH, SpaceReferences.DEPTH);

    private final Machine machine;

    /** The layout of the space, even after the close. */
    final Layout own;

    private final SpaceReferences.Entry entry;

    /**
     * The layout that serves calls: the layout of the space, or after the close a layout that is closed forever.
     *
     * <p>Written: the thread that releases the reference (volatile).
     * Read: any thread (volatile).
     * Invariant: the layout of the space until the close, afterwards a layout that is closed forever.
     */
    private volatile Layout layout;

    /** Takes over a reference to the users of a space, which the caller acquired. */
    AddressSpace(Machine machine, Layout layout) {
        this.machine = machine;
        own = layout;
        this.layout = layout;
        entry = machine.references.add(this, layout, SpaceReference.Kind.USERS);
    }

    /** Returns the layout that serves calls. */
    Layout layout() {
        return layout;
    }

    /**
     * Returns the machine that this space belongs to.
     *
     * @return the machine
     */
    public Machine machine() {
        return machine;
    }

    /**
     * Returns the sizes and bounds of this space.
     *
     * @return the geometry
     */
    public Geometry geometry() {
        return own.geometry;
    }

    /**
     * Returns the VMA that covers an address. Lock-free; allocates nothing.
     *
     * @param address any address
     * @return the VMA that was mapped there at some instant of this call, or null if there was none
     */
    public @Nullable Vma find(long address) {
        return layout.find(address);
    }

    /**
     * Returns the VMA that covers an address, or else the next one above it ({@code find_vma}). Lock-free; allocates
     * nothing.
     *
     * @param address any address
     * @return the lowest VMA with an end above the address, at some instant of this call; null if there was none
     */
    public @Nullable Vma findNext(long address) {
        return layout.findNext(address);
    }

    /**
     * Returns the VMA below an address: the predecessor of {@link #findNext}, as {@code find_vma_prev} finds it. A VMA
     * that covers the address is not below it. Lock-free; allocates nothing.
     *
     * @param address any address
     * @return the highest VMA with an end at or below the address, at some instant of this call; null if there was none
     */
    public @Nullable Vma findPrevious(long address) {
        return layout.findPrevious(address);
    }

    /**
     * Passes each VMA that overlaps a range to an action, in ascending order. Lock-free; allocates nothing. Each step
     * is a {@link #findNext} from the end of the previous VMA: steps happen at different instants.
     *
     * <ul>
     *   <li>Each VMA was mapped at some instant of this call.
     *   <li>The ends of the VMAs strictly increase, so no VMA is passed twice. Two VMAs overlap only if a change
     *       between their steps extended or merged the first one.
     *   <li>If an address is mapped throughout this call, a VMA that covers it is passed, even if VMAs are replaced
     *       concurrently. Only a VMA that is mapped or unmapped during the call may be missed.
     *   <li>The VMAs need not have existed at one instant: a mapping that moves concurrently may be passed at both
     *       places, or at neither.
     *   <li>Of the changes that the action itself makes, those above the end of the VMA that was passed last are seen.
     * </ul>
     *
     * <p>For the VMAs of one instant use {@link #snapshot()}.
     *
     * @param start the first address
     * @param length bytes, unsigned; a range that wraps ends at the highest address
     * @param action receives each VMA, on this thread, and as a whole even if the VMA extends beyond the range; an
     *     exception that it throws ends the walk and propagates to the caller
     */
    public void forEach(long start, long length, Consumer<? super Vma> action) {
        Objects.requireNonNull(action, "action");
        long end = Addresses.endOf(start, length);
        long next = start;
        while (Addresses.isBelow(next, end)) {
            VmArea vma = layout.findNext(next);
            if (vma == null || !Addresses.isBelow(vma.start(), end)) {
                return;
            }
            action.accept(vma);
            next = vma.end();
        }
    }

    /**
     * Returns a reference to the VMA that covers an address; the VMA's backing stays open until the reference is
     * released. Lock-free; never waits. The range may be unmapped while the reference is held, and no operation waits
     * for the reference.
     *
     * @param address any address
     * @return the reference, to be released once, or null if nothing is mapped there
     * @throws IllegalStateException if that VMA has the maximum number of references, 2<sup>30</sup> - 2
     */
    public @Nullable VmaRef acquire(long address) {
        VmArea vma = layout.acquire(address);
        if (vma == null) {
            return null;
        }
        try {
            return new VmaRef(vma, machine.host.refTracker());
        } catch (Throwable thrown) {
            // The tracker calls the backing for the VMA's name, and the backing may throw.
            vma.release();
            throw thrown;
        }
    }

    /**
     * Returns the result of the first steps of a page fault: whether the layout allows an access. If an operation in
     * flight replaced the mapping, or moved it there, this method waits until that operation is complete. If the
     * address is just below a stack, the stack grows; that takes a lock, and waits if the stack would grow into a range
     * in flight. This method waits for nothing else and takes no other lock.
     *
     * @param address any address
     * @param access {@code PROT_*} bits of {@link Mman}; the {@link dev.samara.core.vma.ProtectionMap} of the geometry
     *     decides which rights imply others
     * @return {@link Fault#NONE} if it is allowed, MAPERR or ACCERR if not. An interrupt does not end the wait, and the
     *     interrupt flag stays set
     * @throws IllegalArgumentException if {@code access} has bits other than {@code PROT_*}
     * @throws IllegalStateException if this method would have to wait or grow a stack, and is called by an operation's
     *     retire phase, while a CPU of the thread is in GUEST, or by a backing in {@code rcuMapPages}
     */
    public int resolve(long address, int access) {
        Faulter.requireKnown(access);
        return Faulter.resolve(layout, address, access);
    }

    /**
     * Reads bytes of this space into the remaining bytes of a buffer, without a CPU of the caller ({@code
     * process_vm_readv(2)}). The position of the buffer advances by the number of read bytes.
     *
     * <p>The pages are read one after the other, as a CPU reads them: they are faulted in, and after a {@code munmap}
     * or {@code mprotect} has returned, no byte is read that the new state forbids. Unlike {@code process_vm_readv},
     * this method also reads a mapping that is readable only because the {@link dev.samara.core.vma.ProtectionMap}
     * implies that right.
     *
     * <p>The call uses one of the machine's own CPUs, which is a {@linkplain #users user} of this space until the call
     * returns. Reports and {@link dev.samara.core.event.ShootdownDelivery} name it by the number 0. Entering and
     * leaving the space costs as much as tens of accesses, so a thread that makes many accesses should {@linkplain
     * #enter enter} the space itself, or {@linkplain Machine#claimCpu claim} a CPU. Apart from a thread's first calls,
     * a call allocates nothing, unless eight such calls are already running on the machine: each additional one creates
     * a CPU.
     *
     * @param address of the first byte
     * @param target receives the bytes; a heap or a direct buffer
     * @return the number of read bytes, less than the number of bytes that remained if a later page cannot be read. If
     *     no byte was read, a negated errno: EFAULT if there is no mapping, the mapping does not allow it, or the space
     *     is {@linkplain PageTableRef#reap reaped}; ENOMEM if there is no memory left; EAGAIN while the machine
     *     {@linkplain MachineBuilder#lowMemory takes} memory; EINTR if a backing returned {@link Fault#RETRY}. After
     *     each 512 pages a read ends early if the thread was interrupted or this reference is closed
     * @throws java.nio.ReadOnlyBufferException if {@code target} is read-only
     * @throws IllegalStateException if the machine was built without memory, if a CPU of the thread is in GUEST, or if
     *     this is called by a backing in {@code rcuMapPages}
     */
    public long read(long address, ByteBuffer target) {
        return copy(address, null, 0, target.remaining(), target, RemoteAccess.READ);
    }

    /**
     * Reads bytes of this space as {@link #read(long, ByteBuffer)} does.
     *
     * @param address of the first byte
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length number of bytes
     * @return the number of read bytes, or a negated errno, as for a buffer
     * @throws IndexOutOfBoundsException if the array does not have these bytes
     */
    public long read(long address, byte[] target, int at, int length) {
        return copy(address, target, at, length, null, RemoteAccess.READ);
    }

    /**
     * Writes the remaining bytes of a buffer to this space, without a CPU of the caller ({@code process_vm_writev(2)}).
     * The position of the buffer advances by the number of written bytes.
     *
     * <p>The pages are written one after the other, as a CPU writes them: the mapping must allow it, a private page
     * that is shared after a fork is copied, written pages become dirty, and write listeners are called. What {@link
     * #read(long, ByteBuffer)} says about the CPU also applies here.
     *
     * @param address of the first byte
     * @param source contains the bytes; a heap or a direct buffer
     * @return the number of written bytes, less than the number of bytes that remained if a later page cannot be
     *     written. If no byte was written, a negated errno: EFAULT if there is no mapping, the mapping does not allow
     *     it, or the space is {@linkplain PageTableRef#reap reaped}; ENOMEM if there is no memory left; EAGAIN while
     *     the machine {@linkplain MachineBuilder#lowMemory takes} memory; EINTR if a backing returned {@link
     *     Fault#RETRY}. After each 512 pages a write ends early if the thread was interrupted or this reference is
     *     closed
     * @throws IllegalStateException if the machine was built without memory, if a CPU of the thread is in GUEST, or if
     *     this is called by a backing in {@code rcuMapPages}
     */
    public long write(long address, ByteBuffer source) {
        return copy(address, null, 0, source.remaining(), source, RemoteAccess.WRITE);
    }

    /**
     * Writes bytes to this space as {@link #write(long, ByteBuffer)} does.
     *
     * @param address of the first byte
     * @param source contains the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @return the number of written bytes, or a negated errno, as for a buffer
     * @throws IndexOutOfBoundsException if the array does not have these bytes
     */
    public long write(long address, byte[] source, int at, int length) {
        return copy(address, source, at, length, null, RemoteAccess.WRITE);
    }

    /**
     * Reads bytes of this space as a debugger does ({@code FOLL_FORCE}, as in {@code ptrace(2)} and {@code
     * /proc/pid/mem}). Differs from {@link #read(long, ByteBuffer)} in ignoring rights: it also reads a mapping without
     * rights, such as {@code PROT_NONE}. Guard pages, holes and pages beyond end of file still return EFAULT.
     *
     * @param address of the first byte
     * @param target receives the bytes; a heap or a direct buffer
     * @return the number of read bytes, or a negated errno, as for {@link #read(long, ByteBuffer)}
     * @throws java.nio.ReadOnlyBufferException if {@code target} is read-only
     * @throws IllegalStateException as for {@link #read(long, ByteBuffer)}
     */
    public long readForced(long address, ByteBuffer target) {
        return copy(address, null, 0, target.remaining(), target, RemoteAccess.FORCED_READ);
    }

    /**
     * Reads bytes of this space as {@link #readForced(long, ByteBuffer)} does.
     *
     * @param address of the first byte
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length number of bytes
     * @return the number of read bytes, or a negated errno, as for a buffer
     * @throws IndexOutOfBoundsException if the array does not have these bytes
     */
    public long readForced(long address, byte[] target, int at, int length) {
        return copy(address, target, at, length, null, RemoteAccess.FORCED_READ);
    }

    /**
     * Writes bytes to this space as a debugger that sets a breakpoint does ({@code FOLL_FORCE}). Differs from {@link
     * #write(long, ByteBuffer)} in that a private mapping is written regardless of its rights. The written page is then
     * private to the mapping: the underlying file is unchanged, and so is a page that another space shares after a
     * fork. CPUs still cannot write to the page, and see the new bytes once this has returned. A later {@code mprotect}
     * that allows writing causes no second copy. A shared mapping that is not writable returns EFAULT.
     *
     * <p>Like any other write, this calls the listeners of {@link #watch}. It calls flush listeners only if it copies
     * the page, because no translation changes otherwise, and never an {@link MmuNotifier}. So the contents of a
     * read-only page may change without a notification: an embedder that caches decoded code and sets breakpoints this
     * way must watch the page, or drop the code itself.
     *
     * @param address of the first byte
     * @param source contains the bytes; a heap or a direct buffer
     * @return the number of written bytes, or a negated errno, as for {@link #write(long, ByteBuffer)}
     * @throws IllegalStateException as for {@link #write(long, ByteBuffer)}
     */
    public long writeForced(long address, ByteBuffer source) {
        return copy(address, null, 0, source.remaining(), source, RemoteAccess.FORCED_WRITE);
    }

    /**
     * Writes bytes to this space as {@link #writeForced(long, ByteBuffer)} does.
     *
     * @param address of the first byte
     * @param source contains the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @return the number of written bytes, or a negated errno, as for a buffer
     * @throws IndexOutOfBoundsException if the array does not have these bytes
     */
    public long writeForced(long address, byte[] source, int at, int length) {
        return copy(address, source, at, length, null, RemoteAccess.FORCED_WRITE);
    }

    /**
     * Returns a read-only view of bytes of this space, which stays valid after this call, on every thread. Needs no CPU
     * of the caller; what {@link #read(long, ByteBuffer)} says about the CPU also applies here.
     *
     * @param address of the first byte
     * @param length number of bytes, positive; they may be in several pages
     * @return the view of all bytes
     * @throws dev.samara.core.mman.MmException with an error of {@link #read(long, ByteBuffer)} if a page cannot be
     *     read
     * @throws IllegalArgumentException if {@code length} is not positive
     * @throws IllegalStateException as for {@link #read(long, ByteBuffer)}
     */
    @Experimental
    public PageView view(long address, int length) {
        try {
            return RemoteAccess.view(machine.guests, entry, layout, address, length);
        } finally {
            // Keeps this reference reachable until here, as in copy.
            Reference.reachabilityFence(this);
        }
    }

    private long copy(
            long address, byte @Nullable [] bytes, int at, int length, @Nullable ByteBuffer buffer, int kind) {
        try {
            return RemoteAccess.copy(machine.guests, entry, layout, address, bytes, at, length, buffer, kind);
        } finally {
            // Keeps this reference reachable until here. If it became unreachable during the copy, its entry would end,
            // and so would the copy.
            Reference.reachabilityFence(this);
        }
    }

    /**
     * Returns the layout of one instant of this call. Lock-free. The time does not depend on the number of mappings; a
     * layout divided for concurrency takes one step for each of its at most 16 parts. A part that changes concurrently
     * is read again.
     *
     * @return an immutable view, which need not be closed
     */
    public LayoutSnapshot snapshot() {
        return new LayoutSnapshot(
                own.geometry, layout.snapshot(), own.above, own.origin.heapStart(), own.brk(), own.origin.stackStart());
    }

    /**
     * Returns these calls in the form that throws exceptions.
     *
     * @return a view of this space
     */
    public ThrowingCalls throwing() {
        return new ThrowingCalls(this);
    }

    /**
     * Returns the amounts that count against the limits. Waits for calls in progress.
     *
     * @return the amounts of one instant
     */
    public Usage usage() {
        return Usage.of(layout);
    }

    /**
     * Returns the numbers of resident and mapped pages of this space, and their peaks. Takes no lock and never waits.
     * Takes time proportional to the number of page tables: the pages of each table are counted separately, so that
     * concurrent faults write no shared word, and this method adds the counts up.
     *
     * <p>The numbers are exact if no call or access changes pages concurrently. Otherwise each concurrent change may or
     * may not be counted, and pages that {@code mremap} moves are not counted while they move. As on Linux, the peak of
     * resident pages is updated before pages are removed and when it is read. With more than 16 page tables it may be
     * too low by about 4 pages per table, because not every removal adds up all counts. While the layout is divided
     * because threads change it concurrently in different places, both peaks are updated only when they are read.
     *
     * <p>A child of {@link #fork} starts with the private pages that it shares with its parent, and its peaks start
     * with the number of these pages. For a closed reference all numbers are 0.
     *
     * @return the numbers
     * @throws IllegalStateException if the machine was built without memory
     */
    public Residency residency() {
        return Residency.of(layout);
    }

    /**
     * Passes the resident memory of each mapping to an action, in ascending order ({@code /proc/PID/smaps}). Takes no
     * lock and never waits; mappings are found as by {@link #forEach}, and pages are read at different instants. Takes
     * time proportional to the number of pages. A file page that several mappings map is looked up in each of them.
     *
     * @param action receives the amounts of each mapping, on this thread; an exception that it throws ends the walk and
     *     propagates to the caller
     * @throws IllegalStateException if the machine was built without memory
     */
    public void smaps(Consumer<? super MappingResidency> action) {
        MappingResidency.forEach(layout, Objects.requireNonNull(action, "action"));
    }

    /**
     * Returns the resident memory of all mappings together ({@code /proc/PID/smaps_rollup}); see {@link #smaps}.
     *
     * @return the sums, without a mapping
     * @throws IllegalStateException if the machine was built without memory
     */
    public MappingResidency smapsRollup() {
        return MappingResidency.sum(layout);
    }

    /**
     * Sets a soft limit ({@code setrlimit}); usage that already exceeds the limit is kept.
     *
     * @param resource which limit
     * @param bytes the limit, unsigned; -1 for no limit
     * @throws MmException with ESRCH if this reference is closed
     */
    public void setLimit(Resource resource, long bytes) {
        layout.setLimit(resource, bytes);
    }

    /**
     * Grants privileges, as a change of a process's credentials does ({@code capset(2)}, {@code setuid(2)}). Lock-free;
     * never waits. A call reads the privileges once, when it starts: calls that start after this method has returned
     * use them, and calls in progress keep the privileges that they read. Privileges belong to the space, regardless of
     * the calling thread. An embedder whose guest threads differ in privileges must set them before each call of such a
     * thread.
     *
     * <p>A child inherits its parent's privileges at the instant at which {@link #fork} copies the layout; later
     * changes affect only one of the two. A space that replaces another one ({@link Cpu#exec}) has the privileges that
     * its builder granted: the embedder decides what {@code execve(2)} keeps.
     *
     * @param granted the privileges; granting one that the space already has is not an error
     * @throws MmException with ESRCH if this reference is closed
     */
    public void grant(Capability... granted) {
        Layout now = layout;
        now.checkNotClosed("grant");
        now.privileges.grant(List.of(granted));
    }

    /**
     * Revokes privileges, under the rules of {@link #grant}. Memory that is locked beyond the limit stays locked, and
     * mappings below {@link Geometry#minimum} stay.
     *
     * @param dropped the privileges; dropping one that the space does not have is not an error
     * @throws MmException with ESRCH if this reference is closed
     */
    public void drop(Capability... dropped) {
        Layout now = layout;
        now.checkNotClosed("drop");
        now.privileges.drop(List.of(dropped));
    }

    /**
     * Returns the privileges at one instant. Lock-free; never waits.
     *
     * @return the privileges, unmodifiable; none if this reference is closed
     */
    public Set<Capability> capabilities() {
        return layout.privileges.asSet();
    }

    /**
     * Refuses mappings that are writable and executable, and changes that make a mapping executable ({@code prctl(2)},
     * {@code PR_SET_MDWE}). From then on {@link #mmap} and {@link #shmat} of memory that is both, and {@link #mprotect}
     * that adds {@link Mman#EXEC} or both rights, return EACCES. Existing mappings keep their rights, and {@link
     * #mmap} of memory that is executable but not writable succeeds. No call adds {@link Mman#EXEC} to a mapping
     * after this has returned, not even one that started before. The bits are set once, and cannot be cleared.
     *
     * <p>A child, and a space that replaces this one ({@link Cpu#exec}), start with these bits, unless they contain
     * {@link Mman#NO_INHERIT}. A replacing space whose own bits are already set keeps them.
     *
     * <p>Errors ({@code prctl_set_mdwe} in {@code kernel/sys.c}): EINVAL an unknown bit, or NO_INHERIT without
     * REFUSE_EXEC_GAIN; EPERM other bits are set.
     *
     * @param bits {@code PR_MDWE_*} bits of {@link Mman}; 0 succeeds if no bit is set
     * @return 0, or a negated errno
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST, or if this is called within {@code
     *     rcuMapPages}
     */
    public long setMdwe(long bits) {
        return layout.setMdwe(bits);
    }

    /**
     * Returns the bits that {@link #setMdwe} set ({@code PR_GET_MDWE}). Lock-free; never waits.
     *
     * @return {@code PR_MDWE_*} bits of {@link Mman}; 0 if this reference is closed
     */
    public int mdwe() {
        return layout.mdwe();
    }

    /**
     * Names memory that is not backed by a file ({@code prctl(2)}, {@code PR_SET_VMA} with {@code
     * PR_SET_VMA_ANON_NAME}), mapping by mapping. The call continues after a hole, and returns ENOMEM at the end. Any
     * other error stops the call; mappings that already have the new name keep it. Private anonymous memory can be
     * named, sealed or not, and so can shared and private mappings of shared anonymous memory and of a {@link
     * dev.samara.core.backing.MemoryFile}. Their name is then {@code [anon:name]} or {@code [anon_shmem:name]} ({@link
     * Vma#name}). {@link LayoutSnapshot#maps} shows it, except for private memory of the heap and the main stack, which
     * is shown as such. Mappings with different names do not merge. When a mapping is split, moved or inherited by a
     * child, its name goes with it; new mappings, and memory by which the heap grows, are unnamed. A special mapping,
     * such as {@code [vdso]}, keeps its own name: naming all of it changes nothing.
     *
     * <p>Errors ({@code set_anon_vma_name} in {@code mm/madvise.c}): EINVAL a name of more than 79 characters or with a
     * character that is not printable ASCII, or is one of {@code \ ` $ [ ]}; EINVAL not a page boundary, or the range
     * wraps; EBADF a mapping of a file, of the zero device or of a System V segment; EAGAIN too many mappings; EINVAL a
     * part of a special mapping.
     *
     * @param start a page boundary
     * @param length bytes; 0 succeeds
     * @param name the name, which may be empty; null to remove names
     * @return 0, or a negated errno
     */
    public long setAnonymousName(long start, long length, @Nullable String name) {
        return Syscall.run(layout, SetAnonVmaName.of(start, length, name));
    }

    /**
     * Maps memory ({@code mmap(2)}).
     *
     * <p>Errors, in this order: EINVAL {@code offset} is not a page boundary; EBADF no backing without ANONYMOUS;
     * EINVAL a huge page size that does not exist, or {@code length} 0; ENOMEM the length rounds to 0, or too many
     * mappings, or no free range; with FIXED, ENOMEM beyond the limit of the space, EINVAL not a page boundary; EPERM
     * below the lowest address that may be mapped; EEXIST FIXED_NOREPLACE over a mapping; EPERM or EAGAIN locked memory
     * is not allowed or over its limit; EOVERFLOW beyond the largest size of the file; EOPNOTSUPP SHARED_VALIDATE with
     * an unknown flag; EACCES, ETXTBSY, EPERM, ENODEV the file does not allow it; EINVAL no such type; EPERM a
     * {@linkplain dev.samara.core.backing.MemoryFile#addSeals seal} of the file; EACCES writable and executable after
     * {@link #setMdwe}; EPERM a sealed mapping is in the range; ENOMEM a limit, or the memory cannot be committed.
     * After a later failure, a mapping may stay split at an edge of the range.
     *
     * @param address exact address with FIXED; otherwise a hint, or 0 for any address
     * @param length bytes
     * @param protection {@code PROT_*} bits of {@link Mman}
     * @param flags {@code MAP_*} bits of {@link Mman}
     * @param backing the object to map; ignored with ANONYMOUS; null stands for a bad descriptor
     * @param offset byte offset in the backing, a multiple of the page size
     * @return the address, or a negated errno
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST, or if this is called within {@code
     *     rcuMapPages}; the backing is not called then
     */
    public long mmap(long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        Layout now = layout;
        return Syscall.run(now, Mmap.of(now, address, length, protection, flags, backing, offset));
    }

    /**
     * Unmaps a range ({@code munmap(2)}); the range may have holes.
     *
     * <p>Errors: EINVAL not a page boundary, beyond the limit of the space, or length 0; ENOMEM a hole in one mapping
     * would make too many; EPERM a mapping in the range is sealed (nothing is unmapped).
     *
     * @param start a page boundary
     * @param length bytes
     * @return 0, or a negated errno
     */
    public long munmap(long start, long length) {
        return Syscall.run(layout, new Munmap(start, length));
    }

    /**
     * Unmaps a range as {@link #munmap} does, but returns as soon as lookups find nothing there. The range is not
     * allocated again before the call is complete. Like all asynchronous forms, the call does its work up to
     * publication on the calling thread: it may wait for operations in flight, and call backings, whose exceptions
     * propagate to the caller. Dependent stages of the future run on one of the machine's threads, or on a thread that
     * waits for the completion.
     *
     * @param start a page boundary
     * @param length bytes
     * @return the result of {@code munmap}, and a future of its completion, which is already complete if there is
     *     nothing to do
     */
    public PendingCall munmapAsync(long start, long length) {
        return Syscall.start(layout, new Munmap(start, length));
    }

    /**
     * Maps memory as {@link #mmap} does, but returns as soon as lookups find the mapping. If the mapping replaces
     * another, {@link #resolve} waits there until the call is complete.
     *
     * @param address as for {@code mmap}
     * @param length bytes
     * @param protection {@code PROT_*} bits of {@link Mman}
     * @param flags {@code MAP_*} bits of {@link Mman}
     * @param backing the object to map; ignored with ANONYMOUS; null stands for a bad descriptor
     * @param offset byte offset in the backing, a multiple of the page size
     * @return the address, and a future of the call's completion, which is already complete if nothing is replaced or
     *     faulted in, and no range in flight is reused ({@link AddressSpaceBuilder#earlyReuse})
     */
    public PendingCall mmapAsync(
            long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        Layout now = layout;
        return Syscall.start(now, Mmap.of(now, address, length, protection, flags, backing, offset));
    }

    /**
     * Resizes or moves mappings as {@link #mremap} does, but returns as soon as lookups find them at their new place:
     * after the last batch, if there are several.
     *
     * @param address a page boundary
     * @param oldLength bytes
     * @param newLength bytes
     * @param flags {@code MREMAP_*} bits of {@link Mman}
     * @param newAddress as for {@code mremap}
     * @return the new address, and a future of the call's completion, which is already complete if there is nothing to
     *     do
     */
    public PendingCall mremapAsync(long address, long oldLength, long newLength, int flags, long newAddress) {
        return Syscall.start(layout, new Mremap(address, oldLength, newLength, flags, newAddress));
    }

    /**
     * Changes rights ({@code mprotect(2)}), mapping by mapping. If one mapping causes an error, the call stops there,
     * and keeps the changes of the mappings below it.
     *
     * <p>Errors: EINVAL both GROWS bits, not a page boundary, or unknown bits; ENOMEM the range wraps or has a hole,
     * too many mappings, or a limit; EINVAL a GROWS bit on a mapping that does not grow in that direction; EACCES the
     * mapping cannot be given the right, or {@link #setMdwe} forbids it; EPERM the mapping is sealed.
     *
     * @param start a page boundary
     * @param length bytes; 0 succeeds
     * @param protection {@code PROT_*} bits of {@link Mman}
     * @return 0, or a negated errno
     */
    public long mprotect(long start, long length, int protection) {
        return Syscall.run(layout, new Mprotect(start, length, protection));
    }

    /**
     * Resizes or moves mappings ({@code mremap(2)}).
     *
     * <p>Errors: EINVAL bad flags, address, lengths or overlap; ENOMEM too many mappings; EFAULT nothing is mapped at
     * the address, or the range extends beyond its mapping; EPERM sealed; EINVAL length 0 of a private mapping; EAGAIN
     * locked over the limit; ENOMEM a limit, or no free range. With FIXED the target is unmapped first, and stays
     * unmapped after a later failure. With equal lengths, several mappings are moved one by one; after an error,
     * mappings that were already moved stay moved.
     *
     * <p>A move of more than 64 mappings is published in batches (on Linux, lookups see each mapping move separately).
     * The call owns both ranges from the first batch to its completion: operations that name a part of them wait, no
     * mapping is placed there, and a fork waits for the last batch. Closing the space waits for the call. An interrupt
     * does not stop a call that has started moving. If a mapping in the ranges has a backing with {@link
     * dev.samara.core.vma.VmOperations}, all mappings move at one instant, because the backing is asked first.
     *
     * @param address a page boundary
     * @param oldLength bytes; 0 makes a second mapping of shared memory
     * @param newLength bytes
     * @param flags {@code MREMAP_*} bits of {@link Mman}
     * @param newAddress the new address with FIXED; a hint with DONTUNMAP alone; otherwise ignored
     * @return the new address of the mapping, or a negated errno
     */
    public long mremap(long address, long oldLength, long newLength, int flags, long newAddress) {
        return Syscall.run(layout, new Mremap(address, oldLength, newLength, flags, newAddress));
    }

    /**
     * Maps another part of a file in place of a part of a shared mapping ({@code remap_file_pages(2)}, as an emulation
     * since Linux 4.0). The new mapping has the rights of the mapping at {@code start}, and is locked if that mapping
     * is locked; advice and {@link Mman#ONFAULT} are not kept. The pages are faulted in, unless {@code flags}
     * contains {@link Mman#NONBLOCK} or the machine has no memory. No operation runs between the check of the old
     * mapping and the creation of the new one.
     *
     * <p>Errors ({@code mm/mmap.c}): EINVAL {@code protection} is not 0, the length rounds down to 0, the range or the
     * offset wraps, nothing or no shared writable file at {@code start}, or the range has a hole or mappings of another
     * file or with other flags; then the errors of {@link #mmap} with SHARED and FIXED. Also EINVAL, but with the
     * mapping removed, if the range is the last attached part of a segment that is marked for removal: the old mapping
     * ends first, and the segment with it.
     *
     * @param start any address; the range begins with its page
     * @param length bytes, rounded down to whole pages
     * @param protection must be 0
     * @param pageOffset offset in the file in pages, unsigned
     * @param flags {@link Mman#NONBLOCK}; other bits are ignored
     * @return 0, or a negated errno
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST, or if this is called within {@code
     *     rcuMapPages}; no backing is called then
     */
    public long remapFilePages(long start, long length, int protection, long pageOffset, int flags) {
        return Syscall.run(layout, new Mmap.RemapFilePages(start, length, protection, pageOffset, flags));
    }

    /**
     * Moves the end of the heap ({@code brk}, the system call).
     *
     * @param address the new end; 0 is below every heap, so the call only returns the present end
     * @return the end of the heap: {@code address}, or the old end after any failure; a negated errno if the call was
     *     interrupted, a backing refuses, or this space is closed
     */
    public long brk(long address) {
        return Syscall.run(layout, new Brk(address));
    }

    /**
     * Gives advice ({@code madvise(2)}), mapping by mapping. The call continues after a hole, and returns ENOMEM at the
     * end. Any other error stops the call; mappings that it has already changed stay changed. The effect on pages is
     * not part of the layout. WILLNEED calls {@link dev.samara.core.vma.Backing#willNeed} for each mapping of a backing
     * in the range, and a {@code HostFile} starts to read pages; read errors are not reported.
     *
     * <p>Errors: EINVAL unknown advice, not a page boundary, the range wraps, or the advice does not fit the mapping;
     * EPERM it would discard pages of a sealed mapping; EACCES REMOVE of a mapping that cannot be written, EPERM of a
     * file that is sealed against writes; EAGAIN too many mappings. GUARD_INSTALL needs page tables for its whole
     * range: ENOMEM beyond the {@linkplain MachineBuilder#pageTableLimit limit}, EINTR if the thread is interrupted
     * while it counts them; in both cases nothing is changed. POPULATE_READ and POPULATE_WRITE: ENOMEM, EFAULT or
     * EINVAL if a page cannot be faulted in, EAGAIN while the machine {@linkplain MachineBuilder#lowMemory takes}
     * memory, EINTR if a backing returned {@link Fault#RETRY}, or if the thread is interrupted, which is checked every
     * 512 pages. Pages that were faulted in before the error stay.
     *
     * @param start a page boundary
     * @param length bytes; 0 succeeds
     * @param advice a {@code MADV_*} value of {@link Mman}
     * @return 0, or a negated errno
     */
    public long madvise(long start, long length, int advice) {
        return Madvise.madvise(layout, start, length, advice);
    }

    /**
     * Makes all CPUs that run guest code in this space execute a full fence ({@code membarrier(2)}, {@code
     * MEMBARRIER_CMD_PRIVATE_EXPEDITED}). Every access that the guest on such a CPU made before its fence is visible to
     * the caller after this call, and all actions of the caller before this call are visible to every access after the
     * fence. A guest algorithm with a frequent and a rare path can thus omit the fence on the frequent path. The call
     * waits until each CPU in GUEST polls or leaves GUEST; CPUs in other states need no fence, because they execute one
     * when they enter GUEST.
     *
     * <p>A call counts as a flush without a range. A CPU that missed more than 128 flushes and membarriers of the space
     * since it was last in GUEST there drops all its translations of the space when it next enters GUEST.
     *
     * @return 0, or {@code -ESRCH} if this reference is closed
     * @throws IllegalStateException if the machine was built without memory, if a CPU of the thread is in GUEST, or if
     *     this is called by a backing in {@code rcuMapPages}
     */
    public long membarrier() {
        Layout fenced = layout;
        if (fenced.isClosed()) {
            return Errno.ESRCH.result();
        }
        ThreadCpus.checkMayWait("a membarrier");
        fenced.memory().shootdowns.fence(fenced.pages().context);
        return 0;
    }

    /**
     * Locks memory ({@code mlock(2)}): {@link #mlock2} without flags.
     *
     * @param start any address; the range begins with its page
     * @param length bytes
     * @return 0, or a negated errno
     */
    public long mlock(long start, long length) {
        return Syscall.run(layout, new Mlock.Lock(start, length, 0));
    }

    /**
     * Locks memory ({@code mlock2(2)}), mapping by mapping. If one mapping causes an error, the call stops there, and
     * the mappings below it stay locked.
     *
     * <p>Errors: EINVAL bad flags, or the range wraps; EPERM locking is not allowed at all; ENOMEM over the limit, a
     * hole, too many mappings, or memory that cannot be accessed; EAGAIN no memory for the pages, also while the
     * machine {@linkplain MachineBuilder#lowMemory takes} memory; EINTR a backing returned {@link Fault#RETRY}, or the
     * thread is interrupted, which is checked every 512 pages. If only the pages cannot be faulted in, the mappings
     * stay locked.
     *
     * @param start any address; the range begins with its page
     * @param length bytes; a length that rounds to 0 succeeds
     * @param flags 0 or {@link Mman#ONFAULT}
     * @return 0, or a negated errno
     */
    public long mlock2(long start, long length, int flags) {
        return Syscall.run(layout, new Mlock.Lock(start, length, flags));
    }

    /**
     * Unlocks memory ({@code munlock(2)}), mapping by mapping. If one mapping causes an error, the call stops there,
     * and the mappings below it stay unlocked.
     *
     * <p>Errors: EINVAL the range wraps; ENOMEM a hole, or too many mappings.
     *
     * @param start any address; the range begins with its page
     * @param length bytes
     * @return 0, or a negated errno
     */
    public long munlock(long start, long length) {
        return Syscall.run(layout, new Mlock.Unlock(start, length));
    }

    /**
     * Locks all current mappings, future mappings, or both ({@code mlockall(2)}).
     *
     * <p>Errors: EINVAL bad flags; EPERM locking is not allowed at all; ENOMEM over the limit.
     *
     * @param flags {@link Mman#CURRENT}, {@link Mman#FUTURE}, {@link Mman#ALL_ONFAULT}
     * @return 0, or a negated errno
     */
    public long mlockall(int flags) {
        return Syscall.run(layout, new Mlock.LockAll(flags));
    }

    /**
     * Unlocks all mappings, and no longer locks future ones ({@code munlockall(2)}).
     *
     * @return 0, or a negated errno: ESRCH if this reference is closed, EINTR if the thread was interrupted
     */
    public long munlockall() {
        return Syscall.run(layout, new Mlock.UnlockAll());
    }

    /**
     * Saves what was written through shared mappings ({@code msync(2)}). With {@link Mman#SYNC}, {@link
     * dev.samara.core.vma.Backing#fsync} is called for each shared mapping in the range; the file of a {@code HostFile}
     * is then on its device. {@link Mman#ASYNC} starts no write, as on Linux. {@link Mman#INVALIDATE} drops
     * nothing, because all mappings of a file share one page cache. Waits for the backings, and for CPUs that may write
     * to the pages.
     *
     * <p>Errors: EINVAL bad flags or not a page boundary; ENOMEM the range wraps or has a hole; EBUSY INVALIDATE of
     * locked memory; the errors of the backings, such as EIO and ENOSPC, which precede ENOMEM and EBUSY. Mappings
     * before a hole or a locked mapping are saved nevertheless.
     *
     * @param start a page boundary
     * @param length bytes
     * @param flags {@code MS_*} bits of {@link Mman}
     * @return 0, or a negated errno
     */
    public long msync(long start, long length, int flags) {
        return Msync.msync(layout, start, length, flags);
    }

    /**
     * Seals mappings against change ({@code mseal(2)}), permanently.
     *
     * <p>Errors: EINVAL flags, not a page boundary, or the range wraps; ENOMEM the range has a hole (nothing is
     * sealed), or too many mappings (mappings that the call has already sealed stay sealed).
     *
     * @param start a page boundary
     * @param length bytes; 0 succeeds
     * @param flags must be 0
     * @return 0, or a negated errno
     */
    public long mseal(long start, long length, long flags) {
        return Syscall.run(layout, new Mseal(start, length, flags));
    }

    /**
     * Attaches shared memory ({@code shmat(2)}).
     *
     * <p>Errors: EINVAL no segment, a bad address, a mapping is there already, or REMAP without an address; then the
     * errors of {@link #mmap}.
     *
     * @param segment the segment; null stands for an identifier that does not exist
     * @param address the address, or 0 for any address
     * @param flags {@code SHM_*} bits of {@link Mman}
     * @return the address, or a negated errno
     */
    public long shmat(@Nullable SharedSegment segment, long address, int flags) {
        return Shm.shmat(layout, segment, address, flags);
    }

    /**
     * Detaches shared memory ({@code shmdt(2)}): unmaps every remaining piece of the attachment.
     *
     * <p>Errors: EINVAL not a page boundary, or nothing attached there.
     *
     * @param address the address of the attachment
     * @return 0, or a negated errno
     */
    public long shmdt(long address) {
        return Syscall.run(layout, new Shm.Detach(address));
    }

    /**
     * Locks a System V segment ({@code shmctl(2)} with {@code SHM_LOCK}), attached or not, until {@link #shmUnlock} or
     * its removal. All pages of the segment count once against the limit on locked memory. The sum over all locked
     * segments of this machine ({@link Machine#lockedSegments}; on Linux, all locked segments of a user) is compared
     * with {@link Resource#MEMLOCK} of this space; memory that the space locked with {@code mlock} counts separately.
     * Here a segment's pages never leave memory, locked or not. Locking does not fault in pages that are not in memory
     * yet.
     *
     * <p>Errors ({@code shmctl_do_lock} in {@code ipc/shm.c}): EINVAL no segment, or it is removed; EPERM the limit is
     * 0, also if the segment is locked already; ENOMEM over the limit. {@link Capability#IPC_LOCK} lifts both
     * restrictions. Locking a locked segment again returns 0. The embedder must check whether the caller owns the
     * segment (EPERM, before the limit).
     *
     * @param segment the segment; null stands for an identifier that does not exist
     * @return 0, or a negated errno
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST, or if this is called within {@code
     *     rcuMapPages}
     */
    public long shmLock(@Nullable SharedSegment segment) {
        return Shm.shmLock(layout, segment);
    }

    /**
     * Unlocks a System V segment ({@code shmctl(2)} with {@code SHM_UNLOCK}), even if another space locked it. A
     * segment that is not locked stays unchanged. Takes a lock briefly, and waits for nothing else.
     *
     * <p>Errors: EINVAL no segment, or it is removed.
     *
     * @param segment the segment; null stands for an identifier that does not exist
     * @return 0, or a negated errno
     */
    public long shmUnlock(@Nullable SharedSegment segment) {
        return Shm.shmUnlock(layout, segment);
    }

    /**
     * Grows a stack down, as an access below the stack does.
     *
     * <p>Errors: EFAULT the mapping above is not a stack, or does not exist; EPERM below the lowest address that may be
     * mapped; ENOMEM within the guard gap of the mapping below, or a limit.
     *
     * @param address the accessed address
     * @return 0 if a mapping covers it now, or a negated errno
     */
    public long growStack(long address) {
        return ExpandStack.growStack(layout, address);
    }

    /**
     * Returns the number of users of this space ({@code mm_users}): open references like this one, CPUs in the space,
     * and CPUs that will return to it when their {@linkplain Cpu#use borrow} of another space ends.
     *
     * @return the number at some instant of this call; 0, permanently, once the last user is gone
     */
    public int users() {
        return own.lifetime.context.users();
    }

    /**
     * Returns how many of the {@linkplain #users users} are CPUs in the space. LAZY CPUs are not counted; idle CPUs
     * that wait here for a thread to {@link #enter} are counted.
     *
     * @return the number at some instant of this call
     */
    public int cpus() {
        return own.lifetime.context.cpus();
    }

    /**
     * Returns the open references to this space, of all three kinds, its {@linkplain Cpu#use borrows}, and the CPUs
     * that will return to it from a borrow of another space. Other CPUs are not included. Takes no lock. {@link
     * Machine#references} also returns the references to a space that has only weaker references left.
     *
     * @return the references at some instants of this call, the oldest first
     */
    @Experimental
    public List<SpaceReference> references() {
        return machine.referencesTo(own);
    }

    /**
     * Returns an additional reference to the users of this space, for another holder ({@code mmget}). Does not wait.
     *
     * @return a reference; the space keeps its mappings until both are closed, and the caller closes it
     * @throws MmException with ESRCH if this reference is closed
     */
    public AddressSpace get() {
        AddressSpace got = isClosed() ? null : machine.tryGet(own);
        if (got == null) {
            throw new MmException("get", Errno.ESRCH);
        }
        return got;
    }

    /**
     * Returns a reference to the page table of this space ({@code mmgrab}). Does not wait.
     *
     * @return a weaker reference, which does not delay the end of the space; the caller closes it
     * @throws MmException with ESRCH if this reference is closed
     */
    @Experimental
    public PageTableRef hold() {
        StackReserve.check(SpaceReferences.DEPTH);
        PageTableRef held = isClosed() ? null : PageTableRef.tryHold(machine, own);
        if (held == null) {
            throw new MmException("hold", Errno.ESRCH);
        }
        return held;
    }

    /**
     * Returns a reference to the identity of this space. Does not wait.
     *
     * @return the weakest reference, which remains usable after the end of the space; the caller closes it
     * @throws MmException with ESRCH if this reference is closed
     */
    @Experimental
    public SpaceIdentity grab() {
        if (isClosed()) {
            throw new MmException("grab", Errno.ESRCH);
        }
        return SpaceIdentity.grab(machine.references, own.lifetime.identity);
    }

    boolean isClosed() {
        return layout != own;
    }

    /**
     * Returns the size of the page tables on the simulated machine ({@code VmPTE}). Takes no lock.
     *
     * @return bytes, a multiple of the page size; the topmost table counts as one page
     * @throws IllegalStateException if the machine was built without memory
     */
    public long pageTableBytes() {
        return layout.pages().bytes();
    }

    /**
     * Stores which pages are in memory ({@code mincore}): existing private pages, and the file pages that are in the
     * page cache. Takes no lock and never waits; pages are read at different instants.
     *
     * @param start a page boundary (EINVAL)
     * @param length bytes; the range must not reach beyond the limit of the space (ENOMEM)
     * @param vector receives 1 for each page that is in memory and 0 for each other page; a vector that is too short is
     *     EFAULT
     * @return 0, or a negated errno: ENOMEM also for a hole; the vector is filled for the pages before the hole
     * @throws IllegalStateException if the machine was built without memory
     */
    public long mincore(long start, long length, byte[] vector) {
        return Pagemap.mincore(layout, start, length, Objects.requireNonNull(vector, "vector"));
    }

    /**
     * Reports which pages of a range match a query, as regions ({@code PAGEMAP_SCAN} of {@code /proc/PID/pagemap}).
     * Changes nothing, takes no lock and never waits; pages are read at different instants. Allocates nothing. A page
     * that an operation in flight removes is reported until it is gone. Pages outside mappings are never reported.
     *
     * <p>Neighbouring pages with equal reported categories form one region. The scan ends before the first matching
     * page for which no room is left ({@link PageScan#walkEnd}). If there is no room for any region, nothing is
     * reported and the whole range is walked, as on Linux.
     *
     * <p>Errors, in this order: EINVAL an unknown category, or the start is not a page boundary; EFAULT the end is
     * below the start, or beyond the limit of the space; EINTR the thread is interrupted, and the scan has read more
     * than 64 page tables without finding a region. If it has found a region, an interrupt only ends the scan early.
     *
     * @param scan the query
     * @param regions receives, for each region, its first address, its end and its categories, bits of {@link
     *     dev.samara.core.mman.PagemapFlags}; null to report no region
     * @return the number of regions, or a negated errno
     * @throws IllegalStateException if the machine was built without memory
     */
    public long pagemapScan(PageScan scan, long @Nullable [] regions) {
        return Objects.requireNonNull(scan, "scan").ask(layout, regions);
    }

    /**
     * Stores a word for each page of a range, in the format of {@code /proc/PID/pagemap}: whether the page is present,
     * in a page cache, mapped nowhere else, a guard, or written since the last collection of written pages. Changes
     * nothing, takes no lock and never waits; pages are read at different instants. Allocates nothing, except to find
     * out whether a file page is mapped elsewhere.
     *
     * @param start a page boundary (EINVAL)
     * @param length bytes; the range is cut at the limit of the space
     * @param words receives {@code PM_*} bits of {@link dev.samara.core.mman.PagemapFlags} for each page, 0 where
     *     nothing is mapped; an array that is too short is EFAULT
     * @return the number of words, 0 from the limit of the space on; or a negated errno
     * @throws IllegalStateException if the machine was built without memory
     */
    public long pagemap(long start, long length, long[] words) {
        return Pagemap.read(layout, start, length, Objects.requireNonNull(words, "words"));
    }

    /**
     * Collects the pages that were written since the last collection of them, and marks them as not written ({@code
     * PAGEMAP_SCAN} with {@code PM_SCAN_WP_MATCHING}, KVM's dirty log). Every store that a CPU completes is reported,
     * by this or a later collection. A store completed before this call is reported by this call, or by an earlier
     * collection that overlaps it. When the sink receives a page, the reported stores have been performed, so a copy of
     * the page taken then contains them. The next collection reports every store performed after this call has
     * returned.
     *
     * <p>The written mark belongs to the page at its address. A page that {@code mremap} has moved counts as written at
     * its new address, whether or not it was reported. A page that was copied on write counts as written. A child
     * inherits the marks of its parent's pages. A page that is unmapped, discarded, truncated, or removed from its
     * {@link dev.samara.core.vma.PageCache} is no longer reported; neither is its removal. {@link #addListener} and
     * {@link #addNotifier} report a removal by an operation of the space; no callback reports a removal by the page
     * cache. A page may count as written although it was only made writable ({@code handleFault}, {@code pin}, {@code
     * translate}, {@code MAP_POPULATE}, {@code mlock}), or read where the {@linkplain MachineBuilder#forbidZeroPage
     * zero page is forbidden}. These writes are not reported: through a pin after a collection, by files ({@code
     * pwrite}), and through other mappings of the page.
     *
     * <p>The sink is called on this thread, in ascending order, with no lock held. It may block, access memory, call
     * operations and start collections; only its own collection waits for it. If the sink throws, this method
     * throws that exception, and the page at which it threw and all later pages count as written again. Like an
     * operation, this method waits for CPUs in GUEST that have translations of the cleared pages, and for pages that
     * are being copied. But it is not an operation, and no operation waits for it. Two concurrent collections split the
     * pages between them: each page is reported by one of them.
     *
     * <p>Errors, as for {@code PAGEMAP_SCAN}: EINVAL not a page boundary; EFAULT the range reaches beyond the limit of
     * the space. Holes are skipped.
     *
     * @param start a page boundary
     * @param length bytes
     * @param sink receives the address of each page's first byte
     * @return the number of reported pages, or a negated errno
     * @throws IllegalStateException if the machine was built without memory, or a CPU of the thread is in GUEST
     */
    public long collectDirty(long start, long length, LongConsumer sink) {
        return Pagemap.collect(layout, start, length, Pte.DIRTY, Objects.requireNonNull(sink, "sink"));
    }

    /**
     * Collects the pages that were accessed since the last collection of them, and marks them as not accessed. The
     * guarantees are those of {@link #collectDirty} for written pages. Unlike page aging on Linux, which clears the
     * mark without a flush, this method flushes. The next collection therefore sees a later access even if its
     * translation was in a TLB.
     *
     * @param start a page boundary
     * @param length bytes
     * @param sink receives the address of each page's first byte
     * @return the number of reported pages, or a negated errno
     * @throws IllegalStateException if the machine was built without memory, or a CPU of the thread is in GUEST
     */
    public long collectAccessed(long start, long length, LongConsumer sink) {
        return Pagemap.collect(layout, start, length, Pte.ACCESSED, Objects.requireNonNull(sink, "sink"));
    }

    /**
     * Copies the layout and the private memory of one instant ({@code fork(2)}). Mappings marked DONTFORK are left out,
     * and nothing in the copy is locked. The child has the parent's limits and privileges.
     *
     * <p>A child that has a store of a thread has all earlier stores of that thread, and the effect of all calls that
     * changed the layout or discarded pages and returned before it. (The limits are those at the start of the fork.)
     * This excludes stores through a {@link dev.samara.core.guest.PinnedFrame}, and accesses and calls in a callback of
     * another call of any space, such as an {@link dev.samara.core.event.MmuNotifier}.
     *
     * <p>Waits for operations in flight, for other forks of this space, and until CPUs in GUEST have flushed the rights
     * that the copy revokes. Guest code of this space runs in the meantime, but a fault that would change a page table
     * entry waits for the fork, and so does a call that changes the layout or discards pages.
     *
     * @return the child
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST, or if this space and its machine are
     *     closed during the call
     * @throws MmException with ESRCH if this reference is closed; with ENOMEM if the commit limit does not allow the
     *     copy, or if this space was {@linkplain PageTableRef#reap reaped}; with EAGAIN if all page table contexts of
     *     the machine are in use; or with the error of a backing that refuses
     */
    public AddressSpace fork() {
        return machine.register(Fork.fork(layout));
    }

    /**
     * Makes a checkpoint: marks the layout and the private memory of one instant, to which {@link Checkpoint#restore}
     * returns. Copies nothing and visits no page or mapping, so it takes as long for any size. The first store to a
     * page after it copies the page.
     *
     * <p>A checkpoint that has a store of a thread has all earlier stores of that thread, and the effect of all calls
     * that changed the layout or discarded pages and returned before it. This excludes stores and calls as for {@link
     * #fork}.
     *
     * <p>Waits for operations in flight, for forks and other checkpoints of this space, and until CPUs in GUEST have
     * acknowledged. Guest code of this space runs in the meantime, but a fault that would change a page table entry
     * waits, and so does a call that changes the layout or discards pages.
     *
     * <p>Registers and devices are the caller's to save, and so are shared memory and files.
     *
     * @return the checkpoint, which the caller closes. One that becomes unreachable without a close is closed by a
     *     thread of the machine, and reported ({@link dev.samara.core.event.Report.Kind#CHECKPOINT_LOST})
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST, if the machine was built without
     *     memory, or if a page of this space is pinned for writing
     * @throws MmException with ESRCH if this reference is closed; with ENOMEM if this space was {@linkplain
     *     PageTableRef#reap reaped}
     */
    @Experimental
    public Checkpoint checkpoint() {
        Layout of = layout;
        SpaceCheckpoint kept = SpaceCheckpoint.take(of);
        boolean done = false;
        try {
            Checkpoint made = new Checkpoint(kept, machine, of);
            machine.endUnreachable();
            done = true;
            return made;
        } finally {
            if (!done) {
                kept.close();
            }
        }
    }

    /**
     * Writes an image of this space to a channel: its mappings and the content of its memory at one instant of the
     * call, as a child of {@link #fork} has them. {@link Machine#openImage} opens it, in this or another process, and
     * {@link SpaceImage#load} makes a space of it. {@link SpaceImage} describes what an image contains. {@link
     * Checkpoint#save} writes one of which increments can be saved.
     *
     * <p>The guest runs during the call: this method saves a child, whose memory nobody changes, and closes it. Until
     * then the guest's stores copy the pages that they change. So the call waits as {@link #fork} does, and then for
     * the channel only.
     *
     * @param target receives the image, from the present position of the channel on; blocking. The caller closes it
     * @param sections what else is saved, by name, e.g. the registers; {@link SpaceImage#section} returns it
     * @throws java.io.IOException as the channel throws; {@link java.io.InterruptedIOException} if the thread is
     *     interrupted, unless it is in a write to a channel that an interrupt closes. What was written is not an image
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST, or if the machine was built without
     *     memory
     * @throws MmException as for {@link #fork}; with EOPNOTSUPP if a mapping cannot be saved, which the message names;
     *     with EIO if a page cannot be read, because it lies beyond the end of its file, or its file fails; with ENOMEM
     *     if there is no memory to read it
     */
    @Experimental
    public void save(WritableByteChannel target, Map<String, byte[]> sections) throws IOException {
        ThreadCpus.checkMayWait("the saving of an image");
        Objects.requireNonNull(target, "target");
        Map<String, byte[]> saved = Map.copyOf(sections);
        checkHasMemory();
        try (AddressSpace child = fork()) {
            new ImageSave.OfChild(child, target).run(saved);
        }
    }

    private void checkHasMemory() {
        // Throws if the machine was built without memory.
        Object unused = own.memory();
    }

    /**
     * Lets the calling thread enter this space: lends it a CPU from the machine's pool, in GUEST, until the guest is
     * closed. This is for threads that use the memory for a limited time and own no CPU; a thread that runs guest code
     * permanently should {@linkplain Machine#claimCpu claim} one. A thread may enter several spaces, and one space
     * several times.
     *
     * <p>An idle CPU of the pool stays in the space that it was last in, which makes the next entry there cheap. Such
     * CPUs count as {@link #users} and {@link #cpus} of the space; no operation waits for them. They leave the space
     * when the last reference to its users is closed. For all spaces of a machine, 32 are kept, and up to 256 if their
     * TLBs ({@link MachineBuilder#tlbEntries}) take no more than a sixteenth of the maximum heap together; eight of
     * them at most without a space.
     *
     * <p>Never waits. Allocates only the guest if the thread has used a pool CPU before, and that CPU, or another one
     * that was in this space, is idle. While as many guests are open on the machine as CPUs are kept, each additional
     * one creates a CPU and destroys it at its close, which takes some hundred times as long.
     *
     * @return the guest, to be closed by this thread
     * @throws MmException with ESRCH if this reference is closed, or the space ends during this call; with EAGAIN if
     *     the thread has 63 guests open in this space
     * @throws IllegalStateException if the machine was built without memory, if it has reached the maximum number of
     *     page table contexts, or if the thread's CPU in this space is in a fault or in one of its listeners
     * @throws StackOverflowError if too little stack is left to enter the space and to leave it again; nothing has
     *     changed then
     */
    public Guest enter() {
        Guest entered = Guest.enter(machine.guests, layout);
        if (entered == null) {
            throw new MmException("enter(" + this + ")", Errno.ESRCH);
        }
        return entered;
    }

    /**
     * Releases this reference ({@code mmput}); later calls fail with ESRCH. If it was the last user of the space, tears
     * the space down: unmaps everything, including sealed mappings, as process exit does, and releases the charges. A
     * second call, from any thread, does nothing, and does not wait for the first one.
     *
     * <p>The teardown waits for the operations in flight, which complete normally, and for forks in progress. A call
     * that is waiting for something in flight fails once its wait ends. A CPU that is {@linkplain Cpu#enterLazy LAZY}
     * in the space does not delay the teardown; {@link LazyTlb} determines which part of the space such a CPU keeps
     * afterwards. No CPU needs to flush, because no CPU uses the space.
     *
     * <p>If it was the last reference but CPUs are still in the space, this method asks each CPU that {@linkplain
     * Cpu#use borrows} it, once, to end the borrow, and returns. Idle CPUs that {@link #enter} has left in the space
     * also leave it. The last CPU to leave ends the space.
     *
     * <p>A thread that must not wait may also call this method; one of the machine's threads then tears the space down.
     */
    @Override
    public void close() {
        if (isClosed()) {
            return;
        }
        // Checked before the first change, so that a close that runs out of stack changes nothing.
        StackReserve.check(own.lifetime.context.cpus() == 0 ? SpaceReferences.DEPTH : END_DEPTH);
        try {
            own.lifetime.releaseDeadCpus();
            own.host.borrowers.giveUpDead();
        } catch (OutOfMemoryError exhausted) {
            // A close must not fail for lack of memory. The CPUs that are still online are taken offline by the next
            // call that looks for CPUs that are gone.
        }
        giveUp();
    }

    /** Releases this reference. The caller checked the stack. */
    void giveUp() {
        // Set before the entry ends: another close returns once it finds that the entry has ended, and later calls of
        // its thread must be refused.
        layout = own.closed();
        if (entry.end()) {
            own.lifetime.put();
        }
    }

    /**
     * Adds a listener, which is called for each change of the layout that is published before the registration is
     * closed, in the order {@link LayoutListener.Order#BY_RANGE}. Operations on different ranges of the space still run
     * concurrently.
     *
     * <p>Any thread may close the registration; {@code close} throws {@code IllegalStateException} while one of the
     * thread's CPUs is in GUEST, and within {@code rcuMapPages}. It does not wait for calls of the listener: changes
     * published before the close may still be delivered after it, but changes published after it are not. If the
     * listener cannot keep up and changes are lost, that is reported, even after the close.
     *
     * @param listener the listener
     * @return the registration
     * @throws IllegalStateException if a CPU of the thread is in GUEST
     * @throws MmException with ESRCH if this reference is closed
     */
    public Registration addListener(LayoutListener listener) {
        return addListener(listener, LayoutListener.Order.BY_RANGE);
    }

    /**
     * Adds a listener as {@link #addListener(LayoutListener)} does, for changes in a given order. With {@link
     * LayoutListener.Order#TOTAL}, all operations of the space contend for one lock until the registration is closed.
     *
     * @param listener the listener
     * @param order the order in which the listener receives changes
     * @return the registration
     * @throws IllegalStateException if a CPU of the thread is in GUEST
     * @throws MmException with ESRCH if this reference is closed
     */
    public Registration addListener(LayoutListener listener, LayoutListener.Order order) {
        return layout.addListener(Objects.requireNonNull(listener, "listener"), Objects.requireNonNull(order, "order"));
    }

    /**
     * Adds a notifier. It is called for each operation that starts after this method has returned and removes mappings,
     * pages or rights, while that operation is in flight. An operation that is already in flight also calls it, unless
     * the operation has already called its notifiers. A child does not inherit the notifier.
     *
     * <p>Any thread may close the registration; {@code close} throws {@code IllegalStateException} while one of the
     * thread's CPUs is in GUEST, and within {@code rcuMapPages}. The notifier is not called for operations that start
     * after the close; it may still be called for operations in flight.
     *
     * @param notifier the notifier
     * @return the registration
     * @throws IllegalStateException if a CPU of the thread is in GUEST
     * @throws MmException with ESRCH if this reference is closed
     */
    public Registration addNotifier(MmuNotifier notifier) {
        return layout.addNotifier(Objects.requireNonNull(notifier, "notifier"));
    }

    /**
     * Watches bytes for writes. After this has returned, each store, atomic update, copy or fill by any CPU that writes
     * one of the bytes calls the listener. Stores to other bytes of the same pages do not call it, but are slower,
     * because they always miss the TLB. Other accesses are not slowed down. Ranges may overlap; the listener of the
     * lowest range is called first.
     *
     * <p>Addresses are watched, not mappings: a range may be unmapped and mapped again. A child is not watched. The
     * listener is not called for writes by files ({@code pwrite}), through other mappings of the page or through pins,
     * nor when bytes change because they are mapped, discarded or moved.
     *
     * @param start the first address
     * @param length bytes, at least 1
     * @param listener is called for each write
     * @return the watchpoint; closing it ends the watch
     * @throws IllegalArgumentException if the range is empty, or reaches beyond the limit of the space
     * @throws IllegalStateException if the machine was built without memory, or a CPU of the thread is in GUEST
     * @throws MmException with ESRCH if this reference is closed; with ENOSPC if the space has as many watchpoints as
     *     it may have mappings ({@link MachineBuilder#maxMapCount})
     */
    public Watchpoint watch(long start, long length, WriteListener listener) {
        return Watchpoint.begin(layout, start, length, Objects.requireNonNull(listener, "listener"));
    }

    /**
     * Watches bytes for reads. After this has returned, each load, fetch, atomic update or copy by any CPU that reads
     * one of the bytes calls the listener. Other accesses to the same pages, including stores, do not call it, but are
     * slower, because they always miss the TLB. Accesses to other pages are not slowed down. Ranges may overlap; the
     * listener of the lowest range is called first.
     *
     * <p>Addresses are watched, not mappings, and a child is not watched, as for {@link #watch}. The listener is not
     * called for reads by {@link #readForced}, by files, through other mappings of the page or through pins, nor for
     * the comparison of a futex word. An emulator that caches decoded code fetches it only once.
     *
     * @param start the first address
     * @param length bytes, at least 1
     * @param listener is called for each read
     * @return the watchpoint; closing it ends the watch
     * @throws IllegalArgumentException if the range is empty, or reaches beyond the limit of the space
     * @throws IllegalStateException if the machine was built without memory, or a CPU of the thread is in GUEST
     * @throws MmException with ESRCH if this reference is closed; with ENOSPC if the space has as many watchpoints for
     *     reads as it may have mappings ({@link MachineBuilder#maxMapCount})
     */
    public Watchpoint watchReads(long start, long length, AccessListener listener) {
        return Watchpoint.beginReads(layout, start, length, Objects.requireNonNull(listener, "listener"));
    }

    /**
     * Returns the event counts of this space since it was built. Takes no lock.
     *
     * @return the counts, which do not include those of the parent
     */
    public SpaceStatistics statistics() {
        return SpaceStatistics.of(own);
    }

    /**
     * Returns how long the layout lock of this space was held so far. Every call that changes the space takes that lock
     * briefly, and so does this method.
     *
     * @return a histogram
     */
    @Experimental
    public HoldTimes holdTimes() {
        return new HoldTimes(own.holdTimes());
    }

    /**
     * Checks every invariant of the layout; for tests.
     *
     * @throws AssertionError if an invariant is broken; the message names it and the place
     */
    public void validate() {
        layout.validate();
    }

    /**
     * Returns as text the number of this space on its machine, its mappings or that this reference is closed, and the
     * number of its users. Takes no lock.
     */
    @Override
    public String toString() {
        return "space " + own.lifetime.identity.number() + ", " + (isClosed() ? "closed" : snapshot()) + ", users "
                + users();
    }
}
